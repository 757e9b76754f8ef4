"""Claims: which of several replicas does what only one of them shall do, here the posting of tasks.

Shows: a row that its owner renews, and that runs out. Unlike a lock that ends with its connection
it also ends when its owner is cut off from the database, and a database can keep any number of
them. Its clock is that of the database, so that those of the replicas may differ. An owner that was
only slow may go on for a moment beside its successor: what is done under a claim must bear that.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Final, Protocol, final
from uuid import uuid4

from examples.stores.database import Schema
from examples.stores.errors import StoreUnusable
from examples.stores.portable import PortableDatabase

SCHEMA: Final = Schema(
    application_id=0x73657178,  # "seqx"
    version=1,
    statements=(
        """CREATE TABLE claim (project TEXT PRIMARY KEY, owner TEXT NOT NULL,
           until timestamptz NOT NULL)""",
    ),
)

SECONDS: Final = 60
"""So long a claim lasts; it is renewed twice as often."""

_TAKE: Final = """INSERT INTO claim VALUES (?, ?, clock_timestamp() + ? * interval '1 second')
    ON CONFLICT (project) DO UPDATE SET owner = excluded.owner, until = excluded.until
    WHERE claim.owner = excluded.owner OR claim.until < clock_timestamp()
    RETURNING owner"""


class Claims(Protocol):
    """The claims of one replica; for one thread."""

    def take(self, project: str) -> bool:
        """Claim a project, or renew the claim; return whether it is this replica's now."""
        ...

    def close(self) -> None:
        """Give up every claim."""
        ...


@final
class Alone:
    """The claims of one that has no others beside it."""

    def take(self, project: str) -> bool:  # noqa: ARG002 - all are its own
        """Return True."""
        return True

    def close(self) -> None:
        """Return at once."""


@final
class SharedClaims:
    """The claims of one replica, in PostgreSQL; for one thread."""

    def __init__(self, database: PortableDatabase) -> None:
        self._database = database
        self._owner = uuid4().hex

    def take(self, project: str) -> bool:
        """Claim a project, or renew the claim; return whether it is this replica's now."""
        with self._database.transaction(writes=True, about=project) as database:
            taken = database.execute(_TAKE, (project, self._owner, SECONDS)).fetchone()
        return taken is not None

    def close(self) -> None:
        """Give up every claim, so that nobody waits for its end; close the tables."""
        with suppress(StoreUnusable), self._database.transaction(writes=True) as database:
            database.execute("DELETE FROM claim WHERE owner = ?", (self._owner,))
        self._database.close()
