"""The folder of a controller: one controller at a time, and nothing in it is lost silently."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from examples.controller.host import Host
from examples.stores.errors import StoreUnusable
from sequencectl import AbortSequence, FreezeStage
from sequencectl.testing import ManualClock
from tests.examples.controller.hosting import SHIPYARD, Hosting, trigger
from tests.examples.controller.storage.test_journal import contents
from tests.wire.older import take_down

FILES = ("sequences.db", "projects.db", "journal.db")
AHEAD = (
    r"sequences\.db: is older than journal\.db, where project p is at (\d+) there and at (\d+) "
    r"here: restore the newer one, or delete journal\.db to have it made up from this one$"
)
BOTH = r"restore both from one backup$"


def start(data: Path) -> None:
    """Start a host on a folder and stop it."""
    host = Hosting(data).host

    async def program() -> None:
        await host.start()
        await host.stop()

    asyncio.run(program())


def live(data: Path, *contexts: str, project: str = "p") -> None:
    """Start a host, create the project if there is none, trigger deliveries and stop."""
    hosting = Hosting(data)

    async def program() -> None:
        if project not in {each.name for each in await hosting.host.all_projects()}:
            await hosting.host.create(project, SHIPYARD)
        for context in contexts:
            await hosting.host.handle(project, trigger(context))

    hosting.run(program())


def abort(data: Path, context: str) -> None:
    """Start a host, abort a delivery and stop."""
    hosting = Hosting(data)
    hosting.run(hosting.host.handle("p", AbortSequence(context, force=True)))


def delete(data: Path) -> None:
    """Start a host, delete the project and stop."""
    hosting = Hosting(data)
    hosting.run(hosting.host.delete("p"))


def remove(data: Path, *names: str) -> None:
    """Delete files with their logs."""
    for name in names:
        for path in data.glob(f"{name}*"):
            path.unlink()


def restore(data: Path, backup: Path, *names: str) -> None:
    """Put these files of a backup in place of what is there."""
    remove(data, *names)
    for name in names:
        shutil.copy(backup / name, data / name)


# ---------------------------------------------------------------- one controller


def test_a_folder_has_one_controller_at_a_time(tmp_path: Path) -> None:
    """The second one is refused, by a sentence that names the folder, until the first has ended."""
    first, second = Hosting(tmp_path), Hosting(tmp_path)

    async def program() -> None:
        with pytest.raises(StoreUnusable, match=f"^{tmp_path}: is used by another controller$"):
            await second.host.start()
        await first.host.create("p", SHIPYARD)

    first.run(program())

    live(tmp_path, "a")


def test_a_folder_is_made_with_those_it_is_in(tmp_path: Path) -> None:
    """A first start needs nothing but a place where it may write."""
    data = tmp_path / "srv" / "sequences"

    start(data)

    assert {*FILES, "controller.lock"} == {path.name for path in data.iterdir()}


def test_a_folder_of_an_older_version_is_opened_and_goes_on(tmp_path: Path) -> None:
    """Its states and events are in schema 1; deliveries and their journal go on beside them."""
    live(tmp_path, "a", "b")
    found = sum(take_down(tmp_path / name) for name in FILES)
    live(tmp_path, "c")
    abort(tmp_path, "a")

    deliveries, *_ = contents(tmp_path / "journal.db", "p")
    assert found > 3
    assert ["c", "b", "a"] == [entry["context"] for entry in deliveries[0]]


def test_a_folder_that_cannot_be_locked_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems have no locks: two controllers could use it."""

    def lock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", lock)

    with pytest.raises(StoreUnusable) as caught:
        start(tmp_path)

    assert f"{tmp_path}: cannot be locked (No locks available)" == str(caught.value)


# ---------------------------------------------------------------- files that are missing


@pytest.mark.parametrize(
    ("gone", "left"),
    [
        ("sequences.db", "projects.db"),
        ("projects.db", "sequences.db"),
        ("projects.db journal.db", "sequences.db"),
        ("sequences.db journal.db", "projects.db"),
        ("sequences.db projects.db", "journal.db"),
    ],
)
def test_a_file_that_is_lost_is_not_begun_anew(tmp_path: Path, gone: str, left: str) -> None:
    """The sentence names it and what is left, and no file is made; both ways out lead on."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    shutil.copytree(data, backup)
    lost = gone.split()
    remove(data, *lost)

    with pytest.raises(
        StoreUnusable, match=f"{lost[0]}: is missing, .* something in {left}: restor"
    ):
        start(data)

    assert not any((data / name).exists() for name in lost)
    restore(data, backup, *lost)
    live(data, "b")
    remove(data, *FILES)
    live(data, "a")


def test_what_a_deleted_project_leaves_is_something(tmp_path: Path) -> None:
    """Its serial: without it, ids that were derived from it would come again."""
    live(tmp_path, "a")
    abort(tmp_path, "a")
    delete(tmp_path)
    remove(tmp_path, "sequences.db")

    with pytest.raises(StoreUnusable, match=r"sequences\.db: is missing, .* in journal\.db"):
        start(tmp_path)


@pytest.mark.parametrize("what", ["an older journal", "no database"])
def test_what_another_version_or_program_has_left_is_something(tmp_path: Path, what: str) -> None:
    """It is not opened as ours, which would empty a journal of an older schema."""
    live(tmp_path, "a")
    remove(tmp_path, "sequences.db", "projects.db")
    if what == "no database":
        (tmp_path / "journal.db").write_text("no database")
    else:
        with closing(sqlite3.connect(tmp_path / "journal.db")) as journal:
            journal.execute("PRAGMA user_version = 1")

    with pytest.raises(StoreUnusable, match=r"sequences\.db: is missing, .* in journal\.db"):
        start(tmp_path)


def test_a_log_without_its_file_is_something(tmp_path: Path) -> None:
    """Whoever deletes the databases of a controller that was killed leaves their logs."""
    (tmp_path / "sequences.db-wal").write_bytes(b"what was committed last")

    with pytest.raises(StoreUnusable, match=r"sequences\.db: is missing"):
        start(tmp_path)


@pytest.mark.parametrize("gone", [*FILES, "controller.lock"])
def test_a_file_that_nothing_is_lost_with_is_made(tmp_path: Path, gone: str) -> None:
    """Beside files that hold nothing yet."""
    start(tmp_path)
    remove(tmp_path, gone)

    live(tmp_path, "a")


def test_a_journal_that_is_missing_is_made_up(tmp_path: Path) -> None:
    """It is as it was, deleted projects left out."""
    live(tmp_path, "a", project="q")
    live(tmp_path, "a", "b")
    before = contents(tmp_path / "journal.db", "p")
    remove(tmp_path, "journal.db")

    start(tmp_path)

    assert before == contents(tmp_path / "journal.db", "p")


def test_a_journal_that_cannot_be_made_up_as_a_whole_is_not(tmp_path: Path) -> None:
    """Another program may have dropped old events from the store, which it may by default."""
    live(tmp_path, "a", "b")
    remove(tmp_path, "journal.db")
    with closing(sqlite3.connect(tmp_path / "sequences.db")) as store, store:
        store.execute("DELETE FROM event WHERE serial < 4")

    with pytest.raises(StoreUnusable, match=r"sequences\.db: lacks events of project p after 0"):
        start(tmp_path)


# ---------------------------------------------------------------- files of another time


def test_an_older_store_beside_its_journal_is_refused(tmp_path: Path) -> None:
    """What only the journal knows would be lost; if it is deleted it is made up from the rest."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    shutil.copytree(data, backup)
    live(data, "b")
    newer = contents(data / "journal.db", "p")
    restore(data, backup, "sequences.db")

    for _ in range(2):
        with pytest.raises(StoreUnusable, match=AHEAD) as caught:
            start(data)

    found = re.search(AHEAD, str(caught.value))
    assert found is not None
    assert (4, 3) == tuple(map(int, found.groups()))
    assert newer == contents(data / "journal.db", "p")
    remove(data, "journal.db")
    start(data)
    assert contents(backup / "journal.db", "p") == contents(data / "journal.db", "p")


def test_a_store_older_than_the_deletion_of_a_project_is_refused(tmp_path: Path) -> None:
    """The project would begin again with ids that came before."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    start(data)
    shutil.copytree(data, backup)
    live(data, "a")
    abort(data, "a")
    delete(data)
    restore(data, backup, "sequences.db")

    with pytest.raises(StoreUnusable, match=AHEAD) as caught:
        start(data)

    assert "and at 0 here" in str(caught.value)


def test_a_store_older_than_the_beginning_of_a_project_is_refused(tmp_path: Path) -> None:
    """Also without a journal: the project says at which serial it began."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    shutil.copytree(data, backup)
    abort(data, "a")
    delete(data)
    live(data, "b")
    restore(data, backup, "sequences.db")
    remove(data, "journal.db")

    with pytest.raises(StoreUnusable, match=f"projects\\.db, where project p begins later: {BOTH}"):
        start(data)


def test_projects_older_than_the_store_are_refused(tmp_path: Path) -> None:
    """A project in which something is live cannot have been deleted."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    start(data)
    shutil.copytree(data, backup)
    live(data, "a")
    newer = data / "projects.db"
    shutil.copy(newer, tmp_path)
    restore(data, backup, "projects.db")

    with pytest.raises(StoreUnusable, match=f"sequences\\.db, where project p is at work: {BOTH}"):
        start(data)

    restore(data, tmp_path, "projects.db")
    live(data, "b")


def test_projects_older_than_a_freeze_are_refused(tmp_path: Path) -> None:
    """Nothing is live in the project, but the stage stays frozen."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    start(data)
    shutil.copytree(data, backup)
    hosting = Hosting(data)

    async def freeze() -> None:
        await hosting.host.create("p", SHIPYARD)
        await hosting.host.handle("p", FreezeStage("dev"))

    hosting.run(freeze())
    restore(data, backup, "projects.db")

    with pytest.raises(StoreUnusable, match=r"projects\.db: is older than sequences\.db"):
        start(data)


def test_an_older_journal_catches_up(tmp_path: Path) -> None:
    """It lacks what was committed since, and the store has that."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    shutil.copytree(data, backup)
    live(data, "b")
    newer = contents(data / "journal.db", "p")
    restore(data, backup, "journal.db")

    start(data)

    assert newer == contents(data / "journal.db", "p")


def test_an_older_folder_as_a_whole_is_a_backup(tmp_path: Path) -> None:
    """What happened since is gone, and everything else goes on."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    shutil.copytree(data, backup)
    live(data, "b")
    restore(data, backup, *FILES)

    live(data, "c")

    (states, *_), *_ = contents(data / "journal.db", "p")
    assert ["c", "a"] == [state["context"] for state in states]


def test_a_backup_of_two_files_that_is_made_while_it_runs_is_whole(tmp_path: Path) -> None:
    """SQLite copies what is committed; the journal is made up from it."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    backup.mkdir()
    hosting = Hosting(data)

    async def program() -> None:
        await hosting.host.create("p", SHIPYARD)
        await hosting.host.handle("p", trigger("a"))
        for name in ("sequences.db", "projects.db"):
            with (
                closing(sqlite3.connect(data / name)) as own,
                closing(sqlite3.connect(backup / name)) as other,
            ):
                own.backup(other)
        assert hosting.host.is_well

    hosting.run(program())

    live(backup, "b")

    (states, *_), *_ = contents(backup / "journal.db", "p")
    assert ["b", "a"] == [state["context"] for state in states]


@pytest.mark.parametrize("is_told_all", [False, True])
def test_a_project_that_is_made_again_has_nothing_of_the_old_one(
    tmp_path: Path, is_told_all: bool
) -> None:
    """The journal is an older one, or a kill kept it from hearing of deletion and creation."""
    data, backup = tmp_path / "data", tmp_path / "backup"
    live(data, "a")
    if not is_told_all:
        shutil.copytree(data, backup)
    abort(data, "a")
    if is_told_all:
        shutil.copytree(data, backup)
    delete(data)
    live(data)
    restore(data, backup, "journal.db")

    live(data, "b")

    (states, *_), (history, *_), *_ = contents(data / "journal.db", "p")
    assert ["b"] == [state["context"] for state in states]
    assert {"b"} == {event["shkeptncontext"] for event in history}


# ---------------------------------------------------------------- files that go while in use


def moved(path: Path) -> Callable[[], object]:
    """Move a file away; return what brings it back."""
    away = path.with_name("away")
    path.rename(away)
    return lambda: away.rename(path)


def replaced(path: Path) -> Callable[[], object]:
    """Put an equal file in the place of another; return what brings that back."""
    away = path.with_name("away")
    path.rename(away)
    shutil.copy(away, path)
    return lambda: away.rename(path)


COMMANDS: dict[str, Callable[[Host], Awaitable[Any]]] = {
    "handle": lambda host: host.handle("p", trigger("b")),
    "create": lambda host: host.create("q", SHIPYARD),
    "update": lambda host: host.update("p", SHIPYARD),
    "add_service": lambda host: host.add_service("p", "orders"),
    "remove_service": lambda host: host.remove_service("p", "orders"),
    "delete": lambda host: host.delete("p"),
    "ask": lambda host: host.ask("p", lambda _, state: state.serial),
    "read": lambda host: host.read(lambda journal: journal.told("p")),
}


@pytest.mark.parametrize("take", [moved, replaced])
@pytest.mark.parametrize("name", [*FILES, *(f"{name}-wal" for name in FILES), "controller.lock"])
def test_a_file_that_goes_is_noticed_before_anything_is_answered(
    tmp_path: Path, name: str, take: Callable[[Path], Callable[[], object]]
) -> None:
    """Every command and every question fails and names it; once it is back they work again."""
    hosting = Hosting(tmp_path)
    host = hosting.host

    async def program() -> None:
        await host.create("p", SHIPYARD)
        await host.handle("p", trigger("a"))
        seen = [host.is_well]
        bring_back = take(tmp_path / name)
        seen.append(host.is_well)
        for command in COMMANDS.values():
            with pytest.raises(StoreUnusable, match=f"{name}: was deleted or replaced while in"):
                await command(host)
        bring_back()
        assert "applied" == await host.handle("p", trigger("b"))
        assert [True, False, True] == [*seen, host.is_well]

    hosting.run(program())


class Meddler:
    """A clock at which a file disappears: after the look before a command, before its commit."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.victim: Path | None = None

    def now(self) -> datetime:
        """Return the instant."""
        if self.victim is not None:
            self.victim.unlink(missing_ok=True)
        return self.clock.now()


def test_a_commit_into_a_deleted_file_is_not_acknowledged(tmp_path: Path) -> None:
    """The file goes while the command is decided: the answer is that of a store that failed."""
    hosting, clock = Hosting(tmp_path), Meddler()
    host = hosting.host = Host(hosting.settings, lambda *_: None, clock=clock)

    async def program() -> None:
        await host.create("p", SHIPYARD)
        clock.victim = tmp_path / "sequences.db"
        with pytest.raises(StoreUnusable, match=r"sequences\.db: was deleted"):
            await host.handle("p", trigger("a"))
        assert not host.is_well

    hosting.run(program())
