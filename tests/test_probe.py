"""How this machine computes fastest: what is chosen, remembered and obeyed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from nst_core import probe
from nst_core.probe import Choice, measure, memory_format, use_fastest
from nst_core.stylize import stylize
from nst_core.vgg import VGG19Encoder
from tests.lab import one_thread
from tests.test_stylize import settings

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    monkeypatch.setenv("NST_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("NST_PROBE")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(probe, "_in_use", {})
    monkeypatch.setattr("os.getloadavg", lambda: (0.0, 0.0, 0.0))
    with one_thread():
        yield


def timed(monkeypatch: pytest.MonkeyPatch, seconds: dict[tuple[int, bool], float]) -> list[Choice]:
    """Let steps take what ``seconds`` says, twice as long in bfloat16; return those asked for."""
    asked: list[Choice] = []

    def step(encoder: object, way: Choice, device: object, **options: Any) -> float:
        asked.append(way)
        return seconds[way.threads, way.channels_last] * (2 if options.get("bfloat16") else 1)

    monkeypatch.setattr(probe, "_step", step)
    return asked


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ([1.0, 0.8, 1.2, 0.9], Choice(2, True, 0.5)),
        ([1.0, 1.1, 0.9, 0.5], Choice(1, True, 0.5)),
        ([1.0, 0.96, 0.97, 0.98], Choice(2, False, 0.5)),  # no gain worth a departure
    ],
)
def test_the_fastest_way_is_chosen(
    monkeypatch: pytest.MonkeyPatch, seconds: list[float], expected: Choice
) -> None:
    ways = [(2, False), (2, True), (1, False), (1, True)]
    asked = timed(monkeypatch, dict(zip(ways, seconds, strict=True)))
    assert measure(CPU, [2, 1]) == expected
    assert asked[:4] == asked[4:8] == [Choice(*way) for way in ways]  # in turns


def test_a_real_step_is_timed_and_the_threads_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "SIZE", 32)
    monkeypatch.setattr(probe, "SMALL", 32)
    choice = measure(CPU, [1, 2])
    assert torch.get_num_threads() == 1
    assert choice.threads in (1, 2)
    assert choice.bfloat16 > 0


def test_what_was_measured_is_remembered_for_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(probe, "_thread_counts", lambda: [1, 2])
    timed(monkeypatch, {(1, False): 1.0, (1, True): 2.0, (2, False): 2.0, (2, True): 0.4})
    told: list[str] = []
    use_fastest(CPU, told.append)
    assert told == ["measured what is fastest here: 2 threads, channels last"]
    assert torch.get_num_threads() == 2
    assert memory_format(CPU) is torch.channels_last

    def never(*_: object) -> Choice:
        raise AssertionError("it was measured before")

    torch.set_num_threads(1)
    probe._in_use.clear()
    assert memory_format(CPU) is torch.contiguous_format
    with monkeypatch.context() as patch:
        patch.setattr(probe, "measure", never)
        use_fastest(CPU, told.append)
        assert torch.get_num_threads() == 2
        assert memory_format(CPU) is torch.channels_last
    monkeypatch.setattr(probe, "describe_device", lambda device: "another processor")
    use_fastest(CPU, told.append)
    assert len(told) == 2
    assert len(json.loads((tmp_path / "home" / "probe.json").read_text())) == 2


@pytest.mark.parametrize("text", ["", "[]", '{"a": 3}', '{"a": {"colour": 1}}'])
def test_a_damaged_memory_is_measured_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    monkeypatch.setattr(probe, "_thread_counts", lambda: [1])
    timed(monkeypatch, {(1, False): 1.0, (1, True): 0.5})
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "probe.json").write_text(text)
    told: list[str] = []
    use_fastest(CPU, told.append)
    use_fastest(CPU, told.append)
    assert len(told) == 1


def test_nothing_is_measured_beside_programs_that_keep_the_cores_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 4)
    monkeypatch.setattr(probe, "_thread_counts", lambda: [1])
    asked = timed(monkeypatch, {(1, False): 1.0, (1, True): 0.5})
    monkeypatch.setattr("os.getloadavg", lambda: (1.3, 0.0, 0.0))
    use_fastest(CPU, lambda line: None)
    assert not asked
    assert not (tmp_path / "home" / "probe.json").exists()
    assert memory_format(CPU) is torch.contiguous_format
    monkeypatch.setattr("os.getloadavg", lambda: (1.1, 4.0, 4.0))
    use_fastest(CPU, lambda line: None)
    assert memory_format(CPU) is torch.channels_last


def test_who_sets_the_threads_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    asked = timed(monkeypatch, {(1, False): 1.0, (1, True): 0.5})
    use_fastest(CPU, lambda line: None)
    assert {way.threads for way in asked} == {1}


def test_nothing_is_measured_where_that_is_not_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_PROBE", "off")
    asked = timed(monkeypatch, {})
    use_fastest(CPU, lambda line: None)
    assert not asked
    assert memory_format(CPU) is torch.contiguous_format


def test_bfloat16_is_named_where_it_would_be_faster() -> None:
    assert Choice(2, False, 0.4).words() == "2 threads, channels first"
    words = "2 threads, channels first; precision bfloat16 would be 1.8 times as fast"
    assert Choice(2, False, 1.8).words() == words


@pytest.mark.parametrize("statistic", ["gram", "covariance", "wasserstein", "patches"])
@pytest.mark.parametrize("room", ["", "0.0001"])  # whole, and in strips
def test_the_order_in_memory_changes_a_result_by_rounding_only(
    monkeypatch: pytest.MonkeyPatch,
    content: Tensor,
    style: Tensor,
    encoder: VGG19Encoder,
    statistic: str,
    room: str,
) -> None:
    monkeypatch.setenv("NST_MEMORY", room)
    config = settings(style_statistic=statistic, size=192, levels=1, steps=3, optimizer="adam")
    mask = torch.ones(1, 1, 32, 48)
    mask[..., :20] = 0
    results = []
    for chosen in (Choice(), Choice(channels_last=True)):
        monkeypatch.setitem(probe._in_use, "cpu", chosen)
        *_, last = stylize(content, [style], config, content_mask=mask, encoder=encoder)
        results.append(last)
    assert (
        encoder.state_dict()["conv1_2_weight"].stride()[1] == 1
    )  # the last of them had its channels side by side
    usual, other = results
    close = 1e-3 if statistic == "wasserstein" else 1e-4  # roots magnify what is near 0
    for name, value in usual.losses.items():
        assert other.losses[name] == pytest.approx(value, rel=close)
    assert (usual.image().pixels - other.image().pixels).abs().mean() < 1e-4
    encoder.to(memory_format=torch.contiguous_format)
