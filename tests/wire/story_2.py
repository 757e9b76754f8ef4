"""What schema 2 has beyond schema 1, for its golden files: what a person decides (R34 to R38), and
what follows a failure (R39 to R42, ``story_failures``).

Written down as the first story is (``story``), which has all that schema 1 knows.
"""

from __future__ import annotations

from datetime import timedelta
from functools import reduce
from typing import Final

import sequencectl as s
from sequencectl import events as e
from sequencectl.events import Cause, Control, DeadlineKind, TimeoutExplanation
from sequencectl.state import initial
from tests.wire.story import ASKED, BEGIN, BY, LIMIT, PROJECT, Book, some
from tests.wire.story_failures import COMMANDS as ABOUT_FAILURES
from tests.wire.story_failures import parked, redriven, retried

TWO: Final = s.Approval(
    approve=2, reject=3, initiator=False, on_expiry="approve", newcomer="supersede"
)
ASKING: Final = s.SequenceDefinition(
    "delivery",
    (
        s.TaskDefinition("approval", approval=TWO),
        s.TaskDefinition("sign", approval=s.Approval()),
        s.TaskDefinition("deploy"),
    ),
)
ANNA: Final = some(initiators=("Anna Å", "ben"))


def _vote(book: Book, subject: s.Subject, task_id: str, actor: str, word: str) -> None:
    """Somebody votes, by the same window as everybody."""
    verdict = some(result=s.Result(word), message=f"{actor}: “{word}”", actor=actor)
    about = some(
        task_id=task_id, task="approval", source="window", report_id=f"vote {len(book.events)}"
    )
    book.add(e.TaskFinishReported, subject, **about, **verdict)


def _open(book: Book, sequence_id: str) -> tuple[s.Subject, str]:
    """Start one and ask for its approval."""
    subject = book.start(sequence_id, ASKING, **ANNA)
    return subject, book.task(
        subject,
        task="approval",
        approval=TWO,
        completion_timeout=LIMIT,
        completion_deadline=book.now + LIMIT,
    )


def _asked(book: Book) -> None:
    """One is let through and waits for votes, one waits in line and is let through."""
    exempted = book.accept("asking", ASKING, **ANNA)
    book.add(e.SequenceExempted, exempted, control=ASKED)
    book.add(e.SequenceStarted, exempted)
    task_id = book.task(exempted, task="approval", approval=TWO)
    book.add(
        e.TaskStartReported, exempted, task_id=task_id, task="approval", source="approval-service"
    )
    _vote(book, exempted, task_id, "Chloé", "fail")
    _vote(book, exempted, task_id, "dan", "fail")
    _vote(book, exempted, task_id, "Chloé", "warning")

    held = book.accept("let through", **ANNA)
    book.add(e.ContextPaused, s.Subject(PROJECT, held.context), control=ASKED)
    book.add(e.SequencePaused, held)
    book.add(e.SequenceExempted, held, control=Control("eve"))


def _decided(book: Book) -> None:
    """One was approved by silence and failed, one yielded to a newer one."""
    silent, task_id = _open(book, "silent")
    _vote(book, silent, task_id, "dan", "pass")
    limits = some(timeout=LIMIT, since=BEGIN, deadline=BEGIN + LIMIT)
    where = some(stage="dev", sequence="delivery", task="approval")
    heard = some(reacted=("window",), awaited="1 more approving vote")
    why = TimeoutExplanation(DeadlineKind.COMPLETION, **where, **limits, **heard)
    verdict = some(result=s.Result.PASS, status=s.Status.SUCCEEDED)
    book.add(e.TaskFinished, silent, task_id=task_id, task="approval", explanation=why, **verdict)
    verdict = some(result=s.Result.FAIL, status=s.Status.SUCCEEDED)
    book.add(e.SequenceFinished, silent, **verdict)

    void, task_id = _open(book, "void")
    book.accept("newer", ASKING)
    book.add(e.SequenceSuperseded, void, superseded_by="newer", abandoned_task=task_id)

    late = book.accept("late", **ANNA)
    book.add(e.SequenceExempted, late, control=ASKED)
    book.add(e.SequenceSuperseded, late, superseded_by="newer")


def _closed(book: Book) -> None:
    """A person freezes a stage until an instant, a calendar two, and one is open again."""
    until = book.now + LIMIT
    closed = some(control=Control(), cause=Cause.CALENDAR, window="Weekend – Wochenende")
    for stage, said in {
        "prod": some(control=ASKED, until=until),
        "qa": some(until=until + timedelta(days=2), **closed),
        "staging": closed,
        "dev": some(control=ASKED, until=until),
    }.items():
        book.add(e.StageFrozen, s.Subject(PROJECT, stage=stage), **said)
    thawed = s.Subject(PROJECT, stage="dev")
    book.add(e.StageUnfrozen, thawed, control=Control(), cause=Cause.FREEZE_OVER)


def _told() -> tuple[e.Event, ...]:
    book = Book()
    for part in (_asked, _decided, _closed, retried, parked, redriven):
        part(book)
    return tuple(book.events)


EVENTS: Final = _told()
STATE: Final = reduce(s.evolve, EVENTS, initial(PROJECT))
COMMANDS: Final[tuple[s.Command, ...]] = (
    s.TriggerSequence("c3", stage="dev", sequence="delivery", actor="Anna Å"),
    s.ReportTaskFinished("t1", source="window", result="fail", message="why?", actor="Chloé"),
    s.FreezeStage("dev", until=BEGIN, **BY),
    s.ExemptSequence("c3", **BY),
    s.ExemptSequence("c4"),
    *ABOUT_FAILURES,
)
