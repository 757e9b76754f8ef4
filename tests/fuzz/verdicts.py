"""What comes out when a mutant is read, and whether it may."""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

from tests.fuzz.corpus import TARGETS, Target
from tests.fuzz.mutants import Mutant

DECODED = "decoded"
NOT_OURS = "none of ours"
NO_JSON = "no JSON"


@attrs.frozen
class Verdict:
    """What came of a mutant: whether it is JSON, what came out, and what is wrong with that."""

    is_json: bool
    outcome: str
    problem: str = ""


def is_json(data: bytes) -> bool:
    """Whether Python's own reader takes it."""
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def judged(mutant: Mutant, targets: Mapping[str, Target] = TARGETS) -> Verdict:
    """Read a mutant, and write and read again what came out.

    A CloudEvent that is not JSON never gets as far as the library: a host parses it.
    """
    target, valid = targets[mutant.target], is_json(mutant.data)
    if mutant.target == "cloudevent" and not valid:
        return Verdict(valid, NO_JSON)
    try:
        value = target.read(mutant.data)
    except target.refusal as refusal:
        return Verdict(valid, type(refusal).__name__)
    except Exception as error:  # noqa: BLE001 - this is what is looked for
        return Verdict(valid, type(error).__name__, f"raises {error!r:.200}")
    if value is None:
        return Verdict(valid, NOT_OURS)
    try:
        target.check(mutant.data, value)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is not equal
        return Verdict(valid, DECODED, f"does not come back equal: {error!r:.200}")
    return Verdict(valid, DECODED)
