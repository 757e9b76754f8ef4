"""What is known to go wrong in other controllers, and cannot happen here: one test for each.

Each test is named after the issue or change that tells the story; the number leads to it on the
project's tracker (Keptn, Spinnaker and its Orca, Kestra, Argo, GitLab, Octopus Deploy, Hephaestus,
Azure Pipelines, Kargo, Gitmoot, Conductor, Prefect).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pytest

from sequencectl import (
    AbortSequence,
    Applied,
    LiveSequence,
    Opening,
    Phase,
    QueuePolicy,
    Result,
    Shipyard,
    Status,
    TaskTriggered,
    TimeoutPolicy,
)
from sequencectl.events import (
    SequenceAborted,
    SequenceFinished,
    SequenceStarted,
    SequenceTimedOut,
    StageUnfrozen,
    TaskFinished,
    TaskSkipped,
)
from tests.support import Host, instant, word

DEV: Final[dict[str, Any]] = {"dev": {"delivery": ["deploy", "test"]}}


def lane_of(*sequence_ids: str, stages: dict[str, Any] = DEV, **policies: Any) -> Host:
    """A host in which these were triggered for stage dev, one after the other."""
    host = Host(stages, **policies)
    for sequence_id in sequence_ids:
        host.trigger(sequence_id)
    return host


def started(host: Host) -> list[str]:
    """Who was started so far, in order."""
    return [event.subject.sequence_id for event in host.of(SequenceStarted)]


def triggered(host: Host, sequence_id: str) -> list[str]:
    """The tasks of a sequence that were triggered so far, in order."""
    events = host.of(TaskTriggered)
    return [event.task for event in events if event.subject.sequence_id == sequence_id]


# ------------------------------------------------------------------ Keptn


def test_keptn_5259_next_sequence_waits_for_the_task_of_a_paused_one() -> None:
    """A paused sequence keeps its lane while its task runs, and after that (R5, R18)."""
    host = lane_of("a")
    host.start("a")
    host.pause("a")
    host.trigger("b")
    while_it_runs = host.phase("b")
    host.finish("a")
    host.check()

    assert (while_it_runs, host.phase("a"), host.phase("b")) == (
        Phase.WAITING,
        Phase.PAUSED,
        Phase.WAITING,
    )
    assert started(host) == ["a"]


def test_keptn_5557_next_sequence_waits_for_the_task_of_an_aborted_one() -> None:
    """An aborted sequence keeps its lane until its task is over; then the next one starts (R22)."""
    host = lane_of("a", "b")
    host.start("a")
    host.abort("a")
    while_it_runs = host.phase("a"), host.phase("b")
    host.finish("a")

    assert while_it_runs == (Phase.ABORTING, Phase.WAITING)
    assert (host.phase("a"), host.phase("b")) == (Phase.ABORTED, Phase.RUNNING)


def test_keptn_5620_the_longest_waiting_sequence_starts_next() -> None:
    """After an abort of the running one the first in line starts, whatever their ids (R2)."""
    line = ["z", "c", "y", "a", "x", "b"]
    host = lane_of(*line)
    for sequence_id in line:
        host.abort(sequence_id, force=True)

    assert started(host) == line


def test_keptn_7767_a_newcomer_does_not_overtake_the_line() -> None:
    """Whoever comes at the moment the lane is free stands behind those that wait (R2, R3)."""
    host = lane_of("a", "b", "c")
    host.freeze()
    host.finish("a", "fail")
    host.trigger("newcomer")  # finds a free place, and a line
    host.unfreeze()
    host.finish("b", "fail")
    host.trigger("latest")

    assert started(host) == ["a", "b", "c"]
    assert host.state.line("dev") == ("newcomer", "latest")


@pytest.mark.parametrize("control", ["none", "pause", "abort"])
def test_keptn_7407_a_missing_finish_does_not_block_the_lane_for_ever(control: str) -> None:
    """One of two executors never finishes: the task ends at its limit, whoever asked for what."""
    host = lane_of("a", "b")
    host.start("a", "helm")
    host.start("a", "jmeter")
    host.finish("a", source="helm")
    if control != "none":
        (host.pause if control == "pause" else host.abort)("a")
    host.until(86_400)

    ends = {"none": Phase.TIMED_OUT, "pause": Phase.TIMED_OUT, "abort": Phase.ABORTED}
    assert (host.phase("a"), host.phase("b")) == (ends[control], Phase.RUNNING)


def test_keptn_5947_a_task_that_was_started_and_never_finished_times_out() -> None:
    """A start only ends the reaction limit: completion has one of its own (R27)."""
    host = lane_of("a")
    host.start("a", "webhook")
    host.until(86_399)
    before = host.phase("a")
    host.until(86_400)

    assert (before, host.phase("a")) == (Phase.RUNNING, Phase.TIMED_OUT)
    (event,) = host.of(SequenceTimedOut)
    assert "was not over within 24h0m0s (heard of: webhook" in event.message


def test_keptn_5501_a_delay_is_not_counted_against_the_limits_of_its_task() -> None:
    """With ``triggeredAfter: 10m`` the three minutes to react begin after the ten (R10, R27)."""
    delayed = {"name": "evaluation", "triggeredAfter": "10m"}
    host = lane_of("a", stages={"dev": {"delivery": ["test", delayed]}})
    host.at(60).finish("a")
    host.until(60 + 600)
    (event,) = [event for event in host.of(TaskTriggered) if event.task == "evaluation"]
    host.until(60 + 600 + 179)
    host.start("a")
    host.finish("a")

    assert (event.at, event.reaction_deadline) == (instant(660), instant(840))
    assert (host.phase("a"), host.record("a").result) == (Phase.FINISHED, Result.PASS)


def test_keptn_7898_a_timeout_has_a_result() -> None:
    """A sequence that times out has failed, and says so in its event and its record (R24)."""
    host = lane_of("a")
    host.until(180)
    record = host.record("a")
    (event,) = host.of(SequenceTimedOut)

    assert not isinstance(record, LiveSequence)
    assert (record.phase, record.result, record.status) == (
        Phase.TIMED_OUT,
        Result.FAIL,
        Status.ERRORED,
    )
    assert event.message == record.message
    assert event.message.startswith("Nobody reacted to task deploy in stage dev within 3m")


def test_keptn_5718_a_waiting_sequence_can_be_aborted() -> None:
    """An abort in line ends it at once, and the one before it is not disturbed (R22)."""
    host = lane_of("a", "b")
    host.abort("b")

    assert (host.code, host.phase("b"), host.phase("a")) == (
        "applied",
        Phase.ABORTED,
        Phase.RUNNING,
    )
    host.finish("a", "fail")
    assert started(host) == ["a"]


def test_keptn_5472_a_waiting_sequence_can_be_paused_and_then_aborted() -> None:
    """A pause in line is applied and holds it; an abort then ends it all the same (R18, R22)."""
    host = lane_of("a", "b", "c")
    host.pause("b")
    paused = host.code, host.phase("b")
    host.finish("a", "fail")
    host.tell(AbortSequence(sequence_id="b"))

    assert paused == ("applied", Phase.HELD)
    assert started(host) == ["a", "c"]
    assert host.phase("b") is Phase.ABORTED


def test_keptn_5608_each_task_is_triggered_once() -> None:
    """Reports and checks that come twice, pause and resume: one ``triggered`` for a task (R20)."""
    delayed = {"name": "evaluation", "triggeredAfter": "11m"}
    host = lane_of("a", stages={"dev": {"delivery": ["test", delayed, "release"]}})
    host.start("a")
    for _ in range(2):
        host.finish("a", report_id="r1")
        host.finish("a")
        host.pause("a")
        host.resume("a")
    host.at(660)
    for _ in range(2):
        host.check()
        host.pause("a")
        host.resume("a")
    host.finish("a")
    host.finish("a")

    assert triggered(host, "a") == ["test", "evaluation", "release"]
    assert host.phase("a") is Phase.FINISHED


def test_keptn_4039_a_repeated_task_name_does_not_loop() -> None:
    """Tasks of one name run one after the other, each once, and then the next one (R9)."""
    host = lane_of("a", stages={"dev": {"delivery": ["deploy", "deploy", "test", "deploy"]}})
    runs = {host.task_id("a")}
    for _ in range(3):
        host.finish("a")
        runs.add(host.task_id("a"))
    host.finish("a")

    assert triggered(host, "a") == ["deploy", "deploy", "test", "deploy"]
    assert (len(runs), host.phase("a")) == (4, Phase.FINISHED)


def test_keptn_7400_sequences_of_one_context_are_all_run() -> None:
    """A context may trigger a sequence again under another id: both run, in order (R8)."""
    host = Host(DEV)
    host.trigger("first", context="ctx")
    host.trigger("second", context="ctx")
    waiting = host.phase("second")
    for sequence_id in ("first", "first", "second", "second"):
        host.finish(sequence_id)

    assert waiting is Phase.WAITING
    assert triggered(host, "first") == triggered(host, "second") == ["deploy", "test"]
    assert [event.subject.sequence_id for event in host.of(SequenceFinished)] == ["first", "second"]


def test_keptn_a_late_report_does_not_land_in_the_next_task() -> None:
    """A report names a task run: once that is over it counts for nothing else (R13)."""
    host = lane_of("a", stages={"dev": {"delivery": ["deploy", "deploy"]}})
    (first,) = host.of(TaskTriggered)
    host.tell(first.finished(source="helm", result="pass"))
    late = host.tell(first.finished(source="slow", result="fail", data={"deploy": "wrong"}))
    late_start = host.tell(first.started(source="slow"))
    code = host.code
    host.finish("a")

    assert (late.state, late_start.state, code) == (late.before, late.before, "late")
    assert (host.phase("a"), host.record("a").result) == (Phase.FINISHED, Result.PASS)


def test_keptn_an_abort_does_not_finish_finished_sequences_again() -> None:
    """An abort ends what is live in its context and leaves every end as it was (R22, R24)."""
    host = lane_of("a", "b", "other")
    host.trigger("a2", context="a")
    host.finish("a")
    host.finish("a")
    ended = host.record("a")
    host.abort("a")
    host.abort("a")

    assert host.code == "rejected already_ended"
    assert host.record("a") is ended
    assert host.phase("a2") is Phase.ABORTED
    assert [event.subject.sequence_id for event in host.of(SequenceAborted)] == ["a2"]
    assert [event.result for event in host.of(SequenceFinished)] == [Result.PASS]
    assert host.record("a2").result is Result.FAIL


# ------------------------------------------------------------------ others


def test_spinnaker_5545_a_paused_run_does_not_free_its_place() -> None:
    """With one running and one waiting, a pause lets neither the waiting one nor a third run."""
    host = lane_of("a", "b")
    host.pause("a")
    host.finish("a")
    host.trigger("c")
    host.check()

    assert started(host) == ["a"]
    assert host.state.line("dev") == ("b", "c")
    host.resume("a")
    assert (host.task("a"), started(host)) == ("test", ["a"])


def test_kestra_2455_paused_runs_count_for_the_limit() -> None:
    """With a limit of two, two paused ones fill the lane; two of four ever run together (R1)."""
    host = lane_of("a", "b", "c", "d", queueing=QueuePolicy(limit=2))
    for sequence_id in ("a", "b"):
        host.pause(sequence_id)
        host.finish(sequence_id)

    assert host.state.holders("dev") == ("a", "b")
    assert host.state.line("dev") == ("c", "d")
    host.abort("a")
    assert host.state.holders("dev") == ("b", "c")


@pytest.mark.parametrize("is_waiting", [False, True])
def test_argo_workflows_17041_a_suspended_run_can_be_stopped(is_waiting: bool) -> None:
    """An abort of a paused sequence, started or not, takes effect without a resume (R22)."""
    host = lane_of("holder", "a") if is_waiting else lane_of("a")
    host.pause("a")
    if not is_waiting:
        host.finish("a")
    host.abort("a")

    assert (host.code, host.phase("a")) == ("applied", Phase.ABORTED)


def test_argo_rollouts_3756_aborting_while_the_pause_drains_comes_to_an_end() -> None:
    """Paused with a task in flight, then aborted: it ends with the task, and nothing is left."""
    host = lane_of("a", "b")
    host.start("a")
    host.pause("a")
    host.abort("a")
    host.finish("a")

    assert (host.phase("a"), host.phase("b")) == (Phase.ABORTED, Phase.RUNNING)
    assert host.state.context("a").pauses == ()
    host.until(10 * 86_400)
    assert host.state.next_deadline is None


def test_orca_1872_what_was_cancelled_in_line_never_starts() -> None:
    """An aborted one is not in the line any more when its turn would come (R22)."""
    host = lane_of("a", "b")
    host.abort("b")
    host.finish("a")
    host.finish("a")
    host.check()

    assert started(host) == ["a"]
    assert host.state.holders("dev") == ()


def test_orca_3015_a_cancel_in_the_middle_does_not_stall_the_line() -> None:
    """Whoever is aborted or held in the middle of the line, the one behind it starts (R3)."""
    host = lane_of("a", "b", "c", "d")
    host.abort("b")
    host.pause("c")
    host.finish("a", "fail")

    assert started(host) == ["a", "d"]


def test_kestra_11592_killing_a_waiting_run_admits_nobody() -> None:
    """Only a holder's end frees a place: aborts in line start nobody, one end starts one (R5)."""
    host = lane_of("a", "b", "c", "d", "e", queueing=QueuePolicy(limit=2))
    host.abort("c")
    killed = started(host)
    host.abort("a", force=True)

    assert killed == ["a", "b"]
    assert started(host) == ["a", "b", "d"]
    assert host.state.line("dev") == ("e",)


def test_orca_every_pause_is_subtracted_from_the_running_time() -> None:
    """The total limit stops for each pause, not only for the last one (R30)."""
    host = lane_of(
        "a",
        stages={"dev": {"delivery": ["one", "two", "three"]}},
        timeouts=TimeoutPolicy(total="300s", reaction="290s"),
    )
    for pause, drained, resume in ((80, 100, 1_100), (1_130, 1_150, 3_150)):
        host.at(pause).pause("a")
        host.at(drained).finish("a")
        host.at(resume).resume("a")
    before = host.phase("a"), host.state.next_deadline
    host.until(300 + 1_000 + 2_000)

    assert before == (Phase.RUNNING, instant(300 + 1_000 + 2_000))
    assert host.phase("a") is Phase.TIMED_OUT


@pytest.mark.parametrize("end", ["finish", "fail", "time out", "abort", "force", "pass and resume"])
def test_gitlab_342123_no_wake_up_is_lost(end: str) -> None:
    """Whatever ends a holder, the same decision starts the next one (R3)."""
    host = lane_of("a", "b", stages={"dev": {"delivery": ["deploy"]}})
    if end == "finish":
        host.finish("a")
    elif end == "fail":
        host.finish("a", status="errored")
    elif end == "time out":
        host.at(180).check()
    elif end == "pass and resume":
        host.pause("b")
        host.finish("a")
        host.resume("b")
    else:
        host.abort("a", force=end == "force")
        if end == "abort":
            host.finish("a")

    assert host.said[-2:] == ("SequenceStarted", "TaskTriggered")
    assert host.phase("b") is Phase.RUNNING


def test_gitlab_188049_newest_first_starves_nobody() -> None:
    """Newcomers take the place of those they supersede, so a busy neighbour passes nobody (R6)."""
    host = Host(DEV, queueing=QueuePolicy(mode="latest_only"))
    host.trigger("holder", service="db")
    host.trigger("carts-0", service="carts")
    host.trigger("orders-0", service="orders")
    for number in range(1, 5):
        host.trigger(f"orders-{number}", service="orders")
        host.trigger(f"carts-{number}", service="carts")
    for _ in range(2):
        host.finish(host.state.holders("dev")[0], "fail")

    assert started(host) == ["holder", "carts-4", "orders-4"]
    assert host.phase("carts-0") is Phase.SUPERSEDED


def test_spinnaker_6380_of_two_at_the_same_instant_one_runs() -> None:
    """Order is by number, never by time: two triggers of one instant stand in line (R2, R29)."""
    host = Host({"dev": {"delivery": ["deploy"]}, "qa": {"check": {
        "tasks": ["check"], "triggeredOn": ["dev.delivery.finished"]}}},
        queueing=QueuePolicy(stages={"dev": QueuePolicy(limit=2)}),
    )  # fmt: skip
    host.trigger("parent-1")
    host.trigger("parent-2")
    host.finish("parent-1")
    host.finish("parent-2")
    children = [record for record in host.state.sequences.values() if record.stage == "qa"]

    assert [child.phase for child in children] == [Phase.RUNNING, Phase.WAITING]
    assert len({event.at for event in host.of(TaskFinished)}) == 1


# ------------------------------------------------------------------ where a person decides


def approved(**approval: Any) -> dict[str, Any]:
    """A stage prod in which a delivery is approved and then deployed."""
    task = {"name": "approval", "approval": approval or True}
    return {"prod": {"delivery": [task, "deploy"]}}


def gated() -> Host:
    """A host with a gate stage in front of prod, in which many may wait for their approval."""
    passed = {"event": "prod-gate.delivery.finished", "selector": {"match": {"result": "pass"}}}
    return Host(
        Shipyard.of({
            "prod-gate": {"delivery": [{"name": "approval", "approval": True}]},
            "prod": {"delivery": {"tasks": ["deploy"], "triggeredOn": [passed]}},
        }),
        queueing=QueuePolicy(stages={"prod-gate": QueuePolicy(limit=100)}),
    )  # fmt: skip


def vote(host: Host, sequence_id: str, voter: str, result: str = "pass") -> None:
    """Let a person vote on the open approval of a sequence."""
    host.finish(sequence_id, result, source=voter, actor=voter)


def test_octopus_4564_no_delivery_starts_beside_one_that_waits_for_its_approval() -> None:
    """There a deployment that waited for a manual intervention let the next one start in the same
    environment. Here an open approval keeps the lane, whatever is triggered meanwhile (R5, R34).
    """
    host = Host(approved())
    host.trigger("a", stage="prod")
    host.trigger("b", stage="prod")
    host.check()

    assert ["a"] == started(host)
    vote(host, "a", "ann")
    assert ("deploy", ["a"]) == (host.task("a"), started(host))
    host.finish("a")
    assert ["a", "b"] == started(host)


def test_octopus_5666_a_release_that_nobody_approves_stops_no_other_one() -> None:
    """There the mending of 4564 made releases that stay unapproved for weeks block all later ones.
    Here such an approval stands in a gate stage, and production is free for the others (R34).
    """
    host = gated()
    for sequence_id in ("never", "next"):
        host.trigger(sequence_id, stage="prod-gate")
    host.at(20 * 3_600)
    vote(host, "next", "ann")

    assert host.phase("never") is Phase.RUNNING
    (in_prod,) = host.state.holders("prod")
    assert "next" == host.record(in_prod).context


def test_octopus_5666_or_it_yields_to_the_next_one() -> None:
    """There it was a switch of the step whether others go on. Here a definition may say that an
    open approval yields: the older release is superseded, and its end names the newer one (R35).
    """
    host = Host(approved(newcomer="supersede"))
    host.trigger("old", stage="prod")
    host.trigger("new", stage="prod")

    assert (Phase.SUPERSEDED, Phase.RUNNING) == (host.phase("old"), host.phase("new"))
    assert "approval is void" in str(host.plane.explain(host.state, "old"))


def test_hephaestus_1962_what_waits_says_which_approval_it_waits_for() -> None:
    """There a release nobody approved held the lock of all releases for days, and no list showed
    the run that held it. Here `explain` of each that waits names the holder, and the open tasks
    have its approval, which ends by itself (R27, R32, R34).
    """
    host = Host(approved())
    host.trigger("unapproved", stage="prod")
    host.trigger("release", stage="prod")
    explanation = host.plane.explain(host.state, "release")
    (task,) = host.plane.open_tasks(host.state)

    assert (("unapproved", Phase.RUNNING),) == explanation.holders
    assert ("unapproved", "approval") == (task.triggered.subject.sequence_id, task.triggered.task)
    assert task.triggered.approval is not None
    host.until(24 * 3_600)  # its completion limit
    assert (Phase.TIMED_OUT, Phase.RUNNING) == (host.phase("unapproved"), host.phase("release"))


@pytest.mark.parametrize("voter", ["email1@test.com", "email2@test.com", "email3@test.com"])
def test_azure_pipelines_tasks_21179_every_approver_can_approve(voter: str) -> None:
    """There of three approvers only the first could approve; the others saw a progress bar. Here
    whoever is not barred may vote, `permitted` says so before, and a refusal has its code (R32,
    R34).
    """
    host = Host(approved(initiator=False))
    host.trigger("a", stage="prod", actor="email4@test.com")
    own = host.plane.permitted(host.state, "a", actor="email4@test.com")["vote"]
    offered = host.plane.permitted(host.state, "a", actor=voter)["vote"]
    vote(host, "a", voter)

    assert isinstance(offered, Applied)
    assert not isinstance(own, Applied)
    assert ("applied", "deploy") == (host.code, host.task("a"))


def test_argo_cd_25361_what_runs_when_a_window_closes_goes_on_and_can_be_ended() -> None:
    """There a sync that began just before its window closed hung as "blocked by sync window", and
    could not be terminated until the next window. Here a closed stage admits nobody: what runs goes
    on to its end, an abort takes effect, and what waits can be aborted too (R7, R22, R37).
    """
    host = Host(DEV, calendar=lambda _stage, now: Opening(now < instant(60)))
    for sequence_id in ("a", "b", "c"):
        host.trigger(sequence_id)
    host.at(61).finish("a")
    closed = host.task("a")
    host.finish("a")
    host.abort("b")

    assert "test" == closed
    assert (Phase.FINISHED, Phase.ABORTED) == (host.phase("a"), host.phase("b"))
    assert (Phase.WAITING, ["a"]) == (host.phase("c"), started(host))


def test_kargo_4586_what_waits_for_an_instant_starts_at_that_instant() -> None:
    """There a promotion whose soak time was over stayed blocked until the controller was restarted
    or its stage changed. Here the end of a freeze is the next deadline, whether a person or a
    calendar set it, and the check at that instant starts what waits (R29, R36, R37).
    """

    def night(_stage: str, now: datetime) -> Opening:
        return Opening(now >= instant(600), until=instant(600) if now < instant(600) else None)

    host = Host(DEV, calendar=night)
    host.trigger("a")
    host.freeze("dev", until=instant(300))
    by_a_person = host.state.next_deadline
    host.until(300)  # and now the calendar keeps it back
    by_the_calendar = host.state.next_deadline
    host.until(599)
    before = host.phase("a")
    host.until(600)

    assert (instant(300), instant(600)) == (by_a_person, by_the_calendar)
    assert (Phase.WAITING, Phase.RUNNING) == (before, host.phase("a"))
    assert [instant(300), instant(600)] == [event.at for event in host.of(StageUnfrozen)]


# ------------------------------------------------------------------ after a failure

PARKING: Final[dict[str, Any]] = {
    "dev": {"delivery": {"onFailure": "park", "tasks": ["deploy", "test"]}}
}


def test_argo_workflows_16921_what_an_operator_did_by_hand_is_skipped() -> None:
    """There a failed step blocked the rest although an operator had done its work by hand, and a
    retry was no use. Here a skip goes on with the next task, and keeps who did it and why (R40).
    """
    host = Host(PARKING)
    host.trigger("a")
    host.finish("a", "fail")
    host.skip("a", actor="ann", reason="deployed by hand")

    assert "test" == host.task("a")
    (skipped,) = host.of(TaskSkipped)
    assert ("deploy", "ann", "deployed by hand") == (
        skipped.task,
        skipped.control.actor,
        skipped.control.reason,
    )
    host.finish("a")
    assert (Phase.FINISHED, Result.PASS) == (host.phase("a"), host.record("a").result)


def test_spinnaker_6359_a_person_looks_at_a_failure_before_it_is_ignored() -> None:
    """There a failed stage could only be restarted; to go on in spite of it was a setting for all
    of its failures. Here people see what failed first, are offered both, and decide (R32, R40).
    """
    host = Host(PARKING)
    host.trigger("a")
    before = host.plane.permitted(host.state, "a")
    host.finish("a", "fail", message="503 from the registry")
    offered = host.plane.permitted(host.state, "a")

    assert "503 from the registry" in str(host.plane.explain(host.state, "a"))
    for control in ("retry", "skip"):
        assert "not_parked" == word(before[control])
        assert "applied" == word(offered[control])
    host.skip("a", "warning")
    host.finish("a")
    assert Result.WARNING is host.record("a").result


def test_argo_workflows_14282_what_follows_a_retried_task_has_its_new_answer() -> None:
    """There a node that waited for input timed out, was retried with another input, and the nodes
    behind it did not start. Here the next task starts, and of the first run nothing is left (R40).
    """
    host = Host(PARKING)
    host.trigger("a")
    host.finish("a", "fail", data={"answer": "no", "why": "nobody was there"})
    host.retry("a", actor="ann")
    host.finish("a", data={"answer": "yes"})
    following = host.of(TaskTriggered)[-1]

    assert ("test", "yes") == (following.task, following.input["answer"])
    assert "why" not in following.input


@pytest.mark.parametrize("start_at", ["deploy", "test", "release"])
def test_gitmoot_1477_a_redrive_runs_the_task_it_is_told_to_begin_with(start_at: str) -> None:
    """There a pipeline resumed from a stage that had succeeded did not run it again, and said
    nothing. Here the named task is the first that is triggered, whatever its result was (R41).
    """
    host = lane_of("a", stages={"dev": {"delivery": ["deploy", "test", "release"]}})
    host.finish("a")
    host.finish("a", "fail")
    host.redrive("a", "again", start_at=start_at)

    assert [start_at] == triggered(host, "again")


def test_conductor_776_a_dead_executor_is_noticed_whatever_the_task_may_take() -> None:
    """There a killed worker's task stayed in progress, and a limit on the whole task was no help
    since it may take weeks. Here silence ends it, and the explanation names the executor (R42).
    """
    limits = {"completion": "240h", "silence": "1m"}
    host = lane_of("a", "b", stages={"dev": {"delivery": [{"name": "deploy", "timeouts": limits}]}})
    host.start("a", "worker-7")
    for seconds in (50, 100, 150):
        host.at(seconds).progress("a", "worker-7")
    host.until(209)
    before = host.phase("a")
    host.until(210)

    assert (Phase.RUNNING, Phase.TIMED_OUT) == (before, host.phase("a"))
    assert "worker-7" in host.of(SequenceTimedOut)[0].message
    assert Phase.RUNNING is host.phase("b")


def test_prefect_18942_what_has_finished_is_not_taken_for_dead_afterwards() -> None:
    """There a completed run was marked as crashed since the renewal of its lease failed shortly
    afterwards. Here silence counts only until the finish, and an end absorbs the rest (R24, R42).
    """
    silent = {"timeouts": {"reaction": "1h", "silence": "1m"}}
    host = lane_of(
        "a", stages={"dev": {"delivery": [{"name": "deploy", "expects": 2, **silent}, "test"]}}
    )
    host.start("a", "helm")
    host.finish("a", source="helm")  # and waits for the second one
    host.until(600)
    waiting = host.task("a")
    host.finish("a", source="argo")
    host.finish("a")
    ended = host.record("a")
    host.progress("a", "helm")

    assert "deploy" == waiting
    assert ("late", ended) == (host.code, host.record("a"))
    assert (Phase.FINISHED, Result.PASS) == (ended.phase, ended.result)
