"""Freezes that end by themselves, calendars, and the one that is let through (R36–R38)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest

from sequencectl import (
    CalendarError,
    CheckDeadlines,
    ControlPlane,
    FreezeStage,
    InvalidValue,
    Opening,
    Phase,
    QueuePolicy,
    Shipyard,
    TimeoutPolicy,
    evolve,
)
from sequencectl.errors import shown
from sequencectl.events import Cause, Control, SequenceExempted, StageFrozen, StageUnfrozen
from sequencectl.state import Freeze
from tests.support import T0, Host, instant

ONE = {"dev": {"delivery": ["deploy"]}, "prod": {"delivery": ["deploy"]}}


@attrs.define
class Windows:
    """A calendar: closed in each window, given in seconds after the start; it notes its questions.

    With `fault` it raises that, or returns it if it is no exception.
    """

    closed: list[tuple[float, float]] = attrs.field(factory=list)
    name: str = "night"
    fault: object = None
    asked: list[tuple[str, datetime]] = attrs.field(factory=list)

    def __call__(self, stage: str, now: datetime) -> Opening:
        """Return how the stage stands."""
        self.asked.append((stage, now))
        if isinstance(self.fault, BaseException):
            raise self.fault
        if self.fault is not None:
            return self.fault  # type: ignore[return-value] # that is the point
        for start, end in self.closed:
            if instant(start) <= now < instant(end):
                return Opening(False, until=instant(end), name=self.name)
        return Opening(True)


def freeze_of(host: Host, stage: str = "dev") -> Freeze:
    """The freeze of a stage."""
    found = host.state.freeze_of(stage)
    assert found is not None
    return found


# ---------------------------------------------------------------- a freeze that ends (R36)


def test_a_freeze_ends_at_its_instant_and_admits_in_that_check() -> None:
    """It is a deadline of the project like any other, and not a moment sooner."""
    host = Host(ONE)
    host.freeze(until=instant(60), actor="ann")
    host.trigger("a")
    due = host.state.next_deadline
    host.at(59.999999).check()
    before = (host.code, host.phase("a"))
    host.at(60).check()

    assert instant(60) == due
    assert ("nothing_due", Phase.WAITING) == before
    assert ("StageUnfrozen", "SequenceStarted", "TaskTriggered") == host.said
    assert [(Cause.FREEZE_OVER, Control())] == [
        (event.cause, event.control) for event in host.of(StageUnfrozen)
    ]
    assert {} == host.state.freezes


def test_only_a_check_ends_a_freeze() -> None:
    """Whatever is decided before that counts as decided in time (R29)."""
    host = Host(ONE)
    host.freeze(until=instant(60))
    host.at(61).trigger("a")

    assert Phase.WAITING is host.phase("a")


def test_several_end_by_the_name_of_their_stages_before_all_else() -> None:
    """At one instant freezes end first, then what sequences do (R29)."""
    world = {name: {"delivery": ["deploy"]} for name in ("b", "a", "c")}
    host = Host(world, timeouts=TimeoutPolicy(reaction="60s"))
    host.trigger("x", "c")
    for stage in ("b", "a"):
        host.freeze(stage, until=instant(60))
        host.trigger(f"in-{stage}", stage)
    host.at(60).check()

    assert ["StageUnfrozen", "StageUnfrozen", "TaskTimedOut"] == [
        name for name in host.said if name in {"StageUnfrozen", "TaskTimedOut"}
    ]
    assert ["a", "b"] == [event.subject.stage for event in host.of(StageUnfrozen)]


def test_a_check_ends_as_many_freezes_as_its_limit_says() -> None:
    """The end of a freeze is a deadline, and what is left stays due (R29)."""
    host = Host(ONE)
    for stage in ONE:
        host.freeze(stage, until=instant(60))
    host.at(60).check(limit=1)

    assert ["prod"] == list(host.state.freezes)
    assert instant(60) == host.state.next_deadline


@pytest.mark.parametrize(
    ("first", "second", "code", "until"),
    [
        (60, 61, "applied", 61),
        (60, 60, "already_frozen", 60),
        (60, 59, "already_frozen", 60),
        (60, None, "applied", None),
        (None, 60, "already_frozen", None),
        (None, None, "already_frozen", None),
    ],
)
def test_a_freeze_only_grows(
    first: int | None, second: int | None, code: str, until: int | None
) -> None:
    """A later end moves it, keeps the instant since which it holds, and names who moved it."""
    host = Host(ONE)
    host.freeze(until=None if first is None else instant(first), actor="ann")
    host.at(10).freeze(until=None if second is None else instant(second), actor="bob")

    kept, actor = freeze_of(host), "bob" if code == "applied" else "ann"
    assert code == host.code
    assert (T0, None if until is None else instant(until)) == (kept.at, kept.until)
    assert actor == kept.control.actor
    assert host.state.next_deadline == kept.until


@pytest.mark.parametrize("seconds", [-1, 0])
def test_a_freeze_in_the_past_is_refused(seconds: int) -> None:
    """Now is the effective instant, so a clock behind does not help (R29)."""
    host = Host(ONE)
    host.at(10).freeze("prod")
    host.at(9).freeze(until=instant(10 + seconds))

    assert host.code == "rejected in_the_past"
    assert host.last is not None
    assert instant(10 + seconds).isoformat() in str(host.last.outcome)


def test_refusals_of_a_freeze_come_in_order() -> None:
    """A repeated request first, then the stage, then the instant."""
    host = Host(ONE)
    host.freeze(until=instant(60), request_id="r1")
    codes = []
    for stage, until, request in [
        ("qa", T0, "r1"), ("qa", T0, None), ("dev", T0, None), ("dev", instant(9), None),
    ]:  # fmt: skip
        host.freeze(stage, until=until, request_id=request)
        codes.append(host.code)

    expected = ["repeated", "rejected unknown_stage", "rejected in_the_past", "already_frozen"]
    assert expected == codes


@pytest.mark.parametrize(
    "until", [T0.replace(tzinfo=None), "18:00", 7, datetime(9999, 1, 1, tzinfo=UTC)]
)
def test_the_end_of_a_freeze_is_an_aware_instant(until: Any) -> None:
    """Anything else is a mistake of the program, and says so when the command is made."""
    with pytest.raises(InvalidValue) as refused:
        FreezeStage("dev", until=until)
    assert refused.value.where == "until"
    assert shown(until) in str(refused.value)


def test_a_person_ends_a_freeze_before_its_time() -> None:
    """Then nothing is due at that instant."""
    host = Host(ONE)
    host.freeze(until=instant(60))
    host.unfreeze(actor="bob")

    assert host.state.next_deadline is None
    assert [(Cause.REQUESTED, "bob")] == [
        (event.cause, event.control.actor) for event in host.of(StageUnfrozen)
    ]


# ---------------------------------------------------------------- a calendar (R37)


def closed_from_the_start(end: float = 60, **more: Any) -> tuple[Host, Windows]:
    """A host whose stages are closed at first."""
    calendar = Windows([(0, end)], **more)
    return Host(ONE, calendar=calendar), calendar


def test_a_closed_stage_is_frozen_when_somebody_could_start() -> None:
    """Once, with the window's name and end; who comes later finds it frozen and asks nothing."""
    host, calendar = closed_from_the_start()
    host.trigger("a")
    host.trigger("b")

    assert ["dev"] == [stage for stage, _ in calendar.asked]
    (frozen,) = host.of(StageFrozen)
    assert (Cause.CALENDAR, "night", instant(60)) == (frozen.cause, frozen.window, frozen.until)
    assert [Phase.WAITING] * 2 == [host.phase("a"), host.phase("b")]


def test_a_window_that_opens_admits_in_that_very_check() -> None:
    """The end of the freeze is due, and the calendar says open from that instant on."""
    host, _ = closed_from_the_start()
    host.trigger("a")
    host.at(60).check()

    assert ("StageUnfrozen", "SequenceStarted", "TaskTriggered") == host.said


def test_a_window_that_follows_at_once_freezes_again() -> None:
    """Nobody slips through between them."""
    host = Host(ONE, calendar=Windows([(0, 60), (60, 90)]))
    host.trigger("a")
    host.at(60).check()
    between = (host.said, host.phase("a"))
    host.at(90).check()

    assert (("StageUnfrozen", "StageFrozen"), Phase.WAITING) == between
    assert Phase.RUNNING is host.phase("a")


def test_nobody_is_asked_where_nobody_could_start() -> None:
    """A lane that is busy, held, or frozen by a person needs no calendar."""
    host, calendar = closed_from_the_start()
    host.freeze("prod")
    host.trigger("p", "prod")
    host.plane = attrs.evolve(host.plane, calendar=None)
    host.trigger("holder")
    host.plane = attrs.evolve(host.plane, calendar=calendar)
    host.trigger("b")
    host.check()

    assert [] == calendar.asked
    assert {"prod"} == set(host.state.freezes)


def test_whoever_runs_goes_on_when_the_stage_closes() -> None:
    """A freeze keeps back whoever has not started (R7)."""
    host = Host({"dev": {"delivery": ["deploy", "test"]}}, calendar=Windows([(10, 60)]))
    host.trigger("a")
    host.at(20).finish("a")

    assert (host.task("a"), {}) == ("test", dict(host.state.freezes))


def test_the_next_in_line_asks_when_a_place_is_free() -> None:
    """The lane is given back in the closed time."""
    host = Host(ONE, calendar=Windows([(10, 60)]))
    host.trigger("a")
    host.trigger("b")
    host.at(20).finish("a")

    assert "StageFrozen" in host.said
    assert Phase.WAITING is host.phase("b")


def test_a_calendar_is_asked_once_a_stage_in_a_decision() -> None:
    """However many lanes could start somebody, and whatever else asks."""
    calendar = Windows([(60, 90)])
    host = Host(
        ONE, calendar=calendar, queueing=QueuePolicy(scope="service", limit=2, max_waiting=0)
    )
    for service in ("x", "y"):
        for stage in ONE:
            host.trigger(f"{stage}-{service}", stage, service=service)
    host.freeze("dev", until=instant(10))
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(scope="service", limit=3))
    for service in ("x", "y"):
        host.trigger(f"late-{service}", service=service)
    calendar.asked.clear()
    host.at(10).check()

    assert [("dev", instant(10))] == calendar.asked
    assert [Phase.RUNNING] * 2 == [host.phase("late-x"), host.phase("late-y")]


def test_a_calendar_is_no_part_of_what_is_replayed() -> None:
    """What it said is in the event (R37)."""
    host, calendar = closed_from_the_start()
    host.trigger("a")
    calendar.asked.clear()
    state = host.plane.initial("sockshop")
    for event in host.events:
        state = evolve(state, event)

    assert (host.state, []) == (state, calendar.asked)


def test_a_queue_without_room_takes_nobody_who_is_kept_back() -> None:
    """To start at once a stage must be open (R6)."""
    host = Host(ONE, calendar=Windows([(0, 60)]), queueing=QueuePolicy(max_waiting=0))
    host.trigger("a")
    closed = host.code
    host.at(60).trigger("b")

    assert ("rejected queue_full", "applied") == (closed, host.code)
    assert {} == host.state.freezes


def test_a_waiting_limit_runs_on_while_the_stage_is_closed() -> None:
    """It alone ends what waits (R30)."""
    host = Host(ONE, calendar=Windows([(0, 90)]), timeouts=TimeoutPolicy(waiting="60s"))
    host.trigger("a")
    host.until(60)

    assert Phase.EXPIRED is host.phase("a")


def test_a_person_can_freeze_what_the_calendar_has_closed() -> None:
    """The person's freeze replaces it, even if it ends sooner, and holds since now."""
    host, _ = closed_from_the_start(90)
    host.trigger("a")
    host.at(10).freeze(until=instant(30), actor="ann")
    kept = freeze_of(host)
    host.at(30).check()

    assert (Cause.REQUESTED, instant(10), instant(30), "") == (
        kept.cause, kept.at, kept.until, kept.window,
    )  # fmt: skip
    assert ("StageUnfrozen", "StageFrozen") == host.said
    assert (Cause.CALENDAR, instant(90)) == (freeze_of(host).cause, freeze_of(host).until)


# ---------------------------------------------------------------- unfreezing against it


def test_unfreezing_what_the_calendar_closes_is_refused() -> None:
    """As long as it says the same; the sentence says until when."""
    host, _ = closed_from_the_start()
    host.trigger("a")
    host.at(1).unfreeze()

    assert host.code == "rejected closed_by_calendar"
    assert host.last is not None
    assert f"closes stage dev until {instant(60).isoformat()} (night)" in str(host.last.outcome)


def test_closed_for_good_by_a_window_without_a_name_is_said_so() -> None:
    """The sentence has what is known."""
    host = Host(ONE, calendar=Windows(fault=Opening(False)))
    host.trigger("a")
    host.unfreeze()

    assert host.last is not None
    assert "message='The calendar closes stage dev for good.'" in str(host.last.outcome)


def test_unfreezing_what_is_not_frozen_changes_nothing() -> None:
    """Nor does it ask the calendar."""
    host, calendar = closed_from_the_start()
    host.unfreeze()

    assert ("not_frozen", []) == (host.code, calendar.asked)


def test_unfreezing_takes_what_a_new_calendar_says() -> None:
    """Open: it admits. Closed otherwise: the freeze takes the new end and name, and stays since."""
    host, calendar = closed_from_the_start()
    host.trigger("a")
    calendar.closed, calendar.name = [(0, 90)], "long night"
    host.at(1).unfreeze(actor="ann", request_id="r1")
    moved, code = freeze_of(host), host.code
    host.unfreeze(request_id="r1")
    repeated = host.code
    calendar.closed = []
    host.at(2).unfreeze()

    assert ("applied", "repeated", "applied") == (code, repeated, host.code)
    assert (T0, instant(90), "long night", "ann") == (
        moved.at, moved.until, moved.window, moved.control.actor,
    )  # fmt: skip
    assert Phase.RUNNING is host.phase("a")


@pytest.mark.parametrize(("end", "name"), [(60, "other"), (61, "night")])
def test_another_end_or_another_name_is_another_answer(end: float, name: str) -> None:
    """Either alone is enough."""
    host, calendar = closed_from_the_start()
    host.trigger("a")
    calendar.closed, calendar.name = [(0, end)], name
    host.unfreeze()

    assert host.code == "applied"
    assert (instant(end), name) == (freeze_of(host).until, freeze_of(host).window)


def test_a_plane_without_a_calendar_is_open() -> None:
    """A host that gives its calendar up gets its stages back."""
    host, _ = closed_from_the_start()
    host.trigger("a")
    host.plane = attrs.evolve(host.plane, calendar=None)
    host.unfreeze()

    assert Phase.RUNNING is host.phase("a")


def test_unfreezing_a_persons_freeze_does_not_ask_but_admission_does() -> None:
    """The person's freeze ends, and the calendar keeps the line back."""
    host = Host(ONE, calendar=Windows([(0, 60)]))
    host.freeze()
    host.trigger("a")
    host.unfreeze()

    assert ("applied", ("StageUnfrozen", "StageFrozen")) == (host.code, host.said)
    assert Cause.CALENDAR is freeze_of(host).cause


# ---------------------------------------------------------------- calendars that fail

FAULTS: list[tuple[Any, str]] = [
    (ZeroDivisionError("no\nday"), "the calendar raised ZeroDivisionError('no\\nday') for stage"),
    (Opening(False, until=T0), "the calendar answered Opening(is_open=False"),
    (Opening(False, until=T0 - timedelta(days=1)), "the calendar answered Opening(is_open=False"),
    ("open", "the calendar answered 'open' for stage 'dev'"),
    (True, "the calendar answered True for stage 'dev'"),
]


@pytest.mark.parametrize(("fault", "said"), FAULTS)
def test_a_calendar_that_fails_closes_for_good(fault: Any, said: str) -> None:
    """No command fails for it but the one that asks again; the window is named by the error."""
    calendar = Windows(fault=fault)
    host = Host(ONE, calendar=calendar)
    host.trigger("a")
    kept = freeze_of(host)

    with pytest.raises(CalendarError) as raised:
        host.unfreeze()

    assert (Cause.CALENDAR, None) == (kept.cause, kept.until)
    assert kept.window.startswith(said)
    assert ("dev", fault) == (raised.value.stage, raised.value.value)
    assert str(raised.value).startswith(said)
    calendar.fault = None
    host.unfreeze()
    assert Phase.RUNNING is host.phase("a")


class Rows:
    """An answer that shows itself in two rows."""

    def __repr__(self) -> str:
        return "two\nrows"


def test_a_failure_is_named_in_one_row() -> None:
    """A window's name is printable."""
    host = Host(ONE, calendar=Windows(fault=Rows()))
    host.trigger("a")

    assert "the calendar answered two rows for stage 'dev'" == freeze_of(host).window


def test_the_name_of_a_failure_fits_a_window() -> None:
    """A long error is cut."""
    host = Host(ONE, calendar=Windows(fault="x\n" * 300))
    host.trigger("a" * 5)
    long = Host(
        {"d" * 63: {"delivery": ["deploy"]}}, calendar=Windows(fault=KeyError("ü\x00" * 99))
    )
    long.trigger("b", "d" * 63)

    for window in (freeze_of(host).window, freeze_of(long, "d" * 63).window):
        assert window.isprintable()
        assert 100 < len(window) <= 200


def test_what_ends_the_program_is_not_kept() -> None:
    """An interrupt in a calendar is the host's, and nothing is decided."""
    host = Host(ONE, calendar=Windows(fault=KeyboardInterrupt()))

    with pytest.raises(KeyboardInterrupt):
        host.trigger("a")
    assert host.state.serial == 0


def test_an_open_answer_is_taken_whatever_its_end() -> None:
    """It is asked again by whoever starts next."""
    host = Host(ONE, calendar=Windows(fault=Opening(True, until=T0)))
    host.trigger("a")

    assert Phase.RUNNING is host.phase("a")


def test_a_calendar_is_a_function() -> None:
    """Anything else is a mistake of the program."""
    with pytest.raises(InvalidValue, match="calendar: must be a function of stage and instant"):
        ControlPlane(Shipyard.of(ONE), calendar="weekdays")  # type: ignore[arg-type]


# ---------------------------------------------------------------- one is let through (R38)


def frozen(*more: str, **policies: Any) -> Host:
    """A host whose stage is frozen, with sequences that wait: `a`, `b` and more."""
    host = Host(ONE, **policies)
    host.freeze()
    for name in ("a", "b", *more):
        host.trigger(name)
    return host


def test_an_exempted_one_starts_in_a_frozen_stage() -> None:
    """At once if the lane is free, and nobody else does; who and why is kept to its end."""
    host = frozen()
    host.exempt("b", actor="ann", reason="hotfix")
    running = (host.said, host.phase("b"), host.phase("a"))
    host.finish("b")

    started = ("SequenceExempted", "SequenceStarted", "TaskTriggered")
    assert (started, Phase.RUNNING, Phase.WAITING) == running
    assert ("ann", "hotfix") == (
        host.of(SequenceExempted)[0].control.actor, host.record("b").exempted.reason,  # type: ignore[union-attr]
    )  # fmt: skip
    assert Phase.WAITING is host.phase("a")


def test_exempted_ones_keep_their_order_and_the_limit() -> None:
    """By priority, then by place, one at a time (R1, R2)."""
    host = frozen("c", "d")
    host.trigger("e", priority=1)
    order = []
    for name in ("d", "b", "e"):
        host.exempt(name)
    for _ in range(3):
        (ran,) = host.state.holders("dev")
        order.append(ran)
        host.finish(ran)

    assert ["d", "e", "b"] == order
    assert () == host.state.holders("dev")


def test_an_exempted_one_needs_no_calendar() -> None:
    """It is not asked for it, and starts although it says closed."""
    host, calendar = closed_from_the_start()
    host.trigger("a")
    calendar.asked.clear()
    host.exempt("a")

    assert (Phase.RUNNING, []) == (host.phase("a"), calendar.asked)


def test_who_is_behind_an_exempted_one_finds_the_stage_closed() -> None:
    """With two places the exempted one takes one, and the calendar keeps the other."""
    calendar = Windows([(0, 60)])
    host = Host(ONE, calendar=calendar, queueing=QueuePolicy(limit=2))
    host.plane = attrs.evolve(host.plane, calendar=None)
    host.freeze()
    host.trigger("a")
    host.trigger("b")
    host.pause("b")
    host.exempt("b")
    host.plane = attrs.evolve(host.plane, calendar=calendar)
    host.unfreeze()
    host.resume("b")

    assert (Phase.WAITING, Phase.RUNNING) == (host.phase("a"), host.phase("b"))
    assert Cause.CALENDAR is freeze_of(host).cause


def test_in_an_open_stage_the_others_start_beside_an_exempted_one() -> None:
    """It has no place that they could not have."""
    host = Host(ONE, calendar=Windows([(60, 90)]))
    for name in ("holder", "a", "b"):
        host.trigger(name)
    host.exempt("a")
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(limit=3))
    host.check()

    assert [Phase.RUNNING] * 2 == [host.phase("a"), host.phase("b")]


def test_a_pause_holds_an_exempted_one() -> None:
    """Exempted while held it starts with the resume."""
    host = frozen()
    host.pause("a")
    host.exempt("a")
    held = (host.code, host.phase("a"))
    host.resume("a")

    assert (("applied", Phase.HELD), Phase.RUNNING) == (held, host.phase("a"))


def test_latest_only_does_not_supersede_an_exempted_one() -> None:
    """The hotfix keeps its place, and the newcomer stands behind it (R6)."""
    host = Host(ONE, queueing=QueuePolicy(mode="latest_only"))
    host.freeze()
    host.trigger("holder", service="orders")
    host.exempt("holder")
    host.trigger("hotfix")
    host.exempt("hotfix")
    host.trigger("newer")
    host.trigger("newest")

    assert (Phase.WAITING, Phase.SUPERSEDED) == (host.phase("hotfix"), host.phase("newer"))
    assert ("hotfix", "newest") == host.state.line("dev")


def test_what_cannot_be_exempted() -> None:
    """Each with its code, checked after a repeated request (R25)."""
    host = Host(ONE)
    host.trigger("runs")
    host.trigger("waits")
    host.exempt("waits", request_id="r1")
    codes = []
    for sequence_id, request in [
        ("nobody", "r1"), ("nobody", None), ("waits", None), ("runs", None),
    ]:  # fmt: skip
        host.exempt(sequence_id, request_id=request)
        codes.append(host.code)
    host.finish("runs")
    host.exempt("runs")

    expected = ["repeated", "rejected unknown_sequence", "already_exempt", "already_started"]
    assert [*expected, "rejected already_ended"] == [*codes, host.code]


def test_a_raised_limit_is_used_by_the_exempted_of_a_frozen_stage() -> None:
    """A check admits in every lane, and looks only at the lanes that have such (R3, R29)."""
    host = frozen(queueing=QueuePolicy(scope="service"))
    host.trigger("orders", service="orders")
    for name in ("a", "b", "orders"):
        host.exempt(name)
    before = [host.phase(name) for name in ("a", "b", "orders")]
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(scope="service", limit=2))
    host.check()

    assert [Phase.RUNNING, Phase.WAITING, Phase.RUNNING] == before
    assert Phase.RUNNING is host.phase("b")


def test_where_no_limit_was_raised_a_check_of_a_frozen_stage_does_nothing() -> None:
    """An exempted one behind another waits its turn."""
    host = frozen()
    host.exempt("a")
    host.exempt("b")
    host.tell(CheckDeadlines())

    assert ("nothing_due", Phase.WAITING) == (host.code, host.phase("b"))


@pytest.mark.parametrize("end", [lambda host: host.abort("a"), lambda host: host.pause("a")])
def test_an_exempted_one_that_leaves_the_line_is_out_of_the_way(
    end: Callable[[Host], object],
) -> None:
    """The next of the exempted is first then."""
    host = frozen("c")
    host.exempt("c")
    host.exempt("a")
    host.exempt("b")
    end(host)
    host.finish("c")

    assert Phase.RUNNING is host.phase("b")
