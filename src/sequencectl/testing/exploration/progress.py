"""How far a long search has come, how far it may go, and a row on a terminal that shows it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TextIO, TypeAlias, final

import attrs

from sequencectl.errors import InvalidValue

_WIDTH: Final = 79
_CELLS: Final = 20


@final
@attrs.frozen
class Progress:
    """How far a search has come.

    `states` are known, and `waiting` of them are not visited yet; `transitions` were tried. In a
    search through schedules, a transition is a choice, and `waiting` are the choices that are left.
    """

    states: int
    transitions: int
    waiting: int


Watcher: TypeAlias = Callable[[Progress], object]
"""What a search calls now and then, and at its end; what it returns is ignored."""


def checked_limit(limit: int) -> int:
    """Return how many states a search may know; raise `InvalidValue` unless it is at least 1."""
    if type(limit) is not int or limit < 1:
        raise InvalidValue("limit", limit, "must be an int of at least 1")
    return limit


def checked_watcher(progress: Watcher | None) -> Watcher:
    """Return what to call with the progress; raise `InvalidValue` if it cannot be called."""
    if progress is None:
        return _ignore
    if not callable(progress):
        raise InvalidValue("progress", progress, "must be a function that takes a Progress")
    return progress


def _ignore(_progress: Progress) -> None:
    pass


@final
class Row:
    """A row on a terminal that is written again and again; on any other stream it is silent."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_shown = stream.isatty()

    def show(self, done: int, of: int, text: str) -> None:
        """Write a bar that is full when all is done, and a text beside it."""
        cells = _CELLS * done // max(of, 1)
        self._write(f"[{'#' * cells}{'-' * (_CELLS - cells)}] {text}"[:_WIDTH].ljust(_WIDTH))

    def clear(self) -> None:
        """Empty the row, so that something else can be printed."""
        self._write(" " * _WIDTH + "\r")

    def _write(self, text: str) -> None:
        if self._is_shown:
            self._stream.write(f"\r{text}")
            self._stream.flush()
