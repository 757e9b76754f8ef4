"""What the store of whole projects says about a folder that is not as it should be."""

import os
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from examples.stores.errors import StoreUnusable
from examples.stores.snapshot_file import Folder, SnapshotStore
from sequencectl import AbortSequence
from sequencectl.errors import Conflict
from sequencectl.serialization import dump_project
from tests.support import Host


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    """A store with one project."""
    store = SnapshotStore(tmp_path)
    store.commit(Host({"dev": {"delivery": ["deploy"]}}).trigger("c1"))
    return store


def test_a_folder_must_exist(tmp_path: Path) -> None:
    """It is not made: a path with a mistake in it would be a store without projects."""
    with pytest.raises(StoreUnusable) as refused:
        SnapshotStore(tmp_path / "missing")

    assert (tmp_path / "missing", "is no folder; make it first") == (
        refused.value.path, refused.value.problem,
    )  # fmt: skip
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"\n\n", b"[]\n[]\n[]", b'["p", 1, 7, true]\n\n', b"\xff"]
)
def test_a_file_that_is_not_ours_is_noticed(
    store: SnapshotStore, tmp_path: Path, data: bytes
) -> None:
    """Whatever is asked, and a commit as well: nothing is made of it, and it is left alone."""
    (path,) = tmp_path.glob("*.project")
    path.write_bytes(data)

    for call in (
        lambda: store.load("sockshop"),
        lambda: store.agenda(limit=10),
        lambda: store.pending("sockshop", limit=10),
        lambda: store.acknowledge("sockshop", through=1),
        lambda: store.commit(Host({"dev": {"delivery": ["deploy"]}}).trigger("c1")),
    ):
        with pytest.raises(StoreUnusable, match="holds what is not ours"):
            call()
    assert data == path.read_bytes()


def test_a_file_that_is_not_ours_is_told_by_what_is_in_it(
    store: SnapshotStore, tmp_path: Path
) -> None:
    """Where the mistake is, what must be there, and what is."""
    (path,) = tmp_path.glob("*.project")
    head, _, outbox = path.read_bytes().split(b"\n")
    other = dump_project(Host({"dev": {"delivery": ["deploy"]}}).state)
    said = []
    for data in (b"{}", b"\n".join((head, other, outbox))):
        path.write_bytes(data)
        with pytest.raises(StoreUnusable) as caught:
            store.load("sockshop")
        said.append(caught.value.problem)

    assert [
        "holds what is not ours: head: must be three lines, the first a list, got b'{}'",
        "holds what is not ours: state: must be 'sockshop' at 3, got b'",
    ] == [said[0], said[1][: len("holds what is not ours: state: must be 'sockshop' at 3, got b'")]]


def test_a_truncated_file_is_noticed(store: SnapshotStore, tmp_path: Path) -> None:
    """A file is replaced as a whole; one that is shorter was cut by something else."""
    (path,) = tmp_path.glob("*.project")
    data = path.read_bytes()
    for length in range(0, len(data), 97):
        path.write_bytes(data[:length])
        with pytest.raises(StoreUnusable, match="holds what is not ours"):
            store.pending("sockshop", limit=10)


def test_a_file_in_anothers_place_is_noticed(store: SnapshotStore, tmp_path: Path) -> None:
    """A project is not taken for another one."""
    store.commit(Host({"dev": {"delivery": ["deploy"]}}, project="other").trigger("c1"))
    one, other = tmp_path.glob("*.project")
    one.write_bytes(other.read_bytes())

    with pytest.raises(StoreUnusable, match="holds what is not ours"):
        [store.load(project) for project in ("sockshop", "other")]


def test_a_swap_keeps_everybody_else_out(
    store: SnapshotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever commits while another one's new file is being written waits, and meets a conflict."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    first, second = host.trigger("c1"), host.trigger("c2")
    rival = host.plane.decide(first.state, AbortSequence("c1"), host.now)
    fsync, met = os.fsync, []

    def slow(handle: int) -> None:
        monkeypatch.undo()
        met.append(rivals.submit(SnapshotStore(tmp_path).commit, rival))
        wait(met, timeout=0.2)  # it is kept out, so this is how long it takes
        fsync(handle)

    with ThreadPoolExecutor(1) as rivals:
        monkeypatch.setattr(os, "fsync", slow)
        store.commit(second)

    assert isinstance(met[0].exception(), Conflict)
    assert second.state == store.load("sockshop")
    assert (*first.events, *second.events) == tuple(store.pending("sockshop", limit=10))


def test_a_swap_that_was_too_late_is_done_again(
    store: SnapshotStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An acknowledgement in the middle of a commit is no conflict, and is not undone by it."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    first, second = host.trigger("c1"), host.trigger("c2")
    swap = Folder.swap

    def too_late(folder: Folder, key: str, old: bytes | None, new: bytes) -> bool:
        monkeypatch.undo()
        SnapshotStore(tmp_path).acknowledge("sockshop", through=first.state.serial)
        return swap(folder, key, old, new)

    monkeypatch.setattr(Folder, "swap", too_late)
    store.commit(second)

    assert second.state == store.load("sockshop")
    assert second.events == tuple(store.pending("sockshop", limit=10))


def test_what_a_crash_left_behind_is_in_nobodys_way(store: SnapshotStore, tmp_path: Path) -> None:
    """Half a file beside the project, and a lock that nobody holds, are ignored."""
    (path,) = tmp_path.glob("*.project")
    path.with_suffix(".part").write_bytes(b"half a fi")
    path.with_suffix(".lock").touch()

    store.acknowledge("sockshop", through=1)

    assert [2, 3] == [event.serial for event in store.pending("sockshop", limit=10)]
    assert 2 == len(store.agenda(limit=10))
