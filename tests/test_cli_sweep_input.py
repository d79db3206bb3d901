"""What ``python -m nst_core sweep`` says of what it cannot use, before it writes anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from nst_core import Sweeps, save_image
from tests.lab import Lab
from tests.sweep_desk import GRID, SMALL, InProcess, at_desk, ids, results, sweep, take_place

AXIS = "--axis steps=2,3"
BAD: list[tuple[str, str]] = [
    ("photo.png style.png --axis bta=1,2", r"there is no setting 'bta' to vary; choose one of con"),
    ("photo.png style.png --axis steps", r"'steps' is no axis; write beta=1e3:1e6:log:5"),
    ("photo.png style.png --axis beta=", r"beta: there are no values; write beta="),
    ("photo.png style.png --axis beta=,", r"beta: a value is missing"),
    ("photo.png style.png --axis beta=1e6:1e3:log:3", r"from 1e6 down to 1000; write the lower"),
    ("photo.png style.png --axis gamma=0:1:log:3", r"gamma: a log range begins above 0, got 0"),
    ("photo.png style.png --axis beta=1:9", r"beta: say how many values a grid takes of the range"),
    ("photo.png style.png --axis beta=many,2", r"beta: 'many' is no number"),
    ("photo.png style.png --axis steps=2.5,3", r"steps: must be a valid integer"),
    ("photo.png style.png --axis size=8,32", r"size: must be greater than or equal to 32, got 8"),
    ("photo.png style.png --axis steps=2,2", r"steps: 2 stands twice; list it once"),
    (f"photo.png style.png {AXIS} {AXIS}", r"steps is varied twice; write one axis with all"),
    ("photo.png style.png --axis beta=1:9:linear:100 --axis gamma=1:9:linear:100",
     r"this sweep has 10,000 runs, and 200 are allowed: ask for fewer values"),
    ("photo.png style.png --axis outputs=1,3 --axis steps=2,4", r"outputs 3, steps 2: 3 outputs n"),
    ("photo.png style.png --axis style_layers.conv5_1=0,1", r"few\.pth have no layer conv5_1; the"),
    ("photo.png style.png --axis style_layers.conv9_1=0,1", r"VGG-19 has no layer 'conv9_1'; it h"),
    ("photo.png style.png --axis weights=none.pth,auto", r"none\.pth: there is no such weights fi"),
    ("photo.png style.png", r"nothing is varied: add an axis, or ask for replicates"),
    (f"photo.png style.png {AXIS} --sampler best", r"there is no sampler 'best'; choose of grid, "),
    (f"photo.png style.png {AXIS} --sampler tpe --trials 2", r"tpe takes one goal or two, got non"),
    (f"photo.png style.png {AXIS} --sampler random", r"random needs the number of trials"),
    (f"photo.png style.png {AXIS} --trials 2", r"a grid runs every combination; leave trials out"),
    (f"photo.png style.png {AXIS} --trials two", r"argument --trials: invalid int value: 'two'"),
    (f"photo.png style.png {AXIS} --replicates 0", r"replicates must be a whole number from 1 to"),
    (f"photo.png style.png {AXIS} --goal beauty", r"there is no goal 'beauty'; choose of total, s"),
    (f"photo.png style.png {AXIS} --number beauty", r"--number: there is no number 'beauty'; choo"),
    (f"photo.png style.png {AXIS} --columns beta", r"--columns: 'beta' is no axis of this sweep; "),
    (f"photo.png style.png {AXIS} --device cuda:99", r"no device 'cuda:99'; it has"),
    (f"photo.png style.png {AXIS} --gamma -1", r"gamma: must be greater than or equal to 0"),
    (f"photo.png style.png {AXIS} --config none.json", r"none\.json: cannot be read"),
    (f"photo.png nowhere.png {AXIS}", r"nowhere\.png: cannot be read"),
    (f"photo.png text.png {AXIS}", r"text\.png: this is not a picture"),
    (f"photo.png thin.png {AXIS}", r"steps 2: a picture of 20 x 2000 px would be 0 x 32 px"),
    (f"photo.png {AXIS}", r"STYLE must be given; or vary it, as in --axis style=a\.jpg,b\.jpg"),
    (AXIS, r"CONTENT and STYLE must be given"),
    ("photo.png style.png --axis style=style.png,other.png",
     r"style is varied by its axis and given as style\.png too; leave one out"),
    ("photo.png --axis style=style.png,nowhere.png", r"nowhere\.png: cannot be read"),
    ("--axis content=photo.png,other.png", r"STYLE must be given"),
    ("photo.png --axis style=style.png,style.png", r"style: style\.png stands twice"),
    (f"photo.png style.png style.png {AXIS} --style-mask -", r"1 style masks for 2 style pictures"),
    (f"photo.png style.png {AXIS} --content-mask style.png", r"the mask is 32 x 40 px and its pic"),
    (f"photo.png style.png {AXIS} --content-mask black.png", r"black\.png: the mask is black all "),
    (f"photo.png style.png {AXIS} -o sheet.jpg", r"results are written as PNG; name it sheet\.png"),
    (f"photo.png style.png {AXIS} -o no/sheet.png", r"there is no folder no; make it first"),
    (f"photo.png style.png {AXIS} --csv losses.txt", r"tables are written as CSV; name it losses"),
    (f"photo.png style.png {AXIS} --csv no/losses.csv", r"there is no folder no; make it first"),
    (f"photo.png style.png {AXIS} --csv folder.csv", r"folder\.csv: is a folder; name a file in i"),
    ("--resume 9", r"there is no sweep 9"),
    ("--resume last", r"argument --resume: invalid int value: 'last'"),
]  # fmt: skip
MAKE: dict[str, Callable[[Path], object]] = {
    "thin.png": lambda path: save_image(torch.zeros(1, 3, 2000, 20), path),
    "text.png": lambda path: path.write_text("no picture\n" * 10),
    "black.png": lambda path: save_image(torch.zeros(1, 3, 32, 48), path),
    "folder.csv": lambda path: path.mkdir(),
}


@pytest.fixture
def here(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """Return a lab whose sweeps are computed in this process."""
    take_place(monkeypatch, InProcess)
    with at_desk(lab, monkeypatch):
        yield lab


@pytest.mark.parametrize(("command", "message"), BAD)
def test_bad_input_is_one_line_and_writes_nothing(
    here: Lab, capfd: pytest.CaptureFixture[str], command: str, message: str
) -> None:
    for name, make in MAKE.items():
        if name in command:
            make(Path(name))
    before = sorted(path for path in here.folder.rglob("*") if "nst-lab.db" not in path.name)
    assert sweep(f"{'' if '--resume' in command else SMALL} {command}") == 2
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1, captured.err
    assert re.search(message, captured.err), captured.err
    assert Sweeps(here.store).latest() == []
    assert here.store.count() == 0
    after = sorted(path for path in here.folder.rglob("*") if "nst-lab.db" not in path.name)
    assert after == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("photo.png --beta 3 --sampler tpe --no-normalize-activations",
         "--resume 1 keeps the pictures and settings of the sweep; leave out photo.png, --sampler, "
         "--beta, --normalize-activations"),
        ("--axis gamma=1,2", "gamma is no axis of this sweep; it varies beta, steps"),
        ("--axis beta=1e3", "nothing is new: give a value that the sweep does not have"),
        ("--axis beta=1:9:linear:200", "this sweep has 404 runs, and 200 are allowed"),
        ("--trials 3", "a grid runs every combination; leave trials out"),
    ],
)  # fmt: skip
def test_a_sweep_that_cannot_go_on_so_stays_as_it_is(
    here: Lab, capsys: pytest.CaptureFixture[str], options: str, message: str
) -> None:
    assert sweep(f"{GRID} --quiet") == 0
    plan, before = results(here).sweep.plan, ids(here)
    assert sweep(f"--resume 1 {options} --quiet") == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {message}")
    assert error.count("\n") == 1
    assert (results(here).sweep.plan, ids(here)) == (plan, before)
