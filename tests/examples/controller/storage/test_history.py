"""The history in the journal: newest first by Keptn's filters, and what a page of it costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.controller.storage import journal_reader
from examples.controller.storage.journal_reader import JournalReader, Page
from sequencectl import (
    ControlPlane,
    Event,
    ReportTaskFinished,
    Shipyard,
    TriggerSequence,
)
from sequencectl.testing import ManualClock
from tests.examples.controller.storage.places import Place, in_file, journal_at, reader_at

PLANE = ControlPlane(
    Shipyard.of({"dev": {"delivery": ["deploy"]}, "prod": {"delivery": ["deploy"]}})
)
TRIGGERED = "sh.keptn.event.dev.delivery.triggered"
FINISHED = "sh.keptn.event.deploy.finished"


def told(place: Place, project: str, contexts: list[str]) -> list[Event]:
    """Tell a journal of deliveries, one after the other: each is triggered, worked on and ends."""
    clock, state, events = ManualClock(), PLANE.initial(project), list[Event]()
    for number, context in enumerate(contexts):
        stage, service = ("dev", "prod")[number % 2], ("carts", "orders")[number // 2 % 2]
        command = TriggerSequence(
            f"{project}-{context}" + (f"-{number}" if context in contexts[:number] else ""),
            context=context,
            stage=stage,
            sequence="delivery",
            service=service,
        )
        decision = PLANE.decide(state, command, clock.now())
        (task,) = PLANE.open_tasks(decision.state)
        clock.advance(timedelta(seconds=1))
        report = ReportTaskFinished(
            task.triggered.task_id, source=f"worker-{number % 2}", result="pass"
        )
        finished = PLANE.decide(decision.state, report, clock.now())
        events += [*decision.events, *finished.events]
        state = finished.state
        clock.advance(timedelta(seconds=1))
    journal = journal_at(place)
    journal.tell(project, events)
    journal.close()
    return events


@pytest.fixture
def reader(place: Place) -> Iterator[JournalReader]:
    """A journal of two projects; one context is in both."""
    told(place, "p", ["c0", "c1", "c2", "c3"])
    told(place, "q", ["c3"])
    reading = reader_at(place)
    yield reading
    reading.close()


def found(reader: JournalReader, **asked: Any) -> list[str]:
    """The contexts of what is found, the newest first."""
    return [each["shkeptncontext"] for each in reader.newest(size=100, **asked).entries]


@pytest.mark.parametrize(
    ("names", "contexts"),
    [
        pytest.param({"type": TRIGGERED}, ["c2", "c0"], id="type"),
        pytest.param({"stage": "prod", "type": FINISHED}, ["c3", "c1"], id="stage"),
        pytest.param({"service": "carts", "type": FINISHED}, ["c1", "c0"], id="service"),
        pytest.param({"source": "worker-1"}, ["c3", "c1"], id="source"),
        pytest.param({"id": "p-c2"}, ["c2"], id="id"),
        pytest.param({"context": "c1", "type": FINISHED}, ["c1"], id="context"),
        pytest.param({"context": "c1", "stage": "dev"}, [], id="two that no event has"),
        pytest.param({"project": "q", "type": FINISHED}, ["c3"], id="another project"),
        pytest.param({"project": "nobody"}, [], id="a project that is not there"),
    ],
)
def test_a_filter_leaves_out_what_does_not_fit(
    reader: JournalReader, names: dict[str, str], contexts: list[str]
) -> None:
    """The newest first."""
    assert contexts == found(reader, names={"project": "p", **names})


def test_a_context_needs_no_project(reader: JournalReader) -> None:
    """Whichever project it is of: what happened in both at one instant is told apart by name."""
    events = reader.newest(size=100, names={"context": "c3"}).entries
    projects = [event["data"]["project"] for event in events]

    assert {"p", "q"} == set(projects)
    assert sorted(projects) == sorted(
        each["data"]["project"]
        for project in ("p", "q")
        for each in reader.newest(size=100, names={"context": "c3", "project": project}).entries
    )
    assert [event["time"] for event in events] == sorted(
        (event["time"] for event in events), reverse=True
    )


def test_the_first_event_of_each_context_is_its_root(reader: JournalReader) -> None:
    """One for each, that which began it."""
    roots = reader.newest(size=100, names={"project": "p"}, is_root=True).entries

    assert ["p-c3", "p-c2", "p-c1", "p-c0"] == [event["id"] for event in roots]
    assert ["p-c1"] == [
        event["id"]
        for event in reader.newest(size=9, names={"context": "c1"}, is_root=True).entries
    ]


def test_instants_bound_what_is_found_and_are_left_out(reader: JournalReader) -> None:
    """Who polls since the newest event that it has seen gets none a second time."""
    finished = reader.newest(size=100, names={"project": "p", "type": FINISHED}).entries
    times = {event["shkeptncontext"]: event["time"] for event in finished}
    names = {"project": "p", "type": FINISHED}

    assert ["c3", "c2"] == found(reader, names=names, since=times["c1"])
    assert ["c0"] == found(reader, names=names, until=times["c1"])
    assert ["c2"] == found(reader, names=names, since=times["c1"], until=times["c3"])
    assert [] == found(reader, names=names, since=times["c3"])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("names", [{"project": "p"}, {"context": "c3"}], ids=str)
def test_pages_follow_one_another(reader: JournalReader, size: int, names: dict[str, str]) -> None:
    """Each event is on one page, and the key is how many were on those before."""
    whole = reader.newest(size=100, names=names)
    pages, key = [], 0
    while not pages or key:
        pages.append(reader.newest(size=size, skip=key, names=names))
        key = pages[-1].following
        assert key in {0, size * len(pages)}

    assert whole.entries == tuple(event for page in pages for event in page.entries)
    assert all(page.entries for page in pages)
    assert {len(whole.entries)} == {page.total for page in pages}


def test_the_history_from_its_beginning_is_the_same(reader: JournalReader) -> None:
    """The oldest first, by the serial of each: its pages do not move while more happens."""
    oldest, key = [], 0
    while not oldest or key:
        page = reader.history("p", size=3, after=key, names={})
        oldest += page.entries
        key = page.following

    assert reader.newest(size=100, names={"project": "p"}).entries == tuple(reversed(oldest))
    assert [FINISHED] == [
        event["type"]
        for event in reader.history("p", size=9, names={"context": "c1"}).entries
        if event["type"] == FINISHED
    ]


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param({"names": {"project": "p"}}, id="a project"),
        pytest.param({"names": {"project": "p"}, "since": "2"}, id="a project since"),
        pytest.param({"names": {"project": "p", "type": FINISHED}}, id="a type"),
        pytest.param({"names": {"project": "p", "type": "none"}}, id="a type that nobody has"),
        pytest.param({"names": {"context": "c3"}}, id="a context"),
        pytest.param({"names": {"project": "p", "context": "c3"}}, id="a context of a project"),
        pytest.param(
            {"names": {"project": "p", "context": "c3", "type": FINISHED}, "since": "0001"},
            id="what a watching client polls",
        ),
    ],
)
def test_a_page_costs_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, Any]
) -> None:
    """However long the history is: steps of the database are counted, not time."""
    monkeypatch.setattr(journal_reader, "MOST_COUNTED", 20)

    def cost(size: int) -> int:
        path = in_file(tmp_path / f"{size}.db")
        told(path, "p", [f"c{number}" for number in range(size)])
        return steps(path, lambda reader: reader.newest(size=5, **asked))

    assert cost(200) <= cost(20) * 1.2


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(
            lambda reader: reader.history("p", size=5, names={"context": "c0"}),
            id="a context from its beginning",
        ),
        pytest.param(lambda reader: reader.history("p", size=5, names={}), id="the beginning"),
    ],
)
def test_a_page_of_the_beginning_costs_a_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ask: Callable[[JournalReader], Page]
) -> None:
    """By its serials, or by those of the context."""
    monkeypatch.setattr(journal_reader, "MOST_COUNTED", 20)

    def cost(size: int) -> int:
        path = in_file(tmp_path / f"{size}.db")
        told(path, "p", [f"c{number}" for number in range(size)])
        return steps(path, ask)

    assert cost(200) <= cost(20) * 1.2


def test_roots_are_found_without_what_came_of_them(tmp_path: Path) -> None:
    """However much happens in a context, its first event is as near."""

    def cost(size: int) -> int:
        path = in_file(tmp_path / f"{size}.db")
        told(path, "p", ["c"] * size)
        ask = {"size": 5, "names": {"project": "p"}, "is_root": True}
        return steps(path, lambda reader: reader.newest(**ask))

    assert cost(200) <= cost(20) * 1.2


def steps(place: Place, ask: Callable[[JournalReader], Page]) -> int:
    """How many steps the database makes for a page."""
    reader, counted = reader_at(place), 0

    def count() -> None:
        nonlocal counted
        counted += 1

    reader._database.connection.set_progress_handler(count, 1)
    ask(reader)
    reader.close()
    return counted
