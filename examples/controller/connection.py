"""One connection: how many there are, how long it may wait, and how much of a head it may send.

Shows: bounds before the application sees anything, as hooks of uvicorn's own protocol, whose
answers to what it cannot read become those of this API: `{code, message}`. Leaves out: bounds for
clients that read slowly, who cost a connection and no more.
"""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus
from typing import Any, Final, cast, final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from examples.controller.api.answers import error
from examples.controller.api.door import SEALS
from examples.controller.api.reading import MAX_BODY
from examples.controller.settings import Settings

MAX_HEADERS: Final = 100
"""No request has more lines of headers."""

MAX_HEAD: Final = 64 * 1024
"""No request has a longer head: its first line and all headers."""

MAX_REQUEST: Final = 4 * MAX_BODY
"""After so many bytes of a request its connection is closed, whatever they are."""


@final
class Config(uvicorn.Config):
    """What a server is made with, and the settings of the controller that it serves."""

    def __init__(self, app: Any, settings: Settings, **more: Any) -> None:
        super().__init__(app, http=Connection, ws="none", **more)
        self.settings = settings


@final
class Connection(HttpToolsProtocol):
    """uvicorn's protocol within bounds.

    One timer is armed unless a request is being answered: that of an idle connection, or, from the
    first byte of a request to its last, that of the request.
    """

    def __init__(self, config: Config, *arguments: Any, **more: Any) -> None:
        super().__init__(config, *arguments, **more)
        self._settings = config.settings
        self._timer: TimerHandle | None = None
        self._refusal = 400, "the request must be HTTP"
        self._is_reading = False
        self._in_head = True
        self._size = 0

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # as uvicorn
        """Begin, or end at once if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._settings.connections:
            self._refuse(503, f"there are {self._settings.connections} connections already")
        else:
            self._arm(self._settings.idle_timeout, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget what was waited for."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take in bytes, as many as may be of a head before it must have ended."""
        self._begin()
        while data and not self.transport.is_closing():
            room = (MAX_HEAD if self._in_head else MAX_REQUEST) - self._size
            if room <= 0 and self._in_head:
                self._refuse(431, f"the head must have at most {MAX_HEAD} bytes")
            elif room <= 0:
                self.transport.close()
            part, data = data[:room], data[room:]
            self._size += len(part)
            super().data_received(part)

    def on_message_begin(self) -> None:
        """Begin to read a request, perhaps one that came right behind another."""
        super().on_message_begin()
        self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take in a header; those behind a body are dropped, since no check would see them."""
        if self._in_head:
            super().on_header(name, value)
            if len(self.headers) > MAX_HEADERS:
                self._refusal = 431, f"there must be at most {MAX_HEADERS} lines of headers"
                raise ValueError(self._refusal)

    def on_headers_complete(self) -> None:
        """Hand the request to the application."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Wait for the next request, once this one is answered."""
        super().on_message_complete()
        self._is_reading, self._in_head, self._size = False, True, 0
        self._disarm()
        if self.cycle.response_complete:
            self._arm(self._settings.idle_timeout, self.timeout_keep_alive_handler)

    def on_response_complete(self) -> None:
        """Wait for the next request, in place of uvicorn's own timer."""
        super().on_response_complete()
        self._unset_keepalive_if_required()
        if not self._is_reading and self.cycle.response_complete:
            self._arm(self._settings.idle_timeout, self.timeout_keep_alive_handler)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's own sentence
        """Answer what the parser, or a hook above, did not take."""
        self._refuse(*self._refusal)

    def _begin(self) -> None:
        if not self._is_reading:
            self._is_reading = True
            self._arm(self._settings.request_timeout, self._give_up)

    def _give_up(self) -> None:
        patience = self._settings.request_timeout or timedelta(0)
        self._refuse(408, f"a request must come within {patience.total_seconds():g} s")

    def _refuse(self, status: int, message: str) -> None:
        """Close the connection; answer the request that is read unless another answer is begun."""
        if self.transport.is_closing():
            return
        latest = cast("RequestResponseCycle | None", self.cycle)
        if latest is None:
            is_free = True
        elif self._in_head:  # of the request after the latest
            is_free = latest.response_complete
        else:
            is_free = not latest.response_started and not self.pipeline
        if is_free:
            self.transport.write(_answer(status, message))
        self.transport.close()

    def _arm(self, after: timedelta | None, ring: Callable[[], None]) -> None:
        self._disarm()
        if after is not None and not self.transport.is_closing():
            self._timer = self.loop.call_later(after.total_seconds(), ring)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _answer(status: int, message: str) -> bytes:
    """Return an answer as it goes over the wire."""
    answer = error(status, message)
    headers = [*answer.raw_headers, *SEALS, (b"connection", b"close")]
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode()]
    lines += [name + b": " + value for name, value in headers]
    return b"\r\n".join([*lines, b"", bytes(answer.body)])
