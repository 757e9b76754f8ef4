"""Progress in the journal: how it stands in the history, and how much of it is kept (R42)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.journal import MOST_PROGRESS
from examples.controller.storage.journal_reader import JournalReader
from sequencectl import Event
from sequencectl.cloudevents import from_cloudevent
from sequencectl.commands import ReportTaskProgress
from sequencectl.events import TaskProgressReported
from tests.examples.controller.storage.places import Place, journal_at, reader_at
from tests.support import Host

CHANGED = "sh.keptn.event.deploy.status.changed"
EVERY = 10
"""So many seconds lie between two reports of progress that count."""


def begun(*contexts: str, **task: Any) -> Host:
    """Deliveries that have a task in flight, each of its own service's."""
    host = Host({"dev": {"delivery": {"tasks": [{"name": "deploy", **task}]}}})
    for context in contexts:
        host.trigger(context, context=context, service=context)
    return host


def worked(host: Host, known: str, count: int, *, source: str = "helm") -> None:
    """Let an executor say so many times how far it is: the message counts them."""
    for number in range(count):
        host.at((host.now - host.events[0].at).total_seconds() + EVERY)
        host.progress(known, source, message=f"{source} {number}")


@contextmanager
def read(place: Place, events: list[Event], *, portion: int = 10**6) -> Iterator[JournalReader]:
    """A journal that is told of events in portions of this size."""
    journal = journal_at(place)
    for begin in range(0, len(events), portion):
        journal.tell("sockshop", events[begin : begin + portion])
    journal.close()
    reader = reader_at(place)
    try:
        yield reader
    finally:
        reader.close()


def messages(reader: JournalReader, **names: str) -> list[str]:
    """What executors said of their progress, the oldest first."""
    page = reader.history("sockshop", size=1_000, names={"type": CHANGED, **names})
    return [event["data"]["message"] for event in page.entries]


def last(count: int, source: str = "helm") -> list[str]:
    """The messages that are kept of so many."""
    return [f"{source} {number}" for number in range(count)][-MOST_PROGRESS:]


@pytest.mark.parametrize(
    "said",
    [
        {"message": "3 of 7 pods", "percent": 43},
        {"message": "3 of 7 pods"},
        {"percent": 0},
        {"percent": 100},
        {},
    ],
)
def test_progress_stands_in_the_history_as_it_came(said: dict[str, Any]) -> None:
    """In Keptn's word for it; what was not said is left out."""
    host = begun("c")
    host.at(3).progress("c", "helm", **said)
    (report,) = host.of(TaskProgressReported)
    written = history_of(report)

    assert written is not None
    assert written == {
        "specversion": "1.0", "type": CHANGED, "time": "2026-01-01T09:00:03.000Z", "source": "helm",
        "datacontenttype": "application/json", "shkeptncontext": "c",
        "shkeptnspecversion": "0.2.4", "id": written["id"], "triggeredid": host.task_id("c"),
        "data": {**said, "project": "sockshop", "stage": "dev", "service": "c"},
    }  # fmt: skip
    assert ReportTaskProgress(host.task_id("c"), source="helm", **said) == from_cloudevent(written)


def test_each_report_of_progress_has_an_id_of_its_own() -> None:
    """Whoever drops what it knows by its id must not drop the second one."""
    host = begun("c")
    worked(host, "c", 3)
    ids = [(history_of(event) or {})["id"] for event in host.of(TaskProgressReported)]

    assert 3 == len(set(ids))
    assert ids == [(history_of(event) or {})["id"] for event in host.of(TaskProgressReported)]


@pytest.mark.parametrize("count", [1, MOST_PROGRESS, MOST_PROGRESS + 1, 3 * MOST_PROGRESS])
def test_of_much_progress_the_newest_is_kept(place: Place, count: int) -> None:
    """However long the task takes, the history does not grow with that; all else stays."""
    host = begun("c")
    worked(host, "c", count)
    host.finish("c", source="helm")

    with read(place, host.events) as reader:
        kinds = [
            event["type"] for event in reader.newest(size=1_000, names={"context": "c"}).entries
        ]
        assert last(count) == messages(reader)
    assert [
        f"sh.keptn.event.{kind}"
        for kind in ("dev.delivery.triggered", "dev.delivery.started", "deploy.triggered",
                     "deploy.finished", "dev.delivery.finished")
    ] == sorted((kind for kind in kinds if kind != CHANGED), key=kinds[::-1].index)  # fmt: skip


def test_no_task_and_no_executor_takes_the_room_of_another(place: Place) -> None:
    """Each keeps its own newest, also where the tasks of a context have one name."""
    host = Host({"dev": {"delivery": ["deploy"]}, "prod": {"delivery": ["deploy"]}})
    host.trigger("dev", context="c")
    host.trigger("prod", "prod", context="c")
    worked(host, "dev", 2)
    worked(host, "dev", MOST_PROGRESS + 5, source="argo")
    worked(host, "prod", MOST_PROGRESS + 5)

    with read(place, host.events) as reader:
        expected = last(2) + last(MOST_PROGRESS + 5, "argo")
        assert expected == messages(reader, stage="dev")
        assert last(MOST_PROGRESS + 5) == messages(reader, stage="prod")


def test_an_attempt_keeps_its_own_progress(place: Place) -> None:
    """It is another task under the same name."""
    host = begun("c", retry={"times": 1})
    worked(host, "c", 2)
    host.finish("c", "fail", source="helm")
    worked(host, "c", MOST_PROGRESS + 1)

    with read(place, host.events) as reader:
        assert last(2) + last(MOST_PROGRESS + 1) == messages(reader)


@pytest.mark.parametrize("portion", [1, 7, 10**6])
def test_what_is_kept_does_not_depend_on_how_it_was_told(place: Place, portion: int) -> None:
    """A journal that is made up again is the journal that was lost."""
    host = begun("c")
    worked(host, "c", 2 * MOST_PROGRESS + 3)

    with read(place, host.events, portion=portion) as reader:
        page = reader.history("sockshop", size=1_000, names={})
        newest = reader.deliveries("sockshop", size=1, names={}).entries[0]
        assert last(2 * MOST_PROGRESS + 3) == messages(reader)
    assert MOST_PROGRESS + 3 == page.total
    assert newest["stages"]["dev"]["latest"]["id"] == page.entries[-1]["id"]
