"""Deliver through a controller as often as the other end of a pipe asks: a child of `against`.

What it imports is all of another revision: the package, its stores, and its own delivery. So it is
a script, not a module of one of them. It answers as `deliverer` does. In memory that is time of the
processor; on SQLite it is time that passes, since a durable command waits for the disk.
"""

from __future__ import annotations

import gc
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import sequencectl
from examples.stores.sqlite import SqliteStore
from sequencectl.testing import InMemoryStore
from tests.bench.durable import DURABLE, deliveries


def main(where: str) -> None:
    """Answer until the other end closes the pipe."""
    with ExitStack() as stack:
        store: Any = InMemoryStore()
        clock = time.process_time
        if where != "memory":
            folder = stack.enter_context(TemporaryDirectory(prefix="sequencectl-bench-"))
            path = Path(folder) / "sequencectl.db"
            store = stack.enter_context(SqliteStore(path, synchronous=where))  # type: ignore[arg-type] # one of two
            clock = time.perf_counter
        deliver = deliveries(DURABLE, store)
        deliver()
        gc.collect()
        gc.freeze()
        print(sequencectl.__file__, flush=True)
        for line in sys.stdin:
            begin = clock()
            for _ in range(int(line)):
                deliver()
            print((clock() - begin) / int(line) * 1e6, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
