"""Hearing what others published, and being told to look where something may have been missed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from queue import SimpleQueue

import pytest

from examples.postgres.listening import Listener
from examples.postgres.server import PrivateServer
from examples.postgres.store import PostgresStore
from tests.examples.postgres.faults import end_all_others
from tests.examples.postgres.test_store import host_of, value

PATIENCE = 60
LOOK = ("", 0)


@contextmanager
def heard(url: str) -> Iterator[SimpleQueue[tuple[str, int]]]:
    """What a listener says meanwhile; it listens from the beginning."""
    said: SimpleQueue[tuple[str, int]] = SimpleQueue()
    with Listener(url, lambda project, serial: said.put((project, serial))):
        assert LOOK == said.get(timeout=PATIENCE)
        yield said


def test_an_acknowledgement_is_heard(url: str) -> None:
    """With project and serial, once for each that moved a mark, in one batch too."""
    with PostgresStore(url) as store, heard(url) as said:
        host = host_of("a b", 2, store)
        other = host_of("c", 1, store)
        store.acknowledge("a b", through=3)
        store.acknowledge("a b", through=2)
        store.acknowledge_many({"c": 99, "a b": 99, "absent": 1})

        found = [said.get(timeout=PATIENCE) for _ in range(3)]
        assert ("a b", 3) == found[0]
        assert {("a b", host.state.serial), ("c", other.state.serial)} == set(found[1:])
        assert said.empty()


def test_a_number_may_be_negative(url: str) -> None:
    """Others on the channel may mean something by that."""
    with heard(url) as said:
        value(url, "SELECT pg_notify('sequencectl', '-1 a b')")

        assert ("a b", -1) == said.get(timeout=PATIENCE)


def test_another_schema_is_not_heard(url: str) -> None:
    """A listener hears the stores of one schema."""
    with PostgresStore(url) as store, PostgresStore(url, schema="x") as other, heard(url) as said:
        for each in (other, store):
            host_of("p", 1, each)
        other.acknowledge("p", through=1)
        store.acknowledge("p", through=2)

        assert ("p", 2) == said.get(timeout=PATIENCE)


def test_after_a_lost_connection_all_must_be_looked_at(url: str) -> None:
    """What was said meanwhile is lost; what comes afterwards is heard."""
    with PostgresStore(url) as store, heard(url) as said:
        host_of("p", 1, store)
        end_all_others(url)
        assert LOOK == said.get(timeout=PATIENCE)
        store.acknowledge("p", through=1)

        assert ("p", 1) == said.get(timeout=PATIENCE)


def test_it_waits_for_a_server_that_is_not_there(alone: PrivateServer) -> None:
    """And listens when it is there again."""
    alone.stop()
    said: SimpleQueue[tuple[str, int]] = SimpleQueue()
    with Listener(alone.url(), lambda project, serial: said.put((project, serial))):
        alone.start()

        assert LOOK == said.get(timeout=PATIENCE)


@pytest.mark.parametrize("payload", ["", "x y", "--1 p", "-", "1"])
def test_what_is_no_notification_of_ours_is_a_reason_to_look(url: str, payload: str) -> None:
    """Anybody may send on a channel."""
    with heard(url) as said:
        value(url, f"SELECT pg_notify('sequencectl', '{payload}')")

        assert LOOK == said.get(timeout=PATIENCE)


def test_nothing_is_heard_after_the_end(url: str) -> None:
    """Closing waits for the thread, and may be done twice."""
    said: list[object] = []
    with PostgresStore(url) as store:
        listener = Listener(url, lambda *values: said.append(values))
        listener.close()
        listener.close()
        before = len(said)
        host_of("p", 1, store)
        store.acknowledge("p", through=1)

        assert before == len(said)
