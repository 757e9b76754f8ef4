"""End with the process that started this one: stdin is a pipe, which the system then closes.

Shows: children that do not outlive their parent, however it ends. It works on every system, and
nobody has to look whether the parent is still there.
"""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from typing import Final

OPTION: Final = "--until-stdin-closes"
"""The option of the programs of these examples that do so."""

HELP: Final = "end, as by SIGTERM, when stdin comes to its end"


def end_when_stdin_closes() -> None:
    """Have SIGTERM sent to this process once stdin is at its end; what comes before is ignored."""
    threading.Thread(target=_wait, daemon=True).start()


def _wait() -> None:
    with suppress(OSError):  # there is no stdin
        # not sys.stdin: the interpreter cannot end while a thread waits in there
        while os.read(0, 4096):
            pass
    os.kill(os.getpid(), signal.SIGTERM)
