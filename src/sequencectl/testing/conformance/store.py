"""The promises of `Store`, one function each, in the order they are tried."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import timedelta
from functools import partial
from threading import Barrier
from typing import Final

from sequencectl.commands import AbortSequence, ReportTaskStarted
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.ports import Store
from sequencectl.state import ProjectState
from sequencectl.testing._walk import PLANE, Teller, burst, tour
from sequencectl.testing.conformance.promises import Check, attempt, expect, expect_same
from sequencectl.testing.conformance.trial import (
    ALL,
    PROJECTS,
    Fault,
    StoreTrial,
    commit,
    expect_agenda,
    expect_answer,
    expect_conflict,
    expect_outbox,
    expect_state,
    expect_stored,
)

_CONTENDERS: Final = 4


def absent_projects(trial: StoreTrial) -> None:
    """A project without a commit loads as None, has no pending events and no agenda entry."""
    with trial.store() as store:
        for known in (None, PLANE.initial("p"), burst("p", 1).state):
            expect_same(None, store.load("p", known=known), "the loaded state")
        expect_outbox(store, "p", (), "a new store")
        store.acknowledge("p", through=5)
        expect_agenda(store, (), {})


def answers(trial: StoreTrial) -> None:
    """A commit is answered by True only if nothing was pending before it, else False or None."""
    with trial.store() as store:
        for number, decision in enumerate(tour("p")[:12]):
            commit(store, decision)
            sent = (decision.state.serial, decision.base, 0, decision.state.serial + 1_000)
            store.acknowledge("p", through=sent[number % 4])


def states(trial: StoreTrial) -> None:
    """A load returns the committed state: every record, field by field, with its index."""
    with trial.store() as store:
        for decision in tour("p"):
            commit(store, decision)
            expect_state(store, decision.state, f"after {_name(decision)}")


def pending_events(trial: StoreTrial) -> None:
    """The committed events that were not acknowledged are pending, oldest first, up to a limit."""
    done: list[Decision] = []
    sent = 0
    with trial.store() as store:
        for decision in tour("p"):
            commit(store, decision)
            done.append(decision)
            expect_stored(store, done, f"after {_name(decision)}", sent=sent)
            if len(done) % 5 == 0:
                sent = decision.state.serial - 2
                store.acknowledge("p", through=sent)
        pending = tuple(store.pending("p", limit=ALL))
        for limit in (1, 2, len(pending), len(pending) + 1):
            some = tuple(store.pending("p", limit=limit))
            expect_same(pending[:limit], some, f"the pending events, at most {limit}")


def acknowledging(trial: StoreTrial) -> None:
    """An acknowledgement drops the pending events up to a serial and may be repeated."""
    *decisions, last = tour("p")
    events = [event for decision in decisions for event in decision.events]
    sent = 0
    with trial.store() as store:
        commit(store, *decisions)
        for through in (0, 1, 5, 5, 3, len(events) - 1, len(events) + 1_000, 2):
            store.acknowledge("p", through=through)
            sent = max(sent, min(through, len(events)))
            expect_outbox(store, "p", events[sent:], f"acknowledged through {through}")
        commit(store, last)
        expect_outbox(store, "p", last.events, "after a commit that came later")


def conflicts(trial: StoreTrial) -> None:
    """A commit on any serial but the stored one raises Conflict and writes nothing."""
    first, second, third, *_ = tour("p")
    rival = Teller("p").trigger("rival")
    with trial.store() as store:
        expect_conflict(store, second, "a base that is too new for a project that never was")
        commit(store, first)
        expect_conflict(store, first, "the same decision again, its answer lost")
        expect_conflict(store, rival, "base 0 for a project that exists")
        expect_conflict(store, third, "a base that is too new")
        commit(store, second, third)
        expect_conflict(store, second, "a base that is too old")
        expect_stored(store, [first, second, third], "after the conflicts")


def known_states(trial: StoreTrial) -> None:
    """A load returns the newest state, whichever state the caller knows."""
    decisions = tour("p")
    half = len(decisions) // 2
    with trial.store() as store:
        for part in (decisions[:half], decisions[half:]):
            commit(store, *part)
            for known in (PLANE.initial("p"), *(decision.state for decision in decisions)):
                what = f"known at serial {known.serial}"
                expect_state(store, part[-1].state, what, known=known)


def agenda_order(trial: StoreTrial) -> None:
    """The agenda lists unsent projects, then deadlines by instant, up to a limit."""
    hosts = [Teller(f"p{number}") for number in (5, 3, 4, 1, 2, 0)]
    with trial.store() as store:
        for host, delay in zip(hosts, (1_000_000, -1, 0, -1, 500_000, 1), strict=True):
            host.now += timedelta(microseconds=delay)
            commit(store, host.trigger("a"))
        deadlines = {host.state.project: host.state.next_deadline for host in hosts}
        unsent = [host.state.project for host in hosts]
        expect_agenda(store, unsent, deadlines)
        for host in hosts[1:]:
            store.acknowledge(host.state.project, through=host.state.serial)
            unsent.remove(host.state.project)
            expect_agenda(store, unsent, deadlines)


def agenda_changes(trial: StoreTrial) -> None:
    """The agenda follows every commit and acknowledgement and leaves out idle projects."""
    host, other = Teller("p"), Teller("q")
    with trial.store() as store:
        commit(store, host.trigger("a"))
        commit(store, other.trigger("a"))
        store.acknowledge("q", through=other.state.serial)
        (task,) = PLANE.open_tasks(host.state)
        later = ReportTaskStarted(task.triggered.task_id, source="x")
        for command in (later, AbortSequence("a"), AbortSequence("a", force=True)):
            commit(store, host.tell(command))
            deadlines = {"p": host.state.next_deadline, "q": other.state.next_deadline}
            expect_agenda(store, ["p"], deadlines)
            store.acknowledge("p", through=host.state.serial)
            expect_agenda(store, (), deadlines)


def project_names(trial: StoreTrial) -> None:
    """Projects do not mix, whichever printable ASCII characters their names have."""
    hosts = [Teller(project) for project in PROJECTS]
    with trial.store() as store:
        for number, host in enumerate(hosts):
            commit(store, host.trigger(f"s{number}"))
        for host in hosts[::2]:
            store.acknowledge(host.state.project, through=2)
        for number, host in enumerate(hosts):
            what = f"project {host.state.project!r}"
            expect_stored(store, host.decisions, what, sent=0 if number % 2 else 2)
        expect_agenda(store, PROJECTS, {p.state.project: p.state.next_deadline for p in hosts})


def large_states(trial: StoreTrial) -> None:
    """Hundreds of sequences, hundreds of events in a commit and a payload of 60 KB are kept."""
    many, host = burst("p", 300), Teller("p")
    host.state, host.now = many.state, many.events[-1].at
    large = host.trigger("large", "é" * 30_000)
    with trial.store() as store:
        commit(store, many, large)
        expect_stored(store, [many, large], "300 sequences and a large payload")
        expect_same(many.events[:7], tuple(store.pending("p", limit=7)), "the first 7 events")


def failed_commits(trial: StoreTrial) -> None:
    """A failed commit wrote both state and events or neither; repeated, it takes effect once."""
    with trial.store() as store:
        for name, fault in trial.faults.items():
            projects = (f"p {name}", f"q {name}")  # some faults meet one of them alone
            errors = sum(_failures(trial, store, name, fault, project) for project in projects)
            expect(errors > 0, f"the fault {name!r} let every commit through: it shows nothing")


def _failures(trial: StoreTrial, store: Store, name: str, fault: Fault, project: str) -> int:
    """Return how many commits to a project failed, each of which met the fault."""
    done: list[Decision] = []
    errors = 0
    for decision in tour(project)[:4]:
        answer, error = attempt(partial(store.commit, decision), fault(trial.place))
        errors += error is not None
        loaded = store.load(project)
        is_there = loaded is not None and loaded.serial == decision.state.serial
        what = f"a commit met the fault {name!r} ({error!r})"
        expect(is_there or error is not None, f"{what}, returned and wrote nothing")
        expect(not is_there or not isinstance(error, Conflict), f"{what}, took effect")
        expect_answer(store, decision, answer)
        if is_there or done:
            expect_stored(store, [*done, decision] if is_there else done, what)
        else:
            expect_same(None, loaded, f"{what}: the loaded state")
            expect_outbox(store, project, (), what)
        done.append(decision)
        commit(store, *(() if is_there else (decision,)))
        expect_stored(store, done, f"{what} and was sent again")
    return errors


def restarts(trial: StoreTrial) -> None:
    """States, pending events and the agenda survive a restart."""
    decisions, sent = tour("p"), 0
    for number in range(0, len(decisions), 10):
        with trial.store() as store:
            commit(store, *decisions[number : number + 10])
        with trial.store() as store:
            done = decisions[: number + 10]
            expect_stored(store, done, f"reopened after {_name(done[-1])}", sent=sent)
            sent = done[-1].state.serial - 3
            store.acknowledge("p", through=sent)
    with trial.store() as store:
        expect_stored(store, decisions, "reopened after an acknowledgement", sent=sent)
        expect_agenda(store, ["p"], {"p": decisions[-1].next_deadline})


def shared_places(trial: StoreTrial) -> None:
    """Every store at a place sees at once what another one there commits or acknowledges."""
    known: ProjectState | None = None
    with trial.store() as one, trial.store() as other:
        for number, decision in enumerate(tour("p")):
            writer, reader = (one, other) if number % 2 else (other, one)
            commit(writer, decision)
            what = f"in the other instance after {_name(decision)}"
            expect_state(reader, decision.state, what, known=known)
            expect_outbox(reader, "p", decision.events, what)
            expect_conflict(reader, decision, what)
            reader.acknowledge("p", through=decision.state.serial)
            expect_outbox(writer, "p", (), "acknowledged in the other instance")
            expect_agenda(writer, (), {"p": decision.next_deadline})
            known = decision.state


def racing_commits(trial: StoreTrial) -> None:
    """Of several concurrent commits on one serial exactly one wins."""
    state = PLANE.initial("p")
    with trial.store() as store, ThreadPoolExecutor(_CONTENDERS) as pool:
        for number in range(5):
            rivals = [_rival(state, f"{number} {each}") for each in range(_CONTENDERS)]
            race = partial(_commit_at_once, trial, Barrier(_CONTENDERS))
            outcomes = list(pool.map(race, rivals))
            errors = [error for _, error in outcomes]
            what = f"{_CONTENDERS} commits at once on serial {state.serial} met {errors}"
            stored = store.load("p") or state
            for rival, (answer, error) in zip(rivals, outcomes, strict=True):
                if error is None:
                    expect_state(store, rival.state, what)
                    expect_answer(store, rival, answer)
                elif isinstance(error, Conflict):
                    expect(rival.state != stored, f"{what}; one with a Conflict was written")
            has_loser = all(isinstance(error, Conflict) for error in errors)
            expect(not has_loser, f"{what}; nobody won")
            written = [rival.events for rival in rivals if rival.state == stored] or [()]
            seen = [one for one in store.pending("p", limit=ALL) if one.serial > state.serial]
            expect_same([*written[0]], seen, f"{what}; the pending events of the winner")
            state = stored


def _rival(state: ProjectState, known: str) -> Decision:
    host = Teller("p")
    host.state = state
    return host.trigger(known)


def _commit_at_once(
    trial: StoreTrial, start: Barrier, decision: Decision
) -> tuple[object, Exception | None]:
    with trial.store() as store:
        start.wait(timeout=60)
        return attempt(partial(store.commit, decision), nullcontext())


def racing_readers(trial: StoreTrial) -> None:
    """A read during a commit sees all of it or nothing."""
    decisions = tour("p")
    events = tuple(event for decision in decisions for event in decision.events)
    whole = {decision.state.serial: decision.state for decision in decisions}

    def write() -> None:
        with trial.store() as writer:
            commit(writer, *decisions)

    with trial.store() as store, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        known: ProjectState | None = None
        is_last = False
        while not is_last:
            is_last = writing.done()
            loaded = store.load("p", known=known)
            if loaded is not None:
                expect_same(whole.get(loaded.serial), loaded, "a state loaded during commits")
            pending = tuple(store.pending("p", limit=ALL))
            expect_same(events[: len(pending)], pending, "the events pending during commits")
            is_whole = not pending or pending[-1].serial in whole
            expect(is_whole, "a part of a commit's events was pending")
            known = None if known else loaded
        writing.result()


def _name(decision: Decision) -> str:
    return f"{type(decision.command).__name__}, serial {decision.state.serial}"


_ALWAYS: Final = (
    absent_projects, answers, states, pending_events, acknowledging, conflicts, known_states,
    agenda_order, agenda_changes, project_names, large_states,
)  # fmt: skip
STORE_CHECKS: Final = (
    *map(Check, _ALWAYS),
    Check(failed_commits, ("faults",)),
    Check(restarts, ("reopens",)),
    Check(shared_places, ("shares",)),
    Check(racing_commits, ("races",)),
    Check(racing_readers, ("races",)),
)
