"""Approvals: who may vote, what a vote counts, and what many of them decide (R34)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import attrs
import pytest

from sequencectl import (
    AbortSequence,
    Approval,
    Bounds,
    CheckDeadlines,
    DefinitionError,
    FrozenMap,
    InvalidValue,
    LiveSequence,
    Phase,
    Rejected,
    ReportTaskFinished,
    Result,
    SequenceDefinition,
    SequenceStateMachine,
    Shipyard,
    Status,
    TaskDefinition,
    TaskTimeouts,
    TimeoutPolicy,
    TriggerSequence,
)
from sequencectl.events import (
    Cause,
    SequenceAborted,
    SequenceTriggered,
    TaskFinished,
    TaskFinishReported,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.task_run import Vote
from tests.support import T0, Host, instant, word


def asking(*, after: bool = False, **approval: Any) -> Host:
    """A host whose sequence `c`, triggered by alice, waits for an approval and then deploys."""
    policies = {name: approval.pop(name) for name in ("bounds", "timeouts") if name in approval}
    tasks = [TaskDefinition("sign", approval=Approval(**approval)), "deploy"]
    host = Host({"prod": {"delivery": tasks[: 2 if after else 1]}}, **policies)
    host.trigger("c", "prod", actor="alice")
    return host


def standing(host: Host) -> list[tuple[str, str]]:
    """The votes that stand: who, and with what result."""
    record = host.record("c")
    assert isinstance(record, LiveSequence)
    assert record.task is not None
    return [(vote.voter, vote.result.value) for vote in record.task.votes]


# ---------------------------------------------------------------- what votes decide


@pytest.mark.parametrize("result", ["pass", "warning"])
def test_enough_approving_votes_let_the_sequence_go_on(result: str) -> None:
    """The last of them ends the task with the worst result of those that approve."""
    host = asking(after=True, approve=2)
    host.vote("c", "bob")
    before = host.task("c")
    host.vote("c", "carol", result)

    assert ("sign", "deploy") == (before, host.task("c"))
    assert result == host.of(TaskFinished)[-1].result.value


@pytest.mark.parametrize("told", [{"result": "fail"}, {"result": "pass", "status": "errored"}])
def test_enough_rejecting_votes_end_the_sequence(told: dict[str, Any]) -> None:
    """Fail rejects, and so does any status other than succeeded; others had approved before."""
    host = asking(after=True, approve=3, reject=2)
    host.vote("c", "bob")
    host.vote("c", "carol", **told)
    before = host.phase("c")
    host.vote("c", "dave", **told)

    assert (Phase.RUNNING, Phase.FINISHED) == (before, host.phase("c"))
    assert Result.FAIL is host.record("c").result
    assert Status(told.get("status", "succeeded")) is host.of(TaskFinished)[-1].status


def test_a_voter_counts_once_and_the_last_vote_counts() -> None:
    """The same vote again changes nothing; another one replaces the first."""
    host = asking(approve=2, reject=2)
    host.vote("c", "bob")
    host.vote("c", "bob")
    again = host.code
    host.vote("c", "bob", "fail")
    host.vote("c", "carol")

    assert again == "already_voted"
    assert [("bob", "fail"), ("carol", "pass")] == standing(host)
    assert Phase.RUNNING is host.phase("c")


def test_a_warning_after_a_pass_is_another_vote() -> None:
    """What counts is the result, not the side."""
    host = asking(approve=2)
    host.vote("c", "bob")
    host.vote("c", "bob", "warning")

    assert host.code == "applied"
    assert [("bob", "warning")] == standing(host)


def test_a_vote_after_the_decision_is_late() -> None:
    """However it would count."""
    host = asking()
    host.vote("c", "bob")
    host.vote("c", "carol", "fail")

    assert host.code == "late"
    assert Result.PASS is host.record("c").result


def test_reason_and_status_are_those_of_the_winning_side() -> None:
    """What the others said is in the history, not in the outcome."""
    host = asking(approve=2, reject=2)
    host.vote("c", "bob", "fail", status="unknown", message="no server")
    host.vote("c", "carol", message="fine for me")
    host.vote("c", "dave", "fail", message="me neither")

    (finished,) = host.of(TaskFinished)
    assert ("me neither", Status.UNKNOWN) == (finished.message, finished.status)


def test_an_empty_reason_leaves_the_one_before() -> None:
    """Of the winning side the last reason that was given is told."""
    host = asking(approve=2)
    host.vote("c", "bob", message="tested by hand")
    host.vote("c", "carol")

    assert host.of(TaskFinished)[0].message == "tested by hand"


def test_the_data_of_a_vote_is_dropped_before_any_bound() -> None:
    """It is recorded nowhere, however large it is, and the next task does not get it."""
    host = asking(after=True, bounds=Bounds(payload_size=50))
    host.vote("c", "bob", data={"text": "x" * 1_000})

    assert FrozenMap() == host.of(TaskFinishReported)[0].data
    assert "text" not in host.of(TaskTriggered)[-1].input


def test_without_an_actor_the_source_is_the_voter() -> None:
    """As with Keptn's own tools, which do not know who uses them."""
    host = asking(approve=2)
    host.finish("c", source="approval-service")
    host.vote("c", "approval-service")

    assert host.code == "already_voted"
    assert [("approval-service", "pass")] == standing(host)


# ---------------------------------------------------------------- starts


def test_a_start_decides_nothing() -> None:
    """Keptn's approval service starts, and somebody else finishes: that is enough."""
    host = asking()
    host.start("c", "approval-service")
    host.vote("c", "bob")

    assert ("applied", Phase.FINISHED) == (host.code, host.phase("c"))


def test_starts_do_not_use_up_what_votes_need() -> None:
    """Of each source the first start is recorded, and voters are counted by themselves."""
    host = asking(approve=2, bounds=Bounds(sources=2, reports=4))
    codes = []
    for number, source in enumerate(["a", "a", "b", "c"]):
        host.start("c", source, report_id=f"s{number}")
        codes.append(host.code)
    host.vote("c", "bob", report_id="v1")
    host.vote("c", "carol", report_id="v2")

    assert ["applied", "duplicate", "applied", "too_many_sources"] == codes
    assert Phase.FINISHED is host.phase("c")


def test_a_start_is_a_reaction() -> None:
    """It meets a reaction limit of the task's own; so does a vote."""
    own = {"name": "sign", "approval": {"approve": 2}, "timeouts": {"reaction": "10s"}}
    phases = []
    for answer in ("nothing", "start", "vote"):
        host = Host({"prod": {"delivery": [own]}})
        host.trigger("c", "prod")
        if answer == "start":
            host.start("c")
        elif answer == "vote":
            host.vote("c", "bob")
        host.until(10)
        phases.append(host.phase("c"))

    assert [Phase.TIMED_OUT, Phase.RUNNING, Phase.RUNNING] == phases


# ---------------------------------------------------------------- who may vote


def test_who_triggered_it_may_be_barred() -> None:
    """Neither as actor nor as nobody; another person decides it."""
    host = asking(initiator=False)
    codes = []
    for told in ({"actor": "alice"}, {}, {"actor": "bob"}):
        host.finish("c", source="ui", **told)
        codes.append(host.code)

    assert ["rejected own_approval", "rejected no_actor", "applied"] == codes
    assert Phase.FINISHED is host.phase("c")


def test_a_refused_vote_says_why() -> None:
    """In a sentence for whoever has sent it, and so is a trigger that names nobody."""
    host = asking(initiator=False)
    messages = []
    for told in ({"actor": "alice"}, {}):
        outcome = host.finish("c", source="ui", **told).outcome
        assert isinstance(outcome, Rejected)
        messages.append(outcome.message)
    outcome = host.trigger("d", "prod").outcome
    assert isinstance(outcome, Rejected)

    nobody = "Who triggers this may not approve it: a {} must name its actor."
    assert ["alice triggered this sequence and may not decide sign.", nobody.format("vote")] == (
        messages
    )
    assert nobody.format("trigger") == outcome.message


def test_a_vote_is_recorded_with_its_task() -> None:
    """Who reads the events need not look for its name."""
    host = asking()
    host.vote("c", "bob", report_id="v1")

    (vote,) = host.of(TaskFinishReported)
    assert ("sign", host.task_id("c"), "ui", "bob", "v1") == (
        vote.task, vote.task_id, vote.source, vote.voter, vote.report_id,
    )  # fmt: skip


def test_by_default_who_triggered_it_may_approve_it() -> None:
    """The four-eyes principle is to be asked for."""
    host = asking()
    host.vote("c", "alice")

    assert Phase.FINISHED is host.phase("c")


CHAIN = {
    "dev": {"delivery": ["deploy"], "other": ["deploy"]},
    "test": {"delivery": {"tasks": ["test"], "triggeredOn": ["dev.delivery.finished"]}},
    "prod": {
        "delivery": {
            "tasks": [{"name": "sign", "approval": {"initiator": False}}],
            "triggeredOn": ["test.delivery.finished"],
        }
    },
}


def test_what_leads_to_such_an_approval_must_name_its_actor() -> None:
    """Two stages before it as well; what leads nowhere near it need not (R34)."""
    host = Host(CHAIN)
    host.trigger("a", "dev")
    nobody = host.code
    host.trigger("b", "dev", "other")
    elsewhere = host.code
    host.trigger("c", "prod")

    assert "rejected no_actor" == nobody == host.code
    assert elsewhere == "applied"


def test_sequences_that_lead_to_each_other_are_no_trouble() -> None:
    """A circle of triggers with such an approval in it needs the actor everywhere."""
    world = {
        "a": {"x": {"tasks": ["t"], "triggeredOn": ["b.x.finished"]}},
        "b": {
            "x": {
                "tasks": [{"name": "sign", "approval": {"initiator": False}}],
                "triggeredOn": ["a.x.finished"],
            }
        },
    }
    shipyard = Shipyard.of(world)

    assert shipyard.needs_actor("a", "x")
    assert shipyard.needs_actor("b", "x")
    assert not shipyard.needs_actor("b", "evaluation")


def test_a_known_id_is_a_duplicate_before_an_actor_is_asked_for() -> None:
    """An answer that was lost is given again (R8)."""
    host = Host(CHAIN)
    host.trigger("a", "dev", actor="alice")
    host.trigger("a", "dev")

    assert host.code == "duplicate"


def test_the_data_is_looked_at_before_the_actor_and_room_after_it() -> None:
    """As the rule on refusals says (R8)."""
    host = Host(CHAIN, bounds=Bounds(payload_size=10))
    host.trigger("a", "dev", data={"text": "x" * 100})
    large = host.code
    host.trigger("a", "dev")

    assert ("rejected payload_too_large", "rejected no_actor") == (large, host.code)


def test_a_follow_up_bars_whoever_triggered_what_it_follows() -> None:
    """Through two stages: alice began it all."""
    host = Host(CHAIN)
    host.trigger("a", "dev", actor="alice")
    host.finish("a")
    host.finish(next(iter(host.state.live_of_context("a"))).sequence_id)
    (last,) = host.state.live_of_context("a")
    host.vote(last.sequence_id, "alice")

    assert host.code == "rejected own_approval"
    assert [("alice",)] * 3 == [each.initiators for each in host.of(SequenceTriggered)]


def test_an_ended_sequence_keeps_who_triggered_it() -> None:
    """What is triggered again from it later must bar them too."""
    host = asking()
    host.vote("c", "bob")

    assert ("alice",) == host.record("c").initiators


# ---------------------------------------------------------------- what is refused is no vote


def test_a_report_id_that_was_seen_is_a_duplicate() -> None:
    """Before it is looked at who votes."""
    host = asking(approve=2)
    host.vote("c", "bob", report_id="v1")
    host.vote("c", "carol", report_id="v1")

    assert host.code == "duplicate"
    assert [("bob", "pass")] == standing(host)


def test_a_reason_larger_than_a_payload_is_refused() -> None:
    """It is counted in bytes; one that just fits is heard."""
    host = asking(approve=2, bounds=Bounds(payload_size=4))
    host.vote("c", "bob", message="äää")
    refused = host.last
    host.vote("c", "bob", message="ää")

    assert refused is not None
    assert word(refused.outcome) == "rejected payload_too_large"
    assert "6 bytes, at most 4" in str(refused.outcome)
    assert host.code == "applied"


def test_more_voters_and_reports_than_are_kept_change_nothing() -> None:
    """A voter that is known may still vote otherwise, if the report needs no room."""
    host = asking(approve=2, reject=2, bounds=Bounds(sources=3, reports=3))
    codes = []
    for voter, result, report in [
        ("bob", "pass", "1"), ("carol", "fail", "2"), ("bob", "warning", "3"),
        ("dave", "pass", "4"), ("bob", "pass", None),
    ]:  # fmt: skip
        host.vote("c", voter, result, report_id=report)
        codes.append(host.code)

    assert ["applied", "applied", "applied", "too_many_reports", "applied"] == codes


def test_one_voter_too_many_changes_nothing() -> None:
    """As many as can decide always fit; with fewer sources today than then, they do not."""
    host = asking(approve=2, reject=2)
    host.plane = attrs.evolve(host.plane, bounds=Bounds(sources=3))
    host.vote("c", "bob")
    host.vote("c", "carol", "fail")
    shipyard = Shipyard.of({"prod": {"delivery": ["deploy"]}})
    host.plane = attrs.evolve(host.plane, shipyard=shipyard, bounds=Bounds(sources=2))
    host.vote("c", "dave")
    over = host.code
    host.vote("c", "carol")

    assert ("too_many_sources", "applied") == (over, host.code)
    assert Phase.FINISHED is host.phase("c")


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"actor": "bob", "report_id": "v0", "message": "x" * 9}, "duplicate"),
        ({"actor": "eve", "report_id": "v9", "message": "x" * 9}, "rejected payload_too_large"),
        ({"actor": "eve", "report_id": "v9"}, "too_many_reports"),
        ({"actor": "eve"}, "too_many_sources"),
        ({"actor": ""}, "too_many_sources"),
        ({"actor": "", "source": "bob"}, "rejected no_actor"),
        ({"actor": "bob"}, "already_voted"),
    ],
)
def test_refusals_come_in_this_order(told: dict[str, Any], expected: str) -> None:
    """Of several reasons why a report is no vote the first is told."""
    bounds = Bounds(payload_size=8, reports=1, sources=1)
    host = asking(approve=1, reject=1, initiator=False, bounds=bounds)
    record = host.record("c")
    assert isinstance(record, LiveSequence)
    assert record.task is not None
    open_twice = attrs.evolve(record.task.triggered, approval=Approval(approve=2, initiator=False))
    run = attrs.evolve(
        record.task, triggered=open_twice, votes=(Vote("bob", "ui", Result.PASS),),
        report_ids=("v0",),
    )  # fmt: skip
    state = attrs.evolve(
        host.state, records=host.state._records.insert("c", attrs.evolve(record, task=run))
    )
    command = ReportTaskFinished(run.task_id, **{"source": "ui", "result": "pass", **told})

    assert expected == word(host.plane.decide(state, command, T0).outcome)


# ---------------------------------------------------------------- limits and controls


def test_the_policys_reaction_limit_is_not_for_people() -> None:
    """They take their time; a limit for tasks of this name holds all the same."""
    host = asking()
    by_name = asking(timeouts=TimeoutPolicy(tasks={"sign": TaskTimeouts(reaction="1h")}))

    assert instant(86_400) == host.state.next_deadline
    assert instant(3_600) == by_name.state.next_deadline


@pytest.mark.parametrize("voted", [None, "pass", "fail"])
def test_an_open_approval_runs_out_of_time(voted: str | None) -> None:
    """Silence is no consent, and one vote of two is none (R27)."""
    host = asking(approve=2, reject=2)
    if voted:
        host.vote("c", "bob", voted)
    host.until(86_400)

    assert Phase.TIMED_OUT is host.phase("c")
    missing = "1 more approving vote" if voted == "pass" else "2 more approving votes"
    assert host.of(TaskTimedOut)[0].explanation.awaited == missing


@pytest.mark.parametrize(
    ("voted", "result"), [([], Result.PASS), ([("bob", "warning")], Result.WARNING)]
)
def test_silence_can_be_consent(voted: list[tuple[str, str]], result: Result) -> None:
    """It is approved at its limit with the worst result of the votes that stand (R34)."""
    host = asking(after=True, approve=3, on_expiry="approve")
    for voter, told in voted:
        host.vote("c", voter, told, message="hm")
    host.until(86_400)

    (finished,) = host.of(TaskFinished)
    assert (result, Status.SUCCEEDED) == (finished.result, finished.status)
    said = "Nobody rejected sign in stage prod within 24h0m0s; it counts as approved."
    assert f"{said}{' hm' * len(voted)}" == finished.message
    assert finished.explanation is not None
    assert instant(86_400) == finished.explanation.deadline
    assert host.task("c") == "deploy"


def test_a_vote_that_rejects_breaks_the_silence() -> None:
    """Then it runs out of time, until that voter thinks otherwise."""
    rejected = asking(reject=2, approve=2, on_expiry="approve")
    rejected.vote("c", "bob", "fail")
    rejected.until(86_400)
    changed = asking(reject=2, approve=2, on_expiry="approve")
    changed.vote("c", "bob", "fail")
    changed.vote("c", "bob")
    changed.until(86_400)

    assert (Phase.TIMED_OUT, Phase.FINISHED) == (rejected.phase("c"), changed.phase("c"))


def test_silence_is_no_consent_to_a_reaction_limit() -> None:
    """A limit of its own on the first reaction ends it as any task (R27)."""
    task = TaskDefinition(
        "sign", approval=Approval(on_expiry="approve"), timeouts=TaskTimeouts(reaction="10s")
    )
    host = Host({"prod": {"delivery": [task]}})
    host.trigger("c", "prod")
    host.until(10)

    assert Phase.TIMED_OUT is host.phase("c")


def test_consent_while_pausing_drains_the_sequence() -> None:
    """It goes on with the resume (R18, R21)."""
    host = asking(after=True, on_expiry="approve")
    host.pause("c")
    host.until(86_400)
    paused = host.phase("c")
    host.resume("c")

    assert Phase.PAUSED is paused
    assert host.task("c") == "deploy"


def test_a_pause_keeps_an_approval_open() -> None:
    """Votes count while it is pausing, and what they decide waits for the resume."""
    host = asking(after=True, approve=2)
    host.pause("c")
    host.vote("c", "bob")
    host.vote("c", "carol")

    assert (Phase.PAUSED, None) == (host.phase("c"), host.task("c"))


@pytest.mark.parametrize("force", [False, True])
def test_an_abort_does_not_wait_for_people(force: bool) -> None:
    """Nobody works on an approval; votes are late then (R22)."""
    host = asking()
    task_id = host.task_id("c")
    host.abort("c", actor="bob", force=force)
    (aborted,) = host.of(SequenceAborted)
    host.vote("c", "carol")

    assert (Phase.ABORTED, "late") == (host.phase("c"), host.code)
    assert (Cause.REQUESTED, task_id) == (aborted.cause, aborted.abandoned_task)


# ---------------------------------------------------------------- definitions


def test_a_task_named_approval_is_one_in_keptns_shipyard() -> None:
    """Unless it says otherwise; in the short form of this library only what says so is one."""
    tasks: list[dict[str, Any]] = [
        {"name": "approval"},
        {"name": "approval", "approval": False},
        {"name": "sign"},
        {"name": "sign", "approval": True},
        {"name": "sign", "approval": {"approve": 2, "onExpiry": "approve", "newcomer": "wait"}},
    ]
    made = {"name": "sign", "approval": Approval(reject=2)}
    stage = {"name": "prod", "sequences": [{"name": "delivery", "tasks": tasks}]}
    keptn = Shipyard.from_mapping(
        {"apiVersion": "spec.keptn.sh/0.2.2", "kind": "Shipyard", "spec": {"stages": [stage]}}
    )
    plain = Shipyard.of({"prod": {"delivery": [*tasks, made]}})
    own = Approval(approve=2, on_expiry="approve")

    def approvals(shipyard: Shipyard) -> list[Approval | None]:
        return [task.approval for task in shipyard.stages[0].sequences[0].tasks]

    assert [Approval(), None, None, Approval(), own] == approvals(keptn)
    assert [None, None, None, Approval(), own, Approval(reject=2)] == approvals(plain)


@pytest.mark.parametrize(
    ("approval", "where", "problem"),
    [
        (3, "", "must be true, false or a mapping, got 3"),
        ({"approve": 0}, ".approve", "must be an int of at least 1, got 0"),
        ({"reject": True}, ".reject", "must be an int of at least 1, got True"),
        ({"initiator": "no"}, ".initiator", "must be True or False, got 'no'"),
        ({"onExpiry": "deny"}, ".onExpiry", "must be one of time_out, approve, got 'deny'"),
        ({"newcomer": 1}, ".newcomer", "must be one of wait, supersede, got 1"),
        ({"voters": 2}, ".voters", "is an unknown key; permitted are approve, reject, initiator"),
    ],
)
def test_a_mistake_in_an_approval_has_its_path(approval: Any, where: str, problem: str) -> None:
    """In the words of the document."""
    tasks = [{"name": "sign", "approval": approval}]

    with pytest.raises(DefinitionError) as refused:
        Shipyard.of({"prod": {"delivery": {"tasks": tasks}}})
    assert f"prod.delivery.tasks[0].approval{where}: {problem}" in str(refused.value)


def test_an_approval_expects_nobody() -> None:
    """Who decides it is said by its votes; that it is one by its name, the message tells."""
    with pytest.raises(DefinitionError, match=r"expects: .*'approval: false' makes it none"):
        TaskDefinition("sign", expects=2, approval=Approval())


def test_as_many_voters_as_may_be_needed_must_fit() -> None:
    """With two of three to approve and two of three to reject, three may have voted."""
    shipyard = Shipyard.of(
        {"prod": {"delivery": [{"name": "sign", "approval": {"approve": 2, "reject": 2}}]}}
    )
    shipyard.check(TimeoutPolicy(), Bounds(sources=3))

    with pytest.raises(DefinitionError, match=r"sign\.approval: .* at most 2 voters .* got 3"):
        shipyard.check(TimeoutPolicy(), Bounds(sources=2))


def test_an_approval_needs_a_completion_limit_and_no_other() -> None:
    """Where a policy is bounded (R26)."""
    policy = TimeoutPolicy(reaction=None, completion="1h")

    limits = policy.for_task("sign", TaskTimeouts(), is_approval=True)

    assert (None, timedelta(hours=1)) == (limits.reaction, limits.completion)


# ---------------------------------------------------------------- the event, and one by itself


def test_a_triggered_approval_makes_votes() -> None:
    """With the voter as source and actor, and the reason as message."""
    host = asking()
    (task,) = host.of(TaskTriggered)

    assert Approval() == task.approval
    assert (
        ReportTaskFinished(task.task_id, source="bob", actor="bob", result="pass", message="ok")
    ) == task.approve("bob", "ok")
    assert (
        ReportTaskFinished(task.task_id, source="bob", actor="bob", result="fail")
    ) == task.reject("bob")


def test_a_task_that_is_no_approval_makes_no_votes() -> None:
    """To approve it would finish it."""
    host = Host({"prod": {"delivery": ["deploy"]}})
    host.trigger("c", "prod")
    (task,) = host.of(TaskTriggered)

    with pytest.raises(InvalidValue, match="task: must be a task with an approval, got 'deploy'"):
        task.approve("bob")


def test_a_task_that_is_no_approval_is_decided_by_no_votes() -> None:
    """It is over by its finishes (R11)."""
    host = Host({"prod": {"delivery": ["deploy"]}})
    host.trigger("c", "prod")
    record = host.record("c")

    assert isinstance(record, LiveSequence)
    assert record.task is not None
    assert () == record.task.deciding == record.task.votes


def test_other_tasks_ignore_the_actor() -> None:
    """A finish is the source's, whoever stands behind it (R11)."""
    host = Host({"prod": {"delivery": [{"name": "deploy", "expects": 2}]}})
    host.trigger("c", "prod")
    host.finish("c", source="x", actor="bob")
    host.finish("c", source="y", actor="bob")

    assert Phase.FINISHED is host.phase("c")


def test_one_sequence_by_itself_is_decided_by_votes() -> None:
    """With the very same refusals."""
    task = TaskDefinition("sign", approval=Approval(initiator=False, newcomer="supersede"))
    machine = SequenceStateMachine(SequenceDefinition("delivery", (task,)))
    trigger = TriggerSequence("c", stage="prod", sequence="delivery")
    nobody = machine.accept(trigger, T0)
    accepted = machine.accept(attrs.evolve(trigger, actor="alice"), T0)
    assert accepted.state is not None
    started = machine.start(accepted.state, T0)
    assert started.state is not None
    asked = started.events[-1]
    assert isinstance(asked, TaskTriggered)
    own = machine.decide(started.state, asked.approve("alice"), T0)
    decided = machine.decide(started.state, asked.reject("bob"), T0)
    checked = machine.decide(started.state, CheckDeadlines(), instant(86_400))
    aborted = machine.decide(started.state, AbortSequence("c"), T0)

    assert word(nobody.outcome) == "rejected no_actor"
    assert word(own.outcome) == "rejected own_approval"
    assert decided.state is not None
    assert Result.FAIL is decided.state.result
    assert [Phase.TIMED_OUT, Phase.ABORTED] == [
        each.state.phase for each in (checked, aborted) if each.state is not None
    ]
