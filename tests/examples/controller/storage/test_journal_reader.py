"""What a journal holds, against the same events folded and written without any file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from examples.controller.storage import journal_reader
from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import instant
from examples.controller.storage.journal_reader import JournalReader, Page
from sequencectl import Event
from tests.examples.controller.storage.folding import folded
from tests.examples.controller.storage.places import Place, in_file, journal_at, reader_at
from tests.support import Host

WORLD = {"dev": {"delivery": ["deploy"]}, "prod": {"delivery": ["deploy"]}}


def host_of(project: str) -> Host:
    """A host after three deliveries: one that ended, one in flight, and one of no service."""
    host = Host(WORLD, project=project)
    host.trigger("a", context="c1", service="carts")
    host.at(1).trigger("b", context="c2", service="orders")
    host.at(2).finish("a", result="fail")
    host.at(3).trigger("c", "prod", context="c3", service="")
    host.at(4).trigger("d", "prod", context="c1", service="carts")
    host.at(5).freeze("dev", reason="holidays")
    return host


HOSTS = {project: host_of(project) for project in ("shop", "other")}
EVENTS = HOSTS["shop"].events
HISTORY = [(event.serial, written) for event in EVENTS if (written := history_of(event))]


def tell(place: Place, events: Sequence[Event], project: str = "shop") -> None:
    """Tell a journal these events."""
    journal = journal_at(place)
    journal.tell(project, events)
    journal.close()


@pytest.fixture
def told(place: Place) -> Place:
    """A journal of two projects."""
    for project, host in HOSTS.items():
        tell(place, host.events, project)
    return place


@pytest.fixture
def reader(told: Place) -> Iterator[JournalReader]:
    """The journal, read."""
    reader = reader_at(told)
    yield reader
    reader.close()


def test_a_document_is_that_of_its_context(reader: JournalReader) -> None:
    """Of its project; one that nobody knows is none."""
    wanted = {(p, context): each for p, h in HOSTS.items() for context, each in
              folded(h.events).items()}  # fmt: skip

    assert wanted == {key: reader.delivery(*key) for key in wanted}
    assert [None, None] == [reader.delivery("shop", "none"), reader.delivery("none", "c1")]


@pytest.mark.parametrize("cut", range(len(EVENTS) + 1))
def test_it_makes_no_difference_when_events_are_told(place: Place, cut: int) -> None:
    """In two portions a document is read from the file and goes on; one event is told twice."""
    tell(place, EVENTS[:cut])
    tell(place, EVENTS[max(cut - 1, 0) :])
    reader = reader_at(place)
    documents = [reader.delivery("shop", context) for context in ("c1", "c2", "c3")]
    told = reader.told("shop")
    reader.close()

    assert list(folded(EVENTS).values()) == documents
    assert EVENTS[-1].serial == told


def test_services_have_the_first_instant(reader: JournalReader) -> None:
    """By name; a sequence of no service has none."""
    assert {"carts": instant(EVENTS[0].at), "orders": "2026-01-01T09:00:01.000Z"} == (
        reader.services("shop")
    )
    assert ["carts", "orders"] == list(reader.services("shop"))
    assert {} == reader.services("none")


def contexts(page: Page) -> list[str]:
    """The contexts of the entries of a page."""
    return [each["context"] for each in page.entries]


@pytest.mark.parametrize(
    ("size", "pages"),
    [
        (1, [["c3"], ["c2"], ["c1"]]),
        (2, [["c3", "c2"], ["c1"]]),
        (3, [["c3", "c2", "c1"]]),
        (4, [["c3", "c2", "c1"]]),
    ],
)
def test_the_last_page_of_deliveries_says_so(
    reader: JournalReader, size: int, pages: list[list[str]]
) -> None:
    """Also one that is just full; each has the total."""
    found, key = [], 0
    while not found or key:
        page = reader.deliveries("shop", size=size, before=key, names={})
        found.append(contexts(page))
        key = page.following
        assert 3 == page.total >= len(found)

    assert pages == found


@pytest.mark.parametrize("size", [1, 2, len(HISTORY) - 1, len(HISTORY), len(HISTORY) + 1])
def test_the_history_is_read_page_by_page(reader: JournalReader, size: int) -> None:
    """The oldest first, each event once, and the key of a page is the serial of its last one."""
    found, keys = list[Any](), [0]
    while len(keys) == 1 or keys[-1]:
        page = reader.history("shop", size=size, after=keys[-1], names={})
        found.extend(page.entries)
        keys.append(page.following)
        assert len(HISTORY) == page.total >= len(found)

    serials = [serial for serial, _ in HISTORY]
    assert [written for _, written in HISTORY] == found
    assert serials[size - 1 : -1 : size] == keys[1:-1]


def test_the_history_is_filtered(reader: JournalReader) -> None:
    """By columns, and by an instant that is left out itself."""
    since = "2026-01-01T09:00:02.000Z"

    def wanted(**fits: str) -> list[dict[str, Any]]:
        return [each for _, each in HISTORY if all(each[key] == fits[key] for key in fits)]

    for names, expected in (
        ({"context": "c1"}, wanted(shkeptncontext="c1")),
        ({"type": "sh.keptn.event.deploy.triggered"},
         wanted(type="sh.keptn.event.deploy.triggered")),
        ({"context": "c2", "source": "outside"}, wanted(shkeptncontext="c2", source="outside")),
        ({"context": "none"}, []),
    ):  # fmt: skip
        page = reader.history("shop", size=100, names=names)
        assert (expected, len(expected), 0) == (list(page.entries), page.total, page.following)
    page = reader.history("shop", size=100, names={}, since=since)
    assert [each for _, each in HISTORY if each["time"] > since] == list(page.entries)


def test_a_total_is_counted_a_good_way_past_the_page(
    reader: JournalReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And no further: a page of a long history costs a page."""
    monkeypatch.setattr(journal_reader, "MOST_COUNTED", 3)
    newest = reader.newest(size=2, skip=1, names={"project": "shop"})
    oldest = reader.history("shop", size=2, names={})

    assert len(HISTORY) > 6
    assert 0 == reader.newest(size=100, names={"project": "shop"}).following
    assert (6, 5) == (newest.total, oldest.total)


def test_what_is_told_of_one_project_is_forgotten_without_the_other(told: Place) -> None:
    """Up to a serial that counts as told: what comes then is told anew."""
    journal, last = journal_at(told), EVENTS[-1].serial
    journal.forget("shop", serial=last)
    serials = [journal.told(project) for project in ("shop", "other", "none")]
    journal.close()
    reader = reader_at(told)
    shop, other = (
        (
            contexts(reader.deliveries(project, size=9, names={})),
            bool(reader.history(project, size=9, names={}).entries),
            bool(reader.services(project)),
        )
        for project in ("shop", "other")
    )
    reader.close()

    assert [last, HOSTS["other"].state.serial, 0] == serials
    assert ([], False, False) == shop
    assert (["c3", "c2", "c1"], True, True) == other


def test_an_event_of_no_context_is_in_the_history_alone(reader: JournalReader) -> None:
    """A freeze, for example, has no form; what is told after it is told all the same."""
    changed = reader.changed("shop", after=EVENTS[-2].serial, most=9)

    assert [] == changed
    assert EVENTS[-1].serial == reader.told("shop")


def test_what_happened_in_a_context_that_began_unseen_is_in_the_history_alone(
    place: Place,
) -> None:
    """A journal that begins in the middle has no document for it, and no root."""
    later = [event for event in EVENTS if event.serial > 3]
    with closing(journal_at(place)) as journal:
        journal.forget("shop", serial=3)
        journal.tell("shop", later)
    reader = reader_at(place)
    first = reader.delivery("shop", "c2")
    roots = reader.newest(size=9, names={"project": "shop"}, is_root=True).entries
    history = reader.history("shop", size=100, names={}).entries
    reader.close()

    assert first == folded(EVENTS)["c2"]
    assert ["c1", "c3", "c2"] == [each["shkeptncontext"] for each in roots]
    assert [written for serial, written in HISTORY if serial > 3] == list(history)


def test_a_list_is_read_while_somebody_writes(tmp_path: Path) -> None:
    """What was told before is what there is."""
    path = tmp_path / "journal.db"
    tell(in_file(path), EVENTS)
    with (
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
        closing(reader_at(in_file(path))) as reader,
    ):
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("DELETE FROM delivery")

        assert 3 == reader.deliveries("shop", size=9, names={}).total
        assert len(HISTORY) == reader.newest(size=9, names={"project": "shop"}).total
