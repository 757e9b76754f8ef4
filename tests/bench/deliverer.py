"""Deliver as often as the other end of a pipe asks: a child process of `against`.

The first line it writes is the file of the package that it measures. Each line that it reads is a
number of deliveries; it answers with the microseconds that each of them took. This is time of the
processor: what other programs take in between does not count.
"""

from __future__ import annotations

import gc
import sys
import time

import sequencectl
from tests.bench.programs import control_plane, waiting


def main() -> None:
    """Answer until the other end closes the pipe."""
    deliver = control_plane(waiting(1_000))
    deliver()
    gc.collect()
    gc.freeze()
    print(sequencectl.__file__, flush=True)
    for line in sys.stdin:
        deliveries = int(line)
        begin = time.process_time()
        for _ in range(deliveries):
            deliver()
        print((time.process_time() - begin) / deliveries * 1e6, flush=True)


if __name__ == "__main__":
    main()
