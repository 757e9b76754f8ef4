"""Draw a context from the events that a SQLite store has kept.

    python -m examples.timeline --db data/sequences.db --project sockshop --context ID > out.svg

The picture goes to stdout. Exit status: 0, 1 if the file cannot be used or nothing is known of the
context, 2 if the arguments cannot be used.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import SqliteStore
from examples.timeline import UnknownContext, timeline_svg


def main(argv: Sequence[str] | None = None) -> int:
    """Read, draw, write."""
    parser = argparse.ArgumentParser("examples.timeline", description=__doc__)
    parser.add_argument("--db", type=Path, required=True, help="the file of a SqliteStore")
    parser.add_argument("--project", required=True)
    parser.add_argument("--context", required=True)
    parser.add_argument(
        "--now", type=_instant, help="draw what is live until then: ISO 8601 (default: the clock)"
    )
    options = parser.parse_args(argv)
    if not options.db.is_file():  # a store would make one
        return _failed(f"{options.db}: no such file")
    try:
        with SqliteStore(options.db) as store:
            events = store.events(options.project)
        now = options.now or datetime.now(UTC)
        picture = timeline_svg(events, options.context, now=now)
    except (StoreUnusable, UnknownContext) as error:
        return _failed(str(error))
    sys.stdout.buffer.write(picture.encode())
    return 0


def _instant(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _failed(sentence: str) -> int:
    print(f"examples.timeline: {sentence}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
