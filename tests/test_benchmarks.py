"""``python -m benchmarks step | quality | memory | startup``, in small."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import memory, startup, step
from benchmarks.__main__ import main
from nst_core.config import StyleTransferConfig
from nst_core.cost import step_operations
from nst_core.loop import layers_for


def test_a_step_is_timed_and_held_against_the_peak(tmp_path: Path) -> None:
    command = "step --sizes 64 --steps 2 --warmup 1 --device cpu --weights untrained"
    main([*command.split(), "-o", str(tmp_path / "a.json")])
    record = json.loads((tmp_path / "a.json").read_text())
    assert record["machine"]["device"]
    (found,) = record["results"]
    layers = layers_for(StyleTransferConfig())
    assert found["operations"] == step_operations((64, 64), layers)
    assert found["seconds"]["min"] <= found["seconds"]["median"] <= found["seconds"]["max"]
    share = found["operations"] / found["seconds"]["median"] / found["peak_operations"]
    assert found["share_of_peak"] == pytest.approx(share)
    assert found["peak_bytes"] > 1e8
    assert "64 px: " in step.line(found)


def test_memory_is_held_against_what_was_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = "memory --sizes 64x48 --steps 1 --device cpu --weights untrained --statistic patches"
    main([*command.split(), "-o", str(tmp_path / "a.json")])
    (found,) = json.loads((tmp_path / "a.json").read_text())["results"]
    assert (found["height"], found["width"], found["steps"]) == (64, 48, 1)
    assert 1e8 < found["peak_bytes"] < 1.2 * found["said_bytes"]
    assert memory.line(found) in capsys.readouterr().out


def test_startup_is_the_time_of_whole_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nap = [sys.executable, "-c", "import time; time.sleep(0.3)"][1:]
    monkeypatch.setattr(startup, "COMMANDS", {"a nap": nap})
    main(["startup", "--rounds", "2", "-o", str(tmp_path / "a.json")])
    found = json.loads((tmp_path / "a.json").read_text())["seconds"]["a nap"]
    assert found["min"] >= 0.3


def test_an_unknown_kind_is_said() -> None:
    with pytest.raises(SystemExit, match=r"usage: .* \{step,quality,memory,startup\}"):
        main(["sleep"])


def test_the_plain_loop_has_the_loss_of_the_engine(tmp_path: Path) -> None:
    """Two steps of each agree, in pictures and in losses, on settings that both know."""
    import torch

    from benchmarks.plain import Plain
    from nst_core import stylize
    from nst_core.loop import encoder_for

    config = StyleTransferConfig(
        weights="untrained", size=64, steps=3, gamma=2, optimizer="adam", device="cpu"
    )
    random = torch.Generator().manual_seed(0)
    content, style = torch.rand((1, 3, 48, 64), generator=random), torch.rand(1, 3, 64, 64)
    encoder = encoder_for(config)
    plain = Plain.of(encoder, config, content, style)
    steps = list(stylize(content, [style], config, encoder=encoder))
    assert float(plain.loss(content)) == pytest.approx(steps[0].losses["total"], rel=1e-4)
    (second, _), (third, seconds) = plain.run(content, 2)
    assert float(plain.loss(second)) == pytest.approx(steps[1].losses["total"], rel=1e-4)
    assert float(plain.loss(third)) == pytest.approx(steps[2].losses["total"], rel=1e-3)
    assert seconds > 0


def test_quality_is_the_share_of_the_plain_loops_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from PIL import Image

    for name, color in (("a.png", "red"), ("b.png", "blue")):
        picture = Image.linear_gradient("L").resize((64, 48)).convert("RGB")
        picture.paste(color, (0, 0, 20, 20))
        picture.save(tmp_path / name)
    pair = ["--pair", str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    common = f"quality --sizes 64 --weights untrained --steps 6 --every 2 -o {tmp_path}/c.json"
    common += " --set optimizer=adam"
    main([*common.split(), *pair, "--set", "steps=6"])
    record = json.loads((tmp_path / "c.json").read_text())
    (found,) = record["results"]
    assert record["settings"]["style_statistic"] == "gram"
    assert found["reached_at_step"] in (None, 6)  # the same steps, to rounding
    main([*common.split(), *pair, "--set", "steps=40"])
    (found,) = json.loads((tmp_path / "c.json").read_text())["results"]
    assert found["reached_at_step"] in (6, 8)
    took = next(seconds for _, seconds, loss in found["curve"] if loss <= found["plain_loss"])
    assert found["curve"][-1][0] == 40
    assert found["share_of_time"] == pytest.approx(took / found["plain_seconds"])
    assert "reached at step" in capsys.readouterr().out
    main([*common.split(), *pair, "--set", "learning_rate=1e-6"])
    assert "not reached" in capsys.readouterr().out
