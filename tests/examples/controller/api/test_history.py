"""What happened, as Keptn's command line reads it with ``--watch``; and over a change of schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.examples.controller.served import Served

EVENTS = "/mongodb-datastore/event"
BEFORE_ALL = "0001-01-01T00:00:00.000Z"
"""The instant at which Keptn's command line begins to watch."""


def test_who_watches_a_context_is_told_everything_once(served: Served) -> None:
    """Each poll asks for what came after the newest event of the one before."""
    seen: list[dict[str, Any]] = []

    def poll() -> list[str]:
        since = seen[-1]["time"] if seen else BEFORE_ALL
        found = served.get(EVENTS, project="shop", keptnContext="c", fromTime=since)["events"]
        seen.extend(sorted(found, key=lambda event: event["time"]))
        return sorted(event["type"].removeprefix("sh.keptn.event.") for event in found)

    assert [] == poll()
    served.trigger("c")
    assert ["deployment.triggered", "dev.delivery.started", "dev.delivery.triggered"] == poll()
    assert [] == poll()
    served.trigger("another", stage="prod")
    assert [] == poll()
    (task,) = served.open_tasks(stage="dev")
    served.finish(task)
    assert ["deployment.finished", "test.triggered"] == poll()
    assert len(seen) == len({event["id"] for event in seen})


def test_a_journal_of_an_older_schema_is_made_up_again(served: Served, tmp_path: Path) -> None:
    """It is derived from the events that the store keeps, so nothing is lost."""
    served.trigger("c")
    (task,) = served.open_tasks()
    served.finish(task)

    def stored() -> list[dict[str, Any]]:
        lists = [served.get(path) for path in ("/v1/sequence/shop", "/v1/project")]
        return [served.get(EVENTS, project="shop"), *lists]

    before = stored()
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        database.executescript("""
            DROP TABLE history;
            CREATE TABLE history (project TEXT, serial INTEGER, event TEXT NOT NULL);
            PRAGMA user_version = 1;
        """)
    served.restart()

    assert before[0]["events"]
    assert before == stored()
