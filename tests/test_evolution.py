"""What a project's state becomes by an event: its ledger, contexts, and what it remembers."""

from __future__ import annotations

import re
from typing import Final

import pytest

from sequencectl import (
    AbortSequence,
    Bounds,
    ExemptSequence,
    InvalidValue,
    Phase,
    ReplayError,
    Subject,
    TimeoutPolicy,
    evolve,
)
from sequencectl.events import (
    Cause,
    Control,
    FollowUpRefused,
    SequencesForgotten,
    StageFrozen,
    StageUnfrozen,
)
from sequencectl.state import ContextRecord, Freeze, Ledger, Pause, Remembered
from tests.support import T0, Host, instant

PIPELINE: Final = {
    "dev": {"delivery": ["deploy", "test"]},
    "staging": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
}


def by(actor: str) -> Control:
    """What a command of this actor says of who and why."""
    return Control(actor, requests_remembered=64)


def test_the_ledger_counts_events_and_keeps_the_last_instant() -> None:
    """Whatever happened last: to a sequence, to a stage, to a context, or to nobody (R29)."""
    loop = {"selector": {"match": {"result": "fail"}}, "event": "dev.loop.finished"}
    world = {"dev": {"loop": {"tasks": ["act"], "triggeredOn": [loop]}}}
    host = Host(world, bounds=Bounds(max_depth=1, retain=0))
    ledgers, expected = [], []
    for at, act in (
        (1, lambda: host.trigger("a", sequence="loop")),
        (2, host.freeze),
        (3, lambda: host.finish("a", "fail")),
        (4, host.unfreeze),
        (5, lambda: host.pause("a")),
        (6, lambda: host.finish(host.state.holders("dev")[0], "fail")),
    ):
        host.at(at)
        act()
        ledgers.append(host.state.ledger)
        expected.append(Ledger(len(host.events), instant(at)))

    assert expected == ledgers
    assert 1 == len(host.of(FollowUpRefused))


def test_every_control_that_was_applied_is_remembered_by_its_request() -> None:
    """Of an abort both the request and the end by force; what it waited for adds nothing (R25)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.trigger("b")
    host.tell(ExemptSequence("b", request_id="r0"))
    host.abort("b", request_id="r1")
    host.pause("a", request_id="r2")
    host.resume("a", request_id="r3")
    host.freeze(request_id="r4")
    host.at(9).unfreeze(request_id="r5")
    host.abort("a", request_id="r6")
    host.abort("a", request_id="r7", force=True)

    ids = tuple(f"r{number}" for number in range(8))
    assert Ledger(host.state.serial, instant(9), ids) == host.state.ledger


def test_a_freeze_keeps_since_when_as_long_as_its_cause_stays() -> None:
    """A later end moves it and names who moved it; a calendar's is another one (R36, R37)."""
    host = Host(PIPELINE)
    host.trigger("a")
    state, stage, weekend = host.state, Subject("sockshop", stage="dev"), {"window": "Weekend"}
    ann, bob, nobody = by("ann"), by("bob"), Control()
    folded = []
    for at, control, more in (
        (1, ann, {"until": instant(50)}),
        (2, bob, {"until": instant(60)}),
        (3, nobody, {"cause": Cause.CALENDAR, **weekend}),
        (4, bob, {"cause": Cause.CALENDAR, "until": instant(70), **weekend}),
        (5, ann, {}),
    ):
        event = StageFrozen(state.serial + 1, instant(at), stage, control, **more)
        state = evolve(state, event)
        folded.append((state.freezes["dev"], state.next_deadline == event.until))
    thawed = StageUnfrozen(state.serial + 1, instant(6), stage, nobody, Cause.FREEZE_OVER)

    assert [
        (Freeze(ann, instant(1), instant(50)), True),
        (Freeze(bob, instant(1), instant(60)), True),
        (Freeze(nobody, instant(3), None, Cause.CALENDAR, "Weekend"), False),
        (Freeze(bob, instant(3), instant(70), Cause.CALENDAR, "Weekend"), True),
        (Freeze(ann, instant(5)), False),
    ] == folded
    assert {} == evolve(state, thawed).freezes


def test_a_context_keeps_its_pauses_and_its_last_resume() -> None:
    """Each with its scope, who did it and when; a wider one replaces those inside (R18, R20)."""
    host = Host(PIPELINE)
    host.trigger("a")
    seen = []
    for at, act, scope, actor in (
        (1, host.pause, {"stage": "dev"}, "ann"),
        (2, host.pause, {"stage": "staging"}, "bob"),
        (3, host.resume, {"stage": "dev"}, "cid"),
        (4, host.pause, {}, "dan"),
        (5, host.resume, {}, "eve"),
    ):
        host.at(at)
        act("a", actor=actor, **scope)
        seen.append(host.state.context("a"))

    dev, staging = (
        Pause("dev", by("ann"), instant(1)),
        Pause("staging", by("bob"), instant(2)),
    )
    assert [
        ContextRecord((dev,)),
        ContextRecord((dev, staging)),
        ContextRecord((staging,), Pause("dev", by("cid"), instant(3))),
        ContextRecord((staging, Pause(None, by("dan"), instant(4)))),
        ContextRecord((), Pause(None, by("eve"), instant(5))),
    ] == seen


@pytest.mark.parametrize(
    ("resumed", "is_kept"), [({"stage": "dev"}, False), ({"stage": "staging"}, True)]
)
@pytest.mark.parametrize("act", ["finish", "abort"])
def test_a_resume_is_kept_until_something_in_its_scope_is_over(
    resumed: dict[str, str], is_kept: bool, act: str
) -> None:
    """Then it is no more, and the pauses of other scopes stay (R32)."""
    host = Host({**PIPELINE, "prod": {}})
    host.trigger("a")
    host.trigger("other", context="a", stage="prod", sequence="evaluation")
    host.pause("a", stage="prod", actor="ann")
    host.pause("a", **resumed)
    host.resume("a", actor="bob", **resumed)

    if act == "finish":
        host.finish("a")
    else:
        host.abort("a", stage="dev", force=True)

    last = Pause(resumed["stage"], by("bob"), T0) if is_kept else None
    assert {"a": ContextRecord((Pause("prod", by("ann"), T0),), last)} == host.state.contexts


def test_a_resume_is_kept_while_another_stage_is_paused() -> None:
    """A pause inside its scope, and its resume, leave it; one that covers it ends it (R32)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a")
    host.resume("a", actor="ann")
    seen = []
    for act, scope in ((host.pause, "staging"), (host.resume, "staging"), (host.pause, None)):
        act("a", stage=scope, actor="bob")
        seen.append(host.state.context("a").resumed)

    whole = Pause(None, by("ann"), T0)
    assert [whole, whole, None] == seen


def test_an_end_without_a_task_leaves_the_resume() -> None:
    """What ends in line has had no task that could be over (R32)."""
    host = Host(PIPELINE)
    host.trigger("holder")
    host.trigger("other", context="a", stage="staging", sequence="evaluation")
    host.trigger("a")
    host.pause("a", stage="dev")
    host.resume("a", stage="dev", actor="ann")

    host.tell(AbortSequence(sequence_id="a"))

    assert Pause("dev", by("ann"), T0) == host.state.context("a").resumed


@pytest.mark.parametrize("kind", ["reaction", "total"])
def test_a_task_that_ran_out_of_time_is_over(kind: str) -> None:
    """Whether its own limit or that of the sequence ended it (R27, R30, R32)."""
    limits = TimeoutPolicy(**{"reaction": "1h", kind: "1m"})
    host = Host(PIPELINE, timeouts=limits)
    host.trigger("other", context="a", stage="staging", sequence="evaluation")
    host.trigger("a")
    host.pause("a", stage="dev")
    host.resume("a", stage="dev")
    if kind == "total":
        host.start("a")

    host.at(60).check()

    assert Phase.TIMED_OUT is host.phase("a")
    assert None is host.state.context("a").resumed


def test_an_abort_that_waits_is_nothing_that_is_over() -> None:
    """The sequence goes on with its task; only the end of that counts (R22, R32)."""
    host = Host(PIPELINE)
    host.trigger("a")
    host.pause("a")
    host.resume("a", actor="ann")
    host.abort("a")

    assert {"a": ContextRecord((), Pause(None, by("ann"), T0))} == host.state.contexts


def test_with_a_context_all_that_was_known_of_it_is_forgotten() -> None:
    """Even the resume of a stage that it never reached (R33)."""
    host = Host(PIPELINE, bounds=Bounds(retain=1))
    host.trigger("a")
    host.pause("a", stage="staging")
    host.resume("a", stage="staging", actor="ann")
    host.finish("a", "fail")
    seen = dict(host.state.contexts)
    host.trigger("b")

    host.finish("b", "fail")

    assert {"a": ContextRecord((), Pause("staging", by("ann"), T0))} == seen
    assert {} == host.state.contexts


def test_what_is_forgotten_is_remembered_in_that_order() -> None:
    """Names and number of each stay, and those that were forgotten first are released first."""
    host = Host({"dev": {"delivery": ["deploy"]}}, bounds=Bounds(retain=0, remember=2))
    for sequence_id in ("c", "a"):
        host.trigger(sequence_id, context="ctx")
    for sequence_id in ("c", "a"):
        host.finish(sequence_id)
    serial = host.state.serial
    remembered = [host.state.remembered(sequence_id) for sequence_id in ("c", "a")]
    host.freeze()
    host.unfreeze()

    host.trigger("b")
    host.finish("b")

    assert [
        Remembered("ctx", "dev", "delivery", "carts", (serial, number)) for number in range(2)
    ] == remembered
    assert [(), ("c",)] == [event.released for event in host.of(SequencesForgotten)]
    assert ("a", "b") == host.state.oldest_remembered(5)


def test_what_does_not_follow_is_told() -> None:
    """The next serial of the project, what is not frozen, not over, or not remembered (R24)."""
    host = Host(PIPELINE)
    host.trigger("a")
    serial, project = host.state.serial + 1, Subject("sockshop")
    stage = Subject("sockshop", stage="dev")

    for event, said in (
        (host.events[0], "expected event 4 of project 'sockshop', got 1 of 'sockshop'"),
        (StageUnfrozen(serial, T0, stage, Control()), "stage 'dev' is not frozen"),
        (
            SequencesForgotten(serial, T0, project, ("a",), ("a",)),
            "'a' has not ended and cannot be forgotten",
        ),
        (
            SequencesForgotten(serial, T0, project, (), (), ("z",)),
            "'z' is not remembered and cannot be released",
        ),
    ):
        with pytest.raises(ReplayError, match=f"^{re.escape(said)}$"):
            evolve(host.state, event)
    with pytest.raises(InvalidValue, match=r"^event: must be one of .*, got 'event'$"):
        evolve(host.state, "event")  # type: ignore[arg-type]
