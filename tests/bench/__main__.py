"""Print how fast decisions are, and what they need: ``python3 dev.py bench [SECTION ...]``.

Sections: ``delivery``, ``growth``, ``codec``, ``memory``, ``imports``, ``durable``, ``door``,
``scale``, ``capacity``; all of them unless some are named. Ratios within one run are what counts; a
time by itself says more about the machine. ``--write`` also puts what is printed into
``docs/performance.md`` and ``docs/scaling.md``, and draws ``docs/growth.svg``. ``delivery --against
REV`` measures the delivery on this version and on another revision instead, ``durable --against
REV`` the same through a controller.
"""

from __future__ import annotations

import argparse
import os
import platform
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

from tests.bench.against import IncomparableError, against, durable_against
from tests.bench.capacity import capacity
from tests.bench.codec import codec
from tests.bench.door import door
from tests.bench.durable import durable
from tests.bench.growth import Curve, growth
from tests.bench.imports import imports
from tests.bench.measure import interleaved
from tests.bench.memory import memory
from tests.bench.page import SECTIONS, overheard, write_table
from tests.bench.phases import machine_per_sequence
from tests.bench.programs import control_plane, waiting
from tests.bench.scale import scale

_OURS = "ControlPlane.decide, 1 000 waiting"
_MACHINE = "transitions.Machine per sequence"
_QUIET = "the same, auto_transitions=False"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="dev.py bench", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument("--rounds", type=int, default=25, help="rounds of taking turns")
    parser.add_argument(
        "--largest", type=int, default=100_000, help="the most that wait, or projects"
    )
    parser.add_argument("--write", action="store_true", help="renew the pages as well")
    parser.add_argument("--against", metavar="REV", help="measure against this revision")
    arguments = parser.parse_args()
    unknown = set(arguments.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(sorted(unknown))}")
    if arguments.against is not None:
        if arguments.sections not in (["delivery"], ["durable"]) or arguments.write:
            parser.error("--against goes with delivery or durable alone, and without --write")
        print(f"{_machine()}; median (quartiles)")
        compare = against if arguments.sections == ["delivery"] else durable_against
        try:
            compare(arguments.against, max(arguments.rounds, 2))
        except IncomparableError as error:
            parser.error(str(error))
        return
    run(
        arguments.sections or SECTIONS,
        rounds=arguments.rounds,
        largest=arguments.largest,
        write=arguments.write,
    )


def run(sections: list[str] | tuple[str, ...], *, rounds: int, largest: int, write: bool) -> None:
    """Measure these sections, print them, and write what was printed if that is asked for."""
    curves: list[Curve] = []
    jobs: dict[str, Callable[[], object]] = {
        "delivery": partial(_delivery, rounds),
        "growth": lambda: curves.extend(growth(rounds, largest)),
        "codec": partial(codec, rounds),
        "memory": memory,
        "imports": partial(imports, rounds),
        "durable": partial(durable, min(rounds, 10)),
        "door": partial(door, rounds),
        "scale": partial(scale, min(rounds, 15)),
        "capacity": partial(capacity, min(rounds, 15), largest),
    }
    print(f"{_machine()}; median (quartiles)")
    for name in sections:
        with overheard() as heard:
            jobs[name]()
        if write:
            today = f"{datetime.now(UTC):%Y-%m-%d}, {_machine()}"
            write_table(name, f"{today}\n{heard.getvalue()}")
    if write and curves:
        from tests.bench.plot import draw  # which needs a layer of its own

        draw(curves)


def _machine() -> str:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    return f"{python}, {platform.system()} {platform.machine()}, {os.cpu_count()} processors"


def _delivery(rounds: int) -> None:
    print("\nA delivery: 13 commands, 28 events")
    programs = {
        _OURS: control_plane(waiting(1_000)),
        _MACHINE: machine_per_sequence(),
        _QUIET: machine_per_sequence(auto_transitions=False),
    }
    figures = interleaved(programs, rounds=rounds, runs=20)
    for name, figure in figures.items():
        print(f"  {name:36}{figure!s:34}{figure.over(figures[_OURS])}")
    print("  A Machine only moves through phases; it keeps no line, payload, event or old state.")


if __name__ == "__main__":
    main()
