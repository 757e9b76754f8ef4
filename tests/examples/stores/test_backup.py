"""A SQLite file is backed up while hosts write to it, restored, and gone on with."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

from examples.stores.sqlite import SqliteStore
from tests.examples.stores import restored


def test_a_copy_in_the_middle_of_work_goes_on(tmp_path: Path) -> None:
    """It is the file of one moment; deadlines fire, lanes are free in the end, none is told twice.

    And what was published after it brings it up to date.
    """
    path, backup, again = tmp_path / "x.db", tmp_path / "backup.db", tmp_path / "again.db"

    def back_up() -> None:
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)

    history = restored.work(partial(SqliteStore, path, busy_timeout=60), back_up, tmp_path)
    shutil.copy(backup, again)
    with SqliteStore(backup) as store:
        restored.check_restored(store, history)
        restored.check_it_goes_on(store)
    with SqliteStore(again) as store:
        restored.check_it_is_rolled_forward(store, history)
        restored.check_it_goes_on(store)
