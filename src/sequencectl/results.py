"""How a task or a sequence went: the words executors report and the order between them (R12)."""

from __future__ import annotations

from enum import Enum
from typing import Final


class Result(Enum):
    """How good something is; the words of Keptn."""

    PASS = "pass"  # noqa: S105 - a result, no password
    WARNING = "warning"
    FAIL = "fail"


class Status(Enum):
    """Whether the work itself could be done; only `SUCCEEDED` lets the result stand (R12)."""

    SUCCEEDED = "succeeded"
    ERRORED = "errored"
    ABORTED = "aborted"
    UNKNOWN = "unknown"


_SEVERITY: Final = {Result.PASS: 0, Result.WARNING: 1, Result.FAIL: 2}


def worst(first: Result, *more: Result) -> Result:
    """Return the worst of the results: fail before warning before pass (R12)."""
    found = first
    for result in more:
        if result is not found and _SEVERITY[result] > _SEVERITY[found]:
            found = result
    return found
