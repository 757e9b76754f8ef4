"""Pause, resume, abort across stages and scopes; repeats and requests (R18–R25)."""

import pytest

from sequencectl import (
    AbortSequence,
    Bounds,
    Phase,
    Rejected,
    RejectedCode,
    Shipyard,
    TaskTriggered,
    TimeoutPolicy,
    combine,
)
from sequencectl.events import (
    Cause,
    ContextPaused,
    ContextResumed,
    SequenceAborted,
    SequenceAbortRequested,
)
from tests.support import Host

PIPELINE = {
    "dev": {"delivery": ["deploy", "test"]},
    "staging": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
}


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

    assert [
        "rejected unknown_context",
        "rejected unknown_stage",
        "already_paused",
        "applied",
        "rejected unknown_context",
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


def test_abort_and_freeze_are_one_decision() -> None:
    """Combined decisions have the first state before, the last after, and all events (R7)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b")
    before = host.state

    both = combine(host.freeze("dev"), host.abort("a", force=True))

    assert (before, host.state) == (both.before, both.state)
    assert Phase.WAITING is host.phase("b")
    assert ["StageFrozen", "SequenceAborted"] == [type(event).__name__ for event in both.events]


@pytest.mark.parametrize("target", ["a", "zzz"])
def test_refusals_are_sentences(target: str) -> None:
    """A refused control says what it met (R19)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.finish("a", "fail")

    outcome = host.pause(target).outcome

    assert isinstance(outcome, Rejected)
    assert outcome.code in {RejectedCode.ALREADY_ENDED, RejectedCode.UNKNOWN_CONTEXT}
    assert outcome.message.endswith(".")
    assert repr(target) in outcome.message
