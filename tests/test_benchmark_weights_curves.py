"""Curves of style left over content: closed forms of what the measurement of weights reports."""

from __future__ import annotations

import math

import pytest

from benchmarks.weights_curves import (
    Comparison,
    Means,
    Point,
    closed_share,
    compare,
    lower_envelope,
    mean_style_left,
    nearest,
    shared_range,
    style_left_at,
    target_content,
    total,
)


def exponential(low: float, high: float, scale: float = 1.0, rate: float = 2.0) -> list[Point]:
    """Return five points of ``scale * exp(-rate * content)``, which a curve follows exactly."""
    contents = [low + (high - low) * k / 4 for k in range(5)]
    return [(content, scale * math.exp(-rate * content)) for content in contents]


def test_an_envelope_rises_in_content_and_falls_in_style() -> None:
    points = [(0.5, 0.2), (0.1, 0.9), (0.3, 0.95), (0.5, 0.2), (0.6, 0.2), (0.5, 0.3), (0.2, 0.4)]
    assert lower_envelope(points) == [(0.1, 0.9), (0.2, 0.4), (0.5, 0.2)]


def test_an_envelope_leaves_out_what_is_not_finite() -> None:
    assert lower_envelope([(0.1, math.nan), (math.inf, 0.1), (0.2, 0.3)]) == [(0.2, 0.3)]


def test_the_shared_range_is_from_the_last_start_to_the_first_end() -> None:
    curves = [exponential(0.1, 0.6), exponential(0.2, 0.9), exponential(0.0, 0.5)]
    assert shared_range(curves) == (0.2, 0.5)
    assert target_content(curves) == pytest.approx(0.35)


@pytest.mark.parametrize("end", [0.1, 0.3])
def test_curves_apart_or_touching_in_a_point_share_no_range(end: float) -> None:
    curves = [exponential(0.0, end), exponential(0.3, 0.7)]
    assert shared_range(curves) is None
    assert target_content(curves) == pytest.approx((end + 0.3) / 2)  # the middle of the gap


def test_of_two_contents_as_near_the_first_is_taken() -> None:
    assert nearest([0.75, 0.25, 0.5], 0.375) == 1
    assert nearest([0.75, 0.25, 0.5], 0.4) == 2


def test_between_points_the_logarithm_is_linear() -> None:
    curve = [(0.0, 1.0), (0.5, 0.01), (1.0, 0.0025)]
    assert style_left_at(curve, 0.25) == pytest.approx(0.1)
    assert style_left_at(curve, 0.5) == pytest.approx(0.01)
    assert style_left_at(curve, 0.75) == pytest.approx(0.005)


@pytest.mark.parametrize("content", [0.05, 0.71])
def test_a_curve_says_nothing_beyond_its_ends(content: float) -> None:
    with pytest.raises(ValueError, match=r"from 0.1 to 0.7, and was asked at 0\.\d+"):
        style_left_at(exponential(0.1, 0.7), content)


def test_the_means_of_an_exponential_are_its_integrals() -> None:
    """The range begins and ends between points."""
    low, high = 0.13, 0.62
    means = mean_style_left(exponential(0.0, 0.7), (low, high))
    integral = (math.exp(-2 * low) - math.exp(-2 * high)) / 2
    assert means.linear == pytest.approx(integral / (high - low))
    assert means.geometric == pytest.approx(math.exp(-(low + high)))


def test_pieces_count_by_their_length() -> None:
    means = mean_style_left([(0.0, 1.0), (0.2, 0.1), (1.0, 0.1 - 1e-12)], (0.0, 1.0))
    assert means.linear == pytest.approx(0.2 * 0.9 / math.log(10) + 0.8 * 0.1)
    assert means.geometric == pytest.approx(10 ** -(0.2 * 0.5 + 0.8))


def test_the_share_closed_is_of_the_means_and_of_their_logarithms() -> None:
    untrained, reference = Means(0.8, 0.64), Means(0.1, 0.04)
    half = closed_share(untrained, Means(0.45, 0.16), reference)
    assert half is not None
    assert (half.linear, half.log) == pytest.approx((0.5, 0.5))
    worse = closed_share(untrained, Means(1.5, 2.56), reference)
    assert worse is not None
    assert (worse.linear, worse.log) == pytest.approx((-1.0, -0.5))


@pytest.mark.parametrize("reference", [Means(0.8, 0.64), Means(0.9, 0.1), Means(0.1, 0.7)])
def test_a_reference_no_better_than_untrained_has_no_distance_to_close(reference: Means) -> None:
    assert closed_share(Means(0.8, 0.64), Means(0.5, 0.5), reference) is None


def compared(shipped: float, *, low: float = 0.1) -> Comparison:
    """Compare exponentials that differ by a factor: 1, ``shipped`` and 0.1."""
    points = {
        "untrained": exponential(low, 0.5),
        "shipped": exponential(0.0, 0.4, shipped),
        "imagenet": exponential(0.0, 1.0, 0.1),
    }
    return compare(points, untrained="untrained", reference="imagenet")


def test_a_comparison_is_over_what_all_share() -> None:
    found = compared(0.4)
    assert found.over == pytest.approx((0.1, 0.4))
    assert found.covered == pytest.approx(0.3)
    shares = {name: share for name, share in found.closed.items() if share}
    assert [share.linear for share in shares.values()] == pytest.approx([0, 0.6 / 0.9, 1])
    assert shares["shipped"].log == pytest.approx(math.log(0.4) / math.log(0.1))
    assert found.lowest["shipped"] == pytest.approx(0.4 * math.exp(-0.8))


def test_without_a_shared_range_only_the_lowest_is_told() -> None:
    found = compared(0.4, low=0.45)
    assert found.over is None
    assert (found.covered, found.means, found.closed) == (0.0, {}, {})
    assert found.lowest["imagenet"] == pytest.approx(0.1 * math.exp(-2))


def test_a_total_is_over_the_pairs_that_have_a_range() -> None:
    found = total("shipped", [compared(0.4), compared(0.1), compared(0.6), compared(0.4, low=0.45)])
    assert found.pairs == 3
    assert found.closed == pytest.approx((0.6 / 0.9, 0.4 / 0.9, 1))
    mean = (math.exp(-0.2) - math.exp(-0.8)) / 2 / 0.3
    assert found.style_left == pytest.approx((0.4 * 0.1 * 0.6) ** (1 / 3) * mean)
    assert found.lowest == pytest.approx((0.4 * 0.1 * 0.6 * 0.4) ** (1 / 4) * math.exp(-0.8))


def test_a_total_without_a_range_has_no_share() -> None:
    found = total("shipped", [compared(0.4, low=0.45)])
    assert (found.style_left, found.closed, found.closed_log, found.pairs) == (None, None, None, 0)
