"""What approvals, freezes, calendars and exemptions never do, whatever happens (R34–R38)."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sequencectl import (
    ExemptSequence,
    FreezeStage,
    Opening,
    Phase,
    QueuePolicy,
    Result,
    SequenceRecord,
    UnfreezeStage,
)
from sequencectl.events import (
    SequenceExempted,
    SequenceStarted,
    SequenceSuperseded,
    SequenceTriggered,
    StageFrozen,
    StageUnfrozen,
    TaskFinished,
    TaskFinishReported,
)
from tests.support import Host, instant

PEOPLE = ["ann", "bob", "cid", "dan"]
VOTES = st.tuples(st.sampled_from(PEOPLE), st.sampled_from(["pass", "warning", "fail"]))
CLOSINGS = st.lists(st.integers(1, 30), max_size=8)
DOINGS = ["trigger", "finish", "exempt", "freeze", "freeze until", "unfreeze", "check", "wait"]
STEPS = st.lists(st.tuples(st.sampled_from(DOINGS), st.integers(0, 20)), max_size=20)
RUSHING = ["trigger", "build", "build", "sign", "pause", "resume"]
RUSH = st.lists(st.tuples(st.sampled_from(RUSHING), st.integers(0, 9)), max_size=20)


def people_vote(votes: list[tuple[str, str]], **approval: Any) -> Host:
    """Return a host where these votes were cast on an approval of what follows `c`, of ann."""
    approve = {"name": "sign", "approval": {"initiator": False, **approval}}
    release = {"tasks": [approve], "triggeredOn": ["dev.delivery.finished"]}
    host = Host({"dev": {"delivery": ["build"]}, "prod": {"release": release}})
    host.trigger("c", actor="ann")
    host.finish("c")
    (follow_up,) = host.state.holders("prod")
    for number, (actor, result) in enumerate(votes):
        host.finish(follow_up, result, source=f"chat-{number}", actor=actor)
    return host


@given(st.lists(VOTES, max_size=10), st.integers(1, 3), st.integers(1, 3))
def test_a_voter_counts_once(votes: list[tuple[str, str]], approve: int, reject: int) -> None:
    """R34: what decides is as many people as are needed, by their last votes, and never sooner."""
    host = people_vote(votes, approve=approve, reject=reject)
    last = {event.voter: event.result for event in host.of(TaskFinishReported) if event.actor}
    against = [voter for voter, result in last.items() if result is Result.FAIL]
    over = [event.result for event in host.of(TaskFinished) if event.task == "sign"]

    if not over:
        assert len(last) - len(against) < approve
        assert len(against) < reject
    elif over == [Result.FAIL]:
        assert reject == len(against)
    else:
        assert approve == len(last) - len(against)


@given(st.lists(VOTES, max_size=10), st.integers(1, 3))
def test_who_is_barred_never_counts(votes: list[tuple[str, str]], approve: int) -> None:
    """R34: who triggered a delivery votes in vain on what follows it, as if they had not voted."""
    others = [(actor, result) for actor, result in votes if actor != "ann"]
    counted, expected = (
        [(vote.voter, vote.result) for vote in host.of(TaskFinishReported) if vote.actor]
        for host in (people_vote(votes, approve=approve), people_vote(others, approve=approve))
    )

    assert "ann" not in dict(counted)
    assert expected == counted


def closed_by(lengths: list[int]) -> list[tuple[int, int]]:
    """Return windows in which a stage is closed: of these lengths, every other one is open."""
    edges = [sum(lengths[:number]) for number in range(len(lengths) + 1)]
    return [*pairwise(edges)][1::2]


@given(CLOSINGS, STEPS)
def test_nobody_starts_in_a_closed_stage_unless_exempted(
    lengths: list[int], steps: list[tuple[str, int]]
) -> None:
    """R36–R38: whether a person or the calendar closed it; and the calendar is asked in time."""
    windows = closed_by(lengths)

    def calendar(_stage: str, now: datetime) -> Opening:
        found = [window for window in windows if instant(window[0]) <= now < instant(window[1])]
        return Opening(False, until=instant(found[0][1])) if found else Opening(True)

    host = Host({"dev": {"delivery": ["deploy"]}}, calendar=calendar, queueing=QueuePolicy(limit=2))
    clock = 0
    for number, (step, size) in enumerate(steps):
        clock += size if step in {"wait", "check"} else 0
        host.at(clock)
        live = [*host.state.holders("dev"), *host.state.line("dev")]
        if step == "trigger":
            host.trigger(str(number))
        elif step == "check":
            host.check()
        elif step == "freeze until":
            host.tell(FreezeStage("dev", until=instant(clock + 1 + size)))
        elif step in {"freeze", "unfreeze"}:
            host.tell(FreezeStage("dev") if step == "freeze" else UnfreezeStage("dev"))
        elif step == "exempt" and live:
            host.tell(ExemptSequence(live[size % len(live)]))
        elif step == "finish" and host.state.holders("dev"):
            host.finish(host.state.holders("dev")[0])

    is_frozen, exempted = False, set()
    for event in host.events:
        match event:
            case StageFrozen() | StageUnfrozen():
                is_frozen = isinstance(event, StageFrozen)
            case SequenceExempted():
                exempted.add(event.subject.sequence_id)
            case SequenceStarted() if event.subject.sequence_id not in exempted:
                assert not is_frozen
                assert calendar("dev", event.at).is_open


@given(RUSH, st.sampled_from(["queue", "latest_only"]))
def test_an_open_approval_yields_to_what_is_newer_and_to_nothing_else(
    steps: list[tuple[str, int]], mode: str
) -> None:
    """R35: to no older one, none of lower priority, none that is held; and then at once."""
    sign = {"name": "sign", "approval": {"newcomer": "supersede"}}
    queueing = QueuePolicy(limit=2, mode=mode)
    host = Host({"dev": {"delivery": ["build", sign]}}, queueing=queueing)
    for number, (step, which) in enumerate(steps):
        known = [*host.state.holders("dev"), *host.state.line("dev")]
        asked = [one for one in known if step == host.task(one)]
        if step == "trigger":
            host.trigger(str(number), priority=which % 3)
        elif step in {"pause", "resume"} and known:
            getattr(host, step)(known[which % len(known)])
        elif asked:
            host.finish(asked[which % len(asked)])

        left = [host.record(one) for one in known if host.phase(one) is Phase.RUNNING]
        open_ones = [record for record in left if host.task(record.sequence_id) == "sign"]
        line = [host.record(one) for one in host.state.line("dev")]
        waiting = [record for record in line if record.phase is Phase.WAITING]
        assert [] == [(old, new) for old in open_ones for new in waiting if yields(host, old, new)]
    for event in host.of(SequenceSuperseded):
        old, new = host.record(event.subject.sequence_id), host.record(event.superseded_by)
        assert yields(host, old, new)


def yields(host: Host, old: SequenceRecord, new: SequenceRecord) -> bool:
    """Return True if one was accepted later than another, with no lower priority."""
    accepted = {event.subject.sequence_id: event for event in host.of(SequenceTriggered)}
    first, second = accepted[old.sequence_id], accepted[new.sequence_id]
    return second.serial > first.serial and second.priority >= first.priority


@given(st.integers(-2, 2), st.integers(-2, 2))
def test_an_older_delivery_makes_no_approval_void(old: int, new: int) -> None:
    """R35: one that was held meanwhile stays behind, whatever its priority."""
    host = behind_another("queue")
    host.trigger("old", priority=old)
    host.pause("old")
    host.trigger("new", priority=new)
    host.finish("holder")
    host.resume("old")

    assert (Phase.RUNNING, Phase.WAITING) == (host.phase("new"), host.phase("old"))


@given(st.integers(-2, 2), st.integers(1, 3), st.integers(0, 3))
def test_a_newer_delivery_in_an_older_place_is_newer(first: int, more: int, most: int) -> None:
    """R6, R35: it took the place of one that was held, before the one that is to be approved."""
    host = behind_another("latest_only")
    host.trigger("held", priority=first + more)
    host.pause("held")
    host.trigger("open", priority=first)
    host.finish("holder")
    host.trigger("newest", priority=first + more + most)

    assert host.record("newest").place < host.record("open").place
    assert ["newest"] * 2 == [event.superseded_by for event in host.of(SequenceSuperseded)]


def behind_another(mode: str) -> Host:
    """Return a host where a stage's only place is taken, and deliveries begin with an approval."""
    sign = {"name": "sign", "approval": {"newcomer": "supersede"}}
    host = Host({"dev": {"delivery": [sign], "other": ["build"]}}, queueing=QueuePolicy(mode=mode))
    host.trigger("holder", sequence="other")
    return host
