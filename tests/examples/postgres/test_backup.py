"""A database is dumped while hosts write to it, restored, and gone on with."""

from __future__ import annotations

import subprocess
from functools import partial
from pathlib import Path

from examples.postgres.server import PrivateServer, programs
from examples.postgres.store import PostgresStore
from tests.examples.stores import restored


def run(program: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs."""
    subprocess.run([programs() / program, *arguments], check=True)


def test_a_dump_in_the_middle_of_work_goes_on(
    server: PrivateServer, url: str, tmp_path: Path
) -> None:
    """It is the database of one moment; deadlines fire, lanes are free in the end, none is told
    twice. And what was published after it brings it up to date.
    """
    dump = str(tmp_path / "dump")
    back_up = partial(run, "pg_dump", "--format=custom", f"--file={dump}", url)
    history = restored.work(partial(PostgresStore, url), back_up, tmp_path)

    for check in (restored.check_restored, restored.check_it_is_rolled_forward):
        copy = server.create(f"{url.rpartition('/')[2].partition('?')[0]}_{check.__name__}")
        run("pg_restore", f"--dbname={copy}", dump)
        with PostgresStore(copy) as store:
            check(store, history)
            restored.check_it_goes_on(store)
