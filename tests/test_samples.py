"""The sample pictures: credited in full, unaltered, large enough, and repaintable."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "sample_images"
COUNTS = {"content": range(4, 7), "style": range(6, 9)}
SHIPPED = {  # our name: the file in scikit-image's wheel
    "astronaut.png": "astronaut.png",
    "cameraman.png": "camera.png",
    "cat.png": "chelsea.png",
    "coffee.png": "coffee.png",
    "hubble_deep_field.jpg": "hubble_deep_field.jpg",
    "rocket.jpg": "rocket.jpg",
}
ROW = re.compile(
    r"^\| `(?P<file>[^`]+)` \|.*\| (?P<size>\d+x\d+) \| `(?P<digest>[0-9a-f]{64})` \|$"
)


def pictures(folder: str) -> list[Path]:
    """The image files of ``content`` or ``style``, by name."""
    found = (SAMPLES / folder).iterdir()
    return sorted(path for path in found if path.suffix in {".jpg", ".jpeg", ".png"})


def credited(folder: str) -> dict[str, tuple[str, str]]:
    """The table of CREDITS.md: file name to (pixel size, SHA-256)."""
    lines = (SAMPLES / folder / "CREDITS.md").read_text(encoding="utf-8").splitlines()
    rows = (ROW.match(line) for line in lines)
    return {row["file"]: (row["size"], row["digest"]) for row in rows if row}


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("folder", COUNTS)
def test_every_picture_is_credited(folder: str) -> None:
    """No picture without a row, no row without a picture: each keeps its licence beside it."""
    assert sorted(credited(folder)) == [path.name for path in pictures(folder)]


@pytest.mark.parametrize("path", [p for f in COUNTS for p in pictures(f)], ids=lambda p: p.name)
def test_credits_state_size_and_digest(path: Path) -> None:
    """The row describes this very file."""
    with Image.open(path) as image:
        size = f"{image.width}x{image.height}"
    assert credited(path.parent.name)[path.name] == (size, digest(path))


@pytest.mark.parametrize("folder", COUNTS)
def test_number_of_pictures(folder: str) -> None:
    """Enough to choose from, few enough to see at a glance."""
    assert len(pictures(folder)) in COUNTS[folder]


@pytest.mark.parametrize("path", pictures("style"), ids=lambda p: p.name)
def test_style_is_large_and_light(path: Path) -> None:
    """A style needs pixels for its texture; the repository needs small files."""
    with Image.open(path) as image:
        assert max(image.size) >= 768
        assert image.mode == "RGB"
    assert path.stat().st_size < 1.5e6


def test_styles_together_are_light() -> None:
    """All of them come with every clone."""
    assert sum(path.stat().st_size for path in pictures("style")) < 8e6


@pytest.mark.parametrize("ours", SHIPPED)
def test_content_is_as_scikit_image_ships_it(ours: str) -> None:
    """The licence was stated for those bytes, so those bytes are what we keep."""
    data = pytest.importorskip("skimage.data", reason="the originals come with scikit-image")
    original = Path(data.__file__).parent / SHIPPED[ours]
    assert (SAMPLES / "content" / ours).read_bytes() == original.read_bytes()


def test_content_names_its_originals() -> None:
    """A picture added to the folder must be added to the comparison too."""
    assert sorted(SHIPPED) == [path.name for path in pictures("content")]


def run_paint(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the painter as a reader of the README would."""
    script = SAMPLES / "style" / "paint.py"
    command = [sys.executable, str(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_repainting_is_deterministic(tmp_path: Path) -> None:
    """The seed decides everything: the same picture twice, at an eighth of its size."""
    pytest.importorskip("skimage", reason="the painter draws with scikit-image and SciPy")
    for turn in ("first", "second"):
        done = run_paint("great_swell", "--scale", "0.125", "--out", str(tmp_path / turn))
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    first, second = (tmp_path / turn / "great_swell.jpg" for turn in ("first", "second"))
    with Image.open(first) as image:
        assert image.size == (128, 90)
    assert first.read_bytes() == second.read_bytes()


def test_repainting_an_unknown_picture_names_the_known_ones() -> None:
    """The message has the value and the valid choices."""
    pytest.importorskip("skimage", reason="the painter draws with scikit-image and SciPy")
    done = run_paint("mona_lisa")
    assert done.returncode == 2
    assert "mona_lisa" in done.stderr
    assert "great_swell" in done.stderr
