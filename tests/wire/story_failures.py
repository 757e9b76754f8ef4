"""What the second story has about failures: retries, parking, redrives, progress (R39 to R42)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

import sequencectl as s
from sequencectl import events as e
from sequencectl.events import Carried, DeadlineKind, Redrive, TaskEnd, TimeoutExplanation
from tests.wire.story import ASKED, BEGIN, BY, DATA, LIMIT, PROJECT, Book, some

SILENCE: Final = timedelta(minutes=2)
FAILING: Final = s.SequenceDefinition(
    "delivery",
    (
        s.TaskDefinition(
            "deploy",
            retry=s.Retry(times=2, backoff="1m30s", factor=3, on=["timed_out", "fail"]),
            on_failure="park",
            timeouts=s.TaskTimeouts(silence=SILENCE),
        ),
        s.TaskDefinition("test", timeouts=s.TaskTimeouts(silence=None)),
        s.TaskDefinition("release", on_failure="end"),
    ),
    on_failure="park",
)
FAILED: Final = some(result=s.Result.FAIL, status=s.Status.ERRORED, message="Disk voll\n")
ERRORED: Final = some(message="Disk voll\n", timeout=LIMIT)
QUIET: Final = TimeoutExplanation(
    DeadlineKind.SILENCE,
    "dev",
    "delivery",
    "deploy",
    timeout=SILENCE,
    since=BEGIN,
    deadline=BEGIN + SILENCE,
    reacted=("helm", "argo"),
    awaited="helm",
)
UNDECIDED: Final = TimeoutExplanation(
    DeadlineKind.PARKED, "dev", "delivery", None, LIMIT, since=BEGIN, deadline=BEGIN + LIMIT
)


def _first(book: Book, sequence_id: str, **more: Any) -> tuple[s.Subject, str]:
    """Start one and trigger the first of the three attempts at its first task."""
    subject = book.start(sequence_id, FAILING, **more)
    return subject, book.task(subject, silence_timeout=SILENCE, attempts=3)


def _failed(book: Book, subject: s.Subject, task_id: str, end: str) -> None:
    """Let a task fail with data, and say what comes of it."""
    about = some(task_id=task_id, task="deploy")
    book.add(e.TaskFinishReported, subject, source="helm", data=DATA, **about, **FAILED)
    book.add(e.TaskFinished, subject, end=TaskEnd(end), **about, **FAILED)


def _parked(book: Book, sequence_id: str) -> tuple[s.Subject, dict[str, Any]]:
    """Start one and park it with its first task; return it, and what names that task."""
    subject, task_id = _first(book, sequence_id)
    _failed(book, subject, task_id, "parked")
    about = some(task_id=task_id, task="deploy")
    until = some(deadline=book.now + LIMIT, time_left=timedelta(minutes=59))
    book.add(e.SequenceParked, subject, **about, **ERRORED, **until)
    return subject, about


def retried(book: Book) -> None:
    """One is at its second attempt and heard of, one waits for it, one was sent there by hand."""
    again, task_id = _first(book, "retrying")
    _failed(book, again, task_id, "retried")
    book.add(e.TaskScheduled, again, task="deploy", index=0, due_at=book.now + LIMIT, attempt=2)
    expects = some(expects=frozenset({"helm", "argo"}))
    task_id = book.task(again, silence_timeout=SILENCE, attempt=2, attempts=3, **expects)
    about = some(task_id=task_id, task="deploy")
    book.add(e.TaskStartReported, again, source="helm", **about)
    half = some(message="“half”, 1/2", percent=50)
    book.add(e.TaskProgressReported, again, source="helm", **about, **half)
    book.add(e.TaskProgressReported, again, source="x", **about)
    verdict = some(result=s.Result.PASS, data=s.freeze({"labels": {"owner": "ben"}}))
    book.add(e.TaskFinishReported, again, source="argo", **about, **verdict)

    silent, task_id = _first(book, "backing off")
    about = some(task_id=task_id, task="deploy")
    book.add(e.TaskTimedOut, silent, explanation=QUIET, end=TaskEnd.RETRIED, **about)
    book.add(e.TaskScheduled, silent, task="deploy", index=0, due_at=book.now + LIMIT, attempt=2)

    by_hand, about = _parked(book, "retried by hand")
    total = some(timeout=LIMIT, deadline=book.now + LIMIT)
    book.add(e.TaskRetried, by_hand, control=ASKED, **about, **total)
    book.task(by_hand, attempt=2, attempts=2)


def parked(book: Book) -> None:
    """Two are parked, one of them paused; one was skipped, and two have ended."""
    paused, _ = _parked(book, "parked")
    book.add(e.ContextPaused, s.Subject(PROJECT, paused.context), control=ASKED)
    book.add(e.SequencePaused, paused)

    silent, task_id = _first(book, "parked in silence")
    about = some(task_id=task_id, task="deploy", explanation=QUIET)
    book.add(e.TaskTimedOut, silent, end=TaskEnd.PARKED, **about)
    book.add(e.SequenceParked, silent, message=str(QUIET), **about)

    skipped, about = _parked(book, "skipped")
    verdict = some(result=s.Result.WARNING, control=ASKED, message="Skipped by “Jürgen”.")
    total = some(timeout=LIMIT, deadline=book.now + LIMIT)
    book.add(e.TaskSkipped, skipped, **about, **verdict, **total)
    book.task(skipped, task="test", index=1)

    undecided, _ = _parked(book, "undecided")
    book.add(e.SequenceTimedOut, undecided, explanation=UNDECIDED, message=str(UNDECIDED))


def redriven(book: Book) -> None:
    """One has failed after a warning, the one that redrives it as well, and a third one runs."""
    family = some(context="of failed")
    failed, task_id = _first(book, "failed")
    book.over(failed, task_id, result=s.Result.WARNING)
    book.over(failed, book.task(failed, task="test", index=1), task="test", **FAILED)
    book.add(e.SequenceFinished, failed, result=s.Result.FAIL, status=s.Status.ERRORED)

    deploy = Carried("deploy", s.Result.WARNING)
    redrive = Redrive("failed", "failed", (deploy,))
    second = book.start("second", FAILING, redrive=redrive, **family)
    task_id = book.task(second, task="test", index=1)
    book.add(e.TaskFinished, second, task_id=task_id, task="test", end=TaskEnd.RETRIED, **FAILED)
    book.over(second, book.task(second, task="test", index=1, attempt=2, attempts=2),
              task="test", **FAILED)  # fmt: skip
    book.add(e.SequenceFinished, second, result=s.Result.FAIL, status=s.Status.ERRORED)

    carried = (deploy, Carried("test", None))
    redrive = Redrive("second", "failed", carried)
    third = book.start("third", FAILING, redrive=redrive, **family)
    book.task(third, task="release", index=2)


COMMANDS: Final[tuple[s.Command, ...]] = (
    s.TriggerSequence("c5", stage="dev", sequence="delivery", redrives="c1", start_at="test"),
    s.ReportTaskProgress("t1", source="helm", message="“half”, 1/2", percent=50),
    s.ReportTaskProgress("t1", source="helm"),
    s.RetryTask("c1", stage="dev", **BY),
    s.RetryTask(sequence_id="c2"),
    s.SkipTask("c1", stage="dev", result="warning", **BY),
    s.SkipTask(sequence_id="c2", result="fail"),
)
