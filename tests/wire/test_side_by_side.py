"""A rolling upgrade from schema 1 to schema 2: replicas of both on one store (docs/wire.md)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Final

import pytest

import sequencectl as s
from sequencectl import serialization as z
from sequencectl._wire.documents import read
from sequencectl.errors import Conflict, InvalidValue, SchemaTooNew
from sequencectl.events import derived_id
from sequencectl.testing import ManualClock, RecordingSink
from tests.support import T0
from tests.wire.grammars import misfit, recorded

ONE: Final = recorded(1)
PROJECT: Final = "sockshop"
LIMIT: Final = 2**20
STAGES: Final[dict[str, Any]] = {
    "dev": {"delivery": ["deploy", "approval"]},
    "qa": {"delivery": {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]}},
}
ASKING: Final = {"name": "sign", "approval": {"approve": 3, "onExpiry": "approve"}}


class Table:
    """What all replicas share: the header, the rows and the unsent events, all of them bytes."""

    def __init__(self) -> None:
        self.header: bytes | None = None
        self.rows: dict[str, bytes] = {}
        self.outbox: list[bytes] = []

    @property
    def documents(self) -> list[tuple[str, bytes]]:
        """All that is there, each with its kind."""
        rows = [("record", row) for row in self.rows.values()]
        return [("header", self.header or b""), *rows, *(("event", one) for one in self.outbox)]


class Replica:
    """A replica of one version with its own clock, and a store whose writer keeps to a schema.

    One of the old version has a reader of schema 1: it refuses all that is newer.
    """

    def __init__(
        self, table: Table, *, schema: int, is_old: bool = False, world: Any = None, **more: Any
    ) -> None:
        self.table, self.schema, self.is_old = table, schema, is_old
        self.sink, self.clock = RecordingSink(), ManualClock(T0)
        plane = s.ControlPlane(s.Shipyard.of(world or STAGES), **more)
        self.controller = s.SequenceController(plane, store=self, clock=self.clock, sink=self.sink)

    def tell(self, command: s.Command) -> tuple[s.Event, ...]:
        """Handle a command, a second after the one before."""
        self.clock.advance("1s")
        return self.controller.handle(PROJECT, command).decision.events

    def _checked(self, kind: str, data: bytes) -> bytes:
        """Bytes as this version reads them; one of the old version knows the old grammar alone."""
        if self.is_old:
            tree = read(kind, data, limit=LIMIT, upgrades=())
            assert None is misfit(tree, kind, ONE)
        return data

    def load(self, project: str, *, known: s.ProjectState | None = None) -> s.ProjectState | None:
        del project, known
        if self.table.header is None:
            return None
        header = z.load_header(self._checked("header", self.table.header))
        rows = [z.load_record(self._checked("record", row)) for row in self.table.rows.values()]
        return z.restore_project(header, rows)

    def commit(self, decision: s.Decision) -> None:
        stored = self.load(decision.project)
        found = 0 if stored is None else stored.serial
        if found != decision.base:
            raise Conflict(decision.project, base=decision.base, found=found)
        header = z.dump_header(decision.state, schema=self.schema)
        changes = z.dump_changes(decision, schema=self.schema)
        events = [z.dump_event(event, schema=self.schema) for event in decision.events]
        self.table.header = header
        for sequence_id, data, _ in changes:
            assert data is not None
            self.table.rows[sequence_id] = data
        self.table.outbox += events

    def pending(self, project: str, *, limit: int) -> Sequence[s.Event]:
        del project
        return tuple(z.load_event(self._checked("event", one)) for one in self.table.outbox)[:limit]

    def acknowledge(self, project: str, *, through: int) -> None:
        del project
        self.table.outbox = [one for one in self.table.outbox if z.load_event(one).serial > through]

    def agenda(self, *, limit: int) -> Sequence[s.Appointment]:
        state = self.load(PROJECT)
        at = None if state is None else state.next_deadline
        return () if at is None else (s.Appointment(PROJECT, at),)[:limit]


def delivery(known: str, **more: Any) -> s.TriggerSequence:
    """A delivery to dev."""
    return s.TriggerSequence(known, stage="dev", sequence="delivery", service="carts", **more)


def triggered(events: Sequence[s.Event]) -> s.events.TaskTriggered:
    """The task that these events ask for."""
    return next(one for one in events if isinstance(one, s.events.TaskTriggered))


def same(table: Table) -> tuple[bytes | None, dict[str, bytes], list[bytes]]:
    """What stays as it is when nothing is written."""
    return table.header, dict(table.rows), list(table.outbox)


def test_what_schema_1_has_words_for_goes_on_in_turn() -> None:
    """Old, new and held, new: each takes on what the one before left, a delivery after the other.

    The old reader meets no byte that its own version could not have written.
    """
    table = Table()
    old = Replica(table, schema=1, is_old=True)
    held = Replica(table, schema=1)
    turns = [old, held, old, held, held, old]
    said: list[s.Event] = []
    for number, replica in enumerate(turns):
        other = turns[number - 1]
        told = replica.tell(delivery(f"c{number}"))
        deploy = triggered(told)
        said += [*told, *other.tell(deploy.finished(source="helm", result="pass"))]
        state = replica.load(PROJECT)
        assert state is not None
        (named,) = [each.triggered for each in replica.controller.open_tasks(PROJECT)]
        assert ("approval", None) == (named.task, named.approval)
        said += replica.tell(named.finished(source="human", result="pass"))
        (test,) = other.controller.open_tasks(PROJECT)
        said += other.tell(test.triggered.finished(source="jmeter", result="warning"))
    held.tell(s.FreezeStage("dev"))
    old.tell(s.UnfreezeStage("dev"))

    state = held.load(PROJECT)
    assert old.load(PROJECT) == state
    assert state is not None
    assert {s.Phase.FINISHED} == {record.phase for record in state.sequences.values()}
    assert 2 * len(turns) == len(state.sequences)
    assert all(b'"schema":1}' in data for _, data in table.documents)
    assert all(None is misfit(read(kind, data, limit=LIMIT, upgrades=()), kind, ONE)
               for kind, data in table.documents)  # fmt: skip
    assert {*range(1, len(said) + 3)} == {
        one.serial for one in (*old.sink.emitted, *held.sink.emitted)
    }


WORLD: Final = {"dev": {"delivery": ["deploy", ASKING]}, "qa": STAGES["qa"]}


def closed(_stage: str, now: Any) -> s.Opening:
    """A calendar that is closed for good."""
    del now
    return s.Opening(False, name="Weekend")


def of_one(**more: Any) -> dict[str, Any]:
    """A world whose deliveries to dev have one task, with these keys."""
    return {"dev": {"delivery": [{"name": "deploy", **more}]}}


PARKING: Final = {"dev": {"delivery": {"tasks": ["deploy"], "onFailure": "park"}}}
TASK: Final = derived_id(PROJECT, 3, "task of waiting")
BEFORE: Final[dict[str, list[s.Command]]] = {
    "an exemption": [delivery("holder"), delivery("waiting")],
    "a redrive": [delivery("failed"), s.AbortSequence("failed", force=True)],
    "progress": [delivery("waiting")],
}
"""What happens before some of the commands below."""

REFUSED: Final[dict[str, tuple[dict[str, Any], s.Command, str]]] = {
    "an approval": ({"world": WORLD}, delivery("c1"), "record.definition.tasks[1].approval"),
    "an actor": ({}, delivery("c1", actor="Anna"), "record.initiators"),
    "a freeze that ends": ({}, s.FreezeStage("qa", until=T0.replace(year=2030)),
                           "header.freezes.qa.until"),
    "a calendar": ({"calendar": closed}, delivery("c1"), "header.freezes.dev.cause"),
    "an exemption": ({}, s.ExemptSequence("waiting"), "record.exempted"),
    "a retry": ({"world": of_one(retry={})}, delivery("c1"), "record.definition.tasks[0].retry"),
    "parking": ({"world": of_one(onFailure="park")}, delivery("c1"),
                "record.definition.tasks[0].on_failure"),
    "parking of a sequence": ({"world": PARKING}, delivery("c1"), "record.definition.on_failure"),
    "a limit on silence": ({"timeouts": s.TimeoutPolicy(silence="1m")}, delivery("c1"),
                           "record.task.triggered.silence_timeout"),
    "a limit on the silence of a task": ({"world": of_one(timeouts={"silence": "1m"})},
                                         delivery("c1"),
                                         "record.definition.tasks[0].timeouts.silence"),
    "a redrive": ({}, delivery("c1", context="failed", redrives="failed"), "record.redrive"),
    "progress": ({}, s.ReportTaskProgress(TASK, source="helm"),
                 "record.task.executors[0].progress"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_writer_held_at_1_refuses_what_has_no_form_there(what: str) -> None:
    """A typed error that names the place; nothing is written, nothing is published, all goes on."""
    more, command, where = REFUSED[what]
    table = Table()
    plain = Replica(table, schema=1)
    for earlier in BEFORE.get(what, []):
        plain.tell(earlier)
    held = Replica(table, schema=1, **more)
    before, emitted = same(table), len(held.sink.emitted)
    with pytest.raises(InvalidValue, match="as long as schema 1 is written") as caught:
        held.tell(command)

    assert where == caught.value.where
    assert (before, emitted) == (same(table), len(held.sink.emitted))
    assert plain.tell(delivery("c2"))

    raised = Replica(table, schema=2, **more)
    raised.clock.advance("1m")
    assert raised.tell(command)


def test_once_a_new_writer_has_used_an_approval_a_held_one_goes_on_beside_it() -> None:
    """It reads all, and writes each row that schema 1 has a form for; that one it refuses to vote
    on, until it may write schema 2, and then no vote is lost.
    """
    table = Table()
    newest, held = (Replica(table, schema=schema, world=WORLD) for schema in (2, 1))
    plain = Replica(table, schema=1)
    asked = triggered(newest.tell(delivery("c1")))
    approval = triggered(newest.tell(asked.finished(source="helm", result="pass")))
    newest.tell(approval.approve("ann"))
    before = same(table)
    with pytest.raises(InvalidValue, match="as long as schema 1 is written") as caught:
        held.tell(approval.approve("bob"))

    assert "record.definition.tasks[1].approval" == caught.value.where
    assert before == same(table)
    assert plain.tell(s.TriggerSequence("c2", stage="qa", sequence="delivery", service="carts"))
    assert b'"schema":2}' in table.rows["c1"]
    assert b'"schema":1}' in table.rows["c2"]
    with pytest.raises(SchemaTooNew):
        Replica(table, schema=1, is_old=True).load(PROJECT)

    held.schema = 2
    held.tell(approval.approve("bob"))
    assert s.events.TaskFinished in map(type, newest.tell(approval.approve("cid")))


def test_a_freeze_that_ends_stops_a_held_writer_for_all_of_the_project() -> None:
    """It is in the header, which every commit writes; when the freeze is over, all goes on."""
    table = Table()
    newest, held = Replica(table, schema=2), Replica(table, schema=1)
    newest.tell(s.FreezeStage("qa", until=T0.replace(minute=5)))
    with pytest.raises(InvalidValue, match=r"^header\.freezes\.qa\.until: must be left out as"):
        held.tell(delivery("c1"))

    newest.clock.advance("10m")
    newest.controller.check_deadlines()
    assert held.tell(delivery("c1"))


def asked_for(on_expiry: str) -> tuple[Table, Replica, Replica]:
    """A table with one open approval, by a replica whose writer is newest, and one that is held;
    their clocks stand at its deadline.
    """
    table = Table()
    sign = {"name": "sign", "approval": {"onExpiry": on_expiry}}
    world = {"dev": {"delivery": [sign]}}
    newest, held = (Replica(table, schema=schema, world=world) for schema in (2, 1))
    newest.tell(delivery("c1"))
    state = newest.load(PROJECT)
    assert state is not None
    assert state.next_deadline is not None
    for replica in (newest, held):
        replica.clock.turn_to(state.next_deadline)
    return table, newest, held


def test_a_held_writer_can_end_what_it_cannot_write_on() -> None:
    """A sequence that has run out of time says nothing of its approval any more."""
    table, _, held = asked_for("time_out")
    with pytest.raises(InvalidValue, match=r"^record\.definition\.tasks\[0\]\.approval: must be"):
        held.controller.handle(PROJECT, s.PauseSequence("c1"))

    assert (PROJECT,) == held.controller.check_deadlines().projects
    assert b'"phase":"timed_out"' in table.rows["c1"]
    assert table.rows["c1"].endswith(b'"schema":1}')


def test_a_check_of_a_held_writer_ends_where_it_cannot_write() -> None:
    """That silence was consent has no form in schema 1; another replica says it."""
    table, newest, held = asked_for("approve")
    before = same(table)
    for _ in range(2):
        with pytest.raises(InvalidValue, match=r"^event\.explanation: must be left out as long"):
            held.controller.check_deadlines()
        assert before == same(table)

    assert (PROJECT,) == newest.controller.check_deadlines().projects
    assert b'"phase":"finished"' in table.rows["c1"]
    assert () == held.controller.check_deadlines().projects


# ---------------------------------------------------------------- what reports bring, and failures

BOTH: Final = {"dev": {"delivery": [{"name": "deploy", "expects": 2}, "test"]}}


@pytest.mark.parametrize("turns", list(itertools.product([1, 2], repeat=3)))
def test_what_reports_bring_is_taken_in_once_whoever_writes(turns: tuple[int, ...]) -> None:
    """A row with what a run has brought so far goes through writers of both schemas."""
    table = Table()
    trigger, first, last = (Replica(table, schema=schema, world=BOTH) for schema in turns)
    data = [{"list": [1], "by": "x"}, {"list": [2], "by": "y"}]
    deploy = triggered(trigger.tell(delivery("c1", data={"list": [0]})))
    first.tell(deploy.finished(source="x", result="pass", data=data[0]))
    test = triggered(last.tell(deploy.finished(source="y", result="pass", data=data[1])))

    assert ([2, 1, 0], "y") == (list(test.input["list"]), test.input["by"])  # type: ignore[call-overload] # a list


def test_an_old_writer_goes_on_with_what_a_new_one_heard() -> None:
    """What a report has brought is in the data that the old version reads."""
    table = Table()
    held, old = Replica(table, schema=1, world=BOTH), Replica(table, schema=1, is_old=True)
    deploy = triggered(held.tell(delivery("c1", data={"list": [0]})))
    held.tell(deploy.finished(source="x", result="pass", data={"list": [1]}))
    state = old.load(PROJECT)
    assert state is not None
    record = state.live("c1")

    assert record is not None
    assert s.freeze({"list": [1, 0]}) == record.data


def parked(table: Table, **more: Any) -> tuple[Replica, Replica]:
    """A table with a parked sequence, a replica whose writer is newest and one that is held."""
    newest, held = (Replica(table, schema=schema, world=of_one(onFailure="park", **more))
                    for schema in (2, 1))  # fmt: skip
    deploy = triggered(newest.tell(delivery("c1")))
    newest.tell(deploy.finished(source="helm", result="fail", data={"why": "disk"}))
    return newest, held


def test_a_held_writer_can_end_what_is_parked_and_nothing_else() -> None:
    """An ended one does not say that it was parked."""
    table = Table()
    newest, held = parked(table)
    before = same(table)
    for command in (s.PauseSequence("c1"), s.RetryTask("c1"), s.SkipTask("c1", result="pass")):
        with pytest.raises(InvalidValue, match="as long as schema 1 is written"):
            held.tell(command)
        assert before == same(table)

    held.tell(s.AbortSequence("c1"))
    assert table.rows["c1"].endswith(b'"schema":1}')
    assert newest.tell(delivery("c2"))


def test_what_was_retried_or_skipped_keeps_a_held_writer_from_its_row_for_good() -> None:
    """The ids of attempts, and that a task was skipped, stay when the sequence has ended."""
    table = Table()
    newest, held = parked(table)
    newest.tell(s.RetryTask("c1"))
    with pytest.raises(InvalidValue, match=r"^record\.retried: must be left out as long as"):
        held.tell(s.AbortSequence("c1", force=True))

    newest.tell(s.AbortSequence("c1", force=True))
    deploy = triggered(newest.tell(delivery("c2")))
    newest.tell(deploy.finished(source="helm", result="fail"))
    before = same(table)
    with pytest.raises(InvalidValue, match="as long as schema 1 is written"):
        held.tell(s.SkipTask("c2", result="fail"))
    assert before == same(table)


def test_a_redrive_of_what_schema_1_stored_begins_at_the_same_position() -> None:
    """It does not say which task came next; an old row is redriven all the same (R41)."""
    for schema in (1, 2):
        table = Table()
        first, newest = (Replica(table, schema=each, world=BOTH) for each in (schema, 2))
        deploy = triggered(first.tell(delivery("c1")))
        for source in ("x", "y"):
            first.tell(deploy.finished(source=source, result="pass"))
        first.tell(s.AbortSequence("c1", force=True))
        (_, _, again) = newest.tell(delivery("c2", context="c1", redrives="c1"))

        assert isinstance(again, s.events.TaskTriggered)
        assert ("test", 1) == (again.task, again.index)
