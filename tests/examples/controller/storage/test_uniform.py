"""Registrations and the log: who is who, what is kept, and what makes place for what."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.controller.storage.deliveries import instant
from examples.controller.storage.uniform import (
    FORGOTTEN_AFTER,
    MOST_CHARACTERS,
    MOST_LOGS,
    MOST_REGISTRATIONS,
    MOST_SUBSCRIPTIONS,
    NoRoom,
    Uniform,
    UnknownRegistration,
)
from sequencectl import ControlPlane
from sequencectl.testing import ManualClock
from tests.examples.controller.storage.places import Place, in_file, projects_at, uniform_at

DEPLOYMENT = {"event": "sh.keptn.event.deployment.triggered", "filter": {"stages": ["dev"]}}
TEST = {"event": "sh.keptn.event.test.triggered", "filter": {}}
SECOND = timedelta(seconds=1)
VERSION_1 = """
CREATE TABLE project (name TEXT PRIMARY KEY, shipyard TEXT NOT NULL,
    created_at TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE service (project TEXT, name TEXT, created_at TEXT NOT NULL,
    PRIMARY KEY (project, name)) WITHOUT ROWID;
INSERT INTO project VALUES
    ('sockshop', '{apiVersion: spec.keptn.sh/0.2.2, kind: Shipyard, metadata: {name: sockshop},
    spec: {stages: [{name: dev}]}}', '2026-01-01T00:00:00.000+00:00', 7);
PRAGMA application_id = 0x73657170;
PRAGMA user_version = 1;
"""


@pytest.fixture
def clock() -> ManualClock:
    """A clock that is turned by hand."""
    return ManualClock()


@pytest.fixture
def uniform(place: Place, clock: ManualClock) -> Iterator[Uniform]:
    """Nobody has registered yet."""
    with closing(uniform_at(place, clock)) as opened:
        yield opened


def register(
    uniform: Uniform,
    name: str = "helm",
    *subscriptions: dict[str, Any],
    namespace: str = "keptn",
    hostname: str = "node-1",
    version: str = "1",
) -> tuple[str, bool]:
    """Register an executor."""
    cluster = {"namespace": namespace, "podname": "", "deploymentname": ""}
    metadata = {"hostname": hostname, "integrationversion": version, "kubernetesmetadata": cluster}
    return uniform.register(name, metadata, subscriptions)


def entry(message: str, *, at: str = "", context: str = "c1", of: str = "i1") -> dict[str, Any]:
    """An entry of the log."""
    return {"integrationid": of, "shkeptncontext": context, "message": message, "time": at}


def messages(uniform: Uniform, **wanted: Any) -> list[str]:
    """The messages in the log that fit, the newest first."""
    return [each["message"] for each in uniform.logs(**{"size": 100, **wanted}).entries]


# ---------------------------------------------------------------- registrations


def test_who_registers_again_is_known_by_the_same_id(uniform: Uniform) -> None:
    """Name, namespace and hostname make it; nothing else about it matters."""
    first, second = register(uniform), register(uniform, version="2")

    assert (first[0], False) == second
    assert first[1]
    assert "2" == uniform.get(first[0])["metadata"]["integrationversion"]


def test_another_name_namespace_or_hostname_is_another_id(uniform: Uniform) -> None:
    """Also where their texts would read the same one after the other."""
    given = [
        ("a", "b", "c"), ("x", "b", "c"), ("a", "x", "c"), ("a", "b", "x"),
        ("a-b", "c", "d"), ("a", "b-c", "d"), ("a", "b", "c-d"), ("ab", "c", "d"), ("a", "bc", "d"),
    ]  # fmt: skip
    known = {
        register(uniform, name, namespace=space, hostname=host)[0] for name, space, host in given
    }

    assert len(given) == len(known) == len(uniform.all())


def test_a_registration_outlives_the_program(place: Place, clock: ManualClock) -> None:
    """With its subscriptions and their ids."""
    with closing(uniform_at(place, clock)) as uniform:
        known, _ = register(uniform, "helm", DEPLOYMENT)
        before = uniform.get(known)
    with closing(uniform_at(place, clock)) as uniform:
        after, again = uniform.get(known), register(uniform)

    assert before == after
    assert (known, False) == again


def test_each_subscription_has_an_id_of_its_own(uniform: Uniform) -> None:
    """Two that are alike as well."""
    known, _ = register(uniform, "helm", TEST, TEST)
    ids = [each["id"] for each in uniform.get(known)["subscriptions"]]

    assert all(ids)
    assert 2 == len(set(ids))


def test_who_registers_again_keeps_the_subscriptions_that_are_there(uniform: Uniform) -> None:
    """They may have been changed since; only who has none gets those that it brings."""
    known, _ = register(uniform, "helm", DEPLOYMENT)
    kept = uniform.get(known)["subscriptions"]
    register(uniform, "helm", TEST)
    then = uniform.get(known)["subscriptions"]
    uniform.unsubscribe(known, kept[0]["id"])
    register(uniform, "helm", TEST)

    assert kept == then
    assert [TEST["event"]] == [each["event"] for each in uniform.get(known)["subscriptions"]]


def test_a_ping_notes_the_present_instant(uniform: Uniform, clock: ManualClock) -> None:
    """It is the last sign of life, and answered with all that is known."""
    known, _ = register(uniform, "helm", DEPLOYMENT)
    registered = uniform.get(known)
    clock.advance(SECOND)
    pinged = uniform.ping(known)

    assert instant(clock.now() - SECOND) == registered["metadata"]["lastseen"]
    assert instant(clock.now()) == pinged["metadata"]["lastseen"]
    assert registered["subscriptions"] == pinged["subscriptions"]
    assert pinged == uniform.get(known)


def test_a_subscription_is_added_changed_and_removed(uniform: Uniform) -> None:
    """The others stay as they are, and the sign of life too."""
    known, _ = register(uniform, "helm", DEPLOYMENT)
    before = uniform.get(known)
    [first] = before["subscriptions"]
    own = uniform.subscribe(known, TEST)
    added = uniform.get(known)["subscriptions"]
    uniform.change(known, {**DEPLOYMENT, "id": own})
    changed = uniform.get(known)["subscriptions"]
    uniform.unsubscribe(known, first["id"])

    assert [first, {**TEST, "id": own}] == added
    assert [first, {**DEPLOYMENT, "id": own}] == changed
    assert {**before, "subscriptions": [{**DEPLOYMENT, "id": own}]} == uniform.get(known)
    assert {**DEPLOYMENT, "id": own} == uniform.subscription(known, own)


def test_what_nobody_registered_is_unknown(uniform: Uniform) -> None:
    """Whatever is asked of it; so is what was removed."""
    known, _ = register(uniform, "helm", TEST)
    asked: list[Callable[[], object]] = [
        lambda: uniform.get("nobody"),
        lambda: uniform.ping("nobody"),
        lambda: uniform.remove("nobody"),
        lambda: uniform.subscribe("nobody", TEST),
        lambda: uniform.subscription("nobody", "s"),
        lambda: uniform.subscription(known, "nothing"),
        lambda: uniform.change(known, {**TEST, "id": "nothing"}),
        lambda: uniform.unsubscribe(known, "nothing"),
    ]
    for ask in asked:
        with pytest.raises(UnknownRegistration, match=r"'(nobody|nothing)'"):
            ask()
    uniform.remove(known)

    assert [] == uniform.all()


def test_who_was_not_heard_of_for_a_day_makes_place(uniform: Uniform, clock: ManualClock) -> None:
    """Only where there is no room left; who lives stays, and is always known again."""
    silent = [register(uniform, f"silent-{each}")[0] for each in range(MOST_REGISTRATIONS - 1)]
    clock.advance(FORGOTTEN_AFTER)
    living, _ = register(uniform, "living")
    with pytest.raises(NoRoom, match=f"{MOST_REGISTRATIONS} registrations"):
        register(uniform, "one more")
    again = register(uniform, "silent-0")
    clock.advance(SECOND)
    more, _ = register(uniform, "one more")

    assert (silent[0], False) == again
    assert sorted([silent[0], living, more]) == [each["id"] for each in uniform.all()]


def test_a_registration_has_room_for_so_many_subscriptions(uniform: Uniform) -> None:
    """One more is refused, at once and later; what is there stays."""
    known, _ = register(uniform, "helm", *[TEST] * MOST_SUBSCRIPTIONS)
    with pytest.raises(NoRoom, match=f"at most {MOST_SUBSCRIPTIONS} subscriptions"):
        uniform.subscribe(known, TEST)
    with pytest.raises(NoRoom):
        register(uniform, "another", *[TEST] * (MOST_SUBSCRIPTIONS + 1))

    assert MOST_SUBSCRIPTIONS == len(uniform.get(known)["subscriptions"])
    assert [known] == [each["id"] for each in uniform.all()]


def test_a_registration_is_as_long_as_may_be(uniform: Uniform) -> None:
    """However its text is divided."""
    long = {"event": "e", "filter": {"stages": ["s" * 100] * (MOST_CHARACTERS // 100)}}

    with pytest.raises(NoRoom, match=f"at most {MOST_CHARACTERS} characters"):
        register(uniform, "helm", long)


def test_subscriptions_that_are_added_have_ids_of_their_own(uniform: Uniform) -> None:
    """Each can be removed without the others."""
    known, _ = register(uniform, "helm")
    added = [uniform.subscribe(known, TEST) for _ in range(3)]
    uniform.unsubscribe(known, added[1])

    assert [added[0], added[2]] == [each["id"] for each in uniform.get(known)["subscriptions"]]
    assert 3 == len(set(added))


# ---------------------------------------------------------------- the log


def test_the_log_is_read_from_its_newest_entry(uniform: Uniform, clock: ManualClock) -> None:
    """By the instants of the entries, in pages; who says none gets the present one."""
    uniform.log([entry("now"), entry("old", at="2020-01-01T00:00:00.000Z"), entry("now too")])
    first = uniform.logs(size=2)
    second = uniform.logs(size=2, begin=first.following)

    assert ["now too", "now"] == [each["message"] for each in first.entries]
    assert instant(clock.now()) == first.entries[0]["time"]
    assert ["old"] == [each["message"] for each in second.entries]
    assert [(3, 2), (3, 0)] == [(page.total, page.following) for page in (first, second)]
    assert 0 == uniform.logs(size=3).following


def test_the_log_is_filtered(uniform: Uniform) -> None:
    """By integration and context; the bounds of time are included."""
    uniform.log(
        [
            entry("1", at="2020-01-01T00:00:00.000Z"),
            entry("2", at="2020-01-02T00:00:00.000Z", of="i2"),
            entry("3", at="2020-01-03T00:00:00.000Z", context="c2"),
        ]
    )

    assert ["3", "1"] == messages(uniform, integration="i1")
    assert ["2", "1"] == messages(uniform, context="c1")
    assert ["3", "2"] == messages(uniform, since="2020-01-02T00:00:00.000Z")
    assert ["2", "1"] == messages(uniform, until="2020-01-02T00:00:00.000Z")
    assert [] == messages(uniform, integration="i2", context="c2")


def test_the_oldest_entries_make_place(uniform: Uniform) -> None:
    """Those that came first, whatever instant they name."""
    uniform.log([entry("first", at="2099-01-01T00:00:00.000Z"), entry("second")])
    uniform.log(entry(str(number)) for number in range(MOST_LOGS - 1))
    page = uniform.logs(size=1, begin=MOST_LOGS - 1)

    assert MOST_LOGS == page.total
    assert ["second"] == [each["message"] for each in page.entries]


def test_nothing_may_be_logged(uniform: Uniform) -> None:
    """An empty list is no error."""
    uniform.log([])

    assert 0 == uniform.logs(size=1).total


# ---------------------------------------------------------------- the file


def test_a_file_of_before_gets_what_it_lacks(tmp_path: Path, clock: ManualClock) -> None:
    """Its projects stay, whoever opens it first; both work on it beside each other."""
    place = in_file(tmp_path / "projects.db")
    with closing(sqlite3.connect(tmp_path / "projects.db")) as database:
        database.executescript(VERSION_1)
    with (
        closing(projects_at(place, ControlPlane)) as projects,
        closing(uniform_at(place, clock)) as uniform,
    ):
        known, _ = register(uniform)
        projects.add_service("sockshop", "carts", now=clock.now())
        found = projects.get("sockshop")

    assert 7 == found.since
    assert ["carts"] == [*found.services]
    with closing(uniform_at(place, clock)) as uniform:
        assert [known] == [each["id"] for each in uniform.all()]


def test_the_log_is_read_while_somebody_writes(tmp_path: Path, clock: ManualClock) -> None:
    """The decider's thread has its projects in the same file."""
    path = tmp_path / "projects.db"
    with (
        closing(uniform_at(in_file(path), clock)) as uniform,
        closing(sqlite3.connect(path, isolation_level=None)) as writer,
    ):
        uniform.log([entry("a")])
        writer.execute("BEGIN IMMEDIATE")

        assert ["a"] == messages(uniform)
