"""What is said of memory before a run."""

from __future__ import annotations

import pytest

from nst_core.config import StyleTransferConfig
from nst_core.cost import picture_bytes
from nst_core.errors import DeviceError, ImageError
from nst_core.loop import layers_for
from nst_core.memory import PROGRAM_BYTES, memory_need
from nst_core.optim import LBFGS_HISTORY
from nst_core.patches import patch_bytes
from nst_core.strips import WHOLE, Strips

CPU = StyleTransferConfig(device="cpu")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NST_MEMORY", raising=False)
    for module in ("cost", "memory"):
        monkeypatch.setattr(f"nst_core.{module}.total_memory", lambda device: 16_000_000_000)


def test_the_need_is_the_programs_and_the_pictures_at_the_finest_level() -> None:
    config = CPU.changed(size=256, levels=2, optimizer="adam")
    need = memory_need(config, (400, 800))
    assert need.bytes == PROGRAM_BYTES + picture_bytes((128, 256), layers_for(config))
    assert need.strips == WHOLE
    assert need.words() == "takes about 1.0 GB of memory"


def test_lbfgs_takes_the_pairs_that_it_looks_back_on() -> None:
    """A number is 4 bytes, a pixel 3 numbers; past 720 x 720 px the pairs become fewer."""
    for size, pairs in ((256, LBFGS_HISTORY), (720, LBFGS_HISTORY), (1024, 9), (4096, 4)):
        config = CPU.changed(size=size)
        more = (
            memory_need(config, (99, 99)).bytes
            - memory_need(config.changed(optimizer="adam"), (99, 99)).bytes
        )
        assert more == (2 * pairs + 3) * 4 * 3 * size**2


def test_a_picture_of_4k_fits_into_8_gb(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("cost", "memory"):
        monkeypatch.setattr(f"nst_core.{module}.total_memory", lambda device: 8_000_000_000)
    need = memory_need(CPU.changed(size=3840), (2160, 3840))
    assert need.fits
    assert need.bytes < 7_000_000_000


def test_a_large_picture_is_said_to_go_strip_by_strip() -> None:
    need = memory_need(CPU.changed(size=2048), (1000, 1000))
    assert need.strips.blocks
    assert need.fits
    assert need.words() == f"takes about {need.bytes / 1e9:.1f} GB of memory, strip by strip"


def test_what_does_not_fit_is_said_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_MEMORY", "1")
    huge = CPU.changed(size=8192)
    assert memory_need(huge, (1000, 1000)).limit == 5_100_000_000  # with a fifth for L-BFGS
    need = memory_need(huge.changed(optimizer="adam"), (1000, 1000))
    assert not need.fits
    assert need.words().endswith("where 1.9 GB may be taken: lower the size")


def test_fewer_layers_take_less() -> None:
    shallow = CPU.changed(content_layers="conv1_1", style_layers="conv1_1")
    assert memory_need(shallow, (99, 99)).bytes < memory_need(CPU, (99, 99)).bytes
    assert memory_need(shallow, (99, 99)).strips != Strips(5, 64)


def test_what_cannot_run_is_an_error() -> None:
    with pytest.raises(DeviceError):
        memory_need(CPU.changed(device="cuda:7"), (99, 99))
    with pytest.raises(ImageError):
        memory_need(CPU.changed(size=64), (10, 1000))


def test_patches_take_more_beside_the_network_and_no_more_than_a_part() -> None:
    layers = {"content_layers": "conv3_1", "style_layers": "conv3_1"}
    shallow = CPU.changed(size=512, optimizer="adam", **layers)
    plain, patches = (
        memory_need(shallow.changed(style_statistic=name), (400, 400))
        for name in ("gram", "patches")
    )
    assert patches.bytes - plain.bytes == patch_bytes((512, 512)) == 100 * 64 * 128 * 128
    assert patch_bytes((4096, 4096)) == 100 * 2**22
