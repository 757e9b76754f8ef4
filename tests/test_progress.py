"""What executors say while they work, and what comes of it if they fall silent (R42)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from sequencectl import (
    Bounds,
    ControlPlane,
    DefinitionError,
    EndedSequence,
    InvalidValue,
    LiveSequence,
    Phase,
    PolicyError,
    Rejected,
    RejectedCode,
    ReportTaskProgress,
    Retry,
    SequenceDefinition,
    SequenceStateMachine,
    Shipyard,
    TaskDefinition,
    TaskTimeouts,
    TimeoutPolicy,
    TriggerSequence,
)
from sequencectl.events import DeadlineKind, TaskProgressReported, TaskTimedOut, TaskTriggered
from sequencectl.task_run import Executor, Progress
from tests.support import Host, instant

SILENCE = TimeoutPolicy(silence="1m", reaction=None, completion="10h")


def working(task: Any = "deploy", **policies: Any) -> Host:
    """A host in which a task of `c` is in flight."""
    host = Host({"dev": {"delivery": [task, "test"]}}, **policies)
    host.trigger("c")
    return host


def executors(host: Host) -> tuple[Executor, ...]:
    """The executors of the task in flight."""
    record = host.record("c")
    assert isinstance(record, LiveSequence)
    assert record.task is not None
    return record.task.executors


# ---------------------------------------------------------------- progress


def test_progress_is_recorded_and_shown() -> None:
    """Percent, message and instant of the last one of each source."""
    host = working()
    host.at(5).progress("c", "helm", message="half way", percent=50)
    host.at(30).progress("c", "helm", message="uploading", percent=80)
    host.progress("c", "argo")

    assert ["deploy"] * 3 == [event.task for event in host.of(TaskProgressReported)]
    assert executors(host) == (
        Executor("helm", 0, 0, instant(30), Progress(instant(30), "uploading", 80)),
        Executor("argo", 0, 0, instant(30), Progress(instant(30))),
    )
    explained = host.plane.explain(host.state, "c")
    (task,) = host.plane.open_tasks(host.state)
    for said in (str(explained), str(task)):
        assert f"helm reported 80 % (uploading) at {instant(30).isoformat()}." in said
        assert f"argo reported progress at {instant(30).isoformat()}." in said
    assert explained.progress == task.progress


def test_progress_is_a_reaction_that_makes_nobody_awaited() -> None:
    """The task is over with the finish of another source, and is not by progress alone."""
    host = working(timeouts=TimeoutPolicy(reaction="1m"))
    host.at(30).progress("c", "helm", percent=100)
    host.until(120)
    phase, task = host.phase("c"), host.task("c")
    host.finish("c", source="argo")

    assert (Phase.RUNNING, "deploy", "test") == (phase, task, host.task("c"))


@pytest.mark.parametrize("expects", [2, ["helm", "argo"]])
def test_progress_is_a_reaction_of_one_that_is_expected(expects: Any) -> None:
    """It meets the reaction limit, and is no finish."""
    limits = TimeoutPolicy(reaction="1m")
    host = working(TaskDefinition("deploy", expects=expects), timeouts=limits)
    host.progress("c", "helm")
    host.start("c", "argo")
    host.finish("c", source="argo")
    host.until(120)
    task = host.task("c")
    host.finish("c", source="helm")

    assert ("deploy", "test") == (task, host.task("c"))


def test_a_start_after_progress_is_awaited() -> None:
    """Then the source has said so."""
    host = working()
    host.progress("c", "helm")
    host.start("c", "helm")
    host.finish("c", source="argo")

    assert "deploy" == host.task("c")
    assert 1 == len(host.plane.explain(host.state, "c").unfinished)


@pytest.mark.parametrize(
    ("after", "code"), [(0, "too_soon"), (9.999999, "too_soon"), (10, "applied"), (60, "applied")]
)
def test_progress_may_come_too_soon(after: float, code: str) -> None:
    """Then it changes nothing; each source has its own interval."""
    host = working()
    host.at(100).progress("c", "helm", percent=1)
    host.at(100 + after).progress("c", "helm", percent=2)
    first = host.code
    host.progress("c", "argo")

    assert (code, "applied") == (first, host.code)


def test_progress_that_came_too_soon_does_not_move_the_interval() -> None:
    """It counts from the last one that was recorded."""
    host = working()
    codes = []
    for seconds in (0, 6, 12):
        host.at(seconds).progress("c")
        codes.append(host.code)

    assert ["applied", "too_soon", "applied"] == codes


def test_progress_is_not_too_soon_if_the_clock_went_back() -> None:
    """The last one lies in the future then, by more than a skew (R29)."""
    host = working(timeouts=TimeoutPolicy(clock_skew="0s"))
    host.at(100).progress("c")
    host.at(50).progress("c")

    assert "applied" == host.code


def test_bounds_say_how_often_progress_is_recorded() -> None:
    """With zero each one is."""
    host = working(bounds=Bounds(progress_every="0s"))
    host.progress("c", percent=1)
    host.progress("c", percent=2)

    assert "applied" == host.code
    with pytest.raises(PolicyError, match="progress_every: must be a duration of zero or more"):
        Bounds(progress_every=timedelta(seconds=-1))
    with pytest.raises(PolicyError, match="progress_every"):
        Bounds(progress_every="soon")


def test_progress_counts_among_the_sources() -> None:
    """One source too many is not recorded; one that is known is."""
    host = working(bounds=Bounds(sources=1))
    host.start("c", "helm")
    host.progress("c", "argo")
    other = host.code
    host.progress("c", "helm")

    assert ("too_many_sources", "applied") == (other, host.code)


def test_progress_keeps_a_source_out() -> None:
    """It takes the room of a source."""
    host = working(bounds=Bounds(sources=1))
    host.progress("c", "helm")
    host.start("c", "argo")

    assert "too_many_sources" == host.code


def test_a_message_may_be_too_large() -> None:
    """It is refused, and nothing is cut off; bytes count."""
    host = working(bounds=Bounds(payload_size=4))
    host.progress("c", message="éé")
    fits = host.code
    outcome = host.at(60).progress("c", message="ééé").outcome

    said = "The message has 6 bytes, at most 4 are accepted."
    assert ("applied", Rejected(RejectedCode.PAYLOAD_TOO_LARGE, said)) == (fits, outcome)


def test_progress_on_what_is_over_is_late() -> None:
    """And of a task that nobody knows it is unknown."""
    host = working()
    first = host.of(TaskTriggered)[0]
    host.finish("c")
    host.tell(first.progress(source="helm", message="m", percent=1))
    late = host.code
    host.tell(ReportTaskProgress("nothing", source="helm"))

    assert ("late", "unknown_task") == (late, host.code)


def test_progress_on_an_approval_is_as_a_start() -> None:
    """It is a reaction that decides nothing, once a source."""
    host = Host({"dev": {"delivery": [{"name": "sign", "approval": True}]}})
    host.trigger("c")
    host.progress("c", "ui")
    first = host.code
    host.at(60).progress("c", "ui")
    again = host.code
    host.start("c", "ui")

    assert ("applied", "duplicate", "duplicate") == (first, again, host.code)


def test_a_machine_takes_progress_as_well() -> None:
    """One sequence alone goes the same way."""
    machine = SequenceStateMachine(SequenceDefinition("delivery", (TaskDefinition("deploy"),)))
    command = TriggerSequence("c", stage="dev", sequence="delivery")
    accepted = machine.accept(command, instant(0))
    assert accepted.state is not None
    started = machine.start(accepted.state, instant(0))
    task = started.events[-1]
    assert isinstance(task, TaskTriggered)
    assert started.state is not None

    decision = machine.decide(started.state, task.progress(source="x", percent=7), instant(1))

    assert isinstance(decision.events[0], TaskProgressReported)


@pytest.mark.parametrize("percent", [-1, 101, 1.0, "5", True])
def test_a_percent_is_a_whole_number_up_to_100(percent: Any) -> None:
    """Everything else is refused with the value."""
    with pytest.raises(InvalidValue) as caught:
        ReportTaskProgress("t", source="x", percent=percent)

    assert f"percent: must be an int from 0 to 100, got {percent!r}" == str(caught.value)


# ---------------------------------------------------------------- silence


def test_an_executor_that_falls_silent_ends_its_task() -> None:
    """The explanation names it, since when, and says so in a sentence."""
    host = working(timeouts=SILENCE)
    host.at(10).start("c", "helm")
    host.start("c", "argo")
    host.at(40).progress("c", "argo")
    host.until(70)

    (event,) = host.of(TaskTimedOut)
    why = event.explanation
    assert (DeadlineKind.SILENCE, "helm", instant(10), instant(70)) == (
        why.kind, why.awaited, why.since, why.deadline,
    )  # fmt: skip
    assert str(why) == (
        "Nothing was heard of helm within 1m0s, at work on task deploy in stage dev; "
        "it was terminated."
    )
    assert Phase.TIMED_OUT is host.phase("c")


def test_all_that_fall_silent_at_once_are_named() -> None:
    """Their time is over at one instant."""
    host = working(timeouts=SILENCE)
    host.start("c", "helm")
    host.start("c", "argo")
    host.until(60)

    record = host.record("c")
    assert isinstance(record, EndedSequence)
    assert record.explanation is not None
    assert "helm, argo" == record.explanation.awaited


def test_whatever_is_heard_of_an_executor_counts() -> None:
    """A second start, a finish and progress that is recorded; not what comes too soon."""
    host = working(timeouts=SILENCE)
    host.start("c", "helm")
    host.at(50).start("c", "helm")
    deadlines = [host.state.next_deadline]
    host.at(100).progress("c", "helm")
    deadlines.append(host.state.next_deadline)
    host.at(105).progress("c", "helm")
    deadlines.append(host.state.next_deadline)
    host.at(150).finish("c", source="helm")
    deadlines.append(host.state.next_deadline)

    assert [instant(110), instant(160), instant(160), instant(210)] == deadlines


def test_only_one_that_is_at_work_may_fall_silent() -> None:
    """Not one that has never started, nor one that has finished."""
    host = working(timeouts=SILENCE)
    host.progress("c", "watcher")
    host.start("c", "helm")
    host.start("c", "argo")
    host.at(30).finish("c", source="helm")
    host.at(50).progress("c", "argo")

    assert instant(110) == host.state.next_deadline


def test_before_a_start_there_is_no_silence() -> None:
    """That is what the reaction limit is for."""
    host = working(timeouts=SILENCE)
    host.progress("c", "helm")
    host.until(3_600)

    assert Phase.RUNNING is host.phase("c")


@pytest.mark.parametrize(
    ("expects", "deadline"), [(["argo"], 100), (["helm"], 60), (1, 60), (2, 60), (None, 60)]
)
def test_with_a_set_only_those_in_it_may_fall_silent(expects: Any, deadline: float) -> None:
    """With a number, and without either, all that have started may."""
    host = working(TaskDefinition("deploy", expects=expects), timeouts=SILENCE)
    host.start("c", "helm")
    host.at(40).start("c", "argo")

    assert instant(deadline) == host.state.next_deadline


@pytest.mark.parametrize(
    ("expects", "is_silent"), [(None, True), (2, False), (["helm", "x"], False)]
)
def test_with_expects_one_finish_is_enough(expects: Any, is_silent: bool) -> None:
    """A source that started twice and finished once is at work only without `expects`."""
    host = working(TaskDefinition("deploy", expects=expects), timeouts=SILENCE)
    host.start("c", "helm")
    host.start("c", "helm")
    host.finish("c", source="helm")

    assert is_silent is (host.state.next_deadline == instant(60))


def test_at_one_instant_silence_comes_before_completion() -> None:
    """And after the reaction, as the order of the limits says."""
    limits = TimeoutPolicy(silence="1m", completion="1m", reaction="1m", total="1m")
    host = working(timeouts=limits)
    host.start("c", "helm")
    host.until(60)
    expected = working(TaskDefinition("deploy", expects=["argo"]), timeouts=limits)
    expected.start("c", "argo")
    expected.until(60)

    kinds = [each.of(TaskTimedOut)[0].explanation.kind for each in (host, expected)]
    assert [DeadlineKind.SILENCE, DeadlineKind.SILENCE] == kinds


def test_a_reaction_that_is_missing_comes_before_silence() -> None:
    """At one instant the earlier member of the kinds is taken."""
    task = TaskDefinition("deploy", expects=["helm", "argo"])
    host = working(task, timeouts=TimeoutPolicy(silence="1m", reaction="1m"))
    host.start("c", "helm")
    host.until(60)

    assert DeadlineKind.REACTION is host.of(TaskTimedOut)[0].explanation.kind


@pytest.mark.parametrize("control", ["pause", "abort"])
def test_silence_counts_while_a_control_waits_for_the_task(control: str) -> None:
    """Limits of the task in flight run on."""
    host = working(timeouts=SILENCE)
    host.start("c", "helm")
    getattr(host, control)("c")
    host.until(60)

    phase = {"pause": Phase.TIMED_OUT, "abort": Phase.ABORTED}[control]
    assert phase is host.phase("c")


def test_a_silent_executor_is_retried_if_that_is_named() -> None:
    """Silence is a way to run out of time (R39)."""
    task = TaskDefinition("deploy", retry=Retry(on=["timed_out"]))
    host = working(task, timeouts=SILENCE)
    host.start("c", "helm")
    host.until(60)

    assert 2 == host.of(TaskTriggered)[-1].attempt


def test_a_limit_of_silence_is_that_of_the_task_then_of_its_name_then_of_all() -> None:
    """None is no limit."""
    own = TaskTimeouts(silence="2m")
    policy = TimeoutPolicy(silence="1m", tasks={"test": TaskTimeouts(silence=None)})

    assert timedelta(minutes=2) == policy.for_task("test", own).silence
    assert policy.for_task("test").silence is None
    assert timedelta(minutes=1) == policy.for_task("deploy").silence
    assert policy.for_task("deploy", is_approval=True).silence is None


def test_a_limit_of_its_own_stays_where_a_bounded_policy_takes_over() -> None:
    """The definition was accepted without a limit of completion, which it gets now (R27)."""
    own = TaskTimeouts(completion=None, silence="2m")
    host = Host(
        {"dev": {"delivery": ["build", TaskDefinition("deploy", timeouts=own)]}},
        timeouts=TimeoutPolicy.unbounded(),
    )
    host.trigger("c")
    host.plane = working().plane
    host.finish("c")

    task = host.of(TaskTriggered)[-1]
    assert (timedelta(minutes=2), timedelta(days=1)) == (
        task.silence_timeout, task.completion_timeout,
    )  # fmt: skip


def test_an_event_carries_the_limit() -> None:
    """Like the others; an approval has none."""
    host = Host(
        {"dev": {"delivery": ["deploy", {"name": "sign", "approval": True}]}}, timeouts=SILENCE
    )
    host.trigger("c")
    host.finish("c")

    assert [timedelta(minutes=1), None] == [e.silence_timeout for e in host.of(TaskTriggered)]


def test_a_limit_that_progress_cannot_keep_is_refused() -> None:
    """An executor must be able to miss a few reports."""
    tasks = {"deploy": TaskTimeouts(silence="39s")}
    shipyard = Shipyard.of({"dev": {"delivery": ["deploy"]}})
    own = {"name": "deploy", "timeouts": {"silence": "39s"}}
    ControlPlane(shipyard, timeouts=TimeoutPolicy(silence="40s"))
    ControlPlane(shipyard, timeouts=TimeoutPolicy(silence="4s"), bounds=Bounds(progress_every="1s"))

    problem = "must be at least 40s, four times progress_every"
    with pytest.raises(PolicyError, match=f"^silence: {problem}"):
        ControlPlane(shipyard, timeouts=TimeoutPolicy(silence="39s"))
    with pytest.raises(PolicyError) as of_name:
        ControlPlane(shipyard, timeouts=TimeoutPolicy(tasks=tasks))
    with pytest.raises(DefinitionError) as of_task:
        ControlPlane(Shipyard.of({"dev": {"delivery": [own]}}))
    with pytest.raises(PolicyError, match="silence"):
        SequenceStateMachine(
            SequenceDefinition("delivery", (TaskDefinition("deploy"),)),
            timeouts=TimeoutPolicy(silence="39s"),
        )

    assert str(of_name.value).startswith(f"tasks['deploy'].silence: {problem}")
    assert str(of_task.value).startswith(f"dev.delivery.deploy.timeouts.silence: {problem}")
