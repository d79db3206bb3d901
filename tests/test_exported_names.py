"""The public names, and what importing them costs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from types import FunctionType

import nst_core

PACKAGE = Path(nst_core.__file__).parent


def test_every_public_name_exists_and_has_a_docstring() -> None:
    for name in nst_core.__all__:
        value = getattr(nst_core, name)
        assert value is not None
        if callable(value):
            assert value.__doc__, name


def test_public_names_are_sorted_and_complete() -> None:
    names = nst_core.__all__
    constants = sorted(name for name in names if name.isupper())
    classes = sorted(name for name in names if not name.isupper() and name[0].isupper())
    functions = sorted(name for name in names if name[0].islower())
    assert names == constants + classes + functions
    assert set(names) == set(nst_core._HOMES)


def test_the_version_is_that_of_the_project() -> None:
    text = (PACKAGE.parent / "pyproject.toml").read_text()
    assert f'version = "{nst_core.__version__}"' in text


def run(code: str) -> str:
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


def test_stylize_is_the_function_whatever_was_imported_first() -> None:
    """The module is called stylize too, and Python would put it in the function's place."""
    for first in ("nst_core.stylize", "nst_core.cli_stylize", "nst_core"):
        code = f"import {first}; import nst_core; print(type(nst_core.stylize).__name__)"
        assert run(code) == FunctionType.__name__


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import nst_core.cli, sys; print([m for m in ('torch', 'skimage', 'PIL', 'rich')"
    assert run(f"{code} if m in sys.modules])") == "[]"


def test_the_core_never_imports_streamlit_and_never_prints() -> None:
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("streamlit") for name in node.names), path
            if isinstance(node, ast.ImportFrom):
                assert not (node.module or "").startswith("streamlit"), path
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                assert node.func.id != "print" or path.name.startswith("cli"), path
