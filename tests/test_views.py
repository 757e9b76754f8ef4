"""Explanations, deliveries and open tasks (R32)."""

from collections.abc import Callable

import attrs
import pytest

from sequencectl import (
    Applied,
    Approval,
    Explanation,
    Opening,
    Phase,
    QueuePolicy,
    Result,
    Subject,
    TaskDefinition,
    TimeoutPolicy,
    UnknownContext,
    UnknownSequence,
)
from sequencectl.events import DeadlineKind, SequenceAborted, SequenceTimedOut, TaskTriggered
from sequencectl.views import SequenceStatus
from tests.support import T0, Host, instant, word

TWO_TASKS = {"dev": {"delivery": ["deploy", "test"]}}


def explained(host: Host, sequence_id: str) -> str:
    """The explanation of a sequence as text."""
    return str(host.plane.explain(host.state, sequence_id))


def line(host: Host, context: str = "a") -> str:
    """The status line of a delivery."""
    return host.plane.delivery(host.state, context).status_line


def test_a_waiting_one_knows_its_position_and_the_holder() -> None:
    """How many are ahead, the first ten of them, and who holds the lane in which phase (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    for number in range(12):
        host.trigger(f"w{number}")
    host.trigger("late", priority=-1)
    host.pause("a")

    explanation = host.plane.explain(host.state, "late")

    assert 12 == explanation.ahead
    assert tuple(f"w{number}" for number in range(10)) == explanation.ahead_ids
    assert (("a", Phase.PAUSING),) == explanation.holders
    assert "waiting since 2026-01-01T09:00:00+00:00, with 12 waiting ahead" in str(explanation)
    assert "The lane is held by a (pausing)." in str(explanation)


def test_of_several_pauses_the_widest_is_told() -> None:
    """Whoever paused the whole delivery has to resume it, whatever was paused first (R18)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.pause("a", stage="dev", actor="ann")
    host.pause("a", actor="bob")

    pause = host.plane.explain(host.state, "a").pause

    assert pause is not None
    assert (None, "bob") == (pause.stage, pause.control.actor)


def test_the_lanes_of_a_stage_are_those_with_somebody_in_them() -> None:
    """By name; a stage in which nobody is has none, nor has one that nobody knows (R1)."""
    host = Host({**TWO_TASKS, "prod": {}}, queueing=QueuePolicy(scope="service"))
    for sequence_id, service in (("a", "orders"), ("b", "carts"), ("c", "carts")):
        host.trigger(sequence_id, service=service)
    lanes = host.state.lanes("dev")
    host.abort("a", force=True)

    assert (("dev/carts", "dev/orders"), ("dev/carts",)) == (lanes, host.state.lanes("dev"))
    assert ((), ()) == (host.state.lanes("prod"), host.state.lanes("nowhere"))


def test_a_holder_of_an_overlapping_lane_is_named() -> None:
    """A lane named under another scope can hold one back, and is shown (R1, R32)."""
    host = Host(TWO_TASKS, queueing=QueuePolicy(scope="service"))
    host.trigger("a")
    host.trigger("b")
    seen = host.plane.explain(host.state, "b").holders
    host.plane = Host(TWO_TASKS).plane
    host.trigger("c")

    assert (("a", Phase.RUNNING),) == seen
    assert (("a", Phase.RUNNING),) == host.plane.explain(host.state, "c").holders


def test_a_service_waits_for_who_holds_the_whole_stage() -> None:
    """The holder of the stage's own lane is shown before those of the service's (R1, R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.plane = Host(TWO_TASKS, queueing=QueuePolicy(scope="service")).plane
    host.trigger("b")

    assert (("a", Phase.RUNNING),) == host.plane.explain(host.state, "b").holders


def test_one_that_runs_tells_its_task_and_its_deadline() -> None:
    """Who waits, and what keeps others from starting, is nothing to a holder (R32)."""
    host = Host(TWO_TASKS, queueing=QueuePolicy(limit=2))
    host.trigger("a", service="")
    host.at(9).trigger("b")
    host.trigger("urgent", priority=5)
    host.freeze(actor="ann")

    assert Explanation(
        Subject("sockshop", "a", "dev", "delivery", "", "a"),
        Phase.RUNNING,
        T0,
        Result.PASS,
        task="deploy",
        can_force=True,
        deadline=instant(180),
        deadline_kind=DeadlineKind.REACTION,
    ) == host.plane.explain(host.state, "a")
    assert explained(host, "a") == (
        "delivery in stage dev is running since 2026-01-01T09:00:00+00:00, in task deploy. "
        "Its reaction deadline is at 2026-01-01T09:03:00+00:00."
    )
    assert "The lane is held by a (running), b (running)." in explained(host, "urgent")


@pytest.mark.parametrize("scope", [{}, {"stage": "dev"}])
@pytest.mark.parametrize(
    ("actor", "reason", "said"),
    [
        ("", "", "Paused."),
        ("ann", "", "Paused by ann."),
        ("", "lunch", "Paused (lunch)."),
        ("ann", "lunch", "Paused by ann (lunch)."),
    ],
)
def test_a_pause_is_told_as_far_as_it_is_known(
    scope: dict[str, str], actor: str, reason: str, said: str
) -> None:
    """Who paused a context, or a stage of it, and why, if they said so (R18, R32)."""
    host = Host(TWO_TASKS)
    host.freeze()
    host.trigger("a")
    host.pause("a", actor=actor, reason=reason, **scope)

    assert explained(host, "a") == (
        "delivery of carts in stage dev is paused since 2026-01-01T09:00:00+00:00, "
        f"with 0 waiting ahead of it. {said} The stage is frozen."
    )


def test_an_abort_hides_the_pause_it_overtook() -> None:
    """What is being aborted is not kept back by a pause any more (R22, R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.pause("a", actor="ann")
    host.abort("a", actor="bob")

    explanation = host.plane.explain(host.state, "a")

    assert (Phase.ABORTING, None) == (explanation.phase, explanation.pause)
    assert explanation.control is not None
    assert "bob" == explanation.control.actor


def test_who_paused_and_who_froze_is_told() -> None:
    """Actor and reason of a pause and of a freeze are in the explanation (R32)."""
    host = Host(TWO_TASKS)
    host.freeze(actor="ann", reason="audit")
    host.trigger("a")
    host.pause("a", actor="bob")

    said = explained(host, "a")

    assert "paused since" in said
    assert "Paused by bob." in said
    assert "The stage is frozen by ann (audit)." in said


@pytest.mark.parametrize(
    ("control", "standing", "status"),
    [("pause", "pausing", "paused"), ("abort", "being aborted", "aborted")],
)
def test_what_a_control_waits_for_is_not_told_as_done(
    control: str, standing: str, status: str
) -> None:
    """While a task is in flight the sentence says so, and the status line is ahead of it (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    getattr(host, control)("a")
    said = explained(host, "a")

    assert f"stage dev is {standing} since 2026-01-01T09:00:00+00:00, in task deploy." in said
    assert f"The {control} waits for task deploy" in said
    assert status not in said.lower().replace(standing, "")
    assert f"delivery {status}" == line(host)


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda host: host.start("a"), (True, False)),
        (lambda host: host.pause("a"), (True, False)),
        (lambda host: host.abort("a"), (True, False)),
        (lambda host: (host.pause("a"), host.finish("a")), (False, False)),
        (lambda host: host.finish("a"), (False, False)),
        (lambda host: host.abort("a", force=True), (False, True)),
    ],
)
def test_force_is_offered_where_a_task_is_in_flight(
    act: Callable[[Host], object], expected: tuple[bool, bool]
) -> None:
    """Otherwise an abort ends it at once as well, in line or between tasks (R22, R23)."""
    host = Host({"dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "9s"}]}})
    host.trigger("a")
    host.trigger("b")
    act(host)

    assert expected == tuple(host.plane.explain(host.state, each).can_force for each in "ab")


def test_an_ended_one_of_a_live_delivery_cannot_be_forced() -> None:
    """What is permitted to the delivery does not bring back what has ended (R24, R32)."""
    host = Host({**TWO_TASKS, "prod": {"delivery": ["deploy"]}})
    host.trigger("a")
    host.trigger("b", stage="prod", context="a")
    host.finish("a", "fail")

    assert Applied() == host.plane.permitted(host.state, "a")["force"]
    assert [False, True] == [host.plane.explain(host.state, each).can_force for each in "ab"]


def test_an_abort_tells_what_it_waits_for() -> None:
    """The task it waits for, the next deadline, and that force is possible (R32)."""
    host = Host(TWO_TASKS, timeouts=TimeoutPolicy(abort_grace="30s"))
    host.trigger("a")
    host.abort("a", actor="ann")

    explanation = host.plane.explain(host.state, "a")

    assert ("deploy", True, "ann") == (
        explanation.waits_for,
        explanation.can_force,
        explanation.control.actor,
    )
    assert (instant(30), DeadlineKind.ABORT_GRACE) == (
        explanation.deadline,
        explanation.deadline_kind,
    )
    until = "The abort by ann waits for task deploy until 2026-01-01T09:00:30+00:00 at most"
    assert f"{until}; force ends it at once." == explanation.drain_line
    assert str(explanation).endswith(f"in task deploy. {explanation.drain_line}")
    assert f"{until}." == attrs.evolve(explanation, can_force=False).drain_line


_TAKEN_LATER = "if executors take it by then, until"


@pytest.mark.parametrize(
    ("timeouts", "is_taken", "expected"),
    [
        (TimeoutPolicy(), False, f"until {{180}}; {_TAKEN_LATER} {{86400}} at most"),
        (TimeoutPolicy(), True, "until {86400} at most"),
        (TimeoutPolicy(abort_grace="1h"), False, f"until {{180}}; {_TAKEN_LATER} {{3600}} at most"),
        (TimeoutPolicy(abort_grace="1h"), True, "until {3600} at most"),
        (TimeoutPolicy(abort_grace="1m"), False, "until {60} at most"),
        (
            TimeoutPolicy.unbounded(reaction="3m"),
            False,
            f"until {{180}}; {_TAKEN_LATER} they finish",
        ),
        (TimeoutPolicy.unbounded(), False, "without a limit"),
    ],
)
def test_an_abort_says_until_when_it_waits(
    timeouts: TimeoutPolicy, is_taken: bool, expected: str
) -> None:
    """It ends at the first limit; if nobody has taken the task yet, both ends are told (R22)."""
    host = Host(TWO_TASKS, timeouts=timeouts)
    host.trigger("a")
    if is_taken:
        host.start("a")
    host.abort("a")
    for seconds in (60, 180, 3_600, 86_400):
        expected = expected.replace(f"{{{seconds}}}", instant(seconds).isoformat())

    explanation = host.plane.explain(host.state, "a")

    assert f"The abort waits for task deploy {expected}; force ends it at once." == (
        explanation.drain_line
    )


def test_only_what_drains_has_a_line_about_it() -> None:
    """It is empty for one that waits, runs, is paused or has ended (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.trigger("b")
    lines = [host.plane.explain(host.state, each).drain_line for each in "ab"]
    host.pause("a", actor="ann")
    lines.append(host.plane.explain(host.state, "a").drain_line)
    host.finish("a")
    lines.append(host.plane.explain(host.state, "a").drain_line)
    host.abort("a")
    lines.append(host.plane.explain(host.state, "a").drain_line)

    assert ["", "", "The pause by ann waits for task deploy.", "", ""] == lines


@pytest.mark.parametrize(
    ("expects", "reports", "expected"),
    [
        (None, ["started"], ""),
        (None, ["started", "started"], "0 of 2 starts by helm are finished."),
        (None, ["started", "started", "finished"], "1 of 2 starts by helm are finished."),
        (1, ["started", "started"], ""),
        (["helm"], ["started", "started"], ""),
    ],
)
def test_a_start_that_was_reported_twice_is_told(
    expects: object, reports: list[str], expected: str
) -> None:
    """A task without `expects` waits for a finish of each start, and says so (R11)."""
    host = Host({"dev": {"delivery": [{"name": "deploy", "expects": expects}]}})
    host.trigger("a")
    task = host.of(TaskTriggered)[0]
    for report in reports:
        is_start = report == "started"
        helm = {"source": "helm"}
        host.tell(task.started(**helm) if is_start else task.finished(result="pass", **helm))

    explanation = host.plane.explain(host.state, "a")

    assert bool(expected) is ("starts by helm" in str(explanation))
    assert expected in str(explanation)
    assert (expects is None) is bool(explanation.unfinished)


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda host: host.until(180), "Nobody reacted to task deploy in stage dev within 3m0s"),
        (
            lambda host: host.abort("a", force=True, actor="ann"),
            "with result fail. Sequence delivery in stage dev was aborted by ann.",
        ),
        (lambda host: host.finish("a", "fail", message="no disk"), "with result fail. no disk"),
    ],
)
def test_an_ended_one_tells_why(act: object, said: str) -> None:
    """The cause of an end is told by its sentence (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")

    act(host)

    assert said in explained(host, "a")
    assert host.plane.explain(host.state, "a").phase.has_ended


def test_the_cause_of_an_end_is_a_value_too() -> None:
    """A program reads the actor, or the limit that was over, without its sentence (R32)."""
    host = Host(TWO_TASKS, queueing=QueuePolicy(limit=2))
    host.trigger("a")
    host.trigger("b")
    host.abort("a", force=True, actor="ann")
    host.until(180)
    aborted, timed_out = (host.plane.explain(host.state, each) for each in "ab")

    assert (host.of(SequenceAborted)[0].control, None) == (aborted.control, aborted.limit)
    assert (None, host.of(SequenceTimedOut)[0].explanation) == (timed_out.control, timed_out.limit)


def test_a_superseded_one_names_its_successor() -> None:
    """The newcomer that took its place is told (R6, R32)."""
    host = Host(TWO_TASKS, queueing=QueuePolicy(mode="latest_only"))
    for sequence_id in "abc":
        host.trigger(sequence_id)

    explanation = host.plane.explain(host.state, "b")

    assert "c" == explanation.superseded_by
    assert "A newer delivery of carts took its place." in str(explanation)


def test_status_lines_are_those_of_the_proposal() -> None:
    """Paused at once, resumed until the next task is over, then running (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("first")
    host.trigger("a")
    lines = [line(host)]
    host.abort("first", force=True)
    for act in (
        lambda: host.start("a"),
        lambda: host.pause("a"),
        lambda: host.finish("a"),
        lambda: host.resume("a"),
        lambda: host.finish("a"),
    ):
        act()
        lines.append(line(host))

    assert [
        "delivery waiting",
        "delivery running",
        "delivery paused",
        "delivery paused",
        "delivery resumed",
        "delivery finished",
    ] == lines


def test_resumed_ends_with_the_next_task() -> None:
    """A delivery that was resumed runs again once a task is over (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.pause("a")
    host.resume("a")
    lines = [line(host)]
    host.finish("a")
    lines.append(line(host))

    assert ["delivery resumed", "delivery running"] == lines
    assert {} == host.state.contexts


def test_resuming_one_stage_is_not_resuming_another() -> None:
    """Resumed is said of the scope that was, and pauses of other scopes stay (R32)."""
    host = Host({**TWO_TASKS, "staging": {"delivery": ["deploy"]}})
    host.trigger("a")
    host.trigger("s", stage="staging", context="a")
    host.pause("a", stage="dev")
    host.pause("a", stage="staging")
    host.resume("a", stage="dev")
    lines = [each.status_line for each in host.plane.delivery(host.state, "a").sequences]
    host.finish("s")
    host.finish("a")
    lines += [each.status_line for each in host.plane.delivery(host.state, "a").sequences]

    assert ["delivery resumed", "delivery paused", "delivery running", "delivery finished"] == lines


@pytest.mark.parametrize(
    ("act", "expected"),
    [
        (lambda host: host.abort("a"), "delivery aborted"),
        (lambda host: host.finish("a", "fail"), "delivery failed"),
        (lambda host: host.until(180), "delivery timed out"),
    ],
)
def test_ends_have_status_lines(act: object, expected: str) -> None:
    """Aborted at once, failed, and timed out (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")

    act(host)

    assert expected == line(host)


def test_draining_is_visible() -> None:
    """A pause or an abort that waits for a task says so (R32)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.pause("a", actor="ann")
    view = host.plane.delivery(host.state, "a")
    host.finish("a")

    status = SequenceStatus(
        "a", "dev", "carts", Phase.PAUSING, Result.PASS, "delivery paused", "deploy"
    )
    assert (status,) == view.sequences
    assert "a: delivery paused (waits for the task in flight)" == str(view)
    assert ("ann", "deploy") == (view.pauses[0].control.actor, view.sequences[0].task)
    assert "a: delivery paused" == str(host.plane.delivery(host.state, "a"))
    assert "delivery of carts in stage dev is paused" in explained(host, "a")
    assert "between tasks." in explained(host, "a")


def test_open_tasks_are_the_events_that_triggered_them() -> None:
    """An executor that polls gets what was published, and who reacted already (R9)."""
    host = Host(TWO_TASKS, queueing=QueuePolicy(limit=3))
    for sequence_id, service in (("a", "carts"), ("b", ""), ("c", "")):
        host.trigger(sequence_id, service=service)
    host.start("a", "helm")
    host.start("a", "jmeter")
    host.pause("c")
    host.finish("c")

    tasks = host.plane.open_tasks(host.state)

    assert [host.task_id("a"), host.task_id("b")] == [task.triggered.task_id for task in tasks]
    assert "Task deploy of delivery of carts in stage dev was triggered at" in str(tasks[0])
    assert str(tasks[0]).endswith("; heard of: helm, jmeter.")
    assert str(tasks[1]).endswith("; nobody has reacted.")
    assert all(task.triggered in host.events for task in tasks)


def test_unknown_ids_are_typed_errors() -> None:
    """A question about what nobody knows raises and shows the id (R32)."""
    host = Host(TWO_TASKS)

    with pytest.raises(UnknownSequence, match="project 'sockshop' knows no sequence 'x'"):
        host.plane.explain(host.state, "x")
    with pytest.raises(UnknownContext, match="project 'sockshop' knows no context 'x'"):
        host.plane.delivery(host.state, "x")


# ---------------------------------------------------------------- what people decide (R34–R38)


def test_an_open_approval_says_who_has_voted_and_who_may_not() -> None:
    """How many votes of how many stand on either side, and whose; a reason is kept (R34)."""
    approval = Approval(approve=2, reject=2, initiator=False)
    task = TaskDefinition("sign", approval=approval)
    host = Host({"dev": {"delivery": [task]}})
    host.trigger("a", actor="alice")
    nobody = explained(host, "a")
    host.vote("a", "bob", message="looks good")
    host.vote("a", "carol", "fail", message="not today")
    explanation = host.plane.explain(host.state, "a")

    assert " Task sign has 0 of 2 approving votes; alice may not vote." in nobody
    said = "1 of 2 approving votes (by bob) and 1 of 2 rejecting votes (by carol)"
    assert explanation.approval_line == f"Task sign has {said}; alice may not vote."
    assert explanation.approval_line in str(explanation)
    assert (approval, ("alice",)) == (explanation.approval, explanation.barred)
    assert [("bob", "looks good"), ("carol", "not today")] == [
        (vote.voter, vote.message) for vote in explanation.votes
    ]
    (open_task,) = host.plane.open_tasks(host.state)
    assert explanation.votes == open_task.votes
    since = "since 2026-01-01T09:00:00+00:00"
    assert f"Task sign of delivery of carts in stage dev is open {since}; {said}." == str(open_task)


def test_where_who_triggered_it_may_vote_nobody_is_barred() -> None:
    """And of any other task nothing is said about votes."""
    host = Host({"dev": {"delivery": [{"name": "sign", "approval": True}, "deploy"]}})
    host.trigger("a", actor="alice")
    barred = host.plane.explain(host.state, "a").barred
    host.vote("a", "alice")
    explanation = host.plane.explain(host.state, "a")

    assert ((), None, (), "") == (
        barred, explanation.approval, explanation.votes, explanation.approval_line,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("opening", "said"),
    [
        (
            Opening(False, until=instant(60), name="night"),
            " until 2026-01-01T09:01:00+00:00 (night).",
        ),
        (Opening(False), " for good."),
    ],
)
def test_a_window_that_keeps_a_sequence_back_is_named(opening: Opening, said: str) -> None:
    """And when it opens (R37)."""
    host = Host(TWO_TASKS, calendar=lambda _stage, _now: opening)
    host.trigger("a")

    expected = f"with 0 waiting ahead of it. The calendar closes the stage{said}"
    assert expected in explained(host, "a")


def test_a_freeze_says_when_it_ends() -> None:
    """And who set that end (R36)."""
    host = Host(TWO_TASKS)
    host.freeze(until=instant(60), actor="ann", reason="audit")
    host.trigger("a")

    until = "until 2026-01-01T09:01:00+00:00"
    assert f"The stage is frozen {until} by ann (audit)." in explained(host, "a")


def test_who_let_a_sequence_through_is_told_to_its_end() -> None:
    """While it waits, while it runs and when it is over (R38)."""
    host = Host(TWO_TASKS)
    host.freeze()
    host.trigger("holder")
    host.exempt("holder")
    host.trigger("a")
    host.exempt("a", actor="ann", reason="hotfix")
    waiting = explained(host, "a")
    host.abort("holder", force=True)
    running = explained(host, "a")
    host.abort("a", force=True)

    for said in (waiting, running, explained(host, "a")):
        assert "It is exempted by ann (hotfix)." in said


def test_a_vote_is_permitted_to_whoever_may_still_change_something() -> None:
    """Whoever has approved may still reject, and who is barred may not vote at all (R34)."""
    task = TaskDefinition("sign", approval=Approval(approve=2, reject=2, initiator=False))
    host = Host({"dev": {"delivery": [task, "deploy"]}})
    host.trigger("a", actor="alice")
    host.vote("a", "bob")
    host.vote("a", "carol", "fail")

    def told(actor: str) -> str:
        return word(host.plane.permitted(host.state, "a", actor=actor)["vote"])

    assert ["applied"] * 3 == [told(actor) for actor in ("bob", "carol", "dave")]
    assert ["rejected own_approval", "rejected no_actor"] == [told("alice"), told("")]
    host.vote("a", "dave")
    assert "vote" not in host.plane.permitted(host.state, "a")


def test_an_open_task_says_how_long_an_executor_may_be_silent() -> None:
    """Its executors report progress more often than that (R42)."""
    said = []
    for limits in (TimeoutPolicy(), TimeoutPolicy(silence="5m")):
        host = Host({"dev": {"delivery": ["deploy"]}}, timeouts=limits)
        host.trigger("c")
        (task,) = host.plane.open_tasks(host.state)
        said.append(str(task).partition("; ")[2])

    silence = "; an executor at work is given up after 5m0s of silence"
    assert ["nobody has reacted.", f"nobody has reacted{silence}."] == said
