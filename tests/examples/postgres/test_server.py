"""The private server: what it needs, what it keeps, and that it ends with whoever started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from examples.postgres import server as module
from examples.postgres.server import CannotServe, PrivateServer, programs
from tests.examples.conftest import QUICK
from tests.examples.postgres.test_store import value

PATIENCE = 60
ROOT = Path(__file__).parents[3]
CHILD = """
from examples.postgres.server import PrivateServer
with PrivateServer() as server:
    print(server.folder, flush=True)
    input()
"""


def postmaster(folder: Path) -> int:
    """The process id of the server of a folder."""
    return int((folder / "data" / "postmaster.pid").read_text().split(maxsplit=1)[0])


def is_running(pid: int) -> bool:
    """Whether there is such a process."""
    with suppress(ProcessLookupError):
        os.kill(pid, 0)
        return True
    return False


def until_it_is_over(pid: int) -> None:
    """Look again and again until there is no such process."""
    give_up_at = time.monotonic() + PATIENCE
    while is_running(pid):
        assert time.monotonic() < give_up_at, f"{pid} is still there"
        time.sleep(0.01)


def test_where_there_are_no_programs_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on PATH nor at Debian's place."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(module, "Path", lambda _: tmp_path)

    with pytest.raises(CannotServe, match="no PostgreSQL: there is no initdb on PATH"):
        PrivateServer()


def test_of_several_the_newest_one_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By number; what is on PATH goes first."""
    for version in ("9.6", "15", "9"):
        program = tmp_path / version / "bin" / "initdb"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    real = module.Path
    monkeypatch.setenv("PATH", "")
    with monkeypatch.context() as patch:
        patch.setattr(module, "Path", lambda _: tmp_path)
        assert tmp_path / "15" / "bin" == programs()
    monkeypatch.setenv("PATH", str(tmp_path / "9" / "bin"))

    assert real(tmp_path / "9" / "bin").resolve() == programs()


@pytest.mark.parametrize("end", ["crash", "stop"])
def test_what_was_committed_is_there_after_an_end(alone: PrivateServer, end: str) -> None:
    """What was not is not; the address stays."""
    url = alone.create("x")
    value(url, "CREATE TABLE t (n int)")
    value(url, "INSERT INTO t VALUES (1)")
    with psycopg.connect(url) as open_one:
        open_one.execute("INSERT INTO t VALUES (2)")
        pid = postmaster(alone.folder)
        getattr(alone, end)()
        assert not is_running(pid)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(url)
        open_one.close()
    alone.start()

    assert 1 == value(url, "SELECT sum(n) FROM t")


def test_a_server_may_be_a_copy(alone: PrivateServer) -> None:
    """Of another one that is stopped, with what that has; then each goes its own way."""
    value(alone.create("x"), "CREATE TABLE t (n int)")
    alone.stop()
    with PrivateServer(settings=QUICK, template=alone) as copy:
        alone.start()
        value(copy.url("x"), "INSERT INTO t VALUES (1)")

        assert value(alone.url("x"), "SELECT max(n) FROM t") is None
        folder = copy.folder
    assert not folder.exists()


@pytest.mark.usefixtures("server")
def test_it_ends_with_whoever_started_it() -> None:
    """However that ends; nothing can be done about its folder."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    )
    with child:
        assert child.stdout is not None
        folder = Path(child.stdout.readline().decode().strip())
        pid = postmaster(folder)
        assert is_running(pid)
        child.send_signal(signal.SIGKILL)

    until_it_is_over(pid)
    module.shutil.rmtree(folder)
