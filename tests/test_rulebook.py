"""The rulebook: every phase × every event, and that the Machine is what decides (R1–R24)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sequencectl import IllegalTransition, Phase, QueuePolicy, TimeoutPolicy, events
from sequencectl._sequence.rulebook import MACHINE, TRANSITIONS, next_phase
from sequencectl.events import SequenceEvent, SequenceTriggered
from tests.support import T0, Host

# By hand, from the theory of operation and docs/rules.md: where an event leads, "." for nowhere.
# The ended phases have no column: nothing leaves them (R24).
MATRIX = """
                        WAITING    HELD       RUNNING    PARKED     PAUSING    PAUSED     ABORTING
SequenceStarted         RUNNING    .          .          .          .          .          .
SequencePaused          HELD       .          PAUSING    PARKED     .          .          .
SequenceDrained         .          .          .          .          PAUSED     .          .
SequenceResumed         .          WAITING    .          PARKED     RUNNING    RUNNING    .
SequenceExempted        WAITING    HELD       .          .          .          .          .
SequenceAbortRequested  .          .          ABORTING   .          ABORTING   .          .
TaskScheduled           .          .          RUNNING    .          PAUSING    .          .
TaskTriggered           .          .          RUNNING    .          .          .          .
TaskStartReported       .          .          RUNNING    .          PAUSING    .          ABORTING
TaskProgressReported    .          .          RUNNING    .          PAUSING    .          ABORTING
TaskFinishReported      .          .          RUNNING    .          PAUSING    .          ABORTING
TaskFinished            .          .          RUNNING    .          PAUSING    .          ABORTING
TaskTimedOut            .          .          RUNNING    .          PAUSING    .          ABORTING
SequenceParked          .          .          PARKED     .          PARKED     .          .
TaskRetried             .          .          .          RUNNING    .          .          .
TaskSkipped             .          .          .          RUNNING    .          .          .
SequenceFinished        .          .          FINISHED   FINISHED   FINISHED   .          .
SequenceTimedOut        .          .          TIMED_OUT  TIMED_OUT  TIMED_OUT  .          .
SequenceAborted         ABORTED    ABORTED    ABORTED    ABORTED    ABORTED    ABORTED    ABORTED
SequenceSuperseded      SUPERSEDED SUPERSEDED SUPERSEDED .          .          .          .
SequenceExpired         EXPIRED    .          .          .          .          .          .
"""
LIVE = {Phase[name] for name in MATRIX.split()[:7]}
LEADS_TO = {
    (Phase[phase], event): Phase[after]
    for event, *row in (line.split() for line in MATRIX.strip().splitlines()[1:])
    for phase, after in zip(MATRIX.split()[:7], row, strict=True)
    if after != "."
}
EVENTS: list[type] = [event for event in SequenceEvent.__args__ if event is not SequenceTriggered]


def moves() -> set[tuple[str, str]]:
    """Where the Machine's transitions lead from and to."""
    return {(row.source, str(row.dest)) for row in MACHINE.get_transitions()}


def test_the_matrix_is_complete() -> None:
    """The matrix has a row for every event of a sequence but its birth, the table no other."""
    names = {line.split()[0] for line in MATRIX.strip().splitlines()[1:]}

    assert names == {event.__name__ for event in EVENTS}
    assert len(EVENTS) == 21
    assert len(TRANSITIONS) == len(LEADS_TO)


@pytest.mark.parametrize("phase", Phase, ids=lambda phase: phase.name)
@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.__name__)
def test_a_cell_of_the_phase_table(phase: Phase, event: type) -> None:
    """An event leads to exactly one phase, or is refused with both names in the sentence."""
    expected = LEADS_TO.get((phase, event.__name__))

    if expected is not None:
        assert next_phase(phase, event) is expected
        return
    with pytest.raises(IllegalTransition) as refused:
        next_phase(phase, event)
    assert str(refused.value) == f"{event.__name__} is not possible in phase {phase.name}"
    assert (refused.value.phase, refused.value.event) == (phase.name, event.__name__)


@pytest.mark.parametrize("event", [SequenceTriggered, events.StageFrozen, int])
def test_what_is_no_event_of_the_table_is_refused(event: type) -> None:
    """A birth, an event of the project and any other type have no row."""
    with pytest.raises(IllegalTransition, match=f"{event.__name__} is .* RUNNING"):
        next_phase(Phase.RUNNING, event)


def test_the_machine_is_data_and_nothing_else() -> None:
    """The Machine has no model, initial state, automatic transition, guard or callback."""
    rows = [row for event in MACHINE.events.values() for row in event.transitions.values()]
    callbacks = [
        MACHINE.prepare_event, MACHINE.before_state_change, MACHINE.after_state_change,
        MACHINE.finalize_event, MACHINE.on_exception, MACHINE.on_final,
        *([row.prepare, row.conditions, row.before, row.after] for some in rows for row in some),
        *([state.on_enter, state.on_exit] for state in MACHINE.states.values()),
    ]  # fmt: skip

    assert [part for part in callbacks if any(part)] == []
    assert MACHINE.models == []
    assert MACHINE.initial is None
    assert sorted(MACHINE.events) == sorted(event.__name__ for event in EVENTS)
    assert list(MACHINE.states) == [phase.name for phase in Phase]
    assert {len(some) for some in rows} == {1}


def test_the_machine_holds_the_rows_of_the_table() -> None:
    """Each row of the table is one transition of the Machine, and there is no other."""
    declared = {(event.__name__, before.name, after.name) for event, before, after in TRANSITIONS}
    held = {
        (name, row.source, row.dest)
        for name, event in MACHINE.events.items()
        for rows in event.transitions.values()
        for row in rows
    }

    assert held == declared


def test_no_row_leaves_an_ended_phase() -> None:
    """An end absorbs everything after it (R24)."""
    sources = {before for before, _ in moves()}

    assert sources == {phase.name for phase in LIVE}
    assert {phase for phase in Phase if not phase.has_ended} == LIVE


# ------------------------------------------------------------------ the Machine decides


SLOW = ["deploy", {"name": "test", "triggeredAfter": "10s"}]


def play_every_row() -> None:
    """Let sequences of a project take every row of the table at least once."""
    host = Host(
        {
            "dev": {"delivery": ["deploy", "test"], "slow": SLOW},
            "qa": {"delivery": ["deploy"]},
            "prod": {"delivery": [{"name": "sign", "approval": {"newcomer": "supersede"}}]},
            "park": {"delivery": [{"name": "deploy", "onFailure": "park"}]},
        },
        timeouts=TimeoutPolicy(reaction="100s", waiting="50s"),
        queueing=QueuePolicy(stages={"qa": QueuePolicy(mode="latest_only")}),
    )
    play_in_line(host)
    play_pauses(host)
    play_ends(host)
    play_exceptions(host)
    play_failures(host)


def play_in_line(host: Host) -> None:
    """Start, hold, release, abort, supersede and expire; then finish and time out."""
    for name in "abcd":
        host.trigger(name)
    host.pause("b")
    host.resume("b")
    host.abort("b")
    host.pause("c")
    host.abort("c")
    host.trigger("i", "qa")
    host.trigger("j", "qa")
    host.trigger("k", "qa")  # supersedes j
    host.pause("k")
    host.trigger("l", "qa")  # supersedes k
    host.at(50).check()  # d and l have expired
    host.start("a")
    host.finish("a")
    host.finish("a")
    host.until(100)  # i has timed out


def play_pauses(host: Host) -> None:
    """Pause, drain, resume; finish while pausing; abort in the delay of a task, and paused."""
    host.trigger("m")
    host.start("m")
    host.pause("m")
    host.resume("m")
    host.pause("m")
    host.start("m")
    host.finish("m")
    host.finish("m")
    host.resume("m")
    host.pause("m")
    host.finish("m")
    host.trigger("n", sequence="slow")
    host.pause("n")
    host.finish("n")
    host.resume("n")
    host.abort("n")
    host.trigger("o", sequence="slow")
    host.finish("o")
    host.pause("o")
    host.abort("o")


def play_ends(host: Host) -> None:
    """End while pausing by time and by force; abort until the task is over, and until its end."""
    host.trigger("p")
    host.pause("p")
    host.until(200)
    host.trigger("q")
    host.pause("q")
    host.abort("q", force=True)
    host.trigger("r")
    host.abort("r")
    host.start("r")
    host.finish("r")
    host.trigger("s")
    host.pause("s")
    host.abort("s")
    host.until(300)


def play_exceptions(host: Host) -> None:
    """Exempt one that waits and one that is held, and make an open approval void."""
    for name in "tuv":
        host.trigger(name, "prod")  # u supersedes t, and v u
    host.freeze("prod")
    host.trigger("w", "prod", service="orders")
    host.exempt("w")
    host.trigger("x", "prod", service="orders")
    host.pause("x")
    host.exempt("x")


def play_failures(host: Host) -> None:
    """Report progress in every phase; park, pause, resume, retry, skip; end while parked."""
    host.trigger("y", "park")
    host.progress("y")
    host.pause("y")
    host.progress("y", "other")
    host.finish("y", "fail")
    host.resume("y")
    host.pause("y")
    host.resume("y")
    host.retry("y")
    host.finish("y", "fail")
    host.skip("y")
    host.trigger("z", "park")
    host.abort("z")
    host.progress("z")
    host.finish("z")
    for name in ("aborted", "finished", "timed out"):
        host.trigger(name, "park")
        if name != "timed out":
            host.finish(name, "fail")
        if name == "aborted":
            host.abort(name)
        else:
            host.until((host.now - T0).total_seconds() + 2 * 86_400)


@pytest.fixture
def _machine_restored() -> Iterator[None]:
    """The rows of the Machine are put back after the test."""
    rows = {name: dict(event.transitions) for name, event in MACHINE.events.items()}
    kept = dict(MACHINE.events)
    yield
    MACHINE.events.clear()
    MACHINE.events.update(kept)
    for name, event in kept.items():
        event.transitions.clear()
        event.transitions.update(rows[name])


@pytest.mark.usefixtures("_machine_restored")
@pytest.mark.parametrize(
    ("event", "before", "after"),
    TRANSITIONS,
    ids=lambda part: getattr(part, "name", "") or part.__name__,
)
def test_without_its_row_a_step_is_refused(event: type, before: Phase, after: Phase) -> None:
    """Whichever row is deleted from the Machine, deciding refuses that very step and no other."""
    MACHINE.remove_transition(event.__name__, before.name, after.name)

    with pytest.raises(IllegalTransition) as refused:
        play_every_row()
    assert (refused.value.event, refused.value.phase) == (event.__name__, before.name)


def test_with_all_rows_no_step_is_refused() -> None:
    """With the whole table the same commands are decided without refusal."""
    play_every_row()
