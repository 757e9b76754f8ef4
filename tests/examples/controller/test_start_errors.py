"""A controller that cannot start says why in one sentence, and its exit status is 1."""

from __future__ import annotations

import errno
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.controller.__main__ import main
from examples.controller.settings import Settings
from tests.examples.controller.storage.test_folder import FILES, live

Said = Callable[[Path], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """Start a controller on a folder in vain, and return the one sentence it says."""

    def said(data: Path) -> str:
        status = main(["--data", str(data), "--port", "0"])
        out, err = capsys.readouterr()
        assert (1, "", 1) == (status, out, err.count("\n"))
        start = "sequencectl-controller: "
        assert err.startswith(start)
        return err.removeprefix(start).rstrip("\n")

    return said


def change(path: Path, statement: str) -> None:
    """Do something to a file that no controller would."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute(statement)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        pytest.param("file", os.strerror(errno.EEXIST), id="a file"),
        pytest.param("file/below", os.strerror(errno.ENOTDIR), id="below a file"),
        pytest.param("/proc/nowhere", os.strerror(errno.ENOENT), id="where nothing can be made"),
        pytest.param("locked", os.strerror(errno.EISDIR), id="a folder in place of the lock"),
    ],
)
def test_data_must_be_a_folder(tmp_path: Path, said: Said, name: str, why: str) -> None:
    """What the system says of it is in the sentence."""
    (tmp_path / "file").touch()
    (tmp_path / "locked" / "controller.lock").mkdir(parents=True)
    data = tmp_path / name

    assert f"{data}: must be a folder that can be written to ({why})" == said(data)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES, errno.ENOSPC])
@pytest.mark.parametrize("call", ["mkdir", "open"])
def test_a_folder_that_cannot_be_written_to_is_said(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    """It is read-only, another user's, or the disk is full."""
    do = getattr(Path, call)

    def refuse(path: Path, *arguments: Any, **options: Any) -> Any:
        if tmp_path in {path, path.parent}:
            raise OSError(number, os.strerror(number))
        return do(path, *arguments, **options)

    monkeypatch.setattr(Path, call, refuse)

    wanted = f"{tmp_path}: must be a folder that can be written to ({os.strerror(number)})"
    assert wanted == said(tmp_path)


@pytest.mark.parametrize("name", FILES)
def test_a_full_disk_is_said(
    tmp_path: Path, said: Said, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Whichever of the files has no room; with room the same folder is used."""
    connect = sqlite3.connect

    def limited(path: Path, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(path, **options)
        if path.name == name:
            connection.execute("PRAGMA max_page_count = 1")
        return connection

    with monkeypatch.context() as patched:
        patched.setattr(sqlite3, "connect", limited)
        sentence = said(tmp_path)

    assert sentence.startswith(f"{tmp_path / name}: cannot grow: the disk is full")
    live(tmp_path, "a")


def make_a_folder(path: Path) -> None:
    """Put a folder in the place of a file."""
    path.unlink()
    path.mkdir()


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "another program's": (
        lambda path: change(path, "PRAGMA application_id = 42"),
        "is the database of another program",
    ),
    "no database": (lambda path: path.write_bytes(b"no database" * 500), "is no SQLite database"),
    "newer": (lambda path: change(path, "PRAGMA user_version = 99"), "has schema 99, only up to"),
    "damaged": (
        lambda path: path.write_bytes(path.read_bytes()[:4096] + b"\xff" * 20_000),
        "is damaged; restore a backup",
    ),
    "a folder": (make_a_folder, "cannot be opened"),
}


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(("spoil", "problem"), BAD.values(), ids=BAD)
def test_a_file_that_cannot_be_used_is_named(
    tmp_path: Path, said: Said, name: str, spoil: Callable[[Path], object], problem: str
) -> None:
    """And left as it is."""
    live(tmp_path, "a")
    path = tmp_path / name
    spoil(path)
    before = path.is_file() and path.read_bytes()

    assert said(tmp_path).startswith(f"{path}: {problem}")
    assert before == (path.is_file() and path.read_bytes())


@pytest.mark.parametrize(
    "statement",
    ["UPDATE project SET shipyard = 'spec: 7'", "UPDATE project SET created_at = 'yesterday'"],
)
def test_a_project_that_cannot_be_read_is_said(tmp_path: Path, said: Said, statement: str) -> None:
    """No project is left out silently."""
    live(tmp_path, "a")
    change(tmp_path / "projects.db", statement)

    assert said(tmp_path).startswith(f"{tmp_path / 'projects.db'}: holds what is not ours: ")


def test_a_missing_file_and_the_ways_out_are_said(tmp_path: Path, said: Said) -> None:
    """The sentence is all that a person has who must do something now."""
    live(tmp_path, "a")
    (tmp_path / "sequences.db").unlink()

    wanted = "is missing, and there is something in projects.db: restore the folder from a backup"
    assert f"{tmp_path}/sequences.db: {wanted}, or empty it to begin anew" == said(tmp_path)


TOO_SHORT = "silence: must be at least {}, four times progress_every"
WRONG: dict[str, tuple[str, str]] = {
    "silence is too short": ("--silence 39s", TOO_SHORT.format("40s")),
    "progress is too seldom": (
        "--silence 1m --progress-every 20s", TOO_SHORT.format("1m20s"),
    ),
    "progress in parsecs": ("--progress-every 3pc", "progress_every: has the unknown unit 'pc'"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_limits_that_contradict_each_other_are_wrong_arguments(
    capsys: pytest.CaptureFixture[str], case: str
) -> None:
    """They are said before any data is looked at, and any project that they hold for (R42)."""
    arguments, sentence = WRONG[case]
    with pytest.raises(SystemExit) as ended:
        main(["--data", "/proc/nowhere", *arguments.split()])

    assert 2 == ended.value.code
    assert f"sequencectl-controller: error: {sentence}" in capsys.readouterr().err


SECRET = "postgresql://ann:tiger@db.example/shop"  # noqa: S105 - nobody's
ELSEWHERE: dict[str, tuple[list[str], str]] = {
    "neither": ([], "data, store: must be one of the two, got 'neither'"),
    "both": (
        ["--data=data", f"--store={SECRET}"], "data, store: must be one of the two, got 'both'",
    ),
    "no address": (
        [f"--store=x{SECRET}"],
        "store: must be postgresql://USER@HOST/DATABASE, got '39 characters'",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ELSEWHERE)
def test_there_is_one_place_for_the_data(capsys: pytest.CaptureFixture[str], case: str) -> None:
    """A folder or a database, and no sentence shows a password."""
    arguments, sentence = ELSEWHERE[case]
    with pytest.raises(SystemExit) as ended:
        main(arguments)

    said = capsys.readouterr().err
    assert (2, True, False) == (ended.value.code, sentence in said, "tiger" in said)


def test_the_address_of_a_database_is_in_no_representation() -> None:
    """A log with the settings in it gives nothing away."""
    assert "tiger" not in repr(Settings(store=SECRET))


def test_what_is_needed_for_a_database_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder needs none of it."""
    monkeypatch.setitem(sys.modules, "examples.controller.storage.shared", None)
    status = main([f"--store={SECRET}", "--port", "0"])
    out, err = capsys.readouterr()

    assert (1, "", 1) == (status, out, err.count("\n"))
    assert err.startswith(
        "sequencectl-controller: PostgreSQL: needs a package that is not installed"
    )
    assert "tiger" not in err
