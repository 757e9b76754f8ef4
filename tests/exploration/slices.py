"""The slices of what can happen that are explored to their end, feature by feature."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import attrs

from sequencectl import Bounds, ControlPlane, QueuePolicy, Shipyard, TimeoutPolicy, TriggerSequence
from sequencectl.testing.exploration import LETTERS, Alphabet, Exploration, explore

DELIVERY: Final = {"dev": {"delivery": ["deploy", "test"]}}
FAILED: Final = {"selector": {"match": {"result": "fail"}}}
PROMOTION: Final[Mapping[str, Any]] = {
    "dev": {"delivery": ["deploy"]},
    "prod": {
        "delivery": {"tasks": ["deploy", "test"], "triggeredOn": ["dev.delivery.finished"]},
        "rollback": {"tasks": ["undo"], "priority": 5, "triggeredOn": [
            {"event": "prod.delivery.finished", **FAILED},
        ]},
    },
}  # fmt: skip


@attrs.frozen
class Slice:
    """A plane and what it is told."""

    plane: ControlPlane
    alphabet: Alphabet

    def explore(self, *, more: int = 0, limit: int = 1_000_000) -> Exploration:
        """Explore it with so many sequences more than it says, one at least."""
        most = max(self.alphabet.most + more, 1)
        return explore(self.plane, attrs.evolve(self.alphabet, most=most), limit=limit)


def plane(stages: Mapping[str, Any], **policies: Any) -> ControlPlane:
    """A plane with few limits, unless these policies have more."""
    return ControlPlane(Shipyard.of(stages), **policies)


def trigger(stage: str = "dev", sequence: str = "delivery", **more: Any) -> TriggerSequence:
    """A pattern: a sequence in a context of its own, unless one is named."""
    return TriggerSequence("own", stage=stage, sequence=sequence, data={"kept": 1}, **more)


def without(*letters: str) -> tuple[str, ...]:
    """All letters but these."""
    return tuple(letter for letter in LETTERS if letter not in letters)


def executors(expects: Any) -> Slice:
    """Two executors on one task, and one more task."""
    stages = {"dev": {"delivery": [{"name": "deploy", "expects": expects}, "test"]}}
    return Slice(
        plane(stages, timeouts=TimeoutPolicy(reaction="2s", completion="3s")),
        Alphabet(
            triggers=[trigger()], most=1, executors=("x", "y"),
            results=("pass", "warning", "fail"),
        ),
    )  # fmt: skip


def seconds(**limits: int) -> TimeoutPolicy:
    """Limits in seconds."""
    return TimeoutPolicy(**{name: timedelta(seconds=limit) for name, limit in limits.items()})


NO_CONTROLS: Final = without("pause", "resume", "abort", "force", "freeze", "unfreeze")
SLICES: Final[Mapping[str, Slice]] = {
    "plain lane": Slice(
        plane(DELIVERY),
        Alphabet(triggers=[trigger()], most=3, letters=without("freeze", "unfreeze")),
    ),
    "two executors, any": executors(None),
    "two executors, a number": executors(2),
    "two executors, named": executors(["x", "y"]),
    "follow-up and rollback": Slice(
        plane(PROMOTION),
        Alphabet(
            triggers=[trigger()], most=2,
            letters=without("start", "abort", "force", "freeze", "unfreeze"),
        ),
    ),
    "context over two stages": Slice(
        plane(PROMOTION),
        Alphabet(
            triggers=[trigger(context="release"), trigger("prod", context="release")],
            most=2, scopes=(None, "dev", "prod"),
            letters=without("start", "again", "stray", "wait", "check", "freeze", "unfreeze"),
        ),
    ),
    "priorities": Slice(
        plane({"dev": {"delivery": ["deploy"], "hotfix": {"tasks": ["deploy"], "priority": 3}}}),
        Alphabet(
            triggers=[
                trigger(), trigger(sequence="hotfix"), trigger(sequence="hotfix", priority=0),
            ],
            most=3, letters=without("force", "freeze", "unfreeze", "wait"),
        ),
    ),
    "latest only": Slice(
        plane(DELIVERY, queueing=QueuePolicy(mode="latest_only", max_waiting=2)),
        Alphabet(
            triggers=[trigger(), trigger(priority=1)], most=3,
            letters=without("freeze", "unfreeze", "wait"),
        ),
    ),
    "reject when busy": Slice(
        plane(PROMOTION, queueing=QueuePolicy(mode="reject_when_busy", max_waiting=1)),
        Alphabet(triggers=[trigger()], most=2, stages=("dev",), letters=without("wait")),
    ),
    "freeze and force": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(scope="service")),
        Alphabet(
            triggers=[trigger(service="carts"), trigger(service="db")], most=3, stages=("dev",),
            letters=without("start", "again", "stray", "abort"),
        ),
    ),
    "two places": Slice(
        plane(DELIVERY, queueing=QueuePolicy(limit=2)),
        Alphabet(triggers=[trigger()], most=3, stages=("dev",), letters=without("wait", "abort")),
    ),
    "delays": Slice(
        plane({"dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "2s"}]}},
            timeouts=seconds(reaction=2, completion=3)),
        Alphabet(
            triggers=[trigger()], most=2, tick=timedelta(seconds=1),
            letters=without("force", "freeze", "unfreeze"),
        ),
    ),
    "limits": Slice(
        plane(DELIVERY,
            timeouts=seconds(reaction=2, completion=3, total=4, waiting=1, abort_grace=1)),
        Alphabet(
            triggers=[trigger()], most=2, tick=timedelta(seconds=1),
            letters=without("again", "stray", "freeze", "unfreeze"),
        ),
    ),
    "forgetting": Slice(
        plane(PROMOTION, bounds=Bounds(retain=1, remember=1, max_depth=1)),
        Alphabet(triggers=[trigger()], most=3, letters=without("wait", "pause", "resume")),
    ),
    "requests": Slice(
        plane(DELIVERY, bounds=Bounds(request_ids=2)),
        Alphabet(
            triggers=[trigger(context="release")], most=2, stages=("dev",), request_ids=True,
            letters=without("wait"),
        ),
    ),
}  # fmt: skip
