"""A way to a PostgreSQL server that can be cut: what a network does, without one."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock, Thread
from types import TracebackType

SOCKET = ".s.PGSQL.5432"
_DONE = b"SELECT "
"""What the server says at the end of a query that gives rows, as all our queries do."""


class Proxy:
    """A socket in a folder of its own, through which the server of another folder is reached."""

    def __init__(self, server: Path) -> None:
        self._server = str(server / SOCKET)
        self.folder = Path(tempfile.mkdtemp(prefix="proxy-"))
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(self.folder / SOCKET))
        self._listening.listen()
        self._lock = Lock()
        self._ends: list[socket.socket] = []
        self._loses_answer = False
        self._refuses = False
        Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def losing_an_answer(self) -> Iterator[None]:
        """The next query is done, and the connection breaks where it should be answered."""
        self._loses_answer = True
        try:
            yield
        finally:
            self._loses_answer = False

    @contextmanager
    def cut(self) -> Iterator[None]:
        """All connections break, and no new one gets through meanwhile."""
        self._refuses = True
        self._break()
        try:
            yield
        finally:
            self._refuses = False

    def close(self) -> None:
        """Break all connections and take none any more."""
        self._refuses = True
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._break()
        shutil.rmtree(self.folder)

    def _break(self) -> None:
        with self._lock:
            ends, self._ends = self._ends, []
        for end in ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                if self._refuses:
                    raise ConnectionRefusedError
                far.connect(self._server)
            except OSError:
                near.close()
                far.close()
                continue
            with self._lock:
                self._ends += [near, far]
            Thread(target=self._forward, args=(near, far, False), daemon=True).start()
            Thread(target=self._forward, args=(far, near, True), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, is_answer: bool) -> None:
        with source, suppress(OSError):
            while data := source.recv(65536):
                if is_answer and self._loses_answer and _DONE in data:
                    self._loses_answer = False
                    break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> Proxy:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()
