"""Hearing what other processes published, by LISTEN and NOTIFY.

Shows: a connection in a thread of its own that waits without asking; after each connection the
sign to look at everything, since what was said meanwhile is lost. Leaves out: any promise. A
notification is a hint; the agenda and the serials are what is true.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Final, final

import psycopg
from psycopg import sql

from examples.postgres.opening import Address
from examples.postgres.statements import SCHEMA

Heard = Callable[[str, int], None]
_TURN: Final = 0.2
"""Seconds after which the thread looks whether it shall end."""
_PAUSE: Final = 1.0
"""Seconds to wait before another attempt to connect."""


@final
class Listener:
    """Calls `heard` with a project and a serial when a store anywhere acknowledged events up to it.

    The calls come from another thread, one at a time, so `heard` must be quick; what it raises ends
    the thread. With an empty project and serial 0 it means: look at everything, for what was said
    up to now may be lost. That comes first, and after each new connection. A listener connects
    anew by itself for as long as it is open; `channel` is the stores' schema, or any other channel
    whose payloads are a number, which may be negative, a space and a text.
    """

    def __init__(self, url: str, heard: Heard, *, channel: str = "sequencectl") -> None:
        self._address = Address(url, channel, SCHEMA)
        self._heard = heard
        self._is_over = Event()
        self._thread = Thread(target=self._run, name=f"listener of {channel}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; no call comes any more."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_over.is_set():
            with suppress(psycopg.Error):
                self._listen()
            self._is_over.wait(_PAUSE)

    def _listen(self) -> None:
        with psycopg.connect(**self._address.parameters(), autocommit=True) as connection:
            connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(self._address.schema)))
            self._heard("", 0)
            while not self._is_over.is_set():
                for notice in connection.notifies(timeout=_TURN):
                    self._tell(notice)

    def _tell(self, notice: psycopg.Notify) -> None:
        serial, _, project = notice.payload.partition(" ")
        is_ours = serial.removeprefix("-").isdecimal() and project != ""
        if not self._is_over.is_set():
            self._heard(*((project, int(serial)) if is_ours else ("", 0)))

    def __enter__(self) -> Listener:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()
