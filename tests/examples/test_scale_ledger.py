"""The ledger of the scale demo, on a record that is clean and on what might go wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import reduce

import attrs
import pytest

import sequencectl.events as e
from examples.scale.account import Account, Run, Said
from examples.scale.ledger import SOURCE, Kind, Problem, Record, problems_of
from examples.scale.world import SHIPYARD, VOTER, Delivery
from sequencectl import (
    ControlPlane,
    Event,
    ProjectState,
    ReportTaskFinished,
    Shipyard,
    SkipTask,
    evolve,
)
from sequencectl.cloudevents import from_cloudevent, to_cloudevent
from sequencectl.commands import Command

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PLANE = ControlPlane(Shipyard.from_yaml(SHIPYARD))
INITIAL = PLANE.initial("p")


class World:
    """A project in which everything is done right: what is on record, what clients saw."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.state = INITIAL
        self.account = Account()
        for number in range(8):
            self.trigger(Delivery("p", number))
        while tasks := PLANE.open_tasks(self.state):
            for each in tasks:
                self.finish(each.triggered)
        for event in self.events:
            self.tell(event)

    def trigger(self, delivery: Delivery) -> None:
        """Let a client trigger a delivery."""
        command = from_cloudevent(delivery.trigger)
        assert command is not None
        self.handle(command, Said.TRIGGER, delivery.context)
        self.account.triggered.append(delivery.context)

    def finish(self, task: e.TaskTriggered) -> None:
        """Let an executor, or a voter, do its work; every second test fails, and is skipped."""
        subject = task.subject
        self.account.worked[task.task_id] = Run(subject.sequence_id, task.index, task.attempt)
        fails = task.task == "test" and subject.context.endswith(("1", "3"))
        report, result = f"{task.task_id}-finish", "fail" if fails else "pass"
        by = (SOURCE, VOTER) if task.approval else ("executor", "")
        finish = ReportTaskFinished(
            task.task_id, source=by[0], result=result, report_id=report, actor=by[1]
        )
        self.handle(finish, Said.FINISH, report)
        if fails:
            skip = SkipTask(subject.context, result="pass", request_id=f"{report}-skip")
            self.handle(skip, Said.CONTROL, f"{report}-skip")

    def handle(self, command: Command, kind: Said, known: str) -> None:
        """Decide a command and acknowledge it."""
        decision = PLANE.decide(self.state, command, NOW + timedelta(seconds=len(self.events)))
        decision.raise_if_rejected()
        self.events += decision.events
        self.state = decision.state
        self.account.acknowledged.add((kind, known))

    def tell(self, event: Event) -> None:
        """Tell the streams and the journal of an event."""
        self.account.heard[event.subject.context] = event.serial
        if (published := to_cloudevent(event, source=SOURCE)) is not None:
            self.account.journal.append((published["id"], SOURCE))
        elif isinstance(event, e.TaskFinishReported):
            self.account.journal.append((event.report_id or "", event.source))

    def problems(self) -> list[Problem]:
        """Return what the ledger finds wrong."""
        return [*problems_of(Record("p", self.events, self.state), self.account)]

    def rewrite(self, events: Iterable[Event]) -> None:
        """Put other events on record, numbered and folded as if they had been written so."""
        self.events = [attrs.evolve(each, serial=n) for n, each in enumerate(events, 1)]

    def place(self, kind: type[Event], number: int = 0) -> int:
        """Return where the first event of a kind is on record, or a later one."""
        return [n for n, each in enumerate(self.events) if isinstance(each, kind)][number]

    def insert(self, place: int, event: Event) -> None:
        """Put one more event on record."""
        self.rewrite([*self.events[:place], event, *self.events[place:]])


def _acknowledged_in_vain(world: World) -> None:
    world.account.acknowledged.add((Said.FINISH, "a report that nobody has"))


def _trigger_is_lost(world: World) -> None:
    world.rewrite(each for each in world.events if each.subject.context != "p-7")


def _skip_is_lost(world: World) -> None:
    world.rewrite(each for each in world.events if not isinstance(each, e.TaskSkipped))


def _task_was_never_given_out(world: World) -> None:
    world.account.worked["a task that was undone"] = Run("p-0", 7, 1)


def _triggered_twice(world: World) -> None:
    world.insert(world.place(e.SequenceTriggered) + 1, world.events[0])


def _ended_twice(world: World) -> None:
    place = world.place(e.SequenceFinished)
    world.insert(place + 1, world.events[place])


def _reported_twice(world: World) -> None:
    place = world.place(e.TaskFinishReported)
    world.insert(place + 1, world.events[place])


def _skipped_twice(world: World) -> None:
    place = world.place(e.TaskSkipped)
    world.insert(place + 1, world.events[place])


def _journal_repeats(world: World) -> None:
    world.account.journal.append(world.account.journal[0])


def _two_hold_a_lane(world: World) -> None:
    """The second in the line of the first service starts beside the first."""
    started, second = world.events[world.place(e.SequenceStarted)], _triggered(world, "p-4")
    place = world.events.index(second) + 1
    world.insert(place, attrs.evolve(started, subject=second.subject))


def _somebody_overtakes(world: World) -> None:
    """Two who stand in one line start in each other's place."""
    first, second = _triggered(world, "p-1"), _triggered(world, "p-2")
    other = {first: second.subject, second: first.subject}
    world.rewrite(
        attrs.evolve(each, subject=other[first]) if _starts(each, "p-1")
        else attrs.evolve(each, subject=other[second]) if _starts(each, "p-2") else each
        for each in world.events
    )  # fmt: skip


def _clients_are_overtaken(world: World) -> None:
    triggered = world.account.triggered
    triggered[0], triggered[1] = triggered[1], triggered[0]


def _task_without_a_lane(world: World) -> None:
    place = world.place(e.SequenceStarted)
    world.rewrite([*world.events[:place], *world.events[place + 1 :]])


def _one_attempt_has_two_ids(world: World) -> None:
    place = world.place(e.TaskFinished)
    task = next(each for each in world.events if isinstance(each, e.TaskTriggered))
    world.insert(place + 1, attrs.evolve(task, task_id="another"))


def _two_tasks_in_flight(world: World) -> None:
    place = world.place(e.TaskTriggered)
    task = world.events[place]
    world.insert(place + 1, attrs.evolve(task, task_id="another", attempt=2))


def _two_work_on_one_attempt(world: World) -> None:
    known = next(iter(world.account.worked))
    world.account.worked["another"] = world.account.worked[known]


def _nobody_ends(world: World) -> None:
    del world.events[world.place(e.SequenceFinished) :]


def _last_event_is_cut_off(world: World) -> None:
    del world.events[-1]


def _serial_is_missing(world: World) -> None:
    del world.events[5]


def _state_is_another(world: World) -> None:
    world.state = _folded(world.events[:-1])


def _stream_is_behind(world: World) -> None:
    world.account.heard["p-0"] -= 1


def _stream_knows_what_was_undone(world: World) -> None:
    world.account.heard["p-0"] += 1


def _journal_lacks_one(world: World) -> None:
    del world.account.journal[3]


def _journal_has_another_order(world: World) -> None:
    world.account.journal.reverse()


def _refused(world: World) -> None:
    world.account.refused.append("400")


DEFECTS: Sequence[tuple[Callable[[World], None], Kind, str]] = (
    (_acknowledged_in_vain, Kind.LOST, "was acknowledged"),
    (_trigger_is_lost, Kind.LOST, "the trigger p-7"),
    (_skip_is_lost, Kind.LOST, "the control"),
    (_task_was_never_given_out, Kind.LOST, "was worked on"),
    (_triggered_twice, Kind.DOUBLED, "the trigger p-0"),
    (_ended_twice, Kind.DOUBLED, "the end of"),
    (_reported_twice, Kind.DOUBLED, "the report"),
    (_skipped_twice, Kind.DOUBLED, "the control"),
    (_journal_repeats, Kind.DOUBLED, "the journal has"),
    (_two_hold_a_lane, Kind.ORDER, "which p-0 holds"),
    (_somebody_overtakes, Kind.ORDER, "p-2 overtakes"),
    (_clients_are_overtaken, Kind.ORDER, "another order"),
    (_task_without_a_lane, Kind.ORDER, "does not hold its lane"),
    (_one_attempt_has_two_ids, Kind.TWICE, "and another"),
    (_two_tasks_in_flight, Kind.TWICE, "in flight at once"),
    (_two_work_on_one_attempt, Kind.TWICE, "were worked on"),
    (_nobody_ends, Kind.STUCK, "p-4 waits"),
    (_last_event_is_cut_off, Kind.STUCK, "runs"),
    (_serial_is_missing, Kind.GAP, "serial 6"),
    (_ended_twice, Kind.GAP, "cannot be folded"),
    (_state_is_another, Kind.GAP, "not what the events fold to"),
    (_stream_is_behind, Kind.UNTOLD, "p-0: a stream told"),
    (_stream_knows_what_was_undone, Kind.UNTOLD, "p-0: a stream told"),
    (_journal_lacks_one, Kind.UNTOLD, "lacks 1"),
    (_journal_has_another_order, Kind.UNTOLD, "lacks 0"),
    (_refused, Kind.REFUSED, "400"),
)


def test_nothing_is_wrong_with_a_record_that_is_right() -> None:
    """A world in which everything is done right has a clean ledger, and was not an empty one."""
    world = World()

    assert ([], 16) == (world.problems(), len(world.state.sequences))


@pytest.mark.parametrize(
    ("defect", "kind", "words"), DEFECTS, ids=[defect.__name__[1:] for defect, *_ in DEFECTS]
)
def test_what_goes_wrong_is_found(defect: Callable[[World], None], kind: Kind, words: str) -> None:
    """Each kind of damage, to the record or to what clients saw, is found and told."""
    world = World()

    defect(world)

    found = [problem.what for problem in world.problems() if problem.kind is kind]
    assert any(words in what for what in found), found


def test_every_kind_is_tried() -> None:
    """No line of the ledger is without a defect that it finds."""
    assert set(Kind) == {kind for _, kind, _ in DEFECTS}


def _triggered(world: World, known: str) -> e.SequenceTriggered:
    return next(
        each
        for each in world.events
        if isinstance(each, e.SequenceTriggered) and each.subject.sequence_id == known
    )


def _starts(event: Event, known: str) -> bool:
    return isinstance(event, e.SequenceStarted) and event.subject.sequence_id == known


def _folded(events: Iterable[Event]) -> ProjectState:
    return reduce(evolve, events, INITIAL)
