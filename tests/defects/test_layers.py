"""The layers cover every test, run what CI runs, and each has a defect that only it catches."""

import importlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.defects.layers import LAYERS, OF_THE_CHECKS, PYTEST, Layer
from tests.defects.runner import Defect, read_defect

ROOT = Path(__file__).parents[2]
DEFECTS = [read_defect(path, ROOT) for path in sorted(Path(__file__).parent.glob("*.toml"))]
OWN = [defect for defect in DEFECTS if defect.only is not None]
RUNNING = {layer.name: layer for layer in LAYERS if layer.is_in_ci}
VERBS = {
    "exploration": "explore", "simulation": "simulate", "fuzz": "fuzz", "types": "types",
    "docs": "docs", "API": "fuzz-api",
}  # fmt: skip
dev: Any = importlib.import_module("dev")  # Any: it has no annotations, see there


def test_every_test_belongs_to_one_layer() -> None:
    """Each file of tests is in exactly one, but for the tests of the checks themselves."""
    files = [str(path.relative_to(ROOT)) for path in sorted((ROOT / "tests").rglob("test_*.py"))]
    of_a_layer = [path for path in files if not path.startswith(OF_THE_CHECKS)]

    found = {path: [layer.name for layer in LAYERS if layer.has(path)] for path in of_a_layer}
    assert len(of_a_layer) > 50
    assert {} == {path: names for path, names in found.items() if len(names) != 1}


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.name)
def test_a_layer_names_paths_that_there_are(layer: Layer) -> None:
    """What was renamed is not passed over in silence."""
    assert [] == [path for path in (*layer.tests, *layer.left_out) if not (ROOT / path).exists()]


@pytest.mark.parametrize(("name", "verb"), VERBS.items())
def test_a_layer_runs_what_ci_runs(name: str, verb: str) -> None:
    """Its commands are those of `dev.py`, with the same arguments, and CI has that verb."""
    wanted = [tuple(command[1:]) for command in dev.VERBS[verb].job([])]

    assert wanted == list(RUNNING[name].commands)
    assert f" dev.py {verb}\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_is_not_in_ci_is_not() -> None:
    """A layer without a defect of its own is run by hand."""
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    others = [layer.name for layer in LAYERS if not layer.is_in_ci]
    assert [] == [name for name in others if f" dev.py {name}" in ci]


def test_each_layer_of_ci_has_a_defect_that_only_it_catches() -> None:
    """One each: what no defect speaks for does not take the time of every run."""
    assert Counter([*RUNNING]) == Counter(defect.only for defect in OWN)


@pytest.mark.parametrize("defect", OWN, ids=lambda defect: defect.name)
def test_what_shows_a_defect_is_of_its_layer(defect: Defect) -> None:
    """`dev.py defects` runs a part of the layer: a test of its own, or one of its programs."""
    layer = RUNNING[str(defect.only)]
    programs = [command[:2] for command in layer.runs if command[:2] != PYTEST[:2]]

    assert all(layer.has(test.partition("::")[0]) for test in defect.tests)
    assert defect.tests or defect.run[:2] in programs
