"""Textures from numbers: the same, told apart, of all families, and hardly ever blank."""

from __future__ import annotations

from collections import Counter
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from training.textures import FAMILIES, draw_textures, recipe
from training.textures.sheet import sheet

pytestmark = pytest.mark.usefixtures("one_thread")


def ids_of_all_families(each: int = 2) -> list[int]:
    families: dict[str, list[int]] = {family: [] for family in FAMILIES}
    for number in range(200):
        found = families[recipe(number).family]
        if len(found) < each:
            found.append(number)
    return [number for found in families.values() for number in found]


def looks(crops: Tensor) -> Tensor:
    """Return colours' moments and gradients' energies of crops (T, C, 3, S, S), (T, C, 9)."""
    grey = crops.mean(2)
    across, down = grey.diff(dim=-1)[..., :-1, :], grey.diff(dim=-2)[..., :-1]
    energies = [across.abs(), down.abs(), 3 * across * down]
    gradients = torch.stack([energy.mean((-2, -1)) for energy in energies], -1)
    return torch.cat((crops.mean((-2, -1)), crops.std((-2, -1)), 2 * gradients), -1)


def test_crops_have_the_promised_shape_type_and_range() -> None:
    ids = ids_of_all_families()
    crops = draw_textures(ids, 2, 40, seed=3)
    assert crops.shape == (len(ids), 2, 3, 40, 40)
    assert crops.dtype == torch.float32
    assert crops.isfinite().all()
    assert crops.min() >= 0
    assert crops.max() <= 1
    assert crops.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)


def test_the_same_arguments_give_the_same_pixels() -> None:
    ids = ids_of_all_families()
    torch.manual_seed(1)
    first = draw_textures(ids, 2, 32, seed=5)
    torch.manual_seed(2)
    recipe.cache_clear()
    assert torch.equal(first, draw_textures(torch.tensor(ids), 2, 32, seed=5))


def test_another_seed_and_the_next_crop_are_other_places() -> None:
    ids = ids_of_all_families()
    first, second = (draw_textures(ids, 2, 32, seed=seed) for seed in (5, 6))
    for one, other in ((first, second), (first[:, 0], first[:, 1])):
        differences = (one - other).abs().flatten(1).mean(1)
        assert differences.min() > 0.01


def test_the_generator_of_all_of_torch_is_left_alone() -> None:
    before = torch.get_rng_state()
    draw_textures([4, 5, 6], 1, 16, seed=0)
    assert torch.equal(before, torch.get_rng_state())


def test_a_texture_is_recognised_among_others_by_another_crop() -> None:
    ids = list(range(150))
    found = looks(draw_textures(ids, 2, 64, seed=1))
    found = (found - found.mean((0, 1))) / found.std((0, 1))
    apart = torch.cdist(found[:, 0], found[:, 1])
    within = apart.diagonal()
    between = apart[~torch.eye(len(ids), dtype=torch.bool)]
    assert within.mean() < between.mean() / 5
    assert within.quantile(0.95) < between.quantile(0.2)
    assert (apart.argmin(1) == torch.arange(len(ids))).float().mean() > 0.85


def test_a_texture_is_the_same_whatever_is_drawn_with_it() -> None:
    ids = ids_of_all_families()
    together = looks(draw_textures(ids, 3, 64, seed=1)).mean(1)
    backwards = looks(draw_textures([*reversed(ids), 77, 78], 3, 64, seed=2)).mean(1)
    alone = torch.cat([looks(draw_textures([number], 3, 64, seed=1)) for number in ids]).mean(1)
    for others in (backwards[: len(ids)].flip(0), alone):
        assert torch.equal(torch.cdist(together, others).argmin(1), torch.arange(len(ids))), (
            "a texture looks like another one"
        )


def test_a_recipe_depends_on_its_number_alone() -> None:
    before = [recipe(number) for number in range(40)]
    recipe.cache_clear()
    assert [recipe(number) for number in reversed(range(40))] == before[::-1]
    assert len({one.describe() for one in before}) == 40
    with pytest.raises(FrozenInstanceError):
        before[0].family = "other"  # type: ignore[misc]


def test_families_and_kinds_come_up_about_evenly() -> None:
    recipes = [recipe(number) for number in range(4000)]
    counts = Counter(one.family for one in recipes)
    assert sorted(counts) == list(FAMILIES)
    assert min(counts.values()) > 400  # of 500
    assert max(counts.values()) < 600
    kinds = Counter((one.family, one.kind) for one in recipes)
    assert min(kinds.values()) > 50
    scales = np.array([one.parameters["scale"] for one in recipes])
    assert scales.min() >= 2
    assert scales.max() <= 32
    for low in (4, 8, 16):
        assert ((scales > low / 1.4) & (scales < low * 1.4)).mean() > 0.1


def test_hardly_a_crop_is_flat_or_all_dark() -> None:
    crops = draw_textures(range(200), 1, 64, seed=8)[:, 0]
    assert (crops.std((1, 2, 3)) < 0.02).float().mean() < 0.01
    means = crops.mean((1, 2, 3))
    assert ((means > 0.1) & (means < 0.9)).float().mean() > 0.95
    assert (crops.std((2, 3)).mean(1) > 0.1).float().mean() > 0.85


def test_colors_are_spread_over_the_circle() -> None:
    means = draw_textures(range(200), 1, 32, seed=8).mean((1, 3, 4))
    strongest = Counter((means - means.mean(1, keepdim=True)).argmax(1).tolist())
    assert min(strongest[channel] for channel in range(3)) > 25
    assert ((means.mean(0) - 0.45).abs() < 0.1).all()


def test_a_description_has_family_scale_and_colors() -> None:
    for number in range(40):
        words = recipe(number).describe()
        assert "\n" not in words
        assert words.startswith(recipe(number).family)
        assert " px" in words
        assert "colours" in words


def test_the_largest_number_names_a_texture_too() -> None:
    assert draw_textures([2**62], 1, 16, seed=0).shape == (1, 1, 3, 16, 16)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], 1, 32), "at least one texture"),
        (([1], 0, 32), "crops is 0"),
        (([1], 1, 8), "8 px.*at least 16"),
        (([-3], 1, 32), "-3 names no texture"),
        (([2**62 + 1], 1, 32), "names no texture"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw_textures(*arguments, seed=0)


def test_numbers_of_textures_are_whole() -> None:
    with pytest.raises(TypeError):
        draw_textures(torch.tensor([1.5]), 1, 32, seed=0)


def test_a_sheet_shows_each_texture_in_a_row_of_crops() -> None:
    ids = [3, 9, 12]
    drawn = sheet(ids, 24, columns=2, seed=4)
    assert drawn.size == (2 * (3 * 24 + 4) + 4, 2 * (24 + 4) + 4)
    crops = draw_textures(ids, 3, 24, seed=4)
    pixels = np.asarray(drawn)
    third = pixels[32:56, 4 + 24 : 4 + 48]  # the second crop of the third texture
    expected = (crops[2, 1].permute(1, 2, 0) * 255).round().byte().numpy()
    assert np.array_equal(third, expected)
    assert sheet(ids, 24, captions=True).height > sheet(ids, 24).height
    with pytest.raises(ValueError, match="columns is 0"):
        sheet(ids, 24, columns=0)
