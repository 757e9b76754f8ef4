"""Small worlds whose schedules can be counted: what is on the bus, and how much may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sequencectl import AbortSequence, ControlPlane, PauseSequence, Shipyard, TriggerSequence

PLANE: Final = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy"]}}))
A, B = (TriggerSequence(each, stage="dev", sequence="delivery") for each in "ab")
PAUSE: Final = PauseSequence("a", request_id="pause")
FORCE: Final = AbortSequence("a", force=True, request_id="abort")


def world(
    *commands: Any, crashes: int = 0, errors: int = 0, duplicates: int = 0, **more: Any
) -> Any:
    """The arguments of `explore` for a world."""
    bounds = {"crashes": crashes, "errors": errors, "duplicates": duplicates}
    return {"commands": commands, **bounds, **more}


QUICK: Final[Mapping[str, Any]] = {
    "two commands": world(A, B),
    "two commands, one crash": world(A, B, crashes=1),
    "two commands, one error": world(A, B, errors=1),
    "two commands, two repeated": world(A, B, duplicates=2),
    "three commands": world(A, B, PAUSE),
    "a task, one error": world(A, errors=1, executors=True),
    "a task, one crash": world(A, crashes=1, executors=True),
}
"""For every run of the tests: a second or two."""

THOROUGH: Final[Mapping[str, Any]] = {
    "two commands, two crashes": world(A, B, crashes=2),
    "two commands, two errors": world(A, B, errors=2),
    "two commands, a crash, an error, one repeated": world(A, B, crashes=1, errors=1, duplicates=1),
    "three commands, an error, one repeated": world(A, B, PAUSE, errors=1, duplicates=1),
    "three commands, one crash": world(A, B, PAUSE, crashes=1),
    "a task and its abort, an error, one repeated": world(
        A, FORCE, errors=1, duplicates=1, executors=True
    ),
    "a task and its pause, one crash": world(A, PAUSE, crashes=1, executors=True),
}
"""For `dev.py simulate`: less than a minute."""
