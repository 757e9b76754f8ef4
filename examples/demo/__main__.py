"""The command line of the demo: its arguments, which view it takes, its exit statuses.

Exit status: 0 if every clause of the verdict holds, 1 if one does not, 2 for wrong arguments, a
shipyard that cannot be played, a database of something else or an output that cannot be written,
130 after Ctrl-C, 141 if whoever reads the output has gone, 143 after SIGTERM.
"""

from __future__ import annotations

import argparse
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn, TextIO, TypeAlias

import attrs

from examples.demo.actors import Actor
from examples.demo.cast import cast_for
from examples.demo.durable import OtherPerformance
from examples.demo.failures import LONGEST_WAIT as LONGEST_AFTER_A_FAILURE
from examples.demo.failures import (
    Failures,
    actors_for_failures,
    failures_script,
    plane_for_failures,
)
from examples.demo.failures_verdict import failures_verdict
from examples.demo.host import Pace
from examples.demo.people import LONGEST_WAIT, People, people_script, plane_for_people
from examples.demo.people_verdict import people_verdict
from examples.demo.performance import actors_for, perform, plane_for, play_stories
from examples.demo.plain import PlainView
from examples.demo.timeline import TimelineView, can_show
from examples.demo.verdict import verdict
from examples.demo.view import Bill, Clause, View
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, SqliteStore
from sequencectl import Event, InvalidValue, Shipyard
from sequencectl.shipyard.yaml import MAX_BYTES

SOCKSHOP = Path(__file__).with_name("sockshop.yaml")
SPEED = 40.0
"""So many virtual seconds pass in a second unless the arguments say otherwise."""

Play: TypeAlias = Callable[..., tuple[Event, ...]]
"""What plays the stories, as `perform` does, and returns what happened."""

Programme: TypeAlias = tuple[Bill, Play, Callable[[tuple[Event, ...]], tuple[Clause, ...]]]
"""Who plays, what plays the stories, and who judges them."""


def main(argv: Sequence[str] | None = None, *, play: Play = perform) -> int:
    """Play the stories as the arguments say, judge the events and return the exit status."""
    arguments = _arguments(argv)
    path: Path = arguments.shipyard or SOCKSHOP
    try:
        bill, show, judge = _programme(arguments, path, play)
    except OSError as error:
        return _complain(f"{path}: {error.strerror}")
    except InvalidValue as error:
        return _complain(f"{path}: {error}")
    out = _output()
    try:
        with _store(arguments.db) as store, _view(out, bill, is_plain=arguments.plain) as view:
            recorded = store.events(bill.project)
            events = show(view=view, store=store, recorded=recorded)
        clauses = judge(events)
        view.judge(clauses)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _forget(out)
        return 141
    except OtherPerformance as error:
        return _complain(f"{arguments.db or 'database'}: {error}")
    except StoreUnusable as error:
        return _complain(str(error))
    except OSError as error:
        _forget(out)
        return _complain(f"output: {error.strerror}")
    return 0 if all(clause.holds for clause in clauses) else 1


def _programme(arguments: argparse.Namespace, path: Path, play: Play) -> Programme:
    """Return what is played as the arguments say: the bill, the performance and its judge."""
    pace = Pace(arguments.speed, time.sleep, time.monotonic)
    if arguments.people:
        people, pace = People(), attrs.evolve(pace, longest=LONGEST_WAIT)
        actors = {"deployment": Actor("deployment", seed=arguments.seed)}
        show = partial(
            play_stories, plane_for_people(), people, [people_script()], actors=actors, pace=pace
        )
        return people, show, people_verdict
    if arguments.failures:
        unlucky, pace = Failures(), attrs.evolve(pace, longest=LONGEST_AFTER_A_FAILURE)
        actors = actors_for_failures(seed=arguments.seed)
        show = partial(
            play_stories,
            plane_for_failures(),
            unlucky,
            [failures_script()],
            actors=actors,
            pace=pace,
        )
        return unlucky, show, failures_verdict
    plane = plane_for(_read(path))
    cast = cast_for(plane.shipyard, seed=arguments.seed, is_own=path != SOCKSHOP)
    actors = actors_for(plane, cast, seed=arguments.seed)
    return cast, partial(play, plane, cast, actors=actors, pace=pace), partial(verdict, cast=cast)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "demo",
        description="Play the user stories on a shipyard, in virtual time.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--speed",
        type=_speed,
        default=SPEED,
        metavar="N|max",
        help="virtual seconds in a second, or max: no waiting at all (default: %(default)g)",
    )
    stories = parser.add_mutually_exclusive_group()
    stories.add_argument(
        "--shipyard", type=Path, metavar="FILE", help="a shipyard.yaml of your own"
    )
    stories.add_argument(
        "--people",
        action="store_true",
        help="four more stories, in which a person decides: approvals, windows, exemptions",
    )
    stories.add_argument(
        "--failures",
        action="store_true",
        help="five more stories, after a failure: retried, parked, skipped, redriven, silent",
    )
    parser.add_argument("--plain", action="store_true", help="one line per event, no live view")
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="how long tasks take (default: 1)"
    )
    parser.add_argument(
        "--db",
        type=Path,
        metavar="FILE",
        help="keep everything in this SQLite file; what was cut off goes on from there",
    )
    return parser.parse_args(argv)


def _speed(text: str) -> float | None:
    if text == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not 0.01 <= speed <= 1_000_000:
        raise argparse.ArgumentTypeError(f"must be max or 0.01 to 1000000, got {text!r}")
    return speed


def _read(path: Path) -> Shipyard:
    with path.open("rb") as file:
        return Shipyard.from_yaml(file.read(MAX_BYTES + 1))


@contextmanager
def _store(path: Path | None) -> Iterator[SqliteStore]:
    """Open the database, or by default one that is gone afterwards."""
    with ExitStack() as stack:
        if path is None:
            path = Path(stack.enter_context(TemporaryDirectory(prefix="demo-")), "demo.db")
        yield stack.enter_context(SqliteStore(path, kept=ALL))


def _complain(sentence: str) -> int:
    print("demo:", sentence.replace("\n", " "), file=sys.stderr)
    return 2


def _output() -> TextIO:
    """Return stdout, or what swallows everything if it was closed from the start."""
    if sys.stdout is None:
        return Path(os.devnull).open("w", encoding="utf-8")
    return sys.stdout


def _forget(out: TextIO) -> None:
    """Let what is still in the buffer go nowhere, so that it is not tried again at the exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


def _view(out: TextIO, bill: Bill, *, is_plain: bool) -> AbstractContextManager[View]:
    if not is_plain and can_show(out):
        return TimelineView(out, bill)
    return nullcontext(PlainView(out, bill.names))


def _terminate(_number: int, _frame: object) -> NoReturn:
    """End through every `finally`, so that the cursor comes back."""
    raise SystemExit(143)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(main())
