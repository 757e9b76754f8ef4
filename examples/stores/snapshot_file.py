"""A store over anything that keeps bytes under a key and can compare and swap; here, files.

Shows: a project with its outbox as one value, so that any key-value store whose writes can be made
conditional (etcd, an object store with If-Match) does; and how a file is replaced so that a reader
sees the old one or the new one, whatever crashes. Leaves out: size (each commit writes the whole
project; take `sqlite` beyond some hundred sequences) and Windows (`fcntl` locks).
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import final

import attrs

from examples.stores.errors import StoreUnusable
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, DecodeError
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.serialization import dump_events, dump_project, load_events, load_project
from sequencectl.state import ProjectState


@final
class Folder:
    """Bytes under keys, a file for each; `swap` is atomic between processes, and durable."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def all_keys(self) -> Sequence[str]:
        """Return every key there is."""
        return sorted(path.stem for path in self._path.glob("*.project"))

    def get(self, key: str) -> bytes | None:
        """Return what is kept under a key."""
        try:
            return (self._path / f"{key}.project").read_bytes()
        except FileNotFoundError:
            return None

    def swap(self, key: str, old: bytes | None, new: bytes) -> bool:
        """Replace `old` by `new`; return False, nothing done, if something else is kept there."""
        path, part = self._path / f"{key}.project", self._path / f"{key}.part"
        with (self._path / f"{key}.lock").open("ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # until closed, by whatever ends us
            if self.get(key) != old:
                return False
            with part.open("wb") as file:
                file.write(new)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            _sync(self._path)
        return True


@final
@attrs.frozen
class _Saved:
    """One project: a line to look things up in, and two lines that are decoded when needed."""

    project: str
    serial: int
    next_deadline: datetime | None
    has_unsent: bool
    state: bytes
    outbox: bytes

    @classmethod
    def of(cls, state: ProjectState, outbox: Sequence[Event]) -> _Saved:
        at = None if state.next_deadline is None else state.next_deadline.astimezone(UTC)
        return cls(
            state.project, state.serial, at, bool(outbox), dump_project(state), dump_events(outbox)
        )

    @classmethod
    def read(cls, data: bytes) -> _Saved:
        try:
            head, state, outbox = data.split(b"\n")
            project, serial, at, has_unsent = json.loads(head)
            next_deadline = None if at is None else datetime.fromisoformat(at)
        except (ValueError, TypeError) as error:
            raise DecodeError("head", data, "must be three lines, the first a list") from error
        return cls(project, serial, next_deadline, has_unsent, state, outbox)

    def written(self) -> bytes:
        at = None if self.next_deadline is None else self.next_deadline.isoformat()
        head = json.dumps([self.project, self.serial, at, self.has_unsent]).encode()
        return b"\n".join((head, self.state, self.outbox))


@final
class SnapshotStore:
    """A `Store` in a folder that exists; for any number of threads and processes.

    Raises `StoreUnusable` if the folder cannot be used or holds what is not ours.
    """

    def __init__(self, path: Path | str) -> None:
        self._path = Path(path)
        self._folder = Folder(self._path)
        if not self._path.is_dir():
            raise StoreUnusable(self._path, "is no folder; make it first")

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return `known` if its serial is the stored one, else decode the snapshot."""
        with self._sentences():
            data = self._folder.get(_key(project))
            if data is None:
                return None
            saved = _Saved.read(data)
            if known is not None and known.serial == saved.serial:
                return known
            state = load_project(saved.state)
            if (state.project, state.serial) != (project, saved.serial):
                raise DecodeError("state", saved.state, f"must be {project!r} at {saved.serial}")
            return state

    def commit(self, decision: Decision) -> bool:
        """Swap the project and its outbox for the new ones, or raise `Conflict`."""

        def committed(saved: _Saved | None) -> _Saved:
            found = 0 if saved is None else saved.serial
            if found != decision.base:
                raise Conflict(decision.project, base=decision.base, found=found)
            unsent = () if saved is None else load_events(saved.outbox)
            return _Saved.of(decision.state, (*unsent, *decision.events))

        before = self._change(decision.project, committed)
        return before is None or not before.has_unsent

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the head of the outbox."""
        with self._sentences():
            data = self._folder.get(_key(project))
            return () if data is None else load_events(_Saved.read(data).outbox)[:limit]

    def acknowledge(self, project: str, *, through: int) -> None:
        """Swap the outbox for what is left of it."""

        def acknowledged(saved: _Saved | None) -> _Saved | None:
            if saved is None:
                return None
            unsent = [event for event in load_events(saved.outbox) if event.serial > through]
            return attrs.evolve(saved, has_unsent=bool(unsent), outbox=dump_events(unsent))

        self._change(project, acknowledged)

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """Return unsent projects, then deadlines by instant, from the first lines of all files."""
        with self._sentences():
            found = [self._folder.get(key) for key in self._folder.all_keys()]
            every = [_Saved.read(data) for data in found if data is not None]
        unsent = [Appointment(saved.project, None) for saved in every if saved.has_unsent]
        coming = [(each.next_deadline, each.project) for each in every]
        due = sorted((at, project) for at, project in coming if at is not None)
        return (*unsent, *(Appointment(project, at) for at, project in due))[:limit]

    def _change(
        self, project: str, change: Callable[[_Saved | None], _Saved | None]
    ) -> _Saved | None:
        """Swap until nobody else was faster; return what was there before.

        Each failure means that somebody else got on.
        """
        key = _key(project)
        while True:
            with self._sentences():
                old = self._folder.get(key)
                before = None if old is None else _Saved.read(old)
                new = change(before)
                if new is None or self._folder.swap(key, old, new.written()):
                    return before

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreUnusable(self._path, f"cannot be used ({error})") from error
        except DecodeError as error:
            raise StoreUnusable(self._path, f"holds what is not ours: {error}") from error


def _key(project: str) -> str:
    """Return a name that every file system can keep apart from any other project's."""
    return sha256(project.encode()).hexdigest()


def _sync(folder: Path) -> None:
    """Make a rename in a folder durable."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
