"""The promises of `BatchStore` that concern several stores at one time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from threading import Barrier
from typing import Final

from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict
from sequencectl.ports import BatchStore
from sequencectl.state import ProjectState
from sequencectl.testing._walk import PLANE, Teller, tour
from sequencectl.testing.conformance.promises import Check, attempt, expect, expect_same
from sequencectl.testing.conformance.trial import (
    ALL,
    StoreTrial,
    expect_answer,
    expect_outbox,
    expect_refusal,
    expect_state,
)

_CONTENDERS: Final = 4
_AT_ONCE: Final = 24
"""How many projects are raced for at once."""


def racing_batches(trial: StoreTrial) -> None:
    """Of concurrent batches of commits one wins each project, and nobody waits in a circle."""
    states = [PLANE.initial(f"p{number}") for number in range(_AT_ONCE)]
    with trial.batch_store() as store, ThreadPoolExecutor(_CONTENDERS) as pool:
        for number in range(5):
            sent = {state.project: state.serial for state in states}
            batches = [_contribution(states, number, each) for each in range(_CONTENDERS)]
            race = partial(_work_at_once, trial, Barrier(_CONTENDERS), sent)
            outcomes = list(pool.map(race, range(_CONTENDERS), batches))
            for _, error in outcomes:
                expect(error is None, f"{_CONTENDERS} stores worked at once; one met {error!r}")
            answers = [answer or {} for answer, _ in outcomes]
            states = [_winner(store, state, batches, answers) for state in states]


def _contribution(states: Sequence[ProjectState], number: int, contender: int) -> list[Decision]:
    """Return a contender's decisions: on most projects, every second time in opposite order."""
    mine = [state for each, state in enumerate(states) if each % _CONTENDERS != contender]
    decisions = [_rival(state, f"{number} {contender}") for state in mine]
    return decisions[::-1] if contender % 2 else decisions


def _rival(state: ProjectState, known: str) -> Decision:
    host = Teller(state.project)
    host.state = state
    return host.trigger(known)


def _work_at_once(
    trial: StoreTrial,
    start: Barrier,
    sent: Mapping[str, int],
    contender: int,
    decisions: Sequence[Decision],
) -> tuple[Mapping[str, object] | None, Exception | None]:
    """Commit together, and acknowledge what was there before, in either order."""

    def work() -> Mapping[str, object]:
        mine = {each.project: sent[each.project] for each in decisions}
        if contender % 2:
            store.acknowledge_many(mine)
        answers = store.commit_many(decisions)
        if not contender % 2:
            store.acknowledge_many(mine)
        return answers

    with trial.batch_store() as store:
        start.wait(timeout=60)
        return attempt(work, nullcontext())


def _winner(
    store: BatchStore,
    state: ProjectState,
    batches: Sequence[Sequence[Decision]],
    answers: Sequence[Mapping[str, object]],
) -> ProjectState:
    """Return the new state of a project; expect that just the one that was not refused wrote it."""
    project, what = state.project, f"after a race for {state.project!r}"
    told = zip(batches, answers, strict=True)
    rivals = [
        (each, said[project]) for batch, said in told for each in batch if each.project == project
    ]
    winners = [rival for rival, answer in rivals if not isinstance(answer, Conflict)]
    expect_same(1, len(winners), f"{what}: how many of {len(rivals)} were written")
    expect_state(store, winners[0].state, what)
    expect_outbox(store, project, winners[0].events, what)
    for rival, answer in rivals:
        if isinstance(answer, Conflict):
            expect_refusal(rival, answer, winners[0].state, what)
        else:
            expect_answer(store, rival, answer)
    return winners[0].state


def racing_batch_readers(trial: StoreTrial) -> None:
    """A read of several projects during commits sees of each commit all or nothing."""
    tours = {project: tour(project) for project in ("p", "q")}
    whole = {
        (each.project, each.state.serial): each.state for one in tours.values() for each in one
    }
    said = {
        project: [event for each in one for event in each.events] for project, one in tours.items()
    }

    def write() -> None:
        with trial.batch_store() as writer:
            for pair in zip(*tours.values(), strict=True):
                writer.commit_many(pair)

    with trial.batch_store() as store, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(write)
        known: Mapping[str, ProjectState] = {}
        is_last = False
        while not is_last:
            is_last = writing.done()
            loaded = store.load_many(("q", "p"), known=known)
            for project, state in loaded.items():
                one = whole.get((project, state.serial))
                expect_same(one, state, "a state loaded during commits")
            for project, events in store.pending_many(("q", "p"), limit=ALL).items():
                head = said[project][: len(events)]
                expect_same(head, [*events], "the events pending during commits")
                is_whole = (project, events[-1].serial) in whole
                expect(is_whole, "a part of a commit's events was pending")
            known = {} if known else loaded
        writing.result()


BATCH_RACES: Final = (
    Check(racing_batches, ("batches", "races")),
    Check(racing_batch_readers, ("batches", "races")),
)
