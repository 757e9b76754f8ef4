"""How long ``import sequencectl`` takes, beside that of its dependencies alone.

Each import has a fresh interpreter of its own; they take turns, and what an interpreter takes that
imports nothing is subtracted. ``-I`` keeps the environment out of it.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from tests.bench.measure import Figure, interleaved

FEWEST_ROUNDS = 15
_SLOWEST = 10
_NOTHING, _DEPENDENCIES, _OURS = "pass", "import attrs, transitions, rpds", "import sequencectl"
_USED = "from sequencectl import ControlPlane"  # so that nothing is won by loading it later
_NOT_LOADED = ("cattrs", "ruamel.yaml", "hypothesis", "pytest")


def imports(rounds: int = FEWEST_ROUNDS) -> None:
    """Measure, check and print."""
    print("\nImport: fresh interpreters, an empty one subtracted")
    programs = {
        statement: partial(_run, statement) for statement in (_NOTHING, _DEPENDENCIES, _OURS, _USED)
    }
    figures = interleaved(programs, rounds=max(rounds, FEWEST_ROUNDS), runs=1)
    empty = figures[_NOTHING]
    least = figures[_DEPENDENCIES].less(empty)
    print(f"  {'an empty interpreter':38}{_milliseconds(empty)}")
    for statement in (_DEPENDENCIES, _OURS, _USED):
        figure = figures[statement].less(empty)
        print(f"  {statement:38}{_milliseconds(figure):30}{figure.over(least)}")
    _check_what_is_loaded()
    _print_slowest()


def _milliseconds(figure: Figure) -> str:
    return f"{figure.median / 1e3:8.1f} ms  ({figure.low / 1e3:.1f} to {figure.high / 1e3:.1f})"


def _run(statement: str) -> int:
    subprocess.run([sys.executable, "-I", "-c", statement], check=True)
    return 1


def _check_what_is_loaded() -> None:
    """Assert that nothing is loaded that only adapters and tests need."""
    asked = f"import sys, sequencectl; print(*set({_NOT_LOADED!r}) & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", asked], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "" == done.stdout.strip(), done.stdout
    print(f"  not loaded: {', '.join(_NOT_LOADED)}")


def _print_slowest() -> None:
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "-c", _USED],
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    rows = [line.removeprefix("import time:").split("|") for line in done.stderr.splitlines()[1:]]
    modules = sorted(((int(own), name.strip()) for own, _, name in rows), reverse=True)
    whole = sum(own for own, _ in modules)
    said = ", ".join(f"{name} {own / 1e3:.1f}" for own, name in modules[:_SLOWEST])
    print(f"  slowest by themselves, of {whole / 1e3:.0f} ms with the interpreter's own: {said}")
