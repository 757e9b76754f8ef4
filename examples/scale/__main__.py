"""Three controllers on one PostgreSQL, while replicas are killed, cut off, and the server ends.

    python3 dev.py scale-demo [--seed N] [--deliveries N] [--projects N] [--replicas N] [--plain]

Shows: that nothing is lost, doubled, overtaken or given out twice meanwhile. Clients trigger,
executors work, people vote and repair, through whichever replica answers; what gets no answer is
sent again under the same id. At the end the ledger compares what they saw with the events in the
database. Exit status: 0 if the ledger is clean, 1 if not, 3 if there is no PostgreSQL.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from collections.abc import Sequence
from typing import Final

from examples.controller import lifeline
from examples.postgres.server import CannotServe
from examples.scale.play import Performance
from examples.scale.report import problems_in, report
from examples.scale.site import CannotRun, site
from examples.scale.view import view_for

FAILED: Final = 1
LACKS: Final = 3
INTERRUPTED: Final = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Play, print the ledger, and return the exit status."""
    options = _options(argv)
    if options.until_stdin_closes:
        lifeline.end_when_stdin_closes()
    try:
        return asyncio.run(_played(options))
    except CannotServe as error:
        return _complain(str(error), LACKS)
    except CannotRun as error:
        return _complain(str(error), FAILED)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return INTERRUPTED


async def _played(options: argparse.Namespace) -> int:
    current = asyncio.current_task()
    assert current is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, current.cancel)
    view = view_for(sys.stdout, is_plain=options.plain)
    async with site(options.replicas) as opened:
        with view:
            performance = Performance(
                opened,
                view,
                seed=options.seed,
                deliveries=options.deliveries,
                projects=options.projects,
            )
            evidence = await performance.run()
        problems = problems_in(evidence)
        print("\n".join(report(evidence, problems)), flush=True)
        if options.keep:
            print("\n".join(opened.said()), flush=True)
            await asyncio.Event().wait()
    return FAILED if problems or evidence.complaints else 0


def _options(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("dev.py scale-demo", description=__doc__, allow_abbrev=False)
    add = parser.add_argument
    add("--seed", type=int, default=1, help="what fails, and when (default: %(default)s)")
    for name, count, what in (
        ("deliveries", 2_000, "so many are triggered"),
        ("projects", 20, "over so many projects"),
        ("replicas", 3, "so many controllers"),
    ):
        add(f"--{name}", type=_count, default=count, help=f"{what} (default: {count})")
    add("--plain", action="store_true", help="a line now and then, no live counters")
    add("--keep", action="store_true", help="serve on after the ledger, until Ctrl-C")
    add(lifeline.OPTION, action="store_true", help=lifeline.HELP)
    return parser.parse_args(argv)


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {count}")
    return count


def _complain(sentence: str, status: int) -> int:
    print(f"scale-demo: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
