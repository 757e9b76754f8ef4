"""The face of the package: what it hands out, and that it loads nothing before it is asked."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sequencectl
from sequencectl import _face

MODULES = sorted(path.stem for path in Path(_face.__file__).parent.glob("*.py"))


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


def test_the_package_alone_loads_nothing() -> None:
    """Neither a module of ours nor a dependency is loaded until a name is asked for."""
    loaded = ask(
        "import sys, sequencectl\n"
        "names = {'sequencectl.events', 'attrs', 'transitions', 'rpds', 'cattrs'}\n"
        "print(*names & sys.modules.keys())"
    )

    assert loaded == ""


@pytest.mark.parametrize(
    "statement",
    [
        "from sequencectl import ControlPlane",
        "import sequencectl; sequencectl.ControlPlane",
        "from sequencectl import *; ControlPlane",
    ],
)
def test_a_name_is_there_however_it_is_asked_for(statement: str) -> None:
    """What is asked for first is loaded with all that it needs."""
    assert ask(f"{statement}; print(__import__('sequencectl').ControlPlane.__name__)") == (
        "ControlPlane"
    )


@pytest.mark.parametrize("module", [name for name in MODULES if name != "__init__"])
def test_any_module_may_come_first(module: str) -> None:
    """No module depends on which other one was loaded before it."""
    assert ask(f"import sequencectl.{module}; print('loaded')") == "loaded"


def test_the_face_is_its_own_list() -> None:
    """Exactly the public names are handed out; they are sorted, and all that is gathered is."""
    handed_out = {name: getattr(sequencectl, name) for name in sequencectl.__all__}
    gathered = {name for name in vars(_face) if not name.startswith("_")}

    assert sequencectl.__all__ == sorted(handed_out)
    assert gathered == handed_out.keys() <= set(dir(sequencectl))
    assert all(value is getattr(_face, name) for name, value in handed_out.items())


def test_an_unknown_name_is_an_error() -> None:
    """The message says whose name it is not; what begins with an underscore is nobody's."""
    with pytest.raises(AttributeError, match="module 'sequencectl' has no attribute 'nobody'"):
        _ = sequencectl.nobody
    with pytest.raises(AttributeError, match="has no attribute '_nobody'"):
        _ = sequencectl._nobody
