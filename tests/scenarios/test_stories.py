"""The stories as transcripts, and the shipyards that they and the examples are played on."""

from __future__ import annotations

import pytest

from sequencectl import ControlPlane
from tests.scenarios.stories import (
    FLAKY,
    GATE,
    GOLDEN,
    IN_THE_SEQUENCE,
    PARKING,
    REDRIVEN,
    SHIPYARDS,
    SILENT,
    STORIES,
)

REWRITE = (
    "\nThe story of {} goes another way. If every difference is meant, write it anew:"
    "\n  .venv/bin/python -m tests.scenarios\n"
)


@pytest.mark.parametrize("name", STORIES)
def test_a_story_has_its_golden_transcript(name: str) -> None:
    """Each story is told, row by row, as in its file in golden/."""
    golden = (GOLDEN / f"{name}.txt").read_text(encoding="utf-8").splitlines()

    assert golden == STORIES[name]().transcript().splitlines(), REWRITE.format(name)


PLANES = [FLAKY, GATE, IN_THE_SEQUENCE, PARKING, REDRIVEN, SILENT]


@pytest.mark.parametrize("plane", PLANES)
def test_the_shipyards_of_the_examples_say_what_they_mean(plane: ControlPlane) -> None:
    """No policy and no `triggeredOn` names a stage or a task that is not there."""
    assert () == plane.findings()


def test_every_shipyard_of_the_examples_is_played() -> None:
    """Each file in examples/shipyards/ has its plane."""
    assert len(PLANES) == len(list(SHIPYARDS.glob("*.yaml")))


def test_every_golden_transcript_has_its_story() -> None:
    """No file is left over from a story that is gone."""
    assert sorted(STORIES) == sorted(file.stem for file in GOLDEN.iterdir())
