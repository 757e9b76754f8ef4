"""What SQLite and PostgreSQL have in common here: how one text of a statement runs on both.

Statements are SQL that both understand, with ``?`` or ``:name`` where a value stands. Values are
texts, whole numbers and None; what is true or false is 1 or 0. An index that SQLite must be told of
is named with INDEXED BY, which PostgreSQL neither knows nor needs.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

Values = Sequence[Any] | Mapping[str, Any]
"""What stands for each ``?``, or for each ``:name``."""


class Rows(Protocol):
    """What a statement has found."""

    def fetchone(self) -> Any:
        """Return the next row, None if there is none."""
        ...

    def fetchall(self) -> list[Any]:
        """Return the rows that are left."""
        ...

    def __iter__(self) -> Iterator[Any]:
        """Yield the rows that are left."""
        ...


class Statements(Protocol):
    """Runs statements, one after the other."""

    def execute(self, statement: str, values: Values = (), /) -> Rows:
        """Run a statement; return what it found."""
        ...

    def executemany(self, statement: str, values: Iterable[Values], /) -> object:
        """Run a statement that writes once for each of the values."""
        ...


class PortableDatabase(Protocol):
    """Tables of a known schema; for one thread. Raises `StoreUnusable` if they cannot be used."""

    @property
    def path(self) -> Path | str:
        """Where it is, for people."""
        ...

    def transaction(self, *, writes: bool, about: str = "") -> AbstractContextManager[Statements]:
        """Do what is inside all or nothing.

        Without `writes` all of it sees the database at one instant. With `writes` nobody else is
        inside meanwhile, neither in this process nor in another: what is read inside is still so at
        the end. `about` may narrow that to those who name the same; who names nothing and who names
        something do not wait for each other.
        """
        ...

    def statement(self) -> AbstractContextManager[Statements]:
        """Do one statement that reads."""
        ...

    def notify(self, project: str, serial: int) -> None:
        """Tell whoever listens, once the transaction that this is called in is committed."""
        ...

    def close(self) -> None:
        """Close it; doing so again is no error."""
        ...
