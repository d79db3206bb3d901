"""What the documents promise is run, and what they list is what there is."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from docs.make_settings import settings_table

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
BASH = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in BASH for line in block.splitlines() if "-m nst_core" in line]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def newcomer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder as a newcomer finds it: the samples, and nothing else."""
    folder = tmp_path_factory.mktemp("newcomer")
    shutil.copytree(ROOT / "sample_images", folder / "sample_images")
    return folder


def run(arguments: list[str], folder: Path) -> str:
    result = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_the_two_commands_of_the_readme_stand_there() -> None:
    assert "pip install -r requirements.txt && streamlit run Home.py" in README
    assert "pip install -r requirements-dev.txt && pytest" in README
    assert len(COMMANDS) == 6
    assert len(PYTHON) == 1


def test_every_command_of_the_readme_works(newcomer: Path) -> None:
    """In order, with fewer and smaller steps where a command optimises."""
    for command in COMMANDS:
        arguments = shlex.split(command.replace("--size 256 --steps 100", "--size 64 --steps 4"))
        assert arguments[0] == "python"
        run(arguments[1:], newcomer)
    assert {path.name for path in newcomer.glob("*.png")} == {
        "out.png",
        "out_1.png",
        "recoloured.png",
        "sheet.png",
    }
    assert len((newcomer / "losses.csv").read_text().splitlines()) == 1 + 3 * 2


def test_the_snippet_of_the_readme_works(newcomer: Path) -> None:
    code = PYTHON[0].replace("steps=20, size=128", "steps=2, size=64")
    assert code != PYTHON[0]
    output = run(["-c", code], newcomer)
    *steps, metrics = output.splitlines()
    assert [line.split()[0] for line in steps] == ["1", "2"]
    ssim, color_difference, style_distance = map(float, metrics.split())
    assert 0 < ssim < 1
    assert color_difference > 0
    assert style_distance > 0
    assert (newcomer / "cat_by_the_lake.png").exists()


def test_settings_are_documented_as_they_are() -> None:
    text = (ROOT / "docs" / "settings.md").read_text()
    assert settings_table() in text, "run python docs/make_settings.py"


def test_links_between_documents_lead_somewhere() -> None:
    for document in [ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/README.md")]:
        for target in re.findall(r"\]\(([^)#]+)\)", document.read_text()):
            if "://" not in target:
                assert (document.parent / target).exists(), f"{document.name}: {target}"
