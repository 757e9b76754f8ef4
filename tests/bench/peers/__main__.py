"""Print how long our delivery takes on other libraries: ``python3 dev.py peers [--write]``.

All programs take turns in one process. A peer does less than ours, and its line says what is
missing: the figures bound what a host would save by leaving that out, or by writing it itself.
"""

from __future__ import annotations

import argparse
import platform
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from tests.bench.floor import floor
from tests.bench.floor_check import check
from tests.bench.measure import Figure, interleaved
from tests.bench.page import overheard, write_table
from tests.bench.peers import (
    automat,
    dbos,
    eventsourcing,
    python_statemachine,
    sismic,
    spiffworkflow,
)
from tests.bench.peers.delivery import COMMANDS, Peer, delivery
from tests.bench.phases import machine_per_sequence
from tests.bench.programs import control_plane, state_machine, waiting

_WAITING = 1_000
_OURS = "ControlPlane.decide, 1 000 waiting"
_PEERS: tuple[Peer, ...] = (
    python_statemachine.PEER,
    automat.PEER,
    sismic.PEER,
    spiffworkflow.MANUAL,
    spiffworkflow.MESSAGES,
    eventsourcing.PEER,
    eventsourcing.CACHED,
)
_PHASES = "phases only, in our whole table: no line, payload, events, time limits or old states"


@attrs.frozen
class _Program:
    name: str
    run: Callable[[], int]
    lacks: str


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="dev.py peers", description=__doc__)
    parser.add_argument("--rounds", type=int, default=25, help="rounds of taking turns, at least 2")
    parser.add_argument("--write", action="store_true", help="renew docs/performance.md as well")
    arguments = parser.parse_args()
    rounds = max(arguments.rounds, 2)
    print(f"{platform.python_implementation()} {platform.python_version()}, median (quartiles)")
    with overheard() as heard:
        _versions()
        _in_memory(rounds)
        _durable(min(rounds, 10))
    if arguments.write:
        write_table("peers", f"{datetime.now(UTC):%Y-%m-%d}, {heard.getvalue()}")


def _versions() -> None:
    names = ["transitions", *dict.fromkeys(peer.distribution for peer in _PEERS), "dbos"]
    said = [f"{name} {version(name)}" for name in names]
    print(f"sequencectl {version('sequencectl')} beside {', '.join(said)}")


def _programs() -> list[_Program]:
    own = [
        _Program(_OURS, control_plane(waiting(_WAITING)), "what is compared with"),
        _Program("SequenceStateMachine", state_machine(), "no line, lookup by id, contexts"),
        _Program(
            "hand-written floor, 1 000 waiting",
            floor(_WAITING),
            "the same events; no checks, frozen values, old states, replay, aborts or follow-ups",
        ),
        _Program("transitions.Machine per sequence", machine_per_sequence(), _PHASES),
        _Program(
            "the same, auto_transitions=False",
            machine_per_sequence(auto_transitions=False),
            _PHASES,
        ),
    ]
    return own + [_Program(peer.name, delivery(peer.make), peer.lacks) for peer in _PEERS]


def _in_memory(rounds: int) -> None:
    print(f"\nA delivery: {COMMANDS} commands, in memory; for each, what it does not do")
    check()
    programs = _programs()
    figures = interleaved({each.name: each.run for each in programs}, rounds=rounds, runs=10)
    for each in programs:
        ratio = figures[each.name].median / figures[_OURS].median
        print(f"  {each.name:38}{figures[each.name]}   {ratio:5.2f} x")
        print(f"      {each.lacks}")


def _durable(rounds: int) -> None:
    print(f"\nThe same delivery, durable on SQLite {sqlite3.sqlite_version}: ms per command")
    with TemporaryDirectory(prefix="sequencectl-peers-") as name:
        folder = Path(name)
        with dbos.ours(folder) as (ours, our_pragmas), dbos.theirs(folder) as (theirs, pragmas):
            programs = {"SequenceController.handle": ours, "DBOS, a step per command": theirs}
            figures = interleaved(programs, rounds=rounds, runs=1)
            said = (
                f"with {our_pragmas()}; a second transaction notes what is published, unsynced",
                f"with {pragmas()}; {dbos.LACKS}",
            )
    first = next(iter(figures.values())).median
    for (program, figure), line in zip(figures.items(), said, strict=True):
        print(f"  {program:38}{_per_command(figure)}   {figure.median / first:5.2f} x")
        print(f"      {line}")


def _per_command(figure: Figure) -> str:
    median, low, high = (
        each / COMMANDS / 1000 for each in (figure.median, figure.low, figure.high)
    )
    return f"{median:8.2f} ms  ({low:.2f} to {high:.2f})"


if __name__ == "__main__":
    main()
