"""What the PostgreSQL store promises beyond the port: batches, round trips, locks, connections."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Event, Thread
from time import monotonic
from typing import Any

import psycopg
import pytest

from examples.postgres.server import PrivateServer
from examples.postgres.store import PostgresStore
from examples.stores.errors import StoreUnusable
from examples.stores.sqlite import ALL, KEPT
from sequencectl import Command, Decision, ProjectState
from sequencectl.errors import Conflict, InvalidValue
from sequencectl.testing._walk import burst
from tests.examples.postgres.faults import end_all_others
from tests.examples.postgres.proxy import Proxy
from tests.support import Host

SHIPYARD = {"dev": {"delivery": ["deploy"]}}


@pytest.fixture
def store(url: str) -> Iterator[PostgresStore]:
    """A store in an empty database."""
    with PostgresStore(url) as store:
        yield store


@contextmanager
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that are sent meanwhile, each of which is a round trip."""
    sent: list[str] = []
    real = psycopg.Connection.execute

    def execute(connection: Any, statement: Any, *values: Any, **named: Any) -> Any:
        sent.append(str(statement))
        return real(connection, statement, *values, **named)

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Connection, "execute", execute)
        yield sent


class Recorder(Host):
    """A host that keeps its decisions."""

    def __init__(self, project: str = "p") -> None:
        super().__init__(SHIPYARD, project=project)
        self.decisions: list[Decision] = []

    def tell(self, command: Command) -> Decision:
        decision = super().tell(command)
        self.decisions.append(decision)
        return decision


def host_of(project: str, deliveries: int, store: PostgresStore | None = None) -> Recorder:
    """A host that decided, and committed, so many deliveries: three events, then one each."""
    host = Recorder(project)
    for number in range(deliveries):
        decision = host.trigger(f"c{number}")
        if store is not None:
            store.commit(decision)
    return host


def value(url: str, statement: str) -> Any:
    """What an administrator finds, or does."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        row = cursor.fetchone() if cursor.description else None
        return None if row is None else row[0]


class TestRoundTrips:
    """Each call is one statement, so one round trip."""

    def test_of_a_command(self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch) -> None:
        """A commit and its acknowledgement are one each, a look at what is known too."""
        host = host_of("p", 2, store)
        decision = host.trigger("x")

        calls: dict[str, Callable[[], object]] = {
            "commit": lambda: store.commit(decision),
            "pending": lambda: store.pending("p", limit=ALL),
            "acknowledge": lambda: store.acknowledge("p", through=host.state.serial),
            "load known": lambda: store.load("p", known=host.state),
            "load behind": lambda: store.load("p", known=decision.before),
            "load": lambda: store.load("p"),
            "agenda": lambda: store.agenda(limit=9),
            "serials": store.serials,
        }
        trips = {}
        for name, call in calls.items():
            with asked(monkeypatch) as sent:
                call()
            trips[name] = len(sent)

        assert dict.fromkeys(calls, 1) == trips

    def test_of_several_projects(
        self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As many as of one."""
        hosts = [host_of(f"p{number}", 1, store) for number in range(5)]
        decisions = [host.trigger("x") for host in hosts]
        projects = [host.state.project for host in hosts]
        with asked(monkeypatch) as sent:
            store.commit_many(decisions)
            store.pending_many(projects, limit=ALL)
            store.acknowledge_many({host.state.project: host.state.serial for host in hosts})
            store.load_many(projects, known={host.state.project: host.state for host in hosts})

        assert 4 == len(sent)


class TestBatches:
    """Several projects in one transaction."""

    def test_those_with_a_conflict_write_nothing(self, store: PostgresStore) -> None:
        """The others are written, old and new ones; each has its own answer."""
        old, new, stale, lost = (Recorder(name) for name in ("b", "a", "d", "c"))
        store.commit(old.trigger("x"))
        store.acknowledge("b", through=old.state.serial)
        store.commit(stale.trigger("x"))
        store.commit(stale.trigger("y"))
        rival = host_of("d", 1)
        lost.trigger("x")
        decisions = [old.trigger("y"), new.trigger("x"), rival.trigger("z"), lost.trigger("y")]
        answers = store.commit_many(decisions)

        assert {"a": True, "b": True} == {name: answers[name] for name in ("a", "b")}
        seen = {
            name: (answer.base, answer.found)
            for name, answer in answers.items()
            if isinstance(answer, Conflict)
        }
        assert {
            "c": (lost.decisions[-1].base, 0),
            "d": (rival.decisions[-1].base, stale.state.serial),
        } == seen
        states = store.load_many(["a", "b", "c", "d"], known={})
        assert {"a": new.state, "b": old.state, "d": stale.state} == states
        outboxes = store.pending_many(["a", "b", "c", "d"], limit=ALL)
        assert {"a", "b", "d"} == outboxes.keys()
        assert old.decisions[-1].events == outboxes["b"]

    def test_an_error_in_one_writes_none(self, store: PostgresStore, url: str) -> None:
        """All of them are one transaction."""
        body = "BEGIN RAISE EXCEPTION 'made up'; END"
        value(url, f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $${body}$$")
        when = "BEFORE INSERT ON sequencectl.project FOR EACH ROW WHEN (NEW.name = 'b')"
        value(url, f"CREATE TRIGGER t {when} EXECUTE FUNCTION f()")
        with pytest.raises(StoreUnusable, match="made up"):
            store.commit_many([Recorder(name).trigger("x") for name in "abc"])

        assert {} == store.serials()

    def test_of_nothing(self, store: PostgresStore) -> None:
        """No project, no answer."""
        store.acknowledge_many({})

        assert ({}, {}, {}) == (
            store.commit_many([]), store.load_many([], known={}), store.pending_many([], limit=1)
        )  # fmt: skip

    @pytest.mark.parametrize("is_new", [False, True], ids=["there already", "new"])
    def test_projects_are_locked_in_the_order_of_their_names(self, url: str, is_new: bool) -> None:
        """Whoever waits for one holds none that comes later, so nobody waits in a circle."""
        hosts = [Recorder(name) for name in "ba"]
        with (
            PostgresStore(url) as store,
            psycopg.connect(url) as first,
            psycopg.connect(url) as other,
        ):
            if is_new:
                first.execute("INSERT INTO sequencectl.project VALUES ('a', 1, 0, 0, NULL, '')")
                look = "INSERT INTO sequencectl.project VALUES ('b', 1, 0, 0, NULL, '')"
            else:
                store.commit_many([host.trigger("x") for host in hosts])
                first.execute("SELECT FROM sequencectl.project WHERE name = 'a' FOR UPDATE")
                look = "SELECT FROM sequencectl.project WHERE name = 'b' FOR UPDATE"
            other.execute("SET lock_timeout = '10 ms'")
            calls = [lambda: store.commit_many([host.trigger("y") for host in hosts])]
            if not is_new:
                calls.append(lambda: store.acknowledge_many({"b": 1, "a": 1}))
            for call in calls:
                waiting = Thread(target=call)
                waiting.start()
                until_somebody_waits(url)
                other.execute(look.encode())  # or it is locked
                other.rollback()
                first.rollback()
                waiting.join()
                first.execute("SELECT FROM sequencectl.project WHERE name = 'a' FOR UPDATE")

            assert {host.state.project: host.state.serial for host in hosts} == store.serials()

    def test_of_batches_at_once_each_project_has_one_winner(self, url: str) -> None:
        """In whichever order they name the projects, new ones too."""
        names, barrier = [f"p{number}" for number in range(12)], Barrier(3)

        def commit(rival: int) -> list[set[str]]:
            won = []
            with PostgresStore(url) as store:
                for turn in range(8):
                    known = store.load_many(names, known={})
                    decisions = [
                        next_of(known.get(name), name, f"{rival} {turn}") for name in names
                    ]
                    barrier.wait(timeout=60)
                    answers = store.commit_many(decisions[:: 1 - rival % 2 * 2])
                    store.acknowledge_many(dict.fromkeys(names[:: rival % 2 * 2 - 1], 1))
                    won.append({name for name in names if not isinstance(answers[name], Conflict)})
                    barrier.wait(timeout=60)
            return won

        with ThreadPoolExecutor(3) as pool:
            rounds = list(zip(*pool.map(commit, range(3)), strict=True))

        for each in rounds:
            assert sorted(names) == sorted(name for won in each for name in won)


def until_somebody_waits(url: str) -> None:
    """Look again and again until a session waits for a lock."""
    give_up_at = monotonic() + 60
    while not value(url, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
        assert monotonic() < give_up_at, "nobody waits"


def next_of(state: ProjectState | None, project: str, sequence_id: str) -> Decision:
    """The decision to trigger a sequence on a state, or on none."""
    host = Recorder(project)
    if state is not None:
        host.state = state
    return host.trigger(sequence_id)


class TestCommits:
    """What a commit answers, and what races do not do."""

    def test_it_says_whether_the_outbox_was_empty(self, store: PostgresStore) -> None:
        """True only if all before was acknowledged."""
        host = Recorder()
        answers = [store.commit(host.trigger("a")), store.commit(host.trigger("b"))]
        store.acknowledge(host.state.project, through=host.state.serial - 1)
        answers.append(store.commit(host.trigger("c")))
        store.acknowledge(host.state.project, through=host.state.serial)
        answers.append(store.commit(host.trigger("d")))

        assert [True, False, False, True] == answers

    def test_an_acknowledgement_at_the_same_time_is_no_conflict(self, url: str) -> None:
        """It changes the row that a commit compares, but not its serial; nor is a mark lost."""
        host, is_over = Recorder(), Event()
        name = host.state.project

        def acknowledge() -> None:
            with PostgresStore(url) as store:
                while not is_over.is_set():
                    pending = store.pending(name, limit=3)
                    if pending:
                        store.acknowledge(name, through=pending[-1].serial)

        with PostgresStore(url) as store:
            other = Thread(target=acknowledge)
            other.start()
            try:
                answers = [store.commit(host.trigger(f"c{number}")) for number in range(150)]
            finally:
                is_over.set()
                other.join()
            store.acknowledge(name, through=ALL)

            assert {True, False} >= set(answers)
            assert () == store.pending(name, limit=1)
            assert host.state == store.load(name)

    def test_it_is_durable_whatever_the_database_says(self, url: str) -> None:
        """A database may be set up to answer before it has written."""
        name = value(url, "SELECT current_database()")
        value(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
        with PostgresStore(url) as store:
            store.acknowledge("p", through=1)
            (row,) = store._connection.execute("SHOW synchronous_commit")  # type: ignore[union-attr]

        assert ("on",) == row

    def test_an_older_wire_schema_is_written_on_demand(self, url: str) -> None:
        """As in a rolling upgrade."""
        with PostgresStore(url, wire=1) as store:
            host_of("p", 1, store)

        texts = "SELECT convert_from(header, 'UTF8') FROM sequencectl.project"
        assert '"schema":1' in value(url, texts)


class TestLoads:
    """Catching up, and what stays for it."""

    @pytest.mark.parametrize("behind", [1, KEPT, KEPT + 1])
    def test_a_state_is_caught_up_or_read(
        self, store: PostgresStore, monkeypatch: pytest.MonkeyPatch, behind: int
    ) -> None:
        """By events if they are not too many; else the rows are read, in one more round trip."""
        host = host_of("p", behind + 1)
        first, *rest = host.decisions
        store.commit(first)
        for decision in rest:
            store.commit(decision)
        known = rest[-behind].before
        with asked(monkeypatch) as sent:
            loaded = store.load("p", known=known)

        assert host.state == loaded
        assert (2 if behind > KEPT else 1) == len(sent)

    def test_so_many_events_stay_as_asked_for(self, url: str) -> None:
        """Those that are not acknowledged stay in any case."""
        with PostgresStore(url) as store, PostgresStore(url, schema="all", kept=ALL) as every:
            decision = burst("p", KEPT)
            serial = decision.state.serial
            for each in (store, every):
                each.commit(decision)
                each.acknowledge("p", through=serial - 1)

            assert KEPT == len(store.events("p"))
            assert serial == len(every.events("p")) > KEPT
            assert (1, 2) == tuple(event.serial for event in every.events("p", limit=2))
            (last,) = store.events("p", after=serial - 1)
            assert (last,) == store.pending("p", limit=ALL)

    def test_nothing_is_caught_up_over_a_gap(self, store: PostgresStore, url: str) -> None:
        """Where an event is missing, the rows are read."""
        host = host_of("p", 4, store)
        value(url, "DELETE FROM sequencectl.event WHERE serial = 5")

        assert host.state == store.load("p", known=host.decisions[0].state)

    def test_a_lost_row_is_noticed(self, store: PostgresStore, url: str) -> None:
        """A backup of parts is no backup."""
        host_of("p", 2, store)
        value(url, "DELETE FROM sequencectl.sequence WHERE sequence_id = 'c0'")

        with pytest.raises(StoreUnusable, match=r"holds what is not ours: .*with 2 rows"):
            store.load("p")


class TestHolding:
    """The advisory lock of a project."""

    def test_one_at_a_time(self, url: str) -> None:
        """Another store waits; another project, or schema, does not."""
        with PostgresStore(url) as one, PostgresStore(url, lock_timeout=0.1) as other:
            with one.holding("p"):
                locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                assert 1 == value(url, locks)
                with (
                    PostgresStore(url, schema="x") as third,
                    third.holding("p"),
                    other.holding("q"),
                ):
                    assert 3 == value(url, locks)
                with other.holding("p"):  # after its patience it goes on without
                    assert 1 == value(url, locks)
            assert 0 == value(url, locks)
            with other.holding("p"):
                assert 1 == value(url, locks)

    def test_whoever_waits_is_next(self, url: str) -> None:
        """The lock is handed over when it is given back."""
        order: list[str] = []

        def wait() -> None:
            with PostgresStore(url, lock_timeout=60) as other, other.holding("p"):
                order.append("other")

        with PostgresStore(url) as one:
            with one.holding("p"):
                waiting = Thread(target=wait)
                waiting.start()
                until_somebody_waits(url)
                order.append("one")
            waiting.join()

        assert ["one", "other"] == order

    def test_it_is_given_back_where_the_work_fails(self, url: str) -> None:
        """Whatever was raised inside comes out."""
        with PostgresStore(url) as store:
            with pytest.raises(ZeroDivisionError), store.holding("p"):
                raise ZeroDivisionError
            assert 0 == value(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")

    def test_it_ends_with_its_connection(self, url: str) -> None:
        """What is done inside afterwards is done without it, and its end is no error."""
        with PostgresStore(url) as store:
            with store.holding("p"):
                end_all_others(url)
                assert 0 == value(url, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'")
                host_of("p", 1, store)
            with store.holding("p"):
                end_all_others(url)

            assert {"p": 3} == store.serials()


class TestConnections:
    """A connection that is lost is made anew."""

    def test_one_that_was_ended_while_nobody_used_it_is_noticed(
        self, store: PostgresStore, url: str
    ) -> None:
        """Not even a commit fails for that."""
        host = host_of("p", 1, store)
        end_all_others(url)
        store.commit(host.trigger("x"))

        assert host.state == store.load("p")

    def test_what_may_be_asked_twice_is_asked_again(self, way: str, proxy: Proxy) -> None:
        """Reads and acknowledgements; a commit may have taken effect, which nobody knows then."""
        host = host_of("p", 2)
        first, second = host.decisions
        with PostgresStore(way) as store:
            store.commit(first)
            with proxy.losing_an_answer():
                assert first.state == store.load("p")
            with proxy.losing_an_answer():
                store.acknowledge("p", through=1)
            with proxy.losing_an_answer(), pytest.raises(StoreUnusable, match="cannot be reached"):
                store.commit(second)

            assert host.state == store.load("p", known=first.state)
            with pytest.raises(Conflict):
                store.commit(second)
            with proxy.cut(), pytest.raises(StoreUnusable, match="cannot be reached"):
                store.load("p")

    def test_a_store_goes_on_after_a_restart_of_the_server(self, alone: PrivateServer) -> None:
        """While there is none, each call says so."""
        with PostgresStore(alone.url()) as store:
            host = host_of("p", 1, store)
            alone.crash()
            for call in (lambda: store.load("p"), lambda: store.commit(host.trigger("x"))):
                with pytest.raises(StoreUnusable, match="cannot be reached"):
                    call()
            alone.start()

            assert host.decisions[0].state == store.load("p")
            store.commit(host.decisions[-1])
            assert host.state == store.load("p", known=host.decisions[0].state)

    def test_one_that_was_closed_stays_so(self, store: PostgresStore) -> None:
        """To close it again is no error."""
        store.close()
        store.close()

        for call in (store.serials, lambda: store.commit(host_of("p", 1).decisions[0])):
            with pytest.raises(StoreUnusable, match="was closed"):
                call()

    def test_tables_that_are_gone_are_not_made_anew(self, store: PostgresStore, url: str) -> None:
        """A controller would believe that there are no projects."""
        value(url, "DROP SCHEMA sequencectl CASCADE")
        with pytest.raises(StoreUnusable, match="any more; restore a backup"):
            store.serials()
        end_all_others(url)
        with pytest.raises(StoreUnusable, match="any more; restore a backup"):
            store.serials()

        assert value(url, "SELECT to_regnamespace('sequencectl')") is None

    def test_a_schema_has_a_name(self, url: str) -> None:
        """Of at most 63 bytes: PostgreSQL would cut it off."""
        for name in ("", "x" * 64, "é" * 32):
            with pytest.raises(InvalidValue, match="1 to 63 bytes"):
                PostgresStore(url, schema=name)
        for name in ("x" * 63, 'a"; --', "A b"):
            with PostgresStore(url, schema=name) as store:
                host_of("p", 1, store)
                assert {"p": 3} == store.serials()
