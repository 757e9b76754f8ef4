"""`DBOS` on SQLite: a durable workflow per sequence, its 13 commands as steps, beside ours.

Each step is one command taken in; its answer is committed before the workflow goes on, and what
follows from it is the workflow's own control flow. Ours is `SequenceController.handle` on
``examples/stores/sqlite.py``: load, decide, commit state and events, relay, acknowledge. Both files
are set to the same journal mode and `synchronous`, which are read back from the connections in use.

DBOS does not do, here: commands that arrive from outside (they would be sent and received, on
SQLite by polling), a line, payload merges, events as values, time limits, aborts, repeated or late
reports; it appends to a log and keeps no state that others could read. More than ours in this
figure: a step that fails is retried if asked to, and a workflow goes on by itself after a crash.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from sqlite3 import Connection
from typing import Any

import sqlalchemy
from dbos import DBOS

from examples.stores.sqlite import SqliteStore
from tests.bench.durable import DURABLE, deliveries
from tests.bench.peers.delivery import COMMANDS, PASS, PAUSED_AT
from tests.bench.programs import TASKS

LACKS = "no line, payload merge, time limits or abort; commands are called, not sent to it"
_SYNCHRONOUS = ("OFF", "NORMAL", "FULL", "EXTRA")

Opened = tuple[Callable[[], int], Callable[[], str]]
"""A program, and what its connections say of their pragmas."""


@contextmanager
def ours(folder: Path) -> Iterator[Opened]:
    """Open the delivery through `SequenceController` in a file of its own."""
    with SqliteStore(folder / "ours.db", synchronous="FULL") as store:
        connection = store._database.connection
        yield deliveries(DURABLE, store), lambda: _pragmas(connection)


@contextmanager
def theirs(folder: Path) -> Iterator[Opened]:
    """Open the delivery as a DBOS workflow in a file of its own; one at a time in a process."""
    connections: list[Connection] = []

    def set_pragmas(connection: Connection, _record: object) -> None:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connections.append(connection)

    sqlalchemy.event.listen(sqlalchemy.Engine, "connect", set_pragmas)
    try:
        url = f"sqlite:///{folder / 'dbos.db'}"
        DBOS(config={"name": "bench", "system_database_url": url, "log_level": "WARNING"})
        DBOS.launch()
        yield _run, lambda: " and ".join(sorted({_pragmas(each) for each in connections}))
    finally:
        DBOS.destroy()
        sqlalchemy.event.remove(sqlalchemy.Engine, "connect", set_pragmas)


def _run() -> int:
    triggered, results, commands = _delivery("carts")
    assert (list(TASKS), [PASS] * len(TASKS), COMMANDS) == (triggered, results, commands)
    return commands


@DBOS.step()
def _take(command: str, task: str = "", result: str = "") -> dict[str, str]:
    """Take a command in; its answer is what is durable."""
    return {"command": command, "task": task, "result": result}


@DBOS.workflow()
def _delivery(service: str) -> tuple[list[str], list[str], int]:
    answers: list[dict[str, str]] = [_take("trigger", service)]
    triggered: list[str] = []
    results: list[str] = []
    for number, task in enumerate(TASKS, start=1):
        triggered.append(task)
        answers.append(_take("start", task))
        if task == PAUSED_AT:
            answers.append(_take("pause"))
        answers.append(_take("finish", task, PASS))
        results.append(answers[-1]["result"])
        if task == PAUSED_AT:
            answers.append(_take("resume"))
            assert TASKS[:number] == tuple(triggered)
    return triggered, results, len(answers)


def _pragmas(connection: Any) -> str:
    """Return what a connection does to be durable."""
    (journal,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    return f"journal_mode={journal}, synchronous={_SYNCHRONOUS[synchronous]}"
