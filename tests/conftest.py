"""Fixtures: small pictures, a small data folder, and no network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor

from nst_core.config import LAYERS
from nst_core.vgg import CHANNELS, VGG19Encoder, weight_names

if TYPE_CHECKING:
    from tests.lab import Lab

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def _data_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _isolated(_data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep tests off the user's data, weights and network; computed weights are made once."""
    monkeypatch.setenv("NST_HOME", str(_data_folder))
    monkeypatch.setenv("TORCH_HOME", str(_data_folder / "torch"))
    monkeypatch.setenv("NST_OFFLINE", "1")
    monkeypatch.setenv("NST_PROBE", "off")  # seconds, in each new data folder
    monkeypatch.delenv("NST_WEIGHTS", raising=False)
    monkeypatch.delenv("NST_MAX_MEGAPIXELS", raising=False)


def random_state_dict(layers: tuple[str, ...] = LAYERS, seed: int = 0) -> dict[str, Tensor]:
    """Return random weights with torchvision's names and shapes."""
    random = torch.Generator().manual_seed(seed)
    state_dict, inputs = {}, 3
    for layer in layers:
        weight, bias = weight_names(layer)
        outputs = CHANNELS[layer]
        shape = (outputs, inputs, 3, 3)
        state_dict[weight] = torch.randn(shape, generator=random) * (2 / (9 * inputs)) ** 0.5
        state_dict[bias] = 0.1 * torch.randn(outputs, generator=random)
        inputs = outputs
    return state_dict


@pytest.fixture(scope="session")
def encoder() -> VGG19Encoder:
    """Return an encoder of the first four layers with random weights."""
    return VGG19Encoder(random_state_dict(LAYERS[:4]), LAYERS[:4])


@pytest.fixture
def content() -> Tensor:
    """Return a 32 x 48 picture with structure."""
    rows = torch.linspace(0, 1, 32).view(1, 1, 32, 1)
    columns = torch.linspace(0, 1, 48).view(1, 1, 1, 48)
    noise = torch.rand((1, 3, 32, 48), generator=torch.Generator().manual_seed(1))
    return (0.5 * rows + 0.3 * columns + 0.2 * noise).clamp(0, 1)


@pytest.fixture
def style() -> Tensor:
    """Return a 40 x 32 picture of coloured stripes."""
    stripes = (torch.arange(40).view(1, 1, 40, 1) % 8 < 4).float()
    colours = torch.tensor([0.9, 0.5, 0.1]).view(1, 3, 1, 1)
    noise = torch.rand((1, 3, 40, 32), generator=torch.Generator().manual_seed(2))
    return (0.7 * stripes * colours + 0.3 * noise).clamp(0, 1)


@pytest.fixture
def imagenet_layers() -> Path:
    """Return a file of real ImageNet weights (conv1_1 to conv3_4), or skip."""
    path = SHARED / "weights" / "vgg19_conv1_1-conv3_4.pth"
    if not path.is_file():
        pytest.skip("real ImageNet weights are not beside this checkout")
    return path


@pytest.fixture
def paintings() -> Path:
    """Return a folder of real photographs and paintings, or skip."""
    path = SHARED / "images"
    if not path.is_dir():
        pytest.skip("the paintings are not beside this checkout")
    return path


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab of its own: a store, pictures and small weights that this process uses."""
    from tests.lab import Lab

    lab = Lab(tmp_path)
    lab.enter(monkeypatch)
    yield lab
    lab.store.close()
