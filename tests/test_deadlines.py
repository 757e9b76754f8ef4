"""What happens by itself: limits, delays, order and clocks (R10, R26–R31)."""

from datetime import timedelta, timezone

import attrs
import pytest

from sequencectl import (
    CheckDeadlines,
    InvalidValue,
    Phase,
    QueuePolicy,
    TaskTimeouts,
    TaskTriggered,
    TimeoutPolicy,
    thaw,
)
from sequencectl.events import (
    DeadlineKind,
    SequenceExpired,
    SequencePaused,
    SequenceTimedOut,
    TaskScheduled,
    TaskTimedOut,
)
from tests.support import T0, Host, instant

ONE_TASK = {"dev": {"delivery": ["deploy"]}}
TWO_TASKS = {"dev": {"delivery": ["deploy", "test"]}}
DELAYED = {"dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "60s"}]}}


def test_a_deadline_fires_at_its_instant_and_not_before() -> None:
    """A check just before the deadline does nothing, one at it ends the sequence (R29)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.at(179.999999).check()
    codes = [host.code]
    host.at(180).check()
    codes.append(host.code)

    assert ["nothing_due", "applied"] == codes
    assert (Phase.TIMED_OUT, None) == (host.phase("a"), host.state.next_deadline)


def test_a_report_decided_before_the_check_counts() -> None:
    """A start that arrives after the deadline, but before any check, is a reaction (R29)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.at(200).start("a")

    host.check()

    assert "nothing_due" == host.code
    assert instant(86_400) == host.state.next_deadline


def test_a_timeout_releases_the_lane_in_the_same_decision() -> None:
    """The next one starts when the one before runs out of time (R27)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.trigger("b")

    host.at(180).check()

    assert Phase.RUNNING is host.phase("b")
    assert [
        "TaskTimedOut",
        "SequenceTimedOut",
        "SequenceStarted",
        "TaskTriggered",
    ] == list(host.said)


def test_limits_come_from_the_task_then_its_name_then_the_default() -> None:
    """The event of a task carries the limits that were read when it was triggered (R26)."""
    tasks = [
        {"name": "deploy", "timeouts": {"reaction": "1m"}},
        "approval",
        {"name": "approval", "timeouts": {"completion": "2h"}},
        "test",
    ]
    policy = TimeoutPolicy(
        reaction="5m",
        completion="1h",
        tasks={"approval": TaskTimeouts(reaction=None, completion="24h")},
    )
    host = Host({"dev": {"delivery": tasks}}, timeouts=policy)
    host.trigger("a")
    for _ in tasks:
        host.finish("a")

    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    assert [
        (minute, hour),
        (None, 24 * hour),
        (None, 2 * hour),
        (5 * minute, hour),
    ] == [(event.reaction_timeout, event.completion_timeout) for event in host.of(TaskTriggered)]


def test_an_unbounded_policy_leaves_no_deadline() -> None:
    """Only an unbounded policy may leave a task in flight with no limit (R26)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy.unbounded())
    host.trigger("a")

    assert None is host.state.next_deadline


@pytest.mark.parametrize(
    ("own", "today", "expected"),
    [
        ({}, TimeoutPolicy(), 180),
        ({}, TimeoutPolicy(tasks={"deploy": TaskTimeouts(reaction="1m")}), 60),
        ({}, TimeoutPolicy(tasks={"test": TaskTimeouts(reaction="1m")}), 180),
        ({"reaction": "10s"}, TimeoutPolicy(), 10),
        ({"reaction": None}, TimeoutPolicy(), 86_400),
        ({"reaction": None}, TimeoutPolicy(tasks={"deploy": TaskTimeouts(completion="1h")}), 3_600),
    ],
)
def test_a_definition_accepted_without_a_completion_limit_gets_that_of_today(
    own: dict[str, str | None], today: TimeoutPolicy, expected: int
) -> None:
    """A bounded policy adds what is missing and leaves the task's own reaction limit (R26, R27)."""
    tasks = [{"name": "deploy", "timeouts": {**own, "completion": None}}]
    host = Host({"dev": {"delivery": tasks}}, timeouts=TimeoutPolicy.unbounded())
    host.trigger("a")
    host.trigger("b")
    host.plane = Host(ONE_TASK, timeouts=today).plane

    host.finish("a")

    assert instant(expected) == host.state.next_deadline


def test_a_check_fills_lanes_before_anybody_expires() -> None:
    """Where a limit was raised, whoever has waited too long starts instead (R3, R29)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="3s"))
    host.trigger("a")
    host.trigger("b")
    host.trigger("c")
    host.plane = attrs.evolve(host.plane, queueing=QueuePolicy(limit=2))

    host.at(3).check()

    phases = [Phase.RUNNING, Phase.RUNNING, Phase.EXPIRED]
    assert phases == [host.phase(each) for each in "abc"]


def test_a_delay_counts_from_the_end_of_the_task_before() -> None:
    """The next task is scheduled, then triggered by a check, with limits from then on (R10)."""
    host = Host(DELAYED)
    host.trigger("a")
    host.at(10).finish("a")
    seen = (host.task("a"), host.state.next_deadline)

    host.at(75).check()

    assert (None, instant(70)) == seen
    assert [instant(70)] == [event.due_at for event in host.of(TaskScheduled)]
    assert instant(75 + 180) == host.of(TaskTriggered)[1].reaction_deadline


def test_a_delay_of_the_first_task_counts_from_the_start() -> None:
    """A sequence whose first task is delayed holds its lane and waits (R10)."""
    host = Host({"dev": {"delivery": [{"name": "deploy", "triggeredAfter": "1m"}]}})
    host.trigger("a")
    seen = (host.phase("a"), host.task("a"))

    host.until(60)

    assert (Phase.RUNNING, None) == seen
    assert "deploy" == host.task("a")


def test_a_pause_during_a_delay_is_no_deadline() -> None:
    """While paused nothing is due; resume triggers what is, and leaves the rest (R10)."""
    host = Host(DELAYED)
    host.trigger("a")
    host.finish("a")
    host.pause("a")
    seen = [host.state.next_deadline]
    host.at(30).resume("a")
    seen.append(host.state.next_deadline)
    host.pause("a")
    host.at(100).resume("a")

    assert [None, instant(60)] == seen
    assert "test" == host.task("a")


def test_a_delay_goes_on_while_pausing() -> None:
    """A task that ends in a paused sequence starts the delay of the next one (R10)."""
    host = Host(DELAYED)
    host.trigger("a")
    host.pause("a")
    host.at(10).finish("a")
    seen = host.phase("a")
    host.at(20).resume("a")

    assert Phase.PAUSED is seen
    assert instant(70) == host.state.next_deadline


def test_total_stands_while_paused_and_sums_up_every_pause() -> None:
    """Only the time from drained to resume is not counted (R30)."""
    host = Host(TWO_TASKS, timeouts=TimeoutPolicy(total="100s"))
    host.trigger("a")
    host.at(10).start("a")
    host.at(20).pause("a")
    host.at(30).finish("a")
    seen = [host.state.next_deadline]
    host.at(500).resume("a")
    seen.append(host.state.next_deadline)

    host.until(570)

    assert [None, instant(570)] == seen
    event = host.of(SequenceTimedOut)[0]
    assert (DeadlineKind.TOTAL, host.record("a").abandoned_task) == (
        event.explanation.kind,
        host.task_id("a"),
    )
    assert "Sequence delivery in stage dev was not over within 1m40s" in event.message
    assert (instant(470), instant(570)) == (event.explanation.since, event.explanation.deadline)


def test_total_runs_on_through_a_pause_that_never_drained() -> None:
    """Resumed while its task is in flight, a sequence has the deadline it had (R30)."""
    host = Host(TWO_TASKS, timeouts=TimeoutPolicy(total="100s"))
    host.trigger("a")
    host.at(10).start("a")
    host.at(20).pause("a")

    host.at(30).resume("a")

    assert instant(100) == host.state.next_deadline
    assert [None] == [event.time_left for event in host.of(SequencePaused)]


def test_a_held_one_knows_how_long_it_may_still_wait() -> None:
    """What is left of its waiting is in the event, for whoever reads along (R30)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="100s"))
    host.freeze()
    host.trigger("a")

    host.at(40).pause("a")

    assert [timedelta(seconds=60)] == [event.time_left for event in host.of(SequencePaused)]


def test_a_delay_that_is_over_at_the_resume_is_due() -> None:
    """Resume triggers a task whose instant has come, to the second (R10)."""
    host = Host(DELAYED)
    host.trigger("a")
    host.finish("a")
    host.pause("a")

    host.at(60).resume("a")

    assert "test" == host.task("a")


def test_an_end_by_a_limit_carries_the_labels() -> None:
    """Of a sequence that expired and of one that timed out; its task is named (R27, R30)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="100s"))
    host.trigger("a", data={"labels": {"team": "sock"}})
    host.trigger("b", data={"labels": {"team": "shoe"}})

    host.until(180)

    expired, timed_out = host.of(SequenceExpired)[0], host.of(SequenceTimedOut)[0]
    assert {"team": "shoe"} == thaw(expired.labels)
    assert {"team": "sock"} == thaw(timed_out.labels)
    assert ["deploy"] == [event.task for event in host.of(TaskTimedOut)]


def test_total_runs_while_pausing_and_not_while_aborting() -> None:
    """A pausing sequence can run out of its total; an aborting one has its grace (R30)."""
    endings = []
    for act in ("pause", "abort"):
        host = Host(ONE_TASK, timeouts=TimeoutPolicy(total="100s"))
        host.trigger("a")
        host.start("a")
        getattr(host, act)("a")
        host.until(100)
        endings.append(host.phase("a"))

    assert [Phase.TIMED_OUT, Phase.ABORTING] == endings


def test_waiting_runs_while_frozen_and_stands_while_held() -> None:
    """Queue time is charged to waiting alone; its expiry is an end of its own (R30)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="100s"))
    host.freeze()
    host.trigger("a")
    host.trigger("b")
    host.at(40).pause("b")
    host.at(200).check()
    seen = (host.phase("a"), host.phase("b"), host.state.next_deadline)
    host.resume("b")

    assert (Phase.EXPIRED, Phase.HELD, None) == seen
    assert instant(260) == host.state.next_deadline
    said = host.of(SequenceExpired)[0].message
    assert "Sequence delivery in stage dev could not start within 1m40s; it was terminated." == said


def test_an_overdue_limit_that_a_pause_stopped_is_due_at_the_resume() -> None:
    """A pause decided before the check counts; nothing is left after it (R29, R30)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="10s"))
    host.freeze()
    host.trigger("a")
    host.at(50).pause("a")
    host.at(70).resume("a")

    assert instant(70) == host.state.next_deadline


def test_what_is_due_is_taken_in_order_of_instant_and_lanes_are_filled_between() -> None:
    """A waiting one whose holder ran out first starts instead of expiring (R29)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="200s"))
    host.trigger("a")
    host.trigger("b")

    host.at(1_000).check()

    assert (Phase.TIMED_OUT, Phase.RUNNING) == (host.phase("a"), host.phase("b"))


def test_at_one_instant_the_earlier_place_is_taken_first() -> None:
    """Equal deadlines are taken by place (R29)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(limit=2))
    host.trigger("a")
    host.trigger("b")

    host.at(180).check()

    assert ["a", "b"] == [event.subject.sequence_id for event in host.of(TaskTimedOut)]


def test_of_two_limits_at_one_instant_the_task_s_own_is_told() -> None:
    """Of several limits of one sequence the first in `DeadlineKind` ends it, and says so (R28)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(reaction="100s", total="100s"))
    host.trigger("a")

    host.until(100)

    assert [DeadlineKind.REACTION] == [x.explanation.kind for x in host.of(SequenceTimedOut)]


def test_a_check_takes_at_most_its_limit_and_leaves_the_rest_due() -> None:
    """What is left stays due and is the next deadline (R29)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(limit=3))
    for sequence_id in "abc":
        host.trigger(sequence_id)

    host.at(500).check(limit=2)

    assert 2 == len(host.of(SequenceTimedOut))
    assert instant(180) == host.state.next_deadline


def test_a_clock_that_is_a_little_behind_is_corrected() -> None:
    """Within the skew, events never go back in time (R29)."""
    host = Host(ONE_TASK)
    host.at(100).trigger("a")

    host.at(10).trigger("b")

    assert instant(100) == host.events[-1].at


def test_a_decision_without_events_leaves_no_trace_of_its_instant() -> None:
    """A check at a far instant that finds nothing changes nothing (R29)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy.unbounded())
    host.trigger("a")
    host.at(9_999).check()

    host.at(5).start("a")

    assert instant(5) == host.events[-1].at


def test_an_instant_nobody_can_use_is_refused() -> None:
    """A naive instant is a program's mistake; `checked_instant` says what else is."""
    host = Host(ONE_TASK)

    with pytest.raises(InvalidValue, match=r"^now: must be aware"):
        host.plane.decide(host.state, CheckDeadlines(), T0.replace(tzinfo=None))


def test_instants_of_other_zones_are_taken_to_utc() -> None:
    """An aware instant of any zone is the same instant in UTC."""
    host = Host(ONE_TASK)
    host.now = T0.astimezone(timezone(timedelta(hours=5, minutes=30)))

    host.trigger("a")

    assert (T0, timedelta(0)) == (host.events[0].at, host.events[0].at.utcoffset())
