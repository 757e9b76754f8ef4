"""The slices of what can happen that are explored to their end, feature by feature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from sequencectl import (
    Bounds,
    ControlPlane,
    Opening,
    QueuePolicy,
    Shipyard,
    TimeoutPolicy,
    TriggerSequence,
)
from sequencectl.testing.exploration import LETTERS, Alphabet, Exploration, Progress, explore
from sequencectl.testing.exploration.alphabet import START

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
    """A plane and what it is told.

    In a deep exploration the alphabet has one sequence more, and what `deeper` says instead: fewer
    letters where this would not come to an end within a quarter of an hour for all slices.
    """

    plane: ControlPlane
    alphabet: Alphabet
    deeper: Mapping[str, Any] = attrs.field(factory=dict)

    def explore(
        self, *, limit: int = 1_000_000, progress: Callable[[Progress], object] | None = None
    ) -> Exploration:
        """Explore it to its end, if that comes before so many states."""
        return explore(self.plane, self.alphabet, limit=limit, progress=progress)

    @property
    def fewer(self) -> Slice:
        """The same with one sequence less, one at least."""
        most = max(self.alphabet.most - 1, 1)
        return Slice(self.plane, attrs.evolve(self.alphabet, most=most))

    @property
    def deep(self) -> Slice:
        """What a deep exploration makes of it."""
        changes = {"most": self.alphabet.most + 1, **self.deeper}
        return Slice(self.plane, attrs.evolve(self.alphabet, **changes))


def plane(stages: Mapping[str, Any], **policies: Any) -> ControlPlane:
    """A plane with few limits, unless these policies have more."""
    return ControlPlane(Shipyard.of(stages), **policies)


def trigger(stage: str = "dev", sequence: str = "delivery", **more: Any) -> TriggerSequence:
    """A pattern: a sequence in a context of its own, unless one is named."""
    return TriggerSequence("own", stage=stage, sequence=sequence, data={"kept": 1}, **more)


SPECIAL: Final = ("vote", "exempt", "redrive", "progress", "retry", "skip")
"""Letters for what most shipyards do not have."""


def without(*letters: str) -> tuple[str, ...]:
    """All letters but these and the special ones."""
    return tuple(letter for letter in LETTERS if letter not in {*letters, *SPECIAL})


MOVING: Final = ("trigger", "finish", "pause", "resume")
CONTROLS: Final = ("trigger", "pause", "resume", "abort", "force")
SECOND: Final = timedelta(seconds=1)


def approval(**how: Any) -> dict[str, Any]:
    """A task that people decide."""
    return {"name": "approve", "approval": how or True}


YIELDING: Final = {"dev": {"delivery": ["deploy", approval(newcomer="supersede")]}}


def executors(expects: Any) -> Slice:
    """Two executors on one task, and one more task."""
    stages = {"dev": {"delivery": [{"name": "deploy", "expects": expects}, "test"]}}
    return Slice(
        plane(stages, timeouts=TimeoutPolicy(reaction="2s", completion="3s")),
        Alphabet(
            triggers=[trigger()], most=1, executors=("x", "y"),
            results=("pass", "warning", "fail"),
        ),
        {"most": 1, "executors": ("x", "y", "z"), "results": ("pass", "fail")},
    )  # fmt: skip


def silent(expects: Any) -> Slice:
    """Two executors on one task, which may be silent for so long."""
    stages = {"dev": {"delivery": [{"name": "deploy", "expects": expects}]}}
    return Slice(
        plane(stages, timeouts=seconds(reaction=3, completion=4, silence=2, abort_grace=2),
            bounds=Bounds(progress_every="500ms")),
        Alphabet(
            triggers=[trigger()], most=1, executors=("x", "y"), results=("pass",), tick=SECOND,
            letters=("trigger", "start", "progress", "finish", "stray", "abort", "check", "wait"),
        ),
        {"most": 1, "executors": ("x", "y", "z"), "letters": (
            "trigger", "start", "progress", "finish", "check", "wait",
        )},
    )  # fmt: skip


def changed_scope(scope: str, then: str, limit: int) -> Slice:
    """Two services in a stage whose lanes are others from some moment on."""
    return Slice(
        plane({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(scope=scope, limit=limit)),
        Alphabet(
            triggers=[trigger(service="carts"), trigger(service="db")], most=3, results=("pass",),
            stages=("dev",), then=QueuePolicy(scope=then, limit=limit),
            letters=("trigger", "finish", "force", "freeze", "unfreeze", "check", "change"),
        ),
        {"most": 5, "letters": ("trigger", "finish", "force", "check", "change")},
    )  # fmt: skip


def seconds(**limits: int) -> TimeoutPolicy:
    """Limits in seconds."""
    return TimeoutPolicy(**{name: timedelta(seconds=limit) for name, limit in limits.items()})


def opening_hours(stage: str, at: datetime) -> Opening:
    """Open for a second, closed for two and open for one, over and over."""
    second = int(at.timestamp()) % 4
    is_open = second in {0, 3}
    changes_at = 5 if is_open else 3
    return Opening(is_open, until=at + (changes_at - second) % 4 * SECOND, name=f"of {stage}")


def even_seconds(_stage: str, at: datetime) -> Opening:
    """Open in even seconds, closed in odd ones."""
    is_open = int(at.timestamp()) % 2 == 0
    return Opening(is_open, until=at + SECOND)


def failing_hours(_stage: str, at: datetime) -> Any:
    """Open for a second, closed for good, an error, no answer, and closed until the day before."""
    match int(at.timestamp()) % 5:
        case 1:
            return Opening(False, name="for good")
        case 2:
            raise LookupError("no such calendar")
        case 3:
            return None
        case second:
            return Opening(second == 0, until=START - timedelta(days=1))


def parking(name: str, **more: Any) -> dict[str, Any]:
    """A task whose failure parks its sequence."""
    return {"name": name, "onFailure": "park", **more}


NO_CONTROLS: Final = without("pause", "resume", "abort", "force", "freeze", "unfreeze")
SLICES: Final[Mapping[str, Slice]] = {
    "plain lane": Slice(
        plane(DELIVERY),
        Alphabet(triggers=[trigger()], most=3, letters=without("freeze", "unfreeze")),
        {"letters": (*MOVING, "abort", "force", "check")},
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
        {"letters": MOVING},
    ),
    "context over two stages": Slice(
        plane(PROMOTION),
        Alphabet(
            triggers=[trigger(context="release"), trigger("prod", context="release")],
            most=2, scopes=(None, "dev", "prod"),
            letters=without("start", "again", "stray", "wait", "check", "freeze", "unfreeze"),
        ),
        {"letters": MOVING, "scopes": (None, "dev")},
    ),
    "priorities": Slice(
        plane({"dev": {"delivery": ["deploy"], "hotfix": {"tasks": ["deploy"], "priority": 3}}}),
        Alphabet(
            triggers=[
                trigger(), trigger(sequence="hotfix"), trigger(sequence="hotfix", priority=0),
            ],
            most=3, letters=without("force", "freeze", "unfreeze", "wait"),
        ),
        {"letters": (*MOVING, "force", "check")},
    ),
    "latest only": Slice(
        plane(DELIVERY, queueing=QueuePolicy(mode="latest_only", max_waiting=2)),
        Alphabet(
            triggers=[trigger(), trigger(priority=1)], most=3,
            letters=without("freeze", "unfreeze", "wait"),
        ),
        {"letters": (*MOVING, "force", "check")},
    ),
    "reject when busy": Slice(
        plane(PROMOTION, queueing=QueuePolicy(mode="reject_when_busy", max_waiting=1)),
        Alphabet(triggers=[trigger()], most=2, stages=("dev",), letters=without("wait")),
        {"letters": ("trigger", "finish", "abort", "freeze", "unfreeze")},
    ),
    "freeze and force": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(scope="service")),
        Alphabet(
            triggers=[trigger(service="carts"), trigger(service="db")], most=3, stages=("dev",),
            letters=without("start", "again", "stray", "abort"),
        ),
        {"letters": ("trigger", "finish", "force", "freeze", "unfreeze")},
    ),
    "two places": Slice(
        plane(DELIVERY, queueing=QueuePolicy(limit=2)),
        Alphabet(triggers=[trigger()], most=3, stages=("dev",), letters=without("wait", "abort")),
        {"letters": (*MOVING, "force", "check")},
    ),
    "delays": Slice(
        plane({"dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "2s"}]}},
            timeouts=seconds(reaction=2, completion=3)),
        Alphabet(
            triggers=[trigger()], most=2, tick=timedelta(seconds=1),
            letters=without("force", "freeze", "unfreeze"),
        ),
        {"letters": (*MOVING, "check", "wait")},
    ),
    "limits": Slice(
        plane(DELIVERY,
            timeouts=seconds(reaction=2, completion=3, total=4, waiting=1, abort_grace=1)),
        Alphabet(
            triggers=[trigger()], most=2, tick=timedelta(seconds=1),
            letters=without("again", "stray", "freeze", "unfreeze"),
        ),
        {"letters": ("trigger", "finish", "check", "wait", "abort")},
    ),
    "forgetting": Slice(
        plane(PROMOTION, bounds=Bounds(retain=1, remember=1, max_depth=1)),
        Alphabet(triggers=[trigger()], most=3, letters=without("wait", "pause", "resume")),
        {"letters": ("trigger", "again", "finish", "force")},
    ),
    "a raised limit": Slice(
        plane({"dev": {"delivery": ["deploy"]}}),
        Alphabet(
            triggers=[trigger()], most=3, stages=("dev",), then=QueuePolicy(limit=2),
            letters=without("start", "again", "stray", "abort", "wait"),
        ),
        {"most": 5, "letters": (
            "trigger", "finish", "force", "freeze", "unfreeze", "check", "change",
        )},
    ),
    "a changed scope": changed_scope("stage", "service", limit=2),
    "a scope changed back": changed_scope("service", "stage", limit=1),
    "one request": Slice(
        plane(DELIVERY, bounds=Bounds(request_ids=1)),
        Alphabet(
            triggers=[trigger(context="release")], most=1, stages=("dev",), request_ids=True,
            letters=without("again", "stray", "wait"),
        ),
    ),
    "a slow clock": Slice(
        plane(DELIVERY, timeouts=seconds(reaction=2, completion=3, total=4)),
        Alphabet(
            triggers=[trigger()], most=1, tick=timedelta(seconds=1), behind=timedelta(seconds=1),
        ),
    ),
    "requests": Slice(
        plane(DELIVERY, bounds=Bounds(request_ids=2)),
        Alphabet(
            triggers=[trigger(context="release")], most=2, stages=("dev",), request_ids=True,
            letters=without("wait"),
        ),
        {"letters": without("wait", "start", "stray")},
    ),
    "votes": Slice(
        plane({"dev": {"delivery": [
            {**approval(approve=2, reject=2), "timeouts": {"reaction": "1m"}},
        ]}}, bounds=Bounds(sources=3)),
        Alphabet(
            triggers=[trigger()], most=1, voters=("alice", "bob", ""), executors=("x", "y"),
            results=("pass", "warning", "fail"), letters=(
                *CONTROLS, "start", "vote", "stray", "check", "wait",
            ),
        ),
        {"most": 2, "executors": ("x",), "letters": ("trigger", "vote", "pause", "resume")},
    ),
    "barred voters": Slice(
        plane({
            "dev": {"delivery": ["deploy"]},
            "prod": {"delivery": {
                "tasks": [approval(reject=2, initiator=False), "deploy"],
                "triggeredOn": ["dev.delivery.finished"],
            }},
        }, timeouts=seconds(reaction=2, completion=2)),
        Alphabet(
            triggers=[
                trigger(actor="alice"), trigger(actor="bob"), trigger("prod", actor="bob"),
                trigger(),
            ],
            most=2,
            voters=("alice", "bob", ""), stages=("prod",),
            letters=("trigger", "finish", "vote", "freeze", "unfreeze", "exempt", "force"),
        ),
        {"letters": ("trigger", "finish", "vote")},
    ),
    "an approval by silence": Slice(
        plane({"dev": {"delivery": [
            approval(approve=2, reject=2, onExpiry="approve"), "deploy",
        ]}}, timeouts=seconds(reaction=2, completion=2, total=2, abort_grace=1)),
        Alphabet(
            triggers=[trigger()], most=2, voters=("alice", "bob"), results=("pass", "fail"),
            tick=SECOND, letters=(*MOVING, "vote", "check", "wait"),
        ),
        {"letters": ("trigger", "vote", "check", "wait")},
    ),
    "newer ones make approvals void": Slice(
        plane({"dev": {"delivery": [approval(newcomer="supersede"), "deploy"]}},
            queueing=QueuePolicy(limit=2)),
        Alphabet(
            triggers=[trigger(), trigger(priority=1)], most=3, stages=("dev",),
            results=("pass",), letters=(*MOVING, "vote", "freeze", "unfreeze"),
        ),
        {"letters": ("trigger", "finish", "vote", "pause", "resume")},
    ),
    "the latest alone may be approved": Slice(
        plane(YIELDING, queueing=QueuePolicy(mode="latest_only")),
        Alphabet(
            triggers=[trigger(context="release"), trigger(priority=1)], most=3, stages=("dev",),
            results=("pass",), letters=(*MOVING, "vote", "force", "exempt"),
        ),
        {"letters": (*MOVING, "vote")},
    ),
    "freezes that end": Slice(
        plane({"dev": {"delivery": ["deploy"]}},
            timeouts=seconds(reaction=2, completion=2, waiting=2)),
        Alphabet(
            triggers=[trigger()], most=2, stages=("dev",), results=("pass",), tick=SECOND,
            freezes=(timedelta(0), SECOND, 2 * SECOND, None),
            letters=(*MOVING, "freeze", "unfreeze", "exempt", "check", "wait"),
        ),
        {"letters": ("trigger", "finish", "freeze", "check", "wait")},
    ),
    "exempted ones": Slice(
        plane({"dev": {"delivery": ["deploy"]}},
            queueing=QueuePolicy(scope="service"), timeouts=seconds(reaction=2, completion=2)),
        Alphabet(
            triggers=[trigger(service="carts"), trigger(service="db", priority=1)], most=3,
            stages=("dev",), results=("pass",), freezes=(2 * SECOND,),
            letters=("trigger", "finish", "freeze", "exempt", "check", "wait"),
        ),
        {"letters": ("trigger", "finish", "freeze", "exempt", "check")},
    ),
    "a raised limit in a freeze": Slice(
        plane({"dev": {"delivery": ["deploy"]}}),
        Alphabet(
            triggers=[trigger()], most=3, stages=("dev",), results=("pass",),
            then=QueuePolicy(limit=2), letters=(
                "trigger", "finish", "freeze", "unfreeze", "exempt", "check", "change",
            ),
        ),
        {"most": 5, "letters": ("trigger", "finish", "freeze", "exempt", "check", "change")},
    ),
    "opening hours": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, calendar=opening_hours,
            timeouts=seconds(reaction=2, completion=2, waiting=2)),
        Alphabet(
            triggers=[trigger()], most=2, stages=("dev",), results=("pass",), tick=SECOND,
            period=4 * SECOND, freezes=(SECOND,), letters=(
                "trigger", "finish", "freeze", "unfreeze", "exempt", "check", "wait",
            ),
        ),
        {"letters": ("trigger", "finish", "exempt", "check", "wait")},
    ),
    "let through a closed door": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, calendar=even_seconds,
            timeouts=seconds(reaction=1, completion=1)),
        Alphabet(
            triggers=[trigger()], most=3, stages=("dev",), results=("pass",), tick=SECOND,
            period=2 * SECOND, letters=("trigger", "finish", "exempt", "check", "wait"),
        ),
        {"letters": ("trigger", "exempt", "check", "wait")},
    ),
    "a calendar that fails": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, calendar=failing_hours,
            timeouts=seconds(reaction=2, completion=2, waiting=3),
            queueing=QueuePolicy(max_waiting=1)),
        Alphabet(
            triggers=[trigger()], most=2, stages=("dev",), results=("pass",), tick=SECOND,
            period=5 * SECOND, then=QueuePolicy(max_waiting=0), letters=(
                "trigger", "finish", "unfreeze", "exempt", "check", "wait", "change",
            ),
        ),
        {"letters": ("trigger", "exempt", "check", "wait")},
    ),
    "attempts": Slice(
        plane({"dev": {"delivery": [
            {"name": "deploy", "retry": {"times": 1}}, "test",
        ]}}),
        Alphabet(
            triggers=[trigger()], most=2, statuses=("errored", "aborted"),
            letters=("trigger", "finish", "stray", "pause", "resume", "abort", "force", "check"),
        ),
        {"letters": ("trigger", "finish", "pause", "resume", "abort")},
    ),
    "attempts with a backoff": Slice(
        plane({"dev": {"delivery": [
            "prepare", {"name": "deploy", "triggeredAfter": "1s",
                "retry": {"times": 2, "backoff": "1s", "factor": 2}},
        ]}}, timeouts=seconds(reaction=4, completion=4, total=5)),
        Alphabet(
            triggers=[trigger()], most=1, results=("pass", "fail"), tick=SECOND,
            letters=("trigger", "finish", "pause", "resume", "abort", "stray", "check", "wait"),
        ),
        {"letters": ("trigger", "finish", "check", "wait")},
    ),
    "attempts that ran out of time": Slice(
        plane({"dev": {"delivery": [
            {"name": "deploy", "expects": 2, "retry": {"times": 2, "on": ["timed_out"]}},
        ]}}, timeouts=seconds(reaction=1, completion=2, total=4, abort_grace=1)),
        Alphabet(
            triggers=[trigger()], most=1, executors=("x", "y"), tick=SECOND, letters=(
                "trigger", "start", "finish", "stray", "pause", "resume", "abort", "check", "wait",
            ),
        ),
        {"most": 2, "executors": ("x", "y"), "letters": ("trigger", "finish", "check", "wait")},
    ),
    "parked": Slice(
        plane({"dev": {"delivery": [
            parking("deploy", retry={"times": 1, "on": ["errored"]}), "test",
        ]}}, timeouts=seconds(reaction=2, completion=2, total=3, parked=2),
            bounds=Bounds(attempts=2)),
        Alphabet(
            triggers=[trigger()], most=1, statuses=("errored",), tick=SECOND, letters=(
                "trigger", "finish", "stray", "pause", "resume", "abort", "force", "retry", "skip",
                "check", "wait",
            ),
        ),
        {"letters": ("trigger", "finish", "retry", "skip", "check", "wait")},
    ),
    "parked in two stages": Slice(
        plane({
            "dev": {"delivery": {"tasks": [parking("deploy")], "onFailure": "end"}},
            "prod": {
                "delivery": {
                    "tasks": ["deploy", {"name": "test", "triggeredAfter": "1s"}],
                    "onFailure": "park", "triggeredOn": ["dev.delivery.finished"],
                },
                "rollback": {"tasks": ["undo"], "triggeredOn": [
                    {"event": "prod.delivery.finished",
                        "selector": {"match": {"deploy.result": "fail"}}},
                    {"event": "dev.delivery.finished", **FAILED},
                ]},
            },
        }, timeouts=seconds(reaction=2, completion=2, parked=2), bounds=Bounds(attempts=2)),
        Alphabet(
            triggers=[trigger(context="release")], most=1, scopes=(None, "prod"),
            letters=("trigger", "finish", "pause", "resume", "abort", "retry", "skip", "check",
                "wait"),
        ),
        {"scopes": (None,), "letters": ("trigger", "finish", "skip", "check", "wait")},
    ),
    "parked in line": Slice(
        plane({"dev": {"delivery": {
            "tasks": ["deploy", approval(newcomer="supersede")], "onFailure": "park",
        }}}, bounds=Bounds(attempts=2)),
        Alphabet(
            triggers=[trigger(), trigger(context="release")], most=2,
            letters=(*CONTROLS, "finish", "vote", "retry", "skip"),
        ),
        {"letters": ("trigger", "finish", "vote", "skip")},
    ),
    "two parked at once": Slice(
        plane({"dev": {"delivery": [parking("deploy")]}}, queueing=QueuePolicy(limit=2),
            bounds=Bounds(attempts=2)),
        Alphabet(
            triggers=[trigger(context="release")], most=2,
            letters=("trigger", "finish", "pause", "resume", "abort", "retry", "skip"),
        ),
        {"letters": ("trigger", "finish", "retry", "skip")},
    ),
    "redrives": Slice(
        plane({"dev": {"delivery": ["deploy", "test"]}}),
        Alphabet(
            triggers=[trigger()], most=3, results=("pass", "warning", "fail"),
            start_at=(None, "deploy", "test", "none"),
            letters=("trigger", "redrive", "finish", "force"),
        ),
        {"letters": ("redrive", "trigger", "finish"), "results": ("pass", "fail")},
    ),
    "redrives in line": Slice(
        plane({"dev": {"delivery": ["deploy"]}}, queueing=QueuePolicy(mode="latest_only")),
        Alphabet(
            triggers=[trigger()], most=3, letters=("trigger", "redrive", *MOVING[1:]),
        ),
        {"letters": ("trigger", "redrive", "finish")},
    ),
    "redrives that pass an approval": Slice(
        plane({"dev": {"delivery": [
            "build", approval(newcomer="supersede", initiator=False), "deploy",
        ]}}, queueing=QueuePolicy(mode="latest_only", limit=2)),
        Alphabet(
            triggers=[trigger(actor="alice"), trigger(actor="bob")], most=3,
            voters=("alice", "bob", "carol"), start_at=(None, "deploy"),
            letters=("trigger", "redrive", "finish", "vote"),
        ),
        {"triggers": (trigger(actor="alice"),), "voters": ("carol",)},
    ),
    "redrives of what was skipped": Slice(
        plane({"dev": {
            "delivery": [parking("build"), "deploy", "deploy", "test"],
            "report": {"tasks": ["tell"], "triggeredOn": [
                {"event": "dev.delivery.finished",
                    "selector": {"match": {"build.result": "warning"}}},
            ]},
        }}, queueing=QueuePolicy(mode="reject_when_busy"), bounds=Bounds(retain=1)),
        Alphabet(
            triggers=[trigger()], most=3, start_at=(None, "test"),
            letters=("trigger", "redrive", "finish", "skip"),
        ),
        {"letters": ("trigger", "redrive", "finish", "skip"), "results": ("fail",)},
    ),
    "silence, any": silent(None),
    "silence, a number": silent(2),
    "silence, named": silent(["x"]),
    "progress": Slice(
        plane({"dev": {"delivery": [
            {"name": "deploy", "retry": {"on": ["timed_out"]}}, approval(),
        ]}}, timeouts=seconds(reaction=9, completion=9, silence=8),
            bounds=Bounds(progress_every="2s", sources=2)),
        Alphabet(
            triggers=[trigger()], most=1, executors=("x",), tick=SECOND, behind=SECOND,
            results=("pass",), letters=(
                "trigger", "start", "progress", "finish", "vote", "stray", "pause", "resume",
                "check", "wait", "slow",
            ),
        ),
        {"letters": ("trigger", "start", "progress", "finish", "check", "wait")},
    ),
}  # fmt: skip
