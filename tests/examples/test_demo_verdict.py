"""The verdict: every clause holds for what was played, and fails for a history spoilt for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import attrs
import pytest

from examples.demo.__main__ import main
from examples.demo.verdict import verdict
from sequencectl import Event, Result, TaskTriggered
from sequencectl.events import (
    Cause,
    ContextResumed,
    SequenceAborted,
    SequenceFinished,
    SequenceStarted,
    SequenceTriggered,
    TaskFinished,
    TaskStartReported,
    TaskTimedOut,
)
from tests.examples.performance import default_performance, failed

Events = list[Event]
EventT = TypeVar("EventT", bound=Event)
FIRST, SECOND, MUTED, CONTROLLED = default_performance().cast.contexts
TROUBLED = default_performance().cast.troubled


def pick(
    events: Iterable[Event], kind: type[EventT], context: str, stage: str = "", number: int = 0
) -> EventT:
    """The event of a kind in a context, perhaps of one stage; the first unless told otherwise."""
    found = [e for e in events if isinstance(e, kind) and e.subject.context == context]
    return [event for event in found if stage in ("", event.subject.stage)][number]


def changed(events: Events, event: Event, **values: Any) -> Events:
    """The events with one of them changed."""
    return [attrs.evolve(e, **values) if e is event else e for e in events]


def moved(events: Events, event: Event, before: Event) -> Events:
    """The events with one of them moved before another one."""
    others = [other for other in events if other is not event]
    place = others.index(before)
    return [*others[:place], attrs.evolve(event, at=before.at), *others[place:]]


def renumbered(events: Iterable[Event]) -> Events:
    """The events with serials in their order."""
    return [attrs.evolve(event, serial=n) for n, event in enumerate(events, 1)]


def a_gap(events: Events) -> Events:
    """One event was lost."""
    return [e for e in events if e is not pick(events, TaskStartReported, FIRST)]


def a_second_holder(events: Events) -> Events:
    """The second delivery starts before the first one has left dev."""
    started = pick(events, SequenceStarted, SECOND, "dev")
    return renumbered(moved(events, started, pick(events, SequenceFinished, FIRST, "dev")))


def an_overtaker(events: Events) -> Events:
    """Another one stood in line before the second delivery."""
    triggered = pick(events, SequenceTriggered, SECOND, "dev")
    subject = attrs.evolve(triggered.subject, sequence_id="overtaken", context="other")
    overtaken = attrs.evolve(triggered, subject=subject, place=triggered.place - 1)
    place = events.index(triggered)
    return renumbered([*events[:place], overtaken, *events[place:]])


def a_skipped_task(events: Events) -> Events:
    """The first task of a sequence is not the one it declares."""
    return changed(events, pick(events, TaskTriggered, FIRST, "staging"), task="release")


def a_task_beside_another(events: Events) -> Events:
    """A task is triggered while the one before is in flight."""
    task = pick(events, TaskTriggered, FIRST, "dev", 1)
    return renumbered(moved(events, task, pick(events, TaskFinished, FIRST, "dev")))


def a_second_end(events: Events) -> Events:
    """A sequence ends again."""
    return renumbered([*events, pick(events, SequenceFinished, FIRST, "dev")])


def no_end(events: Events) -> Events:
    """A sequence never ends."""
    end = pick(events, SequenceFinished, SECOND, "production")
    return renumbered(e for e in events if e is not end)


def a_lost_wake_up(events: Events) -> Events:
    """The second delivery starts a while after the first one has left dev."""
    started = pick(events, SequenceStarted, SECOND, "dev")
    return changed(events, started, at=pick(events, TaskTriggered, SECOND, "dev", 1).at)


def no_second_delivery(events: Events) -> Events:
    """Nobody has delivered a second time."""
    return renumbered(e for e in events if e.subject.context != SECOND)


def a_late_arrival(events: Events) -> Events:
    """The second delivery comes to staging when the first one has left it."""
    triggered = pick(events, SequenceTriggered, SECOND, "staging")
    return renumbered(moved(events, triggered, pick(events, SequenceStarted, SECOND, "staging")))


def a_reaction(events: Events) -> Events:
    """The task that timed out had been reacted to."""
    timed_out = pick(events, TaskTimedOut, MUTED)
    explanation = attrs.evolve(timed_out.explanation, reacted=("test-service",))
    return changed(events, timed_out, explanation=explanation)


def no_sentence(events: Events) -> Events:
    """The timeout has no sentence."""
    timed_out = pick(events, TaskTimedOut, MUTED)
    return changed(events, events[events.index(timed_out) + 1], message="")


def no_timeout(events: Events) -> Events:
    """The task of the sequence that timed out did not time out."""
    timed_out = pick(events, TaskTimedOut, MUTED)
    return renumbered(e for e in events if e is not timed_out)


def another_timeout(events: Events) -> Events:
    """A task times out that was worked on."""
    finished = pick(events, TaskFinished, FIRST, "staging")
    explanation = pick(events, TaskTimedOut, MUTED).explanation
    timed_out = TaskTimedOut(
        finished.serial,
        finished.at,
        finished.subject,
        task_id=finished.task_id,
        task=finished.task,
        explanation=explanation,
    )
    return [timed_out if e is finished else e for e in events]


def no_rollback(events: Events) -> Events:
    """Nothing is rolled back."""
    return renumbered(e for e in events if e.subject.sequence != "rollback")


def a_late_rollback(events: Events) -> Events:
    """The rollback is triggered in a decision of its own."""
    triggered = pick(events, SequenceTriggered, MUTED, "staging", 1)
    return changed(events, triggered, at=pick(events, TaskStartReported, MUTED, "staging", 1).at)


def a_task_while_paused(events: Events) -> Events:
    """The next task is triggered before the resume."""
    task = pick(events, TaskTriggered, CONTROLLED, "dev", 1)
    return renumbered(moved(events, task, pick(events, ContextResumed, CONTROLLED)))


def no_resume(events: Events) -> Events:
    """Nobody has resumed."""
    resumed = pick(events, ContextResumed, CONTROLLED)
    return renumbered(e for e in events if e is not resumed)


def a_lost_task(events: Events) -> Events:
    """The task in flight at the pause never finishes."""
    finished = pick(events, TaskFinished, CONTROLLED)
    return renumbered(e for e in events if e is not finished)


def a_resume_without_effect(events: Events) -> Events:
    """The resume triggers nothing."""
    task = pick(events, TaskTriggered, CONTROLLED, "dev", 1)
    return renumbered(e for e in events if e is not task)


def a_repeated_task(events: Events) -> Events:
    """The resume triggers the task before once more."""
    task = pick(events, TaskTriggered, CONTROLLED, "dev", 1)
    return changed(events, task, index=0)


def a_task_after_the_abort(events: Events) -> Events:
    """The next task is triggered although an abort was requested."""
    task = pick(events, TaskTriggered, CONTROLLED, "dev", 1)
    place = events.index(pick(events, SequenceAborted, CONTROLLED))
    return renumbered([*events[:place], attrs.evolve(task, index=2), *events[place:]])


def an_impatient_abort(events: Events) -> Events:
    """The abort did not wait for the task in flight."""
    return changed(events, pick(events, SequenceAborted, CONTROLLED), cause=Cause.FORCED)


def an_abort_before_the_task_is_over(events: Events) -> Events:
    """The sequence is aborted before its task in flight is over."""
    aborted = pick(events, SequenceAborted, CONTROLLED)
    return renumbered(moved(events, aborted, pick(events, TaskFinished, CONTROLLED, "dev", 1)))


def a_remediation_in_vain(events: Events) -> Events:
    """The second remediation fails as well."""
    end = pick(events, SequenceFinished, TROUBLED, "", 1)
    return changed(events, end, result=Result.FAIL)


def an_adopted_remediation(events: Events) -> Events:
    """The second remediation does not follow up on the first one."""
    return changed(events, pick(events, SequenceTriggered, TROUBLED, "", 1), parent=FIRST)


SPOILT: list[tuple[str, Callable[[Events], Events]]] = [
    ("serials", a_gap),
    ("one holder", a_second_holder),
    ("in order", an_overtaker),
    ("tasks in order", a_skipped_task),
    ("tasks in order", a_task_beside_another),
    ("one ending", a_second_end),
    ("one ending", no_end),
    ("queue in dev", a_second_holder),
    ("queue in dev", a_lost_wake_up),
    ("queue in dev", no_second_delivery),
    ("queue in staging", a_late_arrival),
    ("mute executor", a_reaction),
    ("mute executor", no_sentence),
    ("mute executor", no_timeout),
    ("nobody else", another_timeout),
    ("rollback", no_rollback),
    ("rollback", a_late_rollback),
    ("pause", a_task_while_paused),
    ("pause", no_resume),
    ("in flight", a_lost_task),
    ("resume", a_resume_without_effect),
    ("resume", a_repeated_task),
    ("abort", a_task_after_the_abort),
    ("abort", an_impatient_abort),
    ("abort", an_abort_before_the_task_is_over),
    ("remediation", a_remediation_in_vain),
    ("remediation", an_adopted_remediation),
]


def test_every_clause_holds_for_what_was_played() -> None:
    """The default performance keeps every promise, each with a sentence of its own."""
    clauses = verdict(default_performance().events, default_performance().cast)

    assert failed(clauses) == []
    assert len({clause.sentence for clause in clauses}) == len(clauses)


def test_every_clause_has_a_spoilt_history() -> None:
    """No clause is without a history that makes it fail."""
    clauses = verdict(default_performance().events, default_performance().cast)

    assert {clause.name for clause in clauses} == {name for name, _ in SPOILT}


@pytest.mark.parametrize(
    ("name", "spoil"), SPOILT, ids=lambda part: getattr(part, "__name__", None)
)
def test_a_spoilt_history_fails(
    name: str, spoil: Callable[[Events], Events], capsys: pytest.CaptureFixture[str]
) -> None:
    """A history spoilt for a clause fails it, and then the demo's exit status is 1."""
    spoilt = tuple(spoil(list(default_performance().events)))

    status = main(["--plain", "--speed", "max"], play=lambda *_, **__: spoilt)

    assert name in failed(verdict(spoilt, default_performance().cast))
    assert status == 1
    assert f"FAIL {name}" in capsys.readouterr().out


@pytest.mark.parametrize("events", [(), default_performance().events[:1]], ids=["none", "one"])
def test_a_history_that_tells_nothing_fails(events: tuple[Event, ...]) -> None:
    """Where nothing happened nothing was kept: the stories' clauses fail, none raises."""
    assert {"mute executor", "pause", "resume", "abort", "remediation"} <= set(
        failed(verdict(events, default_performance().cast))
    )
