"""The values of the golden files: a rich project, every event and every command.

The events are written down, not decided, and the state is folded from them: golden files of a
released schema must not change when a decision or a sentence does.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final

import sequencectl as s
from sequencectl import events as e
from sequencectl.events import Control, DeadlineKind, TimeoutExplanation
from sequencectl.state import initial

PROJECT: Final = "sock shop"
BEGIN: Final = datetime(2026, 2, 28, 23, 59, 50, tzinfo=UTC)
LIMIT: Final = timedelta(hours=1, microseconds=1)
ASKED: Final = Control("Jürgen 😀", "too “slow”", "request-7", 64)
PLAIN: Final = s.SequenceDefinition("delivery", (s.TaskDefinition("deploy"),))
RICH: Final = s.SequenceDefinition(
    "delivery",
    (
        s.TaskDefinition(
            "deploy",
            triggered_after="1m30s",
            properties={"weights": [1, 2.5, 1e300, 10**30], "": {"off": None, "on": True}},
            timeouts=s.TaskTimeouts(reaction=None, completion="1h"),
            expects=["jmeter", "helm"],
        ),
        s.TaskDefinition("test", expects=2),
    ),
    triggered_on=(
        s.TriggeredOn("dev", "evaluation"),
        s.TriggeredOn("dev", "delivery", {"result": "fail", "deploy.result": "warning"}),
    ),
    priority=-3,
    timeouts=s.SequenceTimeouts(total=None, waiting="20m"),
)
DATA: Final = s.freeze(
    {
        'é\n"\\\u2028\x00': "\U0001f600\x7f",
        "numbers": [0, -0.0, 1.0, -1.5, 1e-7, 123456789012345678901, 1e21, 2**53 + 1, True],
        "labels": {"owner": "anna", "empty": {}, "none": None, "list": [[], [{}]]},
    }
)


def some(**fields: Any) -> dict[str, Any]:
    """Some of the fields of an event."""
    return fields


class Book:
    """Writes events down, one after the other, a second apart."""

    def __init__(self) -> None:
        self.events: list[e.Event] = []

    @property
    def now(self) -> datetime:
        return BEGIN + timedelta(seconds=len(self.events), microseconds=len(self.events))

    def add(self, kind: type[e.Event], subject: s.Subject, **fields: Any) -> None:
        self.events.append(kind(len(self.events) + 1, self.now, subject, **fields))

    def accept(
        self, sequence_id: str, definition: s.SequenceDefinition = PLAIN, **fields: Any
    ) -> s.Subject:
        subject = s.Subject(
            PROJECT,
            fields.pop("context", f"of {sequence_id}"),
            "dev",
            "delivery",
            "carts",
            sequence_id,
            fields.pop("revision", None),
        )
        place = len(self.events) + 1
        wanted = some(lane="dev", place=place, priority=0, data=s.freeze(None)) | fields
        self.add(e.SequenceTriggered, subject, definition=definition, **wanted)
        return subject

    def start(
        self, sequence_id: str, definition: s.SequenceDefinition = PLAIN, **fields: Any
    ) -> s.Subject:
        subject = self.accept(sequence_id, definition, **fields)
        self.add(e.SequenceStarted, subject, timeout=LIMIT, deadline=self.now + LIMIT)
        return subject

    def task(self, subject: s.Subject, **fields: Any) -> str:
        task_id = e.derived_id(PROJECT, len(self.events) + 1, "task")
        wanted = some(task="deploy", index=0, input=s.freeze(None)) | fields
        self.add(e.TaskTriggered, subject, task_id=task_id, **wanted)
        return task_id

    def over(self, subject: s.Subject, task_id: str, **fields: Any) -> None:
        data = fields.pop("data", s.freeze(None))
        wanted = some(task_id=task_id, task="deploy", result=s.Result.PASS) | fields
        wanted.setdefault("status", s.Status.SUCCEEDED)
        self.add(e.TaskFinishReported, subject, source="helm", data=data, **wanted)
        self.add(e.TaskFinished, subject, **wanted)


def _live(book: Book) -> None:
    """Bring one sequence into each phase of a live one, and one between two tasks."""
    waiting = some(timeout=LIMIT, deadline=book.now + LIMIT)
    book.accept(
        "waiting", RICH, data=DATA, priority=-3, revision="v1.2", depth=1, parent="p", **waiting
    )
    held = book.accept("held", lane="dev/carts", **waiting)
    book.add(e.ContextPaused, s.Subject(PROJECT, held.context), control=ASKED)
    book.add(e.SequencePaused, held, time_left=timedelta(microseconds=1))

    running = book.start("running", RICH, data=DATA)
    task_id = book.task(
        running,
        input=DATA,
        expects=frozenset({"jmeter", "helm"}),
        reaction_timeout=LIMIT,
        reaction_deadline=book.now + LIMIT,
        completion_timeout=2 * LIMIT,
        completion_deadline=book.now + 2 * LIMIT,
    )
    about = some(task_id=task_id, task="deploy")
    book.add(e.TaskStartReported, running, source="helm", report_id="r 1", **about)
    errored = some(result=s.Result.FAIL, status=s.Status.ERRORED, message="Disk voll\n")
    book.add(
        e.TaskFinishReported, running, source="x", data=DATA, report_id="r2", **about, **errored
    )
    book.add(e.TaskFinishReported, running, source="y", counted=False, **about, **errored)

    scheduled = book.start("scheduled", RICH)
    book.over(scheduled, book.task(scheduled), result=s.Result.WARNING, message="slow")
    book.add(e.TaskScheduled, scheduled, task="test", index=1, due_at=book.now + LIMIT)

    pausing = book.start("pausing")
    book.task(pausing, expects=2)
    book.add(e.ContextPaused, s.Subject(PROJECT, pausing.context, "dev"), control=Control())
    book.add(e.SequencePaused, pausing)

    paused = book.start("paused")
    book.add(e.SequencePaused, paused)
    book.add(e.SequenceDrained, paused, time_left=LIMIT)
    book.add(e.SequenceResumed, paused, deadline=book.now + LIMIT)
    book.add(e.SequencePaused, paused)
    book.add(e.SequenceDrained, paused)

    aborting = book.start("aborting")
    task_id = book.task(aborting)
    grace = some(timeout=LIMIT, deadline=book.now + LIMIT)
    book.add(e.SequenceAbortRequested, aborting, task_id=task_id, control=ASKED, **grace)


def _ended(book: Book) -> None:
    """Bring one sequence to each end; a second finished one is followed by nothing."""
    finished = book.start("finished")
    book.over(finished, book.task(finished), status=s.Status.UNKNOWN, data=DATA)
    book.add(
        e.SequenceFinished,
        finished,
        result=s.Result.PASS,
        status=s.Status.SUCCEEDED,
        message="done",
        labels=s.freeze({"owner": "anna"}),
    )
    book.add(e.FollowUpRefused, finished, stage="prod", sequence="release", depth=100)

    timed_out = book.start("timed out")
    limits = some(timeout=LIMIT, since=BEGIN, deadline=BEGIN + LIMIT)
    where = some(stage="dev", sequence="delivery") | limits
    heard = some(task="deploy", reacted=("a", "b"), awaited="1 more executor")
    why = TimeoutExplanation(DeadlineKind.COMPLETION, **where, **heard)
    task_id = book.task(timed_out)
    book.add(e.TaskTimedOut, timed_out, task_id=task_id, task="deploy", explanation=why)
    total = TimeoutExplanation(DeadlineKind.TOTAL, task=None, **where)
    book.add(e.SequenceTimedOut, timed_out, explanation=total, abandoned_task="t")

    aborted = book.start("aborted")
    task_id = book.task(aborted)
    book.add(e.SequenceAbortRequested, aborted, task_id=task_id, control=ASKED)
    force = some(control=Control("ben"), cause=e.Cause.FORCED, abandoned_task=task_id)
    book.add(e.SequenceAborted, aborted, message="by force", **force)

    superseded = book.accept("superseded")
    book.add(e.SequenceSuperseded, superseded, superseded_by="newcomer")
    book.accept("newcomer", place=book.events[-1].serial - 1)

    expired = book.accept("expired")
    late = TimeoutExplanation(DeadlineKind.WAITING, task=None, **where)
    book.add(e.SequenceExpired, expired, explanation=late, message=str(late))


def _project(book: Book) -> None:
    """Freeze two stages, take one freeze back, resume one context, forget three sequences."""
    for stage in ("prod", "dev"):
        book.add(e.StageFrozen, s.Subject(PROJECT, stage=stage), control=ASKED)
    book.add(e.StageUnfrozen, s.Subject(PROJECT, stage="dev"), control=Control(request_id="r1"))
    paused = s.Subject(PROJECT, "of waiting", "qa")
    book.add(e.ContextPaused, paused, control=ASKED)
    asked = Control("anna", request_id="request-8", requests_remembered=2)
    book.add(e.ContextResumed, paused, control=asked)
    over = s.Subject(PROJECT, "of old")
    book.add(e.ContextResumed, over, control=Control(), cause=e.Cause.ENDED)
    old = ("old", "older", "oldest")
    for sequence_id in old:
        subject = book.accept(sequence_id)
        book.add(e.SequenceSuperseded, subject, superseded_by="new")
    contexts = tuple(f"of {sequence_id}" for sequence_id in old)
    forgotten = some(sequence_ids=old, released=("oldest",))
    book.add(e.SequencesForgotten, s.Subject(PROJECT), contexts=contexts, **forgotten)


def _told() -> tuple[e.Event, ...]:
    book = Book()
    for part in (_live, _ended, _project):
        part(book)
    return tuple(book.events)


EVENTS: Final = _told()
STATE: Final = reduce(s.evolve, EVENTS, initial(PROJECT))
BY: Final = some(actor="Jürgen", reason="why not?", request_id="q 1")
COMMANDS: Final[tuple[s.Command, ...]] = (
    s.TriggerSequence(
        "c 1",
        stage="dev",
        sequence="delivery",
        service="Körbe",
        context="c",
        data=DATA,
        priority=-1_000_000,
        revision="main",
    ),
    s.TriggerSequence("c2", stage="dev", sequence="delivery"),
    s.ReportTaskStarted("t1", source="helm", report_id="r1"),
    s.ReportTaskFinished("t1", source="helm", result="warning", status="errored", data=DATA),
    s.PauseSequence("c1", stage="dev", **BY),
    s.ResumeSequence("c1"),
    s.AbortSequence("c1", stage="dev", force=True, **BY),
    s.AbortSequence(sequence_id="c2"),
    s.FreezeStage("dev", **BY),
    s.UnfreezeStage("dev"),
    s.CheckDeadlines(limit=7),
)
