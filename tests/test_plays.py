"""A play: the short test of a host's own shipyard."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from sequencectl import (
    Applied,
    Bounds,
    CalendarError,
    CommandRejected,
    ControlPlane,
    InvalidValue,
    Opening,
    Phase,
    QueuePolicy,
    RejectedCode,
    ReportTaskFinished,
    Shipyard,
    TimeoutPolicy,
    Unchanged,
    UnchangedCode,
    UnknownContext,
    UnknownSequence,
)
from sequencectl.events import (
    SequenceStarted,
    TaskFinishReported,
    TaskProgressReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.testing import ClosedTimes, Play

PLANE = ControlPlane(
    Shipyard.of({
        "dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "90s"}]},
        "qa": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
    }),
    timeouts=TimeoutPolicy(reaction="3m", waiting="4m"),
    queueing=QueuePolicy(stages={"qa": QueuePolicy(max_waiting=0)}),
)  # fmt: skip
STORY = """\
[0s] trigger sequence: c1, stage dev, sequence delivery, service carts
  sequence triggered: c1 dev.delivery
  sequence started: c1 dev.delivery
  task triggered: c1 dev.delivery, task deploy
[0s] report task finished: deploy of c1 dev.delivery for carts, from executor-1, result pass
  task finish reported: c1 dev.delivery, task deploy, from executor-1, result pass
  task finished: c1 dev.delivery, task deploy, result pass
  task scheduled: c1 dev.delivery, task test, due at 1m30s
[0s] pause sequence: context c1, by ann, lunch
  context paused: c1, by ann (lunch)
  sequence paused: c1 dev.delivery
  sequence drained: c1 dev.delivery
[0s] pause sequence: context c1
  unchanged: already_paused
[0s] wait 2m0s
[2m0s] resume sequence: context c1
  context resumed: c1
  sequence resumed: c1 dev.delivery
  task triggered: c1 dev.delivery, task test
[2m0s] trigger sequence: r1, context c1, stage prod, sequence delivery
  rejected: unknown_stage, The shipyard has no stage 'prod'; it has: dev, qa.
[2m0s] report task finished: test of c1 dev.delivery for carts, from executor-1, result warning
  task finish reported: c1 dev.delivery, task test, from executor-1, result warning
  task finished: c1 dev.delivery, task test, result warning
  sequence finished: c1 dev.delivery, result warning
  sequence triggered: c1 qa.delivery
  sequence started: c1 qa.delivery
  task triggered: c1 qa.delivery, task deploy
[2m0s] wait 3m0s
[5m0s] check deadlines
  task timed out: c1 qa.delivery, task deploy, \
Nobody reacted to task deploy in stage qa within 3m0s; it was terminated.
  sequence timed out: c1 qa.delivery, \
Nobody reacted to task deploy in stage qa within 3m0s; it was terminated."""

DECIDED = """\
[0s] trigger sequence: c1, stage prod, sequence delivery, service carts, by dora
  sequence triggered: c1 prod.delivery
  sequence started: c1 prod.delivery
  task triggered: c1 prod.delivery, task sign-off
[0s] report task finished: sign-off of c1 prod.delivery for carts, result pass, looks good, by ann
  task finish reported: c1 prod.delivery, task sign-off, by ann, result pass, looks good
[0s] report task finished: sign-off of c1 prod.delivery for carts, result fail, no tests, by ann
  task finish reported: c1 prod.delivery, task sign-off, by ann, result fail, no tests
  task finished: c1 prod.delivery, task sign-off, result fail, no tests
  sequence finished: c1 prod.delivery, result fail, no tests
[0s] freeze stage: stage prod, until 2h0m0s, by ann, weekend
  stage frozen: prod, until 2h0m0s, by ann (weekend)
[0s] trigger sequence: c2, stage prod, sequence delivery, service carts
  sequence triggered: c2 prod.delivery
[0s] exempt sequence: c2, by ben, hotfix
  sequence exempted: c2 prod.delivery, by ben (hotfix)
  sequence started: c2 prod.delivery
  task triggered: c2 prod.delivery, task sign-off
[0s] wait 2h0m0s
[2h0m0s] check deadlines
  stage unfrozen: prod, cause freeze_over
[2h0m0s] use another calendar
[2h0m0s] trigger sequence: c3, stage prod, sequence delivery, service carts
  sequence triggered: c3 prod.delivery
  sequence superseded: c2 prod.delivery, by c3, A newer delivery of carts waits: sign-off is void.
  stage frozen: prod, night, until 3h0m0s, cause calendar
[2h0m0s] unfreeze stage: stage prod
  rejected: closed_by_calendar, \
The calendar closes stage prod until 2026-01-01T12:00:00+00:00 (night).
[2h0m0s] use no calendar
[2h0m0s] unfreeze stage: stage prod
  stage unfrozen: prod
  sequence started: c3 prod.delivery
  task triggered: c3 prod.delivery, task sign-off"""


def to_be_approved(**approval: Any) -> Play:
    """A play whose only task is an approval; it is open for `c1`."""
    shipyard = Shipyard.of({"prod": {"delivery": [{"name": "sign-off", "approval": approval}]}})
    play = Play(ControlPlane(shipyard))
    play.trigger("c1", stage="prod", sequence="delivery", service="carts", actor="dora")
    return play


def delivered(*contexts: str, tasks: Any = ("deploy",)) -> Play:
    """A play in which these contexts are delivered to dev, several at once."""
    shipyard = Shipyard.of({"dev": {"delivery": [*tasks]}})
    play = Play(ControlPlane(shipyard, queueing=QueuePolicy(limit=9)))
    for context in contexts:
        play.trigger(context, stage="dev", sequence="delivery", service=f"of {context}")
    return play


def sources_of(play: Play) -> list[str]:
    """Who finished, in order."""
    return [event.source for event in play.events if isinstance(event, TaskFinishReported)]


def test_a_story_is_told_and_written_down() -> None:
    """What was said, what happened and what was refused, each at its instant; ids are readable."""
    play = Play(PLANE)

    play.trigger("c1", stage="dev", sequence="delivery", service="carts", data={"image": "carts:1"})
    play.finish("deploy")
    play.pause("c1", actor="ann", reason="lunch")
    play.pause("c1")
    play.wait("2m")
    assert "delivery paused" == play.status("c1")
    play.resume("c1")
    with pytest.raises(CommandRejected) as refused:
        play.trigger("r1", stage="prod", sequence="delivery", context="c1")
    play.finish("test", result="warning")
    play.wait("3m")

    assert RejectedCode.UNKNOWN_STAGE is refused.value.code
    assert "delivery timed out" == play.status("c1")
    assert STORY == play.transcript()


def test_each_deadline_is_checked_at_its_own_instant() -> None:
    """A wait stops at every deadline on the way, in order, the one at its end included."""
    play = Play(PLANE)
    play.trigger("c1", stage="dev", sequence="delivery")
    play.wait("1s")
    play.trigger("c2", stage="dev", sequence="delivery")
    begin = play.now - timedelta(seconds=1)

    play.wait(timedelta(minutes=5, seconds=59))

    timed_out = [event.at - begin for event in play.events if isinstance(event, TaskTimedOut)]
    started = [event.at - begin for event in play.events if isinstance(event, SequenceStarted)]
    assert [timedelta(minutes=3), timedelta(minutes=6)] == timed_out
    assert [timedelta(0), timedelta(minutes=3)] == started
    assert timedelta(minutes=6) == play.now - begin


def test_a_wait_that_ends_before_a_deadline_does_not_meet_it() -> None:
    """A microsecond before the deadline the task is still open."""
    play = Play(PLANE)
    play.trigger("c1", stage="dev", sequence="delivery")

    play.wait(timedelta(minutes=3, microseconds=-1))

    assert ["deploy"] == [each.triggered.task for each in play.open_tasks()]
    assert Phase.RUNNING is play.explain("c1").phase


@pytest.mark.parametrize(
    ("expects", "heard", "finishing"),
    [
        (None, [], ["executor-1"]),
        (None, ["x", "y", "y"], ["x", "y", "y"]),
        (2, [], ["executor-1", "executor-2"]),
        (2, ["executor-1"], ["executor-1", "executor-2"]),
        (2, ["x", "y", "z"], ["x", "y"]),
        (["unit", "e2e"], ["stranger", "unit"], ["e2e", "unit"]),
    ],
)
def test_a_finish_is_that_of_all_who_are_awaited(
    expects: object, heard: list[str], finishing: list[str]
) -> None:
    """Afterwards the task is over; nobody reports more often than is needed."""
    play = delivered("c1", tasks=[{"name": "test", "expects": expects} if expects else "test"])
    for source in heard:
        play.start("test", source=source)

    decision = play.finish("test", data={"seen": True}, status="errored", message="no\ndisk")

    assert finishing == sources_of(play)
    assert "unchanged" not in play.transcript()
    assert () == play.open_tasks()
    assert isinstance(decision.outcome, Applied)
    assert "no\ndisk" in play.explain("c1").message
    assert "result pass, status errored, no disk\n" in play.transcript()


def test_one_executor_may_finish_before_the_others() -> None:
    """With a source only that one reports, and the task stays open for the others."""
    play = delivered("c1", tasks=[{"name": "test", "expects": ["unit", "e2e"]}])

    play.finish("test", source="unit")
    heard = play.open_tasks()[0].reacted
    play.finish("test")

    assert ("unit",) == heard
    assert ["unit", "e2e"] == sources_of(play)
    assert "unchanged" not in play.transcript()


@pytest.mark.parametrize(
    ("expects", "reacted"),
    [
        (None, ("executor-1",)),
        (3, ("executor-1", "executor-2", "executor-3")),
        (["unit", "e2e"], ("e2e", "unit")),
    ],
)
def test_a_start_is_that_of_all_who_are_expected(expects: object, reacted: tuple[str, ...]) -> None:
    """Afterwards nobody is missing, and to start again needs a source."""
    play = delivered("c1", tasks=[{"name": "test", "expects": expects} if expects else "test"])

    play.start("test")
    with pytest.raises(InvalidValue, match="source: must be given: all who are expected"):
        play.start("test")

    assert reacted == play.open_tasks()[0].reacted


def test_open_tasks_of_one_name_are_told_apart() -> None:
    """By context, stage or service; what is meant must be exactly one."""
    play = delivered("c1", "c2", "c3")

    play.finish("deploy", context="c2")
    play.start("deploy", service="of c3", stage="dev")
    with pytest.raises(InvalidValue) as ambiguous:
        play.finish("deploy", stage="dev")

    assert ["finished", "running"] == [play.explain(one).phase.value for one in ("c2", "c3")]
    assert (
        "task: must name one open task with stage='dev', open are: deploy of c1 dev.delivery for "
        "of c1, deploy of c3 dev.delivery for of c3, got 'deploy'"
    ) == str(ambiguous.value)


def test_a_task_that_is_not_open_is_a_mistake() -> None:
    """The error lists what is open, or says that nothing is."""
    with pytest.raises(InvalidValue, match="one open task, open are: none, got 'deploy'"):
        Play(PLANE).finish("deploy")
    with pytest.raises(
        InvalidValue, match=r"open are: deploy of c1 dev\.delivery for of c1, got 7"
    ):
        delivered("c1").start(7)  # type: ignore[arg-type]  # that is the mistake


def test_people_control_a_delivery() -> None:
    """Freeze, abort and force act as their commands do, and are written down."""
    play = delivered("c1", "c2")

    play.freeze("dev", actor="ann", reason="fire")
    play.trigger("c3", stage="dev", sequence="delivery", priority=0)
    play.abort("c1")
    play.abort("c2", stage="dev", force=True, actor="bob")
    play.unfreeze("dev")
    play.finish("deploy", context="c1", result="fail")

    assert ["delivery aborted", "delivery aborted", "delivery running"] == [
        play.status(context) for context in ("c1", "c2", "c3")
    ]
    transcript = play.transcript()
    assert "[0s] abort sequence: context c2, stage dev, force True, by bob\n" in transcript
    assert "  sequence aborted: c2 dev.delivery, by bob, cause forced, " in transcript
    assert "  stage frozen: dev, by ann (fire)\n" in transcript
    assert "sequence: c3, stage dev, sequence delivery, priority 0\n" in transcript


def test_any_command_may_be_told() -> None:
    """A late report changes nothing, and the answer says so."""
    play = delivered("c1")
    late = ReportTaskFinished(
        play.open_tasks()[0].triggered.task_id, source="x", result="pass", data={"much": ["data"]}
    )
    play.finish("deploy")

    decision = play.tell(late)

    assert Unchanged(UnchangedCode.LATE) == decision.outcome
    assert play.state is decision.state
    assert play.transcript().endswith("for of c1, from x, result pass\n  unchanged: late")


def test_forgotten_contexts_are_written_down() -> None:
    """Their event has no subject; it names the contexts."""
    shipyard = Shipyard.of({"dev": {"delivery": ["deploy"]}})
    play = Play(ControlPlane(shipyard, bounds=Bounds(retain=0)))
    play.trigger("c1", stage="dev", sequence="delivery")

    play.finish("deploy")

    assert play.transcript().endswith("  sequences forgotten: contexts c1")


@pytest.mark.parametrize(
    ("duration", "problem"),
    [
        ("-1s", "must be zero or more, such as '90s'"),
        (timedelta(-1), "must be zero or more, such as '90s'"),
        (180, "must be a timedelta or a text such as '90s'"),
        (None, "must be a timedelta or a text such as '90s'"),
        ("3 minutes", "has the unknown unit ' minutes'"),
    ],
)
def test_a_wait_is_of_zero_or_more(duration: Any, problem: str) -> None:
    """Time never goes back, and a number has no unit."""
    with pytest.raises(InvalidValue, match=f"^duration: {problem}"):
        Play(PLANE).wait(duration)


def test_a_play_is_of_a_plane() -> None:
    """A shipyard alone has no policies."""
    with pytest.raises(InvalidValue, match="plane: must be a ControlPlane, got Shipyard"):
        Play(PLANE.shipyard)  # type: ignore[arg-type]  # that is the mistake


def test_questions_about_what_nobody_knows_are_errors() -> None:
    """As they are for a plane."""
    with pytest.raises(UnknownContext):
        Play(PLANE).status("c1")
    with pytest.raises(UnknownSequence):
        Play(PLANE).explain("c1")


def test_a_story_of_people_who_decide_is_written_down() -> None:
    """Who votes how and why, which stage is closed until when, and who is let through."""
    play = to_be_approved(approve=2, newcomer="supersede")

    play.approve("sign-off", "ann", reason="looks good")
    play.reject("sign-off", "ann", reason="no tests")
    play.freeze("prod", until="2h", actor="ann", reason="weekend")
    play.trigger("c2", stage="prod", sequence="delivery", service="carts")
    play.exempt("c2", actor="ben", reason="hotfix")
    play.wait("2h")
    play.use_calendar(ClosedTimes({"prod": [(play.now, play.now + timedelta(hours=1), "night")]}))
    play.trigger("c3", stage="prod", sequence="delivery", service="carts")
    with pytest.raises(CommandRejected) as refused:
        play.unfreeze("prod")
    play.use_calendar(None)
    play.unfreeze("prod")

    assert RejectedCode.CLOSED_BY_CALENDAR is refused.value.code
    assert DECIDED == play.transcript()


@pytest.mark.parametrize(
    ("approval", "said", "voters"),
    [
        ({}, {}, ["voter-1"]),
        ({"approve": 3}, {"result": "warning"}, ["voter-1", "voter-2", "voter-3"]),
        ({"approve": 3, "reject": 2}, {"result": "fail"}, ["voter-1", "voter-2"]),
        ({"approve": 3}, {"status": "errored"}, ["voter-1"]),
        ({"approve": 2, "initiator": False}, {}, ["voter-1", "voter-2"]),
        ({"approve": 2}, {"source": "ann"}, ["ann"]),
    ],
)
def test_a_finish_of_an_approval_is_that_of_as_many_voters_as_it_takes(
    approval: Any, said: Any, voters: list[str]
) -> None:
    """They vote with the result that is given; with a source only that one votes."""
    play = to_be_approved(**approval)

    play.finish("sign-off", **said)

    votes = [event for event in play.events if isinstance(event, TaskFinishReported)]
    assert voters == [vote.voter for vote in votes] == [vote.actor for vote in votes]
    assert ("source" in said) == bool(play.open_tasks())


def test_votes_that_stand_are_not_cast_again_by_a_finish() -> None:
    """Only those are missing who have not voted, and their names are new."""
    play = to_be_approved(approve=3)

    play.approve("sign-off", "voter-2")
    play.start("sign-off", source="pager")
    play.finish("sign-off")

    votes = [event.voter for event in play.events if isinstance(event, TaskFinishReported)]
    assert ["voter-2", "voter-1", "voter-3"] == votes
    assert "unchanged" not in play.transcript()


def test_open_approvals_of_one_name_are_told_apart() -> None:
    """As other open tasks are: by context, stage or service."""
    play = delivered("c1", "c2", tasks=[{"name": "sign-off", "approval": True}])

    play.reject("sign-off", "ann", service="of c1")
    with pytest.raises(InvalidValue, match="voter: must be "):
        play.approve("sign-off", "", context="c2", stage="dev")
    play.approve("sign-off", "ann", context="c2", stage="dev")

    assert ["delivery failed", "delivery finished"] == [play.status(one) for one in ("c1", "c2")]


def test_a_task_that_is_no_approval_takes_no_vote() -> None:
    """It would be taken for a result that nobody has reported."""
    with pytest.raises(InvalidValue, match="task: must be a task with an approval, got 'deploy'"):
        delivered("c1").approve("deploy", "ann")


@pytest.mark.parametrize("until", ["90s", timedelta(seconds=90), 90])
def test_a_freeze_ends_after_a_duration_or_at_an_instant(until: Any) -> None:
    """At its very end whoever waits starts."""
    play = to_be_approved()
    play.finish("sign-off")
    end = play.now + timedelta(seconds=90)

    play.freeze("prod", until=end if until == 90 else until)
    play.trigger("c2", stage="prod", sequence="delivery")
    play.wait(timedelta(seconds=90, microseconds=-1))
    before = play.explain("c2").phase
    play.wait(timedelta(microseconds=1))

    assert (Phase.WAITING, Phase.RUNNING) == (before, play.explain("c2").phase)
    assert "freeze stage: stage prod, until 1m30s\n" in play.transcript()


@pytest.mark.parametrize(
    ("until", "problem"),
    [("18:00", "has the unknown unit"), (90, "until: must be"), ("-90s", "already")],
)
def test_a_freeze_that_makes_no_sense_is_refused(until: Any, problem: str) -> None:
    """What is no duration, and one that would be over."""
    with pytest.raises((InvalidValue, CommandRejected), match=problem):
        to_be_approved().freeze("prod", until=until)


def test_a_calendar_that_fails_is_told_to_who_asks_it() -> None:
    """The play goes on with the calendar it has."""

    def fails(_stage: str, _instant: datetime) -> Opening:
        raise LookupError("no file")

    play = Play(ControlPlane(Shipyard.of({"prod": {"delivery": ["deploy"]}}), calendar=fails))
    play.trigger("c1", stage="prod", sequence="delivery")

    with pytest.raises(CalendarError, match="no file"):
        play.unfreeze("prod")
    with pytest.raises(InvalidValue, match="calendar: must be a function"):
        play.use_calendar("nights")  # type: ignore[arg-type]  # that is the mistake

    assert "delivery waiting" == play.status("c1")


TRIED = """\
[0s] trigger sequence: c1, stage dev, sequence delivery, service carts, by dora
  sequence triggered: c1 dev.delivery
  sequence started: c1 dev.delivery
  task triggered: c1 dev.delivery, task deploy
[0s] report task finished: deploy of c1 dev.delivery for carts, from executor-1, result pass
  task finish reported: c1 dev.delivery, task deploy, from executor-1, result pass
  task finished: c1 dev.delivery, task deploy, result pass
  task triggered: c1 dev.delivery, task test, attempt 1 of 2
[0s] report task finished: test of c1 dev.delivery for carts, from executor-1, result pass, \
status errored, no disk
  task finish reported: c1 dev.delivery, task test, from executor-1, result fail, \
status errored, no disk
  task finished: c1 dev.delivery, task test, result fail, status errored, retried, no disk
  task scheduled: c1 dev.delivery, task test, attempt 2, due at 30s
[0s] wait 30s
[30s] check deadlines
  task triggered: c1 dev.delivery, task test, attempt 2 of 2
[30s] report task started: test of c1 dev.delivery for carts, from executor-1
  task start reported: c1 dev.delivery, task test, from executor-1
[30s] report task progress: test of c1 dev.delivery for carts, from executor-1, percent 0, begun
  task progress reported: c1 dev.delivery, task test, from executor-1, percent 0, begun
[30s] wait 1m0s
[1m30s] check deadlines
  task timed out: c1 dev.delivery, task test, parked, Nothing was heard of executor-1 within 1m0s, \
at work on task test in stage dev; it was terminated.
  sequence parked: c1 dev.delivery, task test, until 1h1m30s, Nothing was heard of executor-1 \
within 1m0s, at work on task test in stage dev; it was terminated.
[1m30s] retry task: context c1, stage dev, by ann, again
  task retried: c1 dev.delivery, task test, by ann (again)
  task triggered: c1 dev.delivery, task test, attempt 3 of 3
[1m30s] report task finished: test of c1 dev.delivery for carts, from executor-1, result fail
  task finish reported: c1 dev.delivery, task test, from executor-1, result fail
  task finished: c1 dev.delivery, task test, result fail, parked
  sequence parked: c1 dev.delivery, task test, until 1h1m30s, Task test in stage dev failed.
[1m30s] skip task: context c1, result warning, by ann, known
  task skipped: c1 dev.delivery, task test, result warning, by ann (known)
  task triggered: c1 dev.delivery, task release
[1m30s] report task finished: release of c1 dev.delivery for carts, from executor-1, result fail
  task finish reported: c1 dev.delivery, task release, from executor-1, result fail
  task finished: c1 dev.delivery, task release, result fail
  sequence finished: c1 dev.delivery, result fail
[1m30s] trigger sequence: redrive 1 of c1, context c1, stage dev, sequence delivery, \
service carts, redrives c1, by ben
  sequence triggered: redrive 1 of c1 dev.delivery, redrives c1 from task release, \
carried deploy pass, test warning
  sequence started: redrive 1 of c1 dev.delivery
  task triggered: redrive 1 of c1 dev.delivery, task release"""


def failing(*tasks: object) -> Play:
    """A play in which `c1` is delivered; tests of it are tried twice and then park it."""
    test = {
        "name": "test", "retry": {"backoff": "30s"}, "timeouts": {"silence": "1m"},
        "onFailure": "park",
    }  # fmt: skip
    shipyard = Shipyard.of({"dev": {"delivery": [*(tasks or ("deploy", test, "release"))]}})
    play = Play(ControlPlane(shipyard, timeouts=TimeoutPolicy(parked="1h")))
    play.trigger("c1", stage="dev", sequence="delivery", service="carts", actor="dora")
    return play


def last_triggered(play: Play) -> TaskTriggered:
    """The task that was triggered last."""
    return [event for event in play.events if isinstance(event, TaskTriggered)][-1]


def test_a_story_of_failures_is_written_down() -> None:
    """Attempts of how many, until when it is parked, who goes on and why, what is redriven."""
    play = failing()

    play.finish("deploy")
    play.finish("test", status="errored", message="no disk")
    play.wait("30s")
    play.start("test")
    play.progress("test", percent=0, message="begun")
    play.wait("1m")
    parked = play.status("c1")
    play.retry("c1", stage="dev", actor="ann", reason="again")
    play.finish("test", result="fail")
    play.skip("c1", result="warning", actor="ann", reason="known")
    play.finish("release", result="fail")
    play.redrive("c1", actor="ben")

    assert "delivery parked" == parked
    assert TRIED == play.transcript()


def test_a_redrive_gets_the_input_of_the_run_that_failed() -> None:
    """Or the data that is given; the derived id makes a second one another redrive."""
    play = failing("deploy", "test")
    play.finish("deploy", data={"url": "a"})
    play.finish("test", result="fail")

    play.redrive("c1")
    first = last_triggered(play)
    play.finish("test", result="fail")
    play.redrive("c1", start_at="deploy", data={"url": "b"})
    second = last_triggered(play)

    assert ("test", "a") == (first.task, first.input["url"])
    assert ("deploy", "b") == (second.task, second.input["url"])
    assert "redrive 2 of c1 dev.delivery, redrives c1 from task deploy\n" in play.transcript()


def test_one_that_never_ran_a_task_is_redriven_with_its_own_data() -> None:
    """It was aborted in line, and nothing is carried."""
    play = failing()
    play.trigger("c2", stage="dev", sequence="delivery", data={"image": "2"})
    play.abort("c2")
    play.finish("deploy", result="fail")

    play.redrive("c2")

    assert "2" == last_triggered(play).input["image"]


def test_a_task_that_was_passed_over_is_said_not_to_have_run() -> None:
    """A redrive may begin after tasks that the old one never came to."""
    play = failing("deploy", "check", "release")
    play.finish("deploy", result="fail")

    play.redrive("c1", start_at="release")

    assert "from task release, carried deploy fail, check not run\n" in play.transcript()


def test_only_what_is_known_is_redriven() -> None:
    """Another id is an error of its own, before anything is told."""
    with pytest.raises(UnknownSequence, match="play"):
        failing().redrive("c2")


def test_progress_is_that_of_all_who_are_at_work() -> None:
    """Or of an invented executor if none is, or of the one that is named."""
    play = failing({"name": "deploy", "expects": 3})

    play.progress("deploy")
    play.start("deploy", source="x")
    play.start("deploy", source="y")
    play.finish("deploy", source="y")
    play.start("deploy", source="z")
    play.progress("deploy")
    play.progress("deploy", source="y")

    told = [event.source for event in play.events if isinstance(event, TaskProgressReported)]
    assert ["executor-1", "x", "z", "y"] == told
