"""Whatever is wrong with its file, the store in SQLite says so, typed, and harms nothing."""

import random
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from threading import Barrier

import pytest

from examples.stores.database import Database
from examples.stores.errors import StoreUnusable
from examples.stores.event_log import EventLogStore
from examples.stores.sqlite import SqliteStore
from sequencectl import Decision, FreezeStage, PauseSequence, ProjectState, TriggerSequence
from sequencectl.errors import InvalidValue, SchemaTooNew
from tests.support import Host

PROJECT = "sockshop"
BUSY = 0.05


def history(host: Host) -> list[Decision]:
    """What is decided about a dozen deliveries, one of them paused."""
    decisions = [host.trigger(f"c{number}") for number in range(12)]
    decisions += [host.start("c0"), host.finish("c0"), host.tell(PauseSequence("c3"))]
    return decisions


HOST = Host({"dev": {"delivery": ["deploy", "test"]}})
HISTORY = history(HOST)
LAST = HISTORY[-1].state
NEXT = HOST.plane.decide(LAST, FreezeStage("dev"), HOST.now)
LARGE = HOST.plane.decide(
    LAST,
    TriggerSequence("large", stage="dev", sequence="delivery", data={"text": "x" * 30_000}),
    HOST.now,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file with all of the history but its last decision's acknowledgement, closed."""
    path = tmp_path / "sequencectl.db"
    with SqliteStore(path, synchronous="NORMAL") as store:
        for decision in HISTORY:
            store.commit(decision)
        store.acknowledge(PROJECT, through=HISTORY[-1].base)
    return path


def change(path: Path, statement: str, *values: object) -> None:
    """Do something to the file that the store would not."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement, values)


def use_all(path: Path) -> ProjectState | None:
    """Open a file, ask everything there is to ask, write, and return what was there at first."""
    with SqliteStore(path, busy_timeout=BUSY) as store:
        state = store.load(PROJECT)
        store.pending(PROJECT, limit=100)
        store.agenda(limit=100)
        store.commit(NEXT)
        store.acknowledge(PROJECT, through=NEXT.state.serial)
    return state


def expect_untouched(path: Path) -> None:
    """The file holds what the fixture put there, and can go on."""
    with SqliteStore(path) as store:
        assert LAST == store.load(PROJECT)
        assert HISTORY[-1].events == tuple(store.pending(PROJECT, limit=100))
        store.commit(NEXT)
        assert NEXT.state == store.load(PROJECT)


# ---------------------------------------------------------------- files that are not ours


FOREIGN: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("no database\n" * 500), "is no SQLite database"),
    "too short": (lambda path: path.write_bytes(b"SQLite format 3"), "is no SQLite database"),
    "another program's": (
        lambda path: change(path, "CREATE TABLE bookmark (url TEXT)"),
        "is the database of another program",
    ),
    "another application id": (
        lambda path: change(path, "PRAGMA application_id = 42"),
        "is the database of another program",
    ),
    "another program's, still empty": (
        lambda path: change(path, "PRAGMA user_version = 5"),
        "is the database of another program",
    ),
    "an event log": (
        lambda path: EventLogStore(path).close(),
        "is the database of another program",
    ),
}


@pytest.mark.parametrize(("make", "problem"), FOREIGN.values(), ids=FOREIGN)
def test_a_file_of_somebody_else_is_refused_and_left_alone(
    make: Callable[[Path], object], problem: str, tmp_path: Path
) -> None:
    """The error names the file and says whose it seems to be; not a byte is changed."""
    path = tmp_path / "theirs"
    make(path)
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match=problem) as caught:
        SqliteStore(path)

    assert path == caught.value.path
    assert str(caught.value).startswith(f"{path}: ")
    assert before == path.read_bytes()


def test_a_newer_schema_is_refused_and_left_alone(path: Path) -> None:
    """A program that is older than the file does not open it; the newer one still can."""
    change(path, "PRAGMA user_version = 2")
    before = path.read_bytes()

    with pytest.raises(StoreUnusable, match="has schema 2, only up to 1 is understood here"):
        SqliteStore(path)

    assert before == path.read_bytes()
    change(path, "PRAGMA user_version = 1")
    expect_untouched(path)


@pytest.mark.parametrize("missing", ["no/such/folder/x.db", "."])
def test_a_path_that_cannot_be_a_file_is_refused(missing: str, tmp_path: Path) -> None:
    """No folder is made on the way."""
    with pytest.raises(StoreUnusable, match="its folder must exist and it must be a file"):
        SqliteStore(tmp_path / missing)

    assert [] == list(tmp_path.iterdir())


def test_a_database_in_memory_is_refused() -> None:
    """It would be gone with the program, and another process could not see it."""
    with pytest.raises(StoreUnusable, match="must be a local file"):
        SqliteStore(":memory:")


def test_a_synchronous_that_keeps_no_promise_is_refused(tmp_path: Path) -> None:
    """With OFF a commit returns before anything is durable."""
    with pytest.raises(InvalidValue, match="must be FULL or NORMAL"):
        SqliteStore(tmp_path / "x.db", synchronous="OFF")  # type: ignore[arg-type] # the mistake

    assert [] == list(tmp_path.iterdir())


# ---------------------------------------------------------------- rows that are not ours

NOT_OURS = {
    "nothing": b"",
    "no UTF-8": b"\x00\xff",
    "a list": b"[]",
    "an empty map": b"{}",
    "null": b"null",
    "a map without fields": b'{"schema":1}',
    "a text": "text",
    "a number": 7,
}


def ask_all(path: Path) -> None:
    """Ask a store everything there is to ask, with nothing known and with something known."""
    with SqliteStore(path) as store:
        store.agenda(limit=10)
        store.load(PROJECT)
        store.load(PROJECT, known=HISTORY[-2].state)
        store.pending(PROJECT, limit=10)


@pytest.mark.parametrize("value", NOT_OURS.values(), ids=NOT_OURS)
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE project SET header = ?",
        "UPDATE sequence SET record = ? WHERE sequence_id = 'c1'",
        "UPDATE event SET event = ? WHERE serial = (SELECT serial FROM project)",
        "UPDATE project SET next_deadline = ?",
    ],
)
def test_a_value_that_is_not_ours_is_noticed(path: Path, statement: str, value: object) -> None:
    """Reading stops with what is wrong, and nothing is made of the rest."""
    change(path, statement, value)

    with pytest.raises(StoreUnusable, match="holds what is not ours"):
        ask_all(path)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE project SET serial = serial - 1",
        "UPDATE project SET serial = 'x'",
        "UPDATE sequence SET record = (SELECT record FROM sequence WHERE sequence_id = 'c1')",
        "UPDATE event SET event = (SELECT event FROM event WHERE serial = 3)",
        "DELETE FROM sequence WHERE sequence_id = 'c5'",
        "UPDATE project SET rows = rows + 1",
        "DROP TABLE event",
    ],
)
def test_rows_that_contradict_each_other_are_noticed(path: Path, statement: str) -> None:
    """Serial, header, rows and events belong together."""
    change(path, statement)

    with pytest.raises(StoreUnusable):
        ask_all(path)


def test_a_lost_row_is_told_in_numbers(path: Path) -> None:
    """What there must be, and what there is."""
    change(path, "DELETE FROM sequence WHERE sequence_id = 'c5'")
    with SqliteStore(path) as store, pytest.raises(StoreUnusable) as caught:
        store.load(PROJECT)
    serial = LAST.serial
    must = f"must be of 'sockshop', at serial {serial}, with 12 rows"

    assert caught.value.problem == (
        f"holds what is not ours: project: {must}, got ('sockshop', {serial}, 11)"
    )


def test_an_event_in_the_way_of_a_commit_is_noticed(path: Path) -> None:
    """A commit finds its serial taken: it fails as a whole."""
    change(path, "INSERT INTO event VALUES (?, ?, ?)", PROJECT, NEXT.state.serial, b"{}")

    with SqliteStore(path) as store:
        with pytest.raises(StoreUnusable, match="contradicts itself"):
            store.commit(NEXT)

        assert LAST == store.load(PROJECT)


def test_a_row_of_a_newer_schema_is_refused(path: Path) -> None:
    """During an upgrade an older program does not misread what a newer one wrote."""
    with closing(sqlite3.connect(path)) as other:
        ((record,),) = other.execute("SELECT record FROM sequence WHERE sequence_id = 'c1'")
    assert b'"schema":2' in record
    newer = record.replace(b'"schema":2', b'"schema":99')
    change(path, "UPDATE sequence SET record = ? WHERE sequence_id = 'c1'", newer)

    with SqliteStore(path) as store, pytest.raises(StoreUnusable) as caught:
        store.load(PROJECT)

    assert isinstance(caught.value.__cause__, SchemaTooNew)


# ---------------------------------------------------------------- damaged files


@pytest.mark.parametrize("part", [0, 0.1, 0.25, 0.5, 0.75, 0.9])
def test_a_truncated_file_is_noticed(path: Path, part: float) -> None:
    """Wherever it was cut, nobody goes on with what is left."""
    pages = path.stat().st_size // 4096
    with path.open("r+b") as file:
        file.truncate(int(pages * part) * 4096 + 2048)

    with pytest.raises(StoreUnusable, match=r"is damaged|is no SQLite database"):
        use_all(path)


@pytest.mark.parametrize("seed", range(40))
def test_a_scribbled_file_is_readable_or_refused(path: Path, seed: int) -> None:
    """Whatever 64 bytes are overwritten, there is an answer or the typed error."""
    source = random.Random(seed)
    data = bytearray(path.read_bytes())
    at = source.randrange(len(data) - 64)
    data[at : at + 64] = source.randbytes(64)
    path.write_bytes(data)

    with suppress(StoreUnusable):
        assert LAST == use_all(path)  # it was a part of the file that nothing uses


# ---------------------------------------------------------------- files in trouble


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Somebody else is writing and does not stop."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


def test_a_locked_file_can_be_read_and_a_commit_gives_up(path: Path) -> None:
    """After its patience it names the lock; when the other one is done it goes on."""
    with SqliteStore(path, busy_timeout=BUSY) as store:
        with writing(path):
            assert LAST == store.load(PROJECT)
            with pytest.raises(StoreUnusable, match=r"locked by somebody else; waited for 0\.05 s"):
                store.commit(NEXT)
            with pytest.raises(StoreUnusable, match="locked by somebody else"):
                store.acknowledge(PROJECT, through=LAST.serial)

        expect_untouched(path)


def test_a_file_that_somebody_keeps_to_himself_is_not_opened(path: Path) -> None:
    """Without a share in the lock nothing can be read."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnusable, match="locked by somebody else"):
            SqliteStore(path, busy_timeout=BUSY)

    expect_untouched(path)


def test_a_full_disk_refuses_a_commit_as_a_whole(path: Path) -> None:
    """The state and the outbox are as before, and with more room the commit succeeds."""
    with SqliteStore(path) as store:
        database = store._database.connection
        database.execute("PRAGMA max_page_count = 1")  # as many as there are
        with pytest.raises(StoreUnusable, match="the disk is full"):
            store.commit(LARGE)

        assert LAST == store.load(PROJECT)
        assert HISTORY[-1].events == tuple(store.pending(PROJECT, limit=100))
        database.execute("PRAGMA max_page_count = 1000000")
        store.commit(LARGE)
        assert LARGE.state == store.load(PROJECT)


def test_several_open_a_new_file_at_once(tmp_path: Path) -> None:
    """Whoever is first makes the tables; the others find them."""
    several = 6
    barrier = Barrier(several)

    def use(path: Path) -> bool:
        barrier.wait(timeout=60)
        with SqliteStore(path) as store:
            return store.load(PROJECT) is None

    with ThreadPoolExecutor(several) as pool:
        for number in range(5):
            assert all(pool.map(use, [tmp_path / f"{number}.db"] * several))


def test_whoever_is_second_finds_the_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between a look at a new file and its tables somebody else may have made them."""
    look = Database._write_ahead

    def somebody_is_faster(database: Database) -> None:
        monkeypatch.undo()
        with SqliteStore(database.path) as store:
            store.commit(HISTORY[0])
        look(database)

    monkeypatch.setattr(Database, "_write_ahead", somebody_is_faster)
    with SqliteStore(tmp_path / "x.db") as store:
        assert HISTORY[0].state == store.load(PROJECT)


def test_an_error_without_a_code_is_told_as_well(path: Path) -> None:
    """Python's own part of sqlite3 raises some that SQLite knows nothing of."""
    with (
        SqliteStore(path) as store,
        pytest.raises(StoreUnusable) as caught,
        store._database.transaction(writes=False),
    ):
        raise sqlite3.OperationalError("made up")

    assert "cannot be used (made up)" == caught.value.problem


def test_a_mistake_of_the_program_is_not_disguised(path: Path) -> None:
    """A store that was closed raises what sqlite3 raises, not that the file is unusable."""
    store = SqliteStore(path)
    store.close()
    store.close()

    with pytest.raises(sqlite3.ProgrammingError):
        store.load(PROJECT)
