"""What a step costs, and the way through the network that fits."""

from __future__ import annotations

import pytest
import torch

from nst_core.config import LAYERS
from nst_core.cost import (
    EASY,
    Room,
    forward_operations,
    picture_bytes,
    plan_strips,
    room_on,
    step_operations,
)
from nst_core.device import UNKNOWN_MEMORY, total_memory
from nst_core.errors import ConfigError
from nst_core.strips import WHOLE, Strips

DEFAULT = ("conv4_2", "conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")
CPU = torch.device("cpu")
GB = 1_000_000_000


def test_the_operations_are_those_of_vgg19() -> None:
    # Simonyan and Zisserman's network: 19.5 billion multiplications at 224 px in its convolutions
    assert forward_operations((224, 224), LAYERS) == pytest.approx(2 * 19.51e9, rel=0.01)
    first = 2 * 9 * 3 * 64 * 30 * 20
    assert forward_operations((30, 20), ["conv1_1"]) == first
    assert forward_operations((30, 20), ["conv2_1"]) - first == (
        2 * 9 * 64 * 64 * 30 * 20 + 2 * 9 * 64 * 128 * 15 * 10
    )
    assert forward_operations((30, 20), ["conv2_1"], range(1, 2)) == (
        first + 2 * 9 * 64 * 64 * 30 * 20
    )


def test_strips_take_fewer_bytes_and_more_operations() -> None:
    size = (2048, 1024)
    whole = picture_bytes(size, DEFAULT), step_operations(size, DEFAULT)
    for blocks in range(1, 6):
        strips = Strips(blocks, 128)
        assert picture_bytes(size, DEFAULT, strips) < whole[0]
        assert step_operations(size, DEFAULT, strips) > whole[1]
    one = step_operations(size, DEFAULT, Strips(1, 128))
    extra = forward_operations(size, DEFAULT, range(1, 2))
    assert one - whole[1] == pytest.approx(extra * (1 + 3 * 4 / 128), rel=0.02)


def test_a_picture_that_is_easy_goes_whole() -> None:
    assert plan_strips((512, 512), DEFAULT, Room(EASY, 100 * GB)) == WHOLE
    assert plan_strips((512, 512), DEFAULT, Room(EASY // 4, 100 * GB)) != WHOLE


def test_a_large_picture_is_cut_for_little_more_work() -> None:
    size = (1024, 1024)
    strips = plan_strips(size, DEFAULT, Room(EASY, 100 * GB))
    assert strips.blocks
    assert picture_bytes(size, DEFAULT, strips) < picture_bytes(size, DEFAULT) / 2
    assert step_operations(size, DEFAULT, strips) < 1.25 * step_operations(size, DEFAULT)


def test_4k_fits_into_8_gb() -> None:
    size = (2160, 3840)
    room = Room(EASY, int(0.6 * 8 * GB))
    strips = plan_strips(size, DEFAULT, room)
    assert picture_bytes(size, DEFAULT, strips) <= room.most
    more = plan_strips(size, DEFAULT, Room(EASY, 100 * GB))
    assert step_operations(size, DEFAULT, more) < step_operations(size, DEFAULT, strips)


def test_where_nothing_fits_the_least_is_taken() -> None:
    size = (1024, 512)
    least = picture_bytes(size, DEFAULT, plan_strips(size, DEFAULT, Room(1, 1)))
    tried = [Strips(blocks, length) for blocks in range(1, 6) for length in (64, 128, 256)]
    assert least == min(picture_bytes(size, DEFAULT, strips) for strips in tried)
    assert plan_strips((16, 16), DEFAULT, Room(1, 1)) == WHOLE  # nothing to cut


def test_the_room_is_said_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NST_MEMORY", "0.5")
    assert room_on(CPU) == Room(GB // 2, GB // 2)
    monkeypatch.setenv("NST_MEMORY", "")
    assert room_on(CPU) == Room(EASY, int(0.6 * total_memory(CPU)))
    for bad in ("0", "-1", "much", "nan", "inf"):
        monkeypatch.setenv("NST_MEMORY", bad)
        with pytest.raises(ConfigError, match=f"NST_MEMORY must be .* got '{bad}'"):
            room_on(CPU)


def test_a_control_groups_limit_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    limit = tmp_path_factory.mktemp("group") / "memory.max"
    monkeypatch.setattr("nst_core.device.CONTROL_GROUP", limit)
    whole = total_memory(CPU)
    limit.write_text("123456\n")
    assert total_memory(CPU) == 123456
    limit.write_text("max\n")
    assert total_memory(CPU) == whole
    monkeypatch.delattr("os.sysconf")
    assert total_memory(CPU) == UNKNOWN_MEMORY
