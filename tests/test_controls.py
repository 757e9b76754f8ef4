"""Pause, resume, abort across stages and scopes; repeats and requests (R18–R25)."""

from datetime import timedelta

import pytest

from sequencectl import (
    AbortSequence,
    Bounds,
    Command,
    FreezeStage,
    PauseSequence,
    Phase,
    Rejected,
    RejectedCode,
    ResumeSequence,
    Shipyard,
    TaskTriggered,
    TimeoutPolicy,
    UnfreezeStage,
    thaw,
)
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    SequenceAborted,
    SequenceAbortRequested,
)
from tests.support import Host, instant

PIPELINE = {
    "dev": {"delivery": ["deploy", "test"]},
    "staging": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
}
NO_PROD = "The shipyard has no stage 'prod'; it has: dev, staging."


def follow_up(host: Host) -> str:
    """The id of the delivery in staging."""
    (found,) = [r.sequence_id for r in host.state.sequences.values() if r.stage == "staging"]
    return found


def test_a_pause_reaches_what_follows_in_the_next_stage() -> None:
    """A sequence triggered into a paused context is born held, and resume lets it go (R16, R19)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.finish("a")
    host.pause("a")
    host.finish("a")
    seen = (host.phase("a"), host.phase(follow_up(host)))

    host.resume("a")

    assert (Phase.FINISHED, Phase.HELD) == seen
    assert Phase.RUNNING is host.phase(follow_up(host))


def test_a_stage_can_be_paused_before_it_is_reached() -> None:
    """A pause of a later stage leaves this one alone and holds what comes there (R18)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", stage="staging")
    for _ in range(2):
        host.finish("a")

    assert (Phase.FINISHED, Phase.HELD) == (host.phase("a"), host.phase(follow_up(host)))


def test_wider_and_narrower_pauses() -> None:
    """A wider pause is new, a narrower one is not; resume takes back its scope and those inside."""
    host = Host(PIPELINE)
    host.trigger("a")
    codes = []
    for act, scope in (
        (host.pause, {"stage": "dev"}),
        (host.pause, {}),
        (host.pause, {"stage": "staging"}),
        (host.resume, {"stage": "dev"}),
        (host.resume, {}),
        (host.resume, {"stage": "dev"}),
    ):
        act("a", **scope)
        codes.append(host.code)

    assert [
        "applied",
        "applied",
        "already_paused",
        "rejected paused_with_context",
        "applied",
        "not_paused",
    ] == codes
    assert Phase.RUNNING is host.phase("a")


def test_resuming_one_stage_leaves_the_pause_of_another() -> None:
    """Scopes beside each other are independent (R20)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", stage="dev")
    host.pause("a", stage="staging")

    host.resume("a", stage="dev")

    assert ["staging"] == [pause.stage for pause in host.state.context("a").pauses]


def test_a_stage_beside_a_paused_one_is_not_paused() -> None:
    """A resume of what no pause covers changes nothing (R20)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", stage="staging")

    host.resume("a", stage="dev")

    assert "not_paused" == host.code
    assert ["staging"] == [pause.stage for pause in host.state.context("a").pauses]


def test_scopes_are_checked() -> None:
    """Unknown contexts and stages are refused; a stage that was removed is still known (R18)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", stage="staging")
    host.plane = type(host.plane)(Shipyard.of({"prod": {}}))
    codes = []
    for context, stage in (("b", None), ("a", "stagign"), ("a", "staging"), ("a", "dev")):
        host.pause(context, stage=stage)
        codes.append(host.code)
    host.resume("b")
    codes.append(host.code)
    for stage in ("stagign", "staging"):
        host.abort("a", stage=stage)
        codes.append(host.code)

    assert [
        "rejected unknown_context",
        "rejected unknown_stage",
        "already_paused",
        "applied",
        "rejected unknown_context",
        "rejected unknown_stage",
        "rejected not_reached",
    ] == codes


def test_pauses_end_with_the_context() -> None:
    """The last live sequence takes the pauses of its context along, after follow-ups (R19)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", stage="staging")

    host.finish("a", "fail")

    assert [Cause.ENDED] == [event.cause for event in host.of(ContextResumed)]
    assert ("SequenceFinished", "ContextResumed") == host.said[-2:]
    assert {} == host.state.contexts


def test_resume_triggers_the_next_task_once() -> None:
    """A task that finished while paused is not waited for, and none is triggered twice (R20)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a")
    host.finish("a")
    for _ in range(2):
        host.resume("a")

    assert ["deploy", "test"] == [event.task for event in host.of(TaskTriggered)]
    assert "not_paused" == host.code


def test_an_abort_waits_for_the_task_and_keeps_the_lane() -> None:
    """Nobody starts before the task in flight of an aborted one is over (R22)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b")
    host.abort("a", actor="ann", reason="wrong tag")
    seen = (host.phase("a"), host.phase("b"))

    host.finish("a")

    assert (Phase.ABORTING, Phase.WAITING) == seen
    assert (Phase.ABORTED, Phase.RUNNING) == (host.phase("a"), host.phase("b"))
    event = host.of(SequenceAborted)[0]
    assert (Cause.TASK_OVER, None, "ann") == (
        event.cause,
        event.abandoned_task,
        event.control.actor,
    )
    assert "Sequence delivery in stage dev was aborted by ann: wrong tag" == event.message


@pytest.mark.parametrize(
    ("actor", "reason", "said"),
    [
        ("", "", "was aborted."),
        ("ann", "", "was aborted by ann."),
        ("", "wrong tag", "was aborted: wrong tag"),
        ("ann", "wrong tag", "was aborted by ann: wrong tag"),
    ],
)
@pytest.mark.parametrize("cause", [Cause.REQUESTED, Cause.FORCED])
def test_an_aborted_one_is_told_by_whom_and_why(
    actor: str, reason: str, said: str, cause: Cause
) -> None:
    """Its ending has a sentence, a cause and the labels it had gathered (R22, R28)."""
    host = Host(PIPELINE)
    if cause is Cause.REQUESTED:
        host.freeze()
    host.trigger("a", data={"labels": {"team": "sock"}})

    host.abort("a", actor=actor, reason=reason, force=cause is Cause.FORCED)

    (event,) = host.of(SequenceAborted)
    assert f"Sequence delivery in stage dev {said}" == event.message
    assert (cause, {"team": "sock"}) == (event.cause, thaw(event.labels))


def test_an_abort_ends_with_its_grace() -> None:
    """The grace of an abort counts from the request and abandons the task (R22)."""
    host = Host(PIPELINE, timeouts=TimeoutPolicy(abort_grace="30s"))
    host.trigger("a")
    task_id = host.task_id("a")
    host.at(10).abort("a")
    deadline = host.state.next_deadline

    host.until(40)

    assert host.now == deadline
    event = host.of(SequenceAborted)[0]
    assert (Cause.GRACE_OVER, task_id) == (event.cause, event.abandoned_task)


@pytest.mark.parametrize("grace", [timedelta(seconds=30), None])
def test_an_abort_that_waits_says_for_what_and_how_long(grace: timedelta | None) -> None:
    """Its event names the task, and the grace that was read for it, if there is one (R22, R26)."""
    host = Host(PIPELINE, timeouts=TimeoutPolicy(abort_grace=grace))
    host.trigger("a")
    host.at(10).abort("a")

    (event,) = host.of(SequenceAbortRequested)
    deadline = None if grace is None else instant(40)
    assert (host.task_id("a"), grace, deadline) == (event.task_id, event.timeout, event.deadline)


def test_an_abort_ends_when_its_task_times_out() -> None:
    """The limits of the task in flight go on while aborting (R22)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.abort("a")

    host.until(180)

    assert [Cause.TASK_TIMED_OUT] == [event.cause for event in host.of(SequenceAborted)]


def test_force_after_graceful_keeps_both_controls() -> None:
    """Force frees the lane at once and names the abandoned task; both actors stay known (R23)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b")
    task_id = host.task_id("a")
    host.abort("a", actor="ann")

    host.abort("a", actor="bob", force=True)

    record = host.record("a")
    assert ("ann", "bob") == (record.abort.actor, record.control.actor)
    assert (task_id, Phase.RUNNING) == (record.abandoned_task, host.phase("b"))


def test_an_abort_meets_everything_live_of_a_context() -> None:
    """One that waits ends at once, one in flight after its task; both in one decision (R22)."""
    host = Host(PIPELINE)
    host.trigger("a1", context="a")
    host.trigger("a2", context="a")
    host.trigger("b")

    host.abort("a")

    phases = [host.phase(each) for each in ("a1", "a2", "b")]
    assert [Phase.ABORTING, Phase.ABORTED, Phase.WAITING] == phases


def test_what_an_abort_can_address() -> None:
    """A context, a stage of it, or one sequence; each refusal has its code (R22)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b", context="a")
    for _ in range(2):
        host.finish("a")
    codes = []
    for command in (
        AbortSequence("x"),
        AbortSequence(sequence_id="x"),
        AbortSequence(sequence_id="a"),
        AbortSequence("a", stage="prod"),
        AbortSequence(sequence_id="b"),
        AbortSequence("a", stage="dev"),
        AbortSequence("a", stage="dev", force=True),
        AbortSequence("a", stage="dev"),
        AbortSequence("a", stage="staging"),
    ):
        host.tell(command)
        codes.append(host.code)
    host.trigger("c", context="c")
    host.abort("c", stage="staging")
    codes.append(host.code)

    assert [
        "rejected unknown_context",
        "rejected unknown_sequence",
        "rejected already_ended",
        "rejected unknown_stage",
        "applied",
        "already_aborting",
        "applied",
        "rejected already_ended",
        "applied",
        "rejected not_reached",
    ] == codes


def test_a_pause_of_a_scope_where_all_is_aborting_is_refused() -> None:
    """Pause and resume are refused where everything live is being aborted (R20)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b", context="a")
    host.tell(AbortSequence(sequence_id="a"))
    codes = []
    for act, scope in ((host.pause, {"stage": "staging"}), (host.pause, {}), (host.resume, {})):
        act("a", **scope)
        codes.append(host.code)
    host.tell(AbortSequence(sequence_id="b"))
    host.pause("a")

    assert ["applied", "applied", "applied"] == codes
    assert "rejected aborting" == host.code


def test_a_request_id_is_applied_once() -> None:
    """A remembered request changes nothing, whatever control carries it (R25)."""
    host = Host(PIPELINE)
    host.trigger("a")
    codes = []
    for act, target in (
        (host.pause, "a"),
        (host.resume, "a"),
        (host.abort, "a"),
        (host.freeze, "dev"),
        (host.unfreeze, "dev"),
    ):
        act(target, request_id="r1")
        codes.append(host.code)

    assert ["applied", *["repeated"] * 4] == codes
    assert ("r1",) == host.state.ledger.request_ids


def test_a_refused_request_can_be_sent_again() -> None:
    """Only what was applied is remembered (R25)."""
    host = Host(PIPELINE)
    host.pause("a", request_id="r1")
    host.trigger("a")

    host.pause("a", request_id="r1")

    assert "applied" == host.code


def test_request_ids_are_bounded() -> None:
    """The last ones are kept, and the end of an abort that waited brings no old one back (R25)."""
    host = Host(PIPELINE, bounds=Bounds(request_ids=2))
    host.trigger("a")
    host.abort("a", request_id="r0")
    for number in (1, 2):
        host.freeze(request_id=f"r{number}")
        host.unfreeze()
    host.finish("a")

    assert ("r1", "r2") == host.state.ledger.request_ids


def test_repeats_keep_the_first_actor_and_time() -> None:
    """A second pause or abort does not overwrite who asked first (R25)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a", actor="ann", reason="lunch")
    host.at(5).pause("a", actor="bob")
    host.abort("a", actor="cid")
    host.abort("a", actor="dan")

    assert ["ann"] == [event.control.actor for event in host.of(ContextPaused)]
    assert ["cid"] == [event.control.actor for event in host.of(SequenceAbortRequested)]


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (PauseSequence("x"), "unknown_context", "No context 'x' is known in project 'sockshop'."),
        (PauseSequence("over"), "already_ended", "Everything of context 'over' has ended."),
        (PauseSequence("held", stage="prod"), "unknown_stage", NO_PROD),
        (PauseSequence("a"), "aborting", "What is live of context 'a' there is being aborted."),
        (
            ResumeSequence("held", stage="dev"),
            "paused_with_context",
            "The whole context 'held' is paused; resume it without a stage.",
        ),
        (
            AbortSequence("gone on", stage="dev"),
            "already_ended",
            "Nothing of context 'gone on' is live in stage dev any more.",
        ),
        (AbortSequence("held", stage="prod"), "unknown_stage", NO_PROD),
        (
            AbortSequence("held", stage="staging"),
            "not_reached",
            "Context 'held' has not reached stage staging.",
        ),
        (
            AbortSequence(sequence_id="x"),
            "unknown_sequence",
            "No sequence 'x' is known in project 'sockshop'.",
        ),
        (AbortSequence(sequence_id="over"), "already_ended", "Sequence 'over' has ended."),
        (FreezeStage("prod"), "unknown_stage", NO_PROD),
        (UnfreezeStage("prod"), "unknown_stage", NO_PROD),
    ],
)
def test_refusals_are_sentences(command: Command, code: str, message: str) -> None:
    """A refused control says what it met (R18–R22)."""
    host = Host(PIPELINE)
    host.trigger("gone on")
    host.finish("gone on")
    host.finish("gone on")
    host.trigger("over")
    host.finish("over", "fail")
    host.trigger("a")
    host.abort("a")
    host.trigger("held")
    host.pause("held")

    outcome = host.tell(command).outcome

    assert Rejected(RejectedCode(code), message) == outcome
