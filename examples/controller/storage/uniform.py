"""The executors that registered themselves, and what they log, beside the projects.

Shows: what Keptn's SDK needs before it works on anything: an id that stays the same across restarts
of both sides, a last sign of life, and errors that are kept where they belong. Everything is
bounded: where there is no room left, who was not heard of for a day makes place for others, and old
entries of the log for new ones. Leaves out: sending events to subscribers; executors ask for the
open tasks that they want.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import timedelta
from hashlib import sha256
from typing import Final, final
from uuid import uuid4

from examples.controller.storage.deliveries import Document, instant
from examples.controller.storage.journal_reader import Page
from examples.stores.portable import PortableDatabase, Statements
from sequencectl.ports import Clock

MOST_REGISTRATIONS: Final = 200
MOST_SUBSCRIPTIONS: Final = 50
MOST_CHARACTERS: Final = 65_536
"""A registration has at most so many, as it is written."""

MOST_LOGS: Final = 10_000
"""So many entries of the log are kept: the newest."""

FORGOTTEN_AFTER: Final = timedelta(days=1)
"""After so long without a sign of life a registration may make place for another."""

_LAST: Final = "9999"
_FITS: Final = """FROM log WHERE (:integration = '' OR integration = :integration)
    AND (:context = '' OR context = :context) AND time >= :since AND time <= :until"""
_COUNT: Final = f"SELECT count(*) {_FITS}"
_SELECT: Final = f"SELECT entry {_FITS} ORDER BY time DESC, number DESC LIMIT :size OFFSET :begin"


class UnknownRegistration(Exception):
    """Nobody registered under this id, or without this subscription; the message says so."""


class NoRoom(Exception):
    """There are too many registrations, or one is too large; the message says what may be."""


@final
class Uniform:
    """Registrations and log entries, in tables; for one thread.

    A registration is Keptn's integration: ``id``, ``name``, ``metadata``, ``subscriptions``, each
    of these with an id. Raises `StoreUnusable` if they cannot be used.
    """

    def __init__(self, database: PortableDatabase, clock: Clock) -> None:
        self._clock = clock
        self._database = database

    # ------------------------------------------------------------------ registrations

    def register(
        self, name: str, metadata: Document, subscriptions: Sequence[Document]
    ) -> tuple[str, bool]:
        """Keep a registration; return its id, and whether it is new.

        The id is that of its name, namespace and hostname. One that is known keeps the
        subscriptions that it has, unless it has none. Raises `NoRoom`.
        """
        own = [name, metadata["kubernetesmetadata"]["namespace"], metadata["hostname"]]
        known = sha256(json.dumps(own).encode()).hexdigest()
        with self._database.transaction(writes=True) as database:
            before = _find(database, known)
            if before is None:
                self._make_room(database)
            kept = before["subscriptions"] if before else []
            kept = kept or [{**each, "id": str(uuid4())} for each in subscriptions]
            registration = {"id": known, "name": name, "metadata": metadata, "subscriptions": kept}
            _put(database, registration, instant(self._clock.now()))
        return known, before is None

    def ping(self, known: str) -> Document:
        """Note a sign of life; return the registration. Raises `UnknownRegistration`."""
        with self._database.transaction(writes=True) as database:
            at = (instant(self._clock.now()), known)
            database.execute("UPDATE registration SET seen = ? WHERE id = ?", at)
            return _known(database, known)

    def all(self) -> list[Document]:
        """Return the registrations by id."""
        with self._database.statement() as database:
            rows = database.execute("SELECT document, seen FROM registration ORDER BY id")
            return [_with_seen(*row) for row in rows]

    def get(self, known: str) -> Document:
        """Return a registration; raise `UnknownRegistration`."""
        with self._database.statement() as database:
            return _known(database, known)

    def remove(self, known: str) -> None:
        """Forget a registration; raise `UnknownRegistration`."""
        with self._database.transaction(writes=True) as database:
            _known(database, known)
            database.execute("DELETE FROM registration WHERE id = ?", (known,))

    # ------------------------------------------------------------------ subscriptions

    def subscription(self, known: str, subscription: str) -> Document:
        """Return a subscription of a registration; raise `UnknownRegistration`."""
        return dict(_subscription(self.get(known), subscription))

    def subscribe(self, known: str, subscription: Document) -> str:
        """Add a subscription; return its id. Raises `UnknownRegistration` or `NoRoom`."""
        added = {**subscription, "id": str(uuid4())}
        with self._database.transaction(writes=True) as database:
            before = _known(database, known)
            _write_subscriptions(database, before, [*before["subscriptions"], added])
        return str(added["id"])

    def change(self, known: str, changed: Document) -> None:
        """Write the subscription of this id anew; raise `UnknownRegistration` or `NoRoom`."""
        with self._database.transaction(writes=True) as database:
            before = _known(database, known)
            old = _subscription(before, changed["id"])
            anew = [changed if each is old else each for each in before["subscriptions"]]
            _write_subscriptions(database, before, anew)

    def unsubscribe(self, known: str, subscription: str) -> None:
        """Remove a subscription; raise `UnknownRegistration`."""
        with self._database.transaction(writes=True) as database:
            before = _known(database, known)
            old = _subscription(before, subscription)
            left = [each for each in before["subscriptions"] if each is not old]
            _write_subscriptions(database, before, left)

    # ------------------------------------------------------------------ the log

    def log(self, entries: Iterable[Document]) -> None:
        """Keep log entries; one without an instant in ``time`` gets the present one."""
        now = instant(self._clock.now())
        timed = [{**each, "time": each["time"] or now} for each in entries]
        rows = [
            (each["shkeptncontext"], each["integrationid"], each["time"], json.dumps(each))
            for each in timed
        ]
        with self._database.transaction(writes=True, about="log") as database:
            insert = "INSERT INTO log (context, integration, time, entry) VALUES (?, ?, ?, ?)"
            database.executemany(insert, rows)
            oldest = "DELETE FROM log WHERE number <= (SELECT max(number) FROM log) - ?"
            database.execute(oldest, (MOST_LOGS,))

    def logs(
        self,
        *,
        size: int,
        begin: int = 0,
        integration: str = "",
        context: str = "",
        since: str = "",
        until: str = "",
    ) -> Page:
        """Return log entries, the newest first, of an integration or of a context.

        `since` and `until` bound their instants and are included.
        """
        wanted = {
            "integration": integration,
            "context": context,
            "since": since,
            "until": until or _LAST,
        }
        with self._database.transaction(writes=False) as database:
            (total,) = database.execute(_COUNT, wanted).fetchone()
            page = {**wanted, "size": size, "begin": begin}
            entries = tuple(json.loads(entry) for (entry,) in database.execute(_SELECT, page))
        following = begin + size
        return Page(entries, total, following if following < total else 0)

    def close(self) -> None:
        """Close it."""
        self._database.close()

    def _make_room(self, database: Statements) -> None:
        """If there are as many registrations as may be, forget those of whom nothing was heard."""
        seen = [seen for (seen,) in database.execute("SELECT seen FROM registration")]
        if len(seen) < MOST_REGISTRATIONS:
            return
        long_ago = instant(self._clock.now() - FORGOTTEN_AFTER)
        if min(seen) >= long_ago:
            raise NoRoom(f"there are {MOST_REGISTRATIONS} registrations, and may not be more")
        database.execute("DELETE FROM registration WHERE seen < ?", (long_ago,))


def _find(database: Statements, known: str) -> Document | None:
    select = "SELECT document, seen FROM registration WHERE id = ?"
    row = database.execute(select, (known,)).fetchone()
    return None if row is None else _with_seen(*row)


def _known(database: Statements, known: str) -> Document:
    found = _find(database, known)
    if found is None:
        raise UnknownRegistration(f"no integration {known!r} is registered")
    return found


def _subscription(registration: Document, subscription: str) -> Document:
    for each in registration["subscriptions"]:
        if each["id"] == subscription:
            found: Document = each
            return found
    known = registration["id"]
    raise UnknownRegistration(f"integration {known!r} has no subscription {subscription!r}")


def _write_subscriptions(
    database: Statements, before: Document, subscriptions: Sequence[Document]
) -> None:
    seen = before["metadata"]["lastseen"]
    _put(database, {**before, "subscriptions": [*subscriptions]}, seen)


def _put(database: Statements, registration: Document, seen: str) -> None:
    if len(registration["subscriptions"]) > MOST_SUBSCRIPTIONS:
        raise NoRoom(f"a registration has at most {MOST_SUBSCRIPTIONS} subscriptions")
    text = json.dumps(registration)
    if len(text) > MOST_CHARACTERS:
        raise NoRoom(f"a registration has at most {MOST_CHARACTERS} characters of JSON")
    database.execute(
        """INSERT INTO registration VALUES (?, ?, ?) ON CONFLICT (id)
           DO UPDATE SET document = excluded.document, seen = excluded.seen""",
        (registration["id"], text, seen),
    )


def _with_seen(document: str, seen: str) -> Document:
    """Return a registration as it was written, with the instant of its last sign of life."""
    registration: Document = json.loads(document)
    return {**registration, "metadata": {**registration["metadata"], "lastseen": seen}}
