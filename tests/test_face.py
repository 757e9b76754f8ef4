"""The face of the package: what it hands out."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import sequencectl

PACKAGE = Path(sequencectl.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(PACKAGE).with_suffix("").parts)
    for path in PACKAGE.rglob("*.py")
    if not path.stem.startswith("__")
)


def ask(program: str) -> str:
    """What a fresh interpreter prints that runs this program with warnings as errors."""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", program],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    return done.stdout.strip()


@pytest.mark.parametrize("module", MODULES)
def test_any_module_may_come_first(module: str) -> None:
    """No module depends on which other one was loaded before it."""
    assert ask(f"import sequencectl.{module}; print('loaded')") == "loaded"


def test_the_face_is_its_own_list() -> None:
    """Exactly the public names are handed out; they are sorted, and all that is gathered is."""
    gathered = {
        name
        for name, value in vars(sequencectl).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(sequencectl.__all__) == sequencectl.__all__
    assert gathered == set(sequencectl.__all__)
