"""The promises of `BatchStore`, one function each, in the order they are tried."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Final

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.events import Event
from sequencectl.ports import BatchStore
from sequencectl.state import ProjectState
from sequencectl.testing._walk import PLANE, Teller, burst, tour
from sequencectl.testing.conformance.promises import Check, attempt, expect, expect_same
from sequencectl.testing.conformance.trial import (
    ALL,
    PROJECTS,
    StoreTrial,
    commit,
    expect_agenda,
    expect_answer,
    expect_loaded,
    expect_outbox,
    expect_refusal,
    expect_state,
    expect_stored,
)

_P: Final = "p"
_Q: Final = "it's q"

Content = tuple[ProjectState | None, tuple[Event, ...]]
"""The state and the pending events of a project."""


def absent_from_batches(trial: StoreTrial) -> None:
    """Projects without a commit are left out of answers, and no project is no mistake."""
    known = {"p": PLANE.initial("p"), "q": burst("q", 1).state}
    with trial.batch_store() as store:
        for projects in ((), ("p",), ("p", "q", "r")):
            some = {project: known[project] for project in projects if project in known}
            _expect_states(store, {}, "a new store", asked=projects, known=some)
            _expect_outboxes(store, {}, "a new store", asked=projects)
            store.acknowledge_many(dict.fromkeys(projects, 5))
        expect_same({}, dict(store.commit_many(())), "the answers to no commits")
        expect_agenda(store, (), {})


def batch_commits(trial: StoreTrial) -> None:
    """Of several commits each is written, or answered by the Conflict that it would raise."""
    p, q = tour(_P), tour(_Q)
    p_rival, q_rival = (Teller(project).trigger("rival") for project in (_P, _Q))
    with trial.batch_store() as store:
        for what, decisions in {
            "one decision alone": (p[0],),
            "the same again, its answer lost": (p[0],),
            "a base too new for a project that never was, first": (q[1], p[1]),
            "a new project, and one that is not": (p[2], q[0]),
            "the same again, their answers lost": (p[2], q[0]),
            "base 0 for a project that exists, last": (p[3], q_rival),
            "a base that is too new, last": (q[1], p[5]),
            "a base that is too old, first": (p[3], q[2]),
            "nothing but conflicts": (q_rival, p_rival),
            "two that are written": (q[3], p[4]),
        }.items():
            _commit_together(store, decisions, what)
        store.acknowledge(_P, through=p[4].state.serial)
        for pair in zip(q[4:-1], p[5:], strict=True):
            _commit_together(store, pair, f"serials {[each.state.serial for each in pair]}")
        deadlines = {each.project: each.next_deadline for each in pair}
        expect_agenda(store, (_P, _Q), deadlines)


def batch_loads(trial: StoreTrial) -> None:
    """A load of several projects returns their newest states, whichever the caller knows."""
    p, q = tour(_P), tour(_Q)
    half = len(p) // 2
    with trial.batch_store() as store:
        for part in (slice(half), slice(half, None)):
            commit(store, *p[part], *q[part])
            newest = {_P: p[part][-1].state, _Q: q[part][-1].state}
            seen = zip(
                [PLANE.initial(_P), *_states(p)],
                [*_states(q[::-1]), PLANE.initial(_Q)],
                strict=True,
            )
            for one, other in seen:
                for known in ({_P: one, _Q: other}, {_P: one}, {_Q: other}, {}):
                    what = f"known at serials {[state.serial for state in known.values()]}"
                    _expect_states(store, newest, what, asked=(_Q, "r", _P), known=known)
        _expect_states(store, {_Q: q[-1].state}, "one project", asked=(_Q,), known={})


def batch_outboxes(trial: StoreTrial) -> None:
    """The heads of several outboxes are read, each up to the limit; empty ones are left out."""
    p, q = tour(_P), tour(_Q)
    with trial.batch_store() as store:
        commit(store, *p, *q[:2], Teller("r").trigger("a"))
        store.acknowledge("r", through=ALL)
        unsent = {_P: _events(p), _Q: _events(q[:2])}
        for limit in (1, 3, len(unsent[_Q]), len(unsent[_P]), ALL):
            heads = {project: events[:limit] for project, events in unsent.items()}
            what = f"at most {limit} of each"
            _expect_outboxes(store, heads, what, asked=(_Q, "r", "s", _P), limit=limit)
        _expect_outboxes(store, {_Q: unsent[_Q]}, "one project", asked=("r", _Q))


def batch_acknowledgements(trial: StoreTrial) -> None:
    """Several outboxes drop their events, each up to its serial; to repeat that is no error."""
    p, q = tour(_P), tour(_Q)
    newest = p[-1].state.serial
    sent = {_P: 0, _Q: 0}
    with trial.batch_store() as store:
        commit(store, *p, *q[:-1])
        for through in (
            {}, {_Q: 3}, {_P: 5, _Q: 2}, {_Q: 0, _P: 5}, {"r": 9, _P: 7}, {_P: newest, _Q: 1},
            {_P: 2, _Q: newest + 1_000}, {_P: ALL},
        ):  # fmt: skip
            store.acknowledge_many(through)
            for project, decisions in ((_P, p), (_Q, q[:-1])):
                newest = decisions[-1].state.serial
                sent[project] = max(sent[project], min(through.get(project, 0), newest))
                what = f"acknowledged through {through}"
                expect_stored(store, decisions, what, sent=sent[project])
        deadlines = {_P: p[-1].next_deadline, _Q: q[-2].next_deadline}
        expect_agenda(store, (), deadlines)
        _commit_together(store, q[-1:], "after a commit that came later")


def batch_names(trial: StoreTrial) -> None:
    """Many projects in one batch do not mix, whichever printable characters their names have."""
    hosts = {project: Teller(project) for project in PROJECTS}
    firsts = [host.trigger(f"s{number}") for number, host in enumerate(hosts.values())]
    sent = {project: 2 for number, project in enumerate(PROJECTS) if number % 2}
    with trial.batch_store() as store:
        _commit_together(store, firsts, "many new projects")
        store.acknowledge_many(sent)
        states = {decision.project: decision.state for decision in firsts}
        unsent = {each.project: each.events[sent.get(each.project, 0) :] for each in firsts}
        _expect_states(store, states, "many projects", asked=PROJECTS, known={})
        _expect_outboxes(store, unsent, "many projects", asked=PROJECTS)
        expect_agenda(store, PROJECTS, {p: host.state.next_deadline for p, host in hosts.items()})
        _commit_together(store, firsts, "many again, their answers lost")


def failed_batches(trial: StoreTrial) -> None:
    """A failed batch of commits wrote all of them or none; repeated, each takes effect once."""
    with trial.batch_store() as store:
        for name, fault in trial.faults.items():
            tours = [tour(f"{letter} {name}")[:4] for letter in "opq"]
            errors = 0
            stale = tours[0][0]
            commit(store, stale)
            for _, one, other in zip(*tours, strict=True):
                batch = (one, stale, other)
                before = _contents(store, batch)
                answers, error = attempt(partial(store.commit_many, batch), fault(trial.place))
                errors += error is not None
                what = f"several commits met the fault {name!r} ({error!r})"
                after = _contents(store, batch)
                is_there = after != before
                expect(is_there or error is not None, f"{what}, returned and wrote nothing")
                expect(not isinstance(error, Conflict), f"{what}: a Conflict is an answer here")
                if is_there:
                    expect_same(_written(before, batch), after, f"{what}: what is stored")
                if answers is not None:
                    _expect_answers(store, before, batch, answers, what)
                _commit_together(store, batch, f"{what} and were sent again")
                again = _contents(store, batch)
                expect_same(_written(before, batch), again, f"{what} and were sent again")
            expect(errors > 0, f"the fault {name!r} let every commit through: it shows nothing")


def batch_restarts(trial: StoreTrial) -> None:
    """What was done to several projects at once survives a restart."""
    p, q = tour(_P), tour(_Q)
    sent = {_P: 3, _Q: q[-1].state.serial}
    with trial.batch_store() as store:
        for pair in zip(p, q, strict=True):
            store.commit_many(pair)
        store.acknowledge_many(sent)
    with trial.batch_store() as store:
        for decisions in (p, q):
            project = decisions[0].project
            expect_stored(store, decisions, f"{project!r} reopened", sent=sent[project])
        expect_agenda(store, (_P,), {each[-1].project: each[-1].next_deadline for each in (p, q)})


def shared_batches(trial: StoreTrial) -> None:
    """Every store at a place sees at once what another one there does to several projects."""
    known: dict[str, ProjectState] = {}
    with trial.batch_store() as one, trial.batch_store() as other:
        for number, pair in enumerate(zip(tour(_P), tour(_Q), strict=True)):
            writer, reader = (one, other) if number % 2 else (other, one)
            what = f"in the other instance after serial {pair[0].state.serial}"
            _commit_together(writer, pair, what)
            newest = {each.project: each.state for each in pair}
            unsent = {each.project: each.events for each in pair}
            _expect_states(reader, newest, what, asked=(_Q, _P), known=known)
            _expect_outboxes(reader, unsent, what, asked=(_Q, _P))
            _commit_together(reader, pair, f"{what}, the same again")
            reader.acknowledge_many({each.project: each.state.serial for each in pair})
            _expect_outboxes(writer, {}, "acknowledged in the other instance", asked=(_P, _Q))
            known = newest


# ---------------------------------------------------------------- what they share


def _contents(store: BatchStore, decisions: Sequence[Decision]) -> dict[str, Content]:
    """Return the content of each project."""
    return {
        each.project: (store.load(each.project), tuple(store.pending(each.project, limit=ALL)))
        for each in decisions
    }


def _is_stale(decision: Decision, before: Mapping[str, Content]) -> bool:
    state, _ = before[decision.project]
    return decision.base != (0 if state is None else state.serial)


def _written(before: Mapping[str, Content], decisions: Sequence[Decision]) -> dict[str, Content]:
    """Return the contents after a batch: those of stale decisions are as before."""
    after = dict(before)
    for decision in decisions:
        if not _is_stale(decision, before):
            _, events = before[decision.project]
            after[decision.project] = decision.state, (*events, *decision.events)
    return after


def _commit_together(store: BatchStore, decisions: Sequence[Decision], what: str) -> None:
    """Commit at once; expect that those on the stored serial are written, and the others not."""
    before = _contents(store, decisions)
    _expect_answers(store, before, decisions, store.commit_many(decisions), what)
    for project, (state, events) in _written(before, decisions).items():
        if state is None:
            expect_same(None, store.load(project), f"{what}: the loaded state")
        else:
            expect_state(store, state, what)
        expect_outbox(store, project, events, what)


def _expect_answers(
    store: BatchStore,
    before: Mapping[str, Content],
    decisions: Sequence[Decision],
    answers: Mapping[str, object],
    what: str,
) -> None:
    """Expect a `Conflict` for each decision that is stale, and another answer for the others."""
    projects = sorted(each.project for each in decisions)
    expect_same(projects, sorted(answers), f"{what}: the projects that are answered")
    for decision in decisions:
        answer, is_stale = answers[decision.project], _is_stale(decision, before)
        wrong = f"{what}: {decision.project!r} was answered by {answer!r}"
        expect(isinstance(answer, Conflict) == is_stale, wrong)
        if isinstance(answer, Conflict):
            expect_refusal(decision, answer, before[decision.project][0], what)
        else:
            expect_answer(store, decision, answer)


def _expect_states(
    store: BatchStore,
    states: Mapping[str, ProjectState],
    what: str,
    *,
    asked: Sequence[str],
    known: Mapping[str, ProjectState],
) -> None:
    loaded = store.load_many(asked, known=known)
    expect_same(sorted(states), sorted(loaded), f"{what}: the projects that are loaded")
    for project, state in states.items():
        expect_loaded(state, loaded[project], what)


def _expect_outboxes(
    store: BatchStore,
    outboxes: Mapping[str, Sequence[Event]],
    what: str,
    *,
    asked: Sequence[str],
    limit: int = ALL,
) -> None:
    pending = store.pending_many(asked, limit=limit)
    seen = {project: tuple(events) for project, events in pending.items()}
    expect_same(dict(outboxes), seen, f"{what}: the pending events")


def _states(decisions: Iterable[Decision]) -> list[ProjectState]:
    return [decision.state for decision in decisions]


def _events(decisions: Iterable[Decision]) -> tuple[Event, ...]:
    return tuple(event for decision in decisions for event in decision.events)


BATCH_CHECKS: Final = (
    Check(absent_from_batches, ("batches",)),
    Check(batch_commits, ("batches",)),
    Check(batch_loads, ("batches",)),
    Check(batch_outboxes, ("batches",)),
    Check(batch_acknowledgements, ("batches",)),
    Check(batch_names, ("batches",)),
    Check(failed_batches, ("batches", "faults")),
    Check(batch_restarts, ("batches", "reopens")),
    Check(shared_batches, ("batches", "shares")),
)
