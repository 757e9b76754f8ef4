"""Simulated worlds: whatever goes wrong, nothing is lost or happens twice, and all ends."""

from __future__ import annotations

import re
import runpy
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from functools import reduce
from itertools import count
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from examples.stores.sqlite import SqliteStore
from sequencectl import (
    Bounds,
    ControlPlane,
    Decision,
    FrozenMap,
    InvalidValue,
    ProjectState,
    Shipyard,
    TaskTriggered,
    evolve,
)
from sequencectl._protocol import Call, Commit, CommitMany, Emit, Now, ReadAgenda
from sequencectl.policies import TimeoutPolicy
from sequencectl.testing import InMemoryStore
from sequencectl.testing.exploration import Transition
from sequencectl.testing.simulation import NASTY, PLANE, Faults, SimulationFailed, simulate
from sequencectl.testing.simulation import __main__ as command_line
from sequencectl.testing.simulation.__main__ import main
from sequencectl.testing.simulation.course import MARK
from sequencectl.testing.simulation.faults import PAIRS, Fault, Mishap, faults_of, table
from sequencectl.testing.simulation.mistakes import MISTAKES, Mistake
from tests.exploration.test_progress import Terminal


def failure(**arguments: Any) -> SimulationFailed:
    """How the first of a few seeds fails."""
    for seed in range(50):
        try:
            simulate(seed=seed, **arguments)
        except SimulationFailed as failed:
            return failed
    raise AssertionError("no seed failed")


@pytest.mark.parametrize("first", range(0, 250, 50))
def test_nothing_promised_is_ever_broken(first: int) -> None:
    """The first seeds of those that `dev.py simulate` plays."""
    for seed in range(first, first + 50):
        simulate(seed=seed)


@pytest.mark.parametrize("name", NASTY)
def test_the_nasty_mixes_break_nothing(name: str) -> None:
    """Each nasty mix, by name."""
    reports = [simulate(seed=seed, faults=name) for seed in range(5)]

    assert {name} == {report.faults for report in reports}
    assert all(report.events for report in reports)


def test_a_calm_world_meets_no_fault() -> None:
    """What is switched off does not happen."""
    hits = sum((simulate(seed=seed, faults="calm").hits for seed in range(20)), Counter())

    assert not {what for what, _ in hits} & {*Fault, Mishap.JUMP, Mishap.MUTE, Mishap.OUTAGE}


FAILURES = [
    Mishap.FAILING, Mishap.PROGRESS, Mishap.SILENT, Mishap.OLD_ATTEMPT, Mishap.RETRIED,
    Mishap.RETRIED_BY_PERSON, Mishap.SKIPPED, Mishap.AT_ONCE, Mishap.PARKED, Mishap.PARKED_PAUSED,
    Mishap.PARKED_OUT, Mishap.PARKED_ABORTED, Mishap.PARKED_LIMIT, Mishap.REDRIVEN,
    Mishap.REDRIVEN_AT_ONCE,
]  # fmt: skip


def test_what_fails_is_met() -> None:
    """A few seeds in which all fails meet all that comes of it, and data that can be followed."""
    inputs: list[FrozenMap] = []

    def look(seen: Transition) -> None:
        inputs.extend(event.input for event in seen.events if isinstance(event, TaskTriggered))

    several = [simulate(seed=seed, faults="all-fails", invariants=[look]) for seed in range(12)]

    hits = sum((report.hits for report in several), Counter())
    assert [] == [each for each in FAILURES if not hits[each, ""]]
    assert any(MARK in data for data in inputs)


SHOWN_BY: Final = {"own-clock": "two-calendars", "refuse-first": "bursts"}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_classic_mistake_is_found(mistake: str) -> None:
    """A few seeds are enough to find each; a calendar goes wrong only where there is one."""
    failed = failure(mistake=mistake, faults=SHOWN_BY.get(mistake))

    assert f"--mistake {mistake}" in failed.replay


@pytest.mark.parametrize(
    "mistake", ["no-outbox", "own-events", "acknowledge-ahead", "refuse-first"]
)
def test_a_mistake_shows_only_where_something_goes_wrong(mistake: str) -> None:
    """With no fault, and nobody who comes between, such a host looks right: so they are made."""
    for seed in range(20):
        simulate(seed=seed, faults=Faults(preemption=0.0), mistake=mistake)


def test_a_failing_seed_says_in_one_line_how_to_play_it_again() -> None:
    """The line is a command, and it leads to the very same calls and the same end."""
    failed = failure(mistake="no-outbox")
    *_, number, _, mistake = failed.replay.split()

    with pytest.raises(SimulationFailed) as again:
        simulate(seed=int(number), mistake=mistake)

    assert (str(failed), failed.calls) == (str(again.value), again.value.calls)
    assert "\n" not in str(failed)
    assert failed.replay.startswith("python -m sequencectl.testing.simulation --seed ")


def test_a_host_s_own_world_is_replayed_by_an_expression() -> None:
    """Where a command cannot say it all, the line is a call of `simulate`."""
    plane = attrs.evolve(PLANE, bounds=Bounds(retain=100))
    own = failure(plane=plane, mistake="no-outbox", faults="race", make_store=Stale)
    mix = failure(mistake="publish-first", faults=Faults(crash=0.1))

    assert (
        "simulate(plane, seed=0, faults='race', make_store=make_store, mistake='no-outbox')"
        == own.replay
    )
    assert mix.replay == f"simulate(seed=0, faults={Faults(crash=0.1)}, mistake='publish-first')"


class Stale(InMemoryStore):  # type: ignore[misc] # final, but this is the shortest broken store
    """A store that trusts what is known."""

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        return super().load(project) if known is None else known


class Careless(InMemoryStore):  # type: ignore[misc] # as above
    """A store that takes a decision on an old state."""

    def commit(self, decision: Decision) -> None:
        self._states[decision.project] = decision.state
        self._outboxes.setdefault(decision.project, []).extend(decision.events)


class Forgetful(InMemoryStore):  # type: ignore[misc] # as above
    """A store that loses what it is to keep beside the events."""

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        state = super().load(project, known=known)
        return state and attrs.evolve(state, ledger=attrs.evolve(state.ledger, request_ids=()))


@pytest.mark.parametrize(
    ("store", "seen"),
    [
        (Stale, "loaded serial"),
        (Careless, "committed over others"),
        (Forgetful, "knows serial .*, which never was there|took effect twice"),
    ],
)
def test_a_store_that_breaks_its_contract_is_found(store: Any, seen: str) -> None:
    """A host can try its own store: what the port promises is checked by its consequences."""
    failed = failure(make_store=store)

    assert re.search(seen, failed.seen)


class Plain:
    """A store without any of the abilities that are optional."""

    def __init__(self) -> None:
        store = InMemoryStore()
        self.load, self.pending = store.load, store.pending
        self.acknowledge, self.agenda = store.acknowledge, store.agenda
        self._commit = store.commit

    def commit(self, decision: Decision) -> None:
        self._commit(decision)


def test_a_store_is_asked_only_for_what_it_can() -> None:
    """One that works on one project at a time is never asked for several."""
    hits: Counter[tuple[Any, str]] = Counter()
    for seed in range(20):
        hits += simulate(seed=seed, make_store=Plain).hits

    assert hits[Mishap.BATCH, ""]
    assert not {call for _, call in hits if call.endswith("Many")}
    assert not hits[Mishap.ALONE, "Commit"]


def skipped_commit(call: Call) -> Any:
    """Commits are left out."""
    match call:
        case Commit():
            return None
        case CommitMany():
            return dict.fromkeys(decision.project for decision in call.decisions)
    return (yield call)


def skipped_emit(call: Call) -> Any:
    """Nothing is published."""
    if not isinstance(call, Emit):
        return (yield call)
    return None


def hidden_outbox(call: Call) -> Any:
    """Nobody looks for what others have left in the outbox."""
    reply = yield call
    if isinstance(call, ReadAgenda):
        return tuple(entry for entry in reply if entry.at is not None)
    return reply


def hasty_clock(call: Call) -> Any:
    """The clock is minutes ahead of what it says."""
    reply = yield call
    return reply + timedelta(minutes=3) if isinstance(call, Now) else reply


@pytest.mark.parametrize(
    ("rewrite", "faults", "seen"),
    [
        (skipped_commit, None, "acknowledged, and its effects are lost"),
        (skipped_emit, None, "said to be published, and is not: "),
        (hidden_outbox, None, "is not empty, and no replica will publish it"),
        (hasty_clock, "outages", "a deadline is acted on before settle"),
    ],
)
def test_a_protocol_that_breaks_a_promise_is_found(
    rewrite: Any, faults: str | None, seen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each check fails for a protocol made for it."""
    monkeypatch.setitem(MISTAKES, "own", Mistake(rewrite))

    assert seen in str(failure(mistake="own", faults=faults))


def test_a_world_that_never_rests_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """After its healing a world has a number of rounds to come to rest."""
    monkeypatch.setattr("sequencectl.testing.simulation._ROUNDS_WITH_FAULTS", 5)
    monkeypatch.setattr("sequencectl.testing.simulation._ROUNDS_TO_HEAL", 5)

    assert "does not come to rest within 5 rounds" == failure().seen


def test_an_error_that_nobody_expects_is_a_failure() -> None:
    """Whatever the protocol or a port raises by itself fails the seed, with its replay."""

    class Down(InMemoryStore):  # type: ignore[misc] # as above
        def agenda(self, *, limit: int) -> Sequence[Any]:
            raise OSError(f"no space for {limit}")

    failed = failure(make_store=Down)

    assert "it raised OSError('no space for 500')" == failed.seen
    assert isinstance(failed.__cause__, OSError)


@pytest.mark.parametrize(
    "plane",
    [
        attrs.evolve(PLANE, bounds=Bounds(retain=0, remember=0, request_ids=0)),
        attrs.evolve(PLANE, timeouts=TimeoutPolicy.unbounded()),
        ControlPlane(Shipyard.of({"dev": {}})),
    ],
    ids=["forgetful", "unbounded", "bare"],
)
def test_a_host_s_own_plane_is_simulated(plane: ControlPlane) -> None:
    """One that remembers nothing, one without limits, one with nothing but what is built in."""
    for name in (None, "flood", "nobody-answers"):
        for seed in range(10):
            simulate(plane, seed=seed, faults=name)


@pytest.fixture
def places(tmp_path: Path) -> Iterator[Path]:
    """Files that are not there yet."""
    return (tmp_path / f"{number}.db" for number in count())


def test_a_host_s_own_store_is_simulated(places: Iterator[Path]) -> None:
    """The SQLite store of the examples, which catches up what replicas know."""
    for seed in range(12):
        simulate(seed=seed, make_store=lambda: SqliteStore(next(places), synchronous="NORMAL"))


@pytest.mark.parametrize(
    "wrong", [{"faults": "rain"}, {"faults": 3}, {"mistake": "haste"}, {"mistake": ["haste"]}]
)
def test_what_makes_no_sense_is_refused_by_name(wrong: Any) -> None:
    """Names of mixes and mistakes are checked, and the permitted ones are listed."""
    with pytest.raises(InvalidValue, match=f"^{next(iter(wrong))}: must be .*one of "):
        simulate(seed=1, **wrong)


@pytest.mark.parametrize(
    "wrong",
    [{"plane": None}, {"seed": "7"}, {"seed": True}, {"make_store": InMemoryStore()},
     {"invariants": len}, {"invariants": [lambda _: ""]}],
)  # fmt: skip
def test_an_argument_of_a_wrong_type_is_refused_by_name(wrong: Any) -> None:
    """Before anything is simulated."""
    (where,) = wrong

    with pytest.raises(InvalidValue, match=rf"^{where}: must be .*, got "):
        simulate(**{"seed": 1, **wrong})


@pytest.mark.parametrize("wrong", [3, -0.1, 1.1, float("nan"), True, "x", None])
@pytest.mark.parametrize("where", ["crash", "outage"])
def test_a_chance_is_from_0_to_1(where: str, wrong: Any) -> None:
    """Anything else is refused by the name of the fault; 0 and 1 are permitted."""
    with pytest.raises(InvalidValue, match=f"^{where}: must be a number from 0 to 1, got ") as seen:
        Faults(**{where: wrong})

    assert wrong is seen.value.value
    for chance in (0, 1):
        mix: dict[str, Any] = {where: chance}
        assert chance == getattr(Faults(**mix), where)


@pytest.mark.parametrize("wrong", [("comit",), ("Load", 3), "Commit", ("TakeTurn",), None])
def test_faults_happen_at_calls_that_exist(wrong: Any) -> None:
    """An unknown name would inject nothing; the error lists the permitted ones."""
    with pytest.raises(InvalidValue, match=r"^at: must be a tuple of Now, Load, ") as caught:
        Faults(crash=0.3, at=wrong)

    assert wrong is caught.value.value


def test_an_invariant_sees_every_commit() -> None:
    """Once each, with the state before it and after it, whatever happened to the answer."""
    seen: list[Transition] = []

    def keeps(transition: Transition) -> None:
        seen.append(transition)

    reports = [simulate(seed=seed, invariants=[keeps], faults="lost-answers") for seed in range(3)]

    assert sum(report.events for report in reports) == sum(len(each.events) for each in seen)
    assert all(each.events for each in seen)
    assert all(each.after == reduce(evolve, each.events, each.before) for each in seen)
    assert all(each.decision == PLANE.decide(each.before, each.command, each.now) for each in seen)


def never_promotes(seen: Transition) -> str:
    """Nothing is accepted in qa."""
    there = [each.sequence_id for each in seen.live if each.stage == "qa"]
    return f"{there[0]} was accepted" if there else ""


def asserts_that_nothing_is_promoted(seen: Transition) -> None:
    """The same as an assertion."""
    assert not never_promotes(seen), "it was accepted"


def stumbles(seen: Transition) -> None:
    """The same by an error of its own."""
    if never_promotes(seen):
        raise KeyError("qa")


@pytest.mark.parametrize(
    ("invariant", "seen"),
    [
        (never_promotes, r"never_promotes: \S+ was accepted"),
        (asserts_that_nothing_is_promoted, "asserts_that_nothing_is_promoted: it was accepted.*"),
        (stumbles, r"stumbles: it raised KeyError\('qa'\)"),
    ],
)
def test_a_broken_invariant_is_named_and_replayed(invariant: Any, seen: str) -> None:
    """The seed fails with its name, and the call that plays it again names it, too."""
    failed = failure(invariants=(invariant,), faults="race")
    seed = int(re.findall(r"seed=(\d+)", failed.replay)[0])

    assert re.fullmatch(seen, failed.seen, re.DOTALL)
    assert f"simulate(seed={seed}, faults='race', invariants=[{invariant.__name__}])" == (
        failed.replay
    )
    assert failed.calls[-1].call == "Commit"


def test_an_invariant_that_answers_anything_else_is_an_error() -> None:
    """It is a mistake of the host: no seed fails for it."""

    def answers(_seen: Transition) -> Any:
        return False

    with pytest.raises(InvalidValue, match=r"^invariants: answers must return None or a text"):
        simulate(seed=1, invariants=[answers])


def test_a_swarm_leaves_out_many_faults() -> None:
    """Each kind is off in about half of the seeds, so that none hides another."""
    swarms = [mix for name, mix in map(faults_of, range(400)) if name == "swarm"]
    kinds = {"crash", "failure", "ambiguity", "duplicate", "mute", "skew", "jump", "outage"}

    for kind in kinds:
        assert 0.3 < sum(getattr(mix, kind) > 0 for mix in swarms) / len(swarms) < 0.7
    assert {"swarm", *NASTY} == {faults_of(seed)[0] for seed in range(400)}


def test_the_command_line_prints_what_was_met(capsys: pytest.CaptureFixture[str]) -> None:
    """Every cell counts; one that was met too rarely fails the run by name."""
    statuses = [main(["--seeds", "30", "--fewest", "0"]), main(["--seeds", "1"])]
    printed = capsys.readouterr().out

    assert [0, 1] == statuses
    assert "crash before it" in printed
    assert "30 seeds, " in printed
    assert "met less than 10 times: fails, partly done at Emit" in printed
    assert "met less than 10 times: every replica is down\n" in printed


def test_the_command_line_plays_one_seed_call_by_call(capsys: pytest.CaptureFixture[str]) -> None:
    """A seed alone tells every call; one that fails ends with its line."""
    statuses = [main(["--seed", "7"]), main(["--seed", "0", "--mistake", "publish-first"])]
    *_, report, failed = [
        line for line in capsys.readouterr().out.splitlines() if "eplica" not in line
    ]

    assert [0, 1] == statuses
    assert report.startswith("Report(seed=7, ")
    assert failed.endswith("--seed 0 --mistake publish-first")


def test_the_command_line_stops_at_the_first_seed_that_fails(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Without a table, but with the line that replays it."""
    assert 1 == main(["--mistake", "no-serial-check", "--faults", "race"])

    (line,) = capsys.readouterr().out.splitlines()
    assert "replay: python -m sequencectl.testing.simulation --seed" in line


def test_the_command_line_shows_how_far_it_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a terminal, beside what is printed; the row is emptied before that."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)

    main(["--seeds", "3", "--fewest", "0"])

    *rows, _, end = stream.getvalue().split("\r")
    assert ["0 of 3", "1 of 3", "2 of 3"] == [row[23:29] for row in rows[1:]]
    assert "" == end
    assert "3 seeds, " in capsys.readouterr().out


def test_the_table_has_a_cell_for_each_pair() -> None:
    """What was never met is a zero; what cannot happen there is empty."""
    cells = "".join(line[30:] for line in table(Counter()).splitlines()[1:]).split()

    assert ["0"] * len(PAIRS) == cells


def test_the_module_is_a_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The line that replays a seed can be run as it is."""
    monkeypatch.setattr(sys, "argv", ["simulation", "--seed", "7"])

    with pytest.raises(SystemExit) as exit_:
        runpy.run_path(str(command_line.__file__), run_name="__main__")

    assert 0 == exit_.value.code
    assert "Report(seed=7, " in capsys.readouterr().out
