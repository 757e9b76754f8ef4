"""Serving a controller: uvicorn, ended by SIGTERM or SIGINT also while streams are open."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, final

import uvicorn

from examples.controller.app import Controller
from examples.controller.connection import Config
from examples.controller.settings import Settings

GRACE: Final = 1
"""So many seconds a request in hand has to end after the signal."""


class AddressUnusable(Exception):
    """The address cannot be served; the message says which and why."""


@final
class Server(uvicorn.Server):
    """Closes the streams before it waits for requests to end: a stream never ends by itself."""

    def __init__(self, controller: Controller) -> None:
        config = Config(
            controller.app,
            controller.settings,
            log_level="error",  # a warning is about what a client does
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE,
            lifespan="off",
        )
        super().__init__(config)
        self._controller = controller

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to serve, and say where."""
        await super().startup(sockets)
        if self.started:
            print(f"Serving on {self.url}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then everything else."""
        await self._controller.broadcaster.close()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order at a signal; uvicorn's own way would raise it again before that is done."""
        loop, numbers = asyncio.get_running_loop(), (signal.SIGINT, signal.SIGTERM)
        for number in numbers:
            loop.add_signal_handler(number, self.handle_exit, number, None)
        try:
            yield
        finally:
            for number in numbers:
                loop.remove_signal_handler(number)

    @classmethod
    async def run_controller(cls, controller: Controller) -> None:
        """Serve a controller until a signal; raise `AddressUnusable` if it cannot be had."""
        with _line(controller.settings) as line:
            async with controller:
                await cls(controller).serve([line])

    @property
    def url(self) -> str:
        """The address that is served; the port is known once it is."""
        host, port = self.servers[0].sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _line(settings: Settings) -> socket.socket:
    host, port = settings.host, settings.port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        number = error.errno or 0
        is_foreign = number < 0 or number == errno.EADDRNOTAVAIL  # below 0: a name nobody knows
        why = "no address of this machine" if is_foreign else os.strerror(number)
        raise AddressUnusable(f"{host}, port {port}: {why}") from None
