"""Projects in memory and in their file: what is kept, what is refused, and that both agree."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from functools import partial
from pathlib import Path

import attrs
import pytest

from examples.controller.calendars import FileCalendar
from examples.controller.storage.projects import AlreadyThere, Project, Projects
from sequencectl import ControlPlane, InvalidValue, Shipyard, TimeoutPolicy, UnknownProject
from tests.examples.controller.calendars.files import event, file
from tests.examples.controller.storage.places import Place, in_file, projects_at

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WINDOWS = file(event("20260105T180000Z", "DURATION:PT12H", "CATEGORIES:prod"))
LIMITS = TimeoutPolicy(reaction="7m")


def shipyard(*stages: str, version: str = "0.2.2") -> str:
    """A shipyard of these stages."""
    listed = ", ".join(
        f"{{name: {stage}, sequences: [{{name: delivery, tasks: [{{name: deploy}}]}}]}}"
        for stage in stages
    )
    head = f"apiVersion: spec.keptn.sh/{version}\nkind: Shipyard\nmetadata: {{name: shop}}\n"
    return f"{head}spec: {{stages: [{listed}]}}\n"


def opened(place: Place) -> Projects:
    """The projects of a place, with a policy that their planes have."""
    return projects_at(place, partial(ControlPlane, timeouts=LIMITS))


@pytest.fixture
def projects(place: Place) -> Iterator[Projects]:
    """Projects with one of them, closed at the end."""
    projects = opened(place)
    projects.create("shop", shipyard("dev", "prod"), now=NOON, since=7)
    yield projects
    projects.close()


def read_again(projects: Projects, place: Place) -> tuple[Project, ...]:
    """What another program reads, which is what this one has in memory."""
    other = opened(place)
    try:
        assert [(each.name, each.services) for each in projects.all()] == [
            (each.name, dict(each.services)) for each in other.all()
        ]
        assert projects.all() == other.all()
        return other.all()
    finally:
        other.close()


def test_a_project_is_kept_with_its_shipyard_and_its_plane(
    projects: Projects, place: Place
) -> None:
    """Its plane has the policies of this controller; its serial is the one it was made with."""
    (project,) = read_again(projects, place)
    plane = ControlPlane(Shipyard.from_yaml(shipyard("dev", "prod")), timeouts=LIMITS)

    assert ("shop", shipyard("dev", "prod"), "spec.keptn.sh/0.2.2", NOON, 7, plane, {}) == (
        project.name, project.shipyard, project.version, project.created_at, project.since,
        project.plane, project.services,
    )  # fmt: skip
    assert plane == projects.plane_of("shop")


def test_projects_are_listed_by_name(projects: Projects, place: Place) -> None:
    """However they were made."""
    for name in ("z", "a", "m"):
        projects.create(name, shipyard("dev"), now=NOON, since=0)

    assert ["a", "m", "shop", "z"] == [each.name for each in read_again(projects, place)]


def test_another_shipyard_is_for_what_comes_later(projects: Projects, place: Place) -> None:
    """All else of the project stays, and other projects do."""
    projects.create("other", shipyard("dev"), now=NOON, since=0)
    projects.add_service("shop", "carts", now=NOON)
    before = projects.get("shop")
    after = projects.update("shop", shipyard("qa", version="0.2.3"))

    assert ["qa"] == [stage.name for stage in projects.plane_of("shop").shipyard.stages]
    assert after == projects.get("shop")
    assert (before.created_at, before.since, before.services) == (
        after.created_at, after.since, after.services,
    )  # fmt: skip
    assert [
        (shipyard("dev"), "spec.keptn.sh/0.2.2"),
        (shipyard("qa", version="0.2.3"), "spec.keptn.sh/0.2.3"),
    ] == [(each.shipyard, each.version) for each in read_again(projects, place)]


@pytest.mark.parametrize(
    "name",
    ["a", "A9", "shop-2", "a_b", "0", "a" * 63, "x" + "-" * 61 + "y"],
)
def test_names_of_letters_digits_and_dashes_are_taken(projects: Projects, name: str) -> None:
    """From one character to 63."""
    assert name == projects.create(name, shipyard("dev"), now=NOON, since=0).name


@pytest.mark.parametrize(
    "name", ["", "-a", "a-", "_a", "a_", "a b", "a/b", "../x", "ä", "a" * 64, "a\n"]
)
def test_other_names_are_refused(projects: Projects, place: Place, name: str) -> None:
    """They show up in addresses and in ids."""
    with pytest.raises(InvalidValue) as refused:
        projects.create(name, shipyard("dev"), now=NOON, since=0)

    assert ("name", name, "must be 1 to 63 letters, digits, '-' or '_'") == (
        refused.value.where, refused.value.value, refused.value.problem,
    )  # fmt: skip
    assert 1 == len(read_again(projects, place))


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        pytest.param(lambda p: p.create("shop", shipyard("qa"), now=NOON, since=0),
                     AlreadyThere, "project shop exists already", id="a project that exists"),
        pytest.param(lambda p: p.create("new", "spec: 1", now=NOON, since=0),
                     InvalidValue, "spec", id="a project without a shipyard"),
        pytest.param(lambda p: p.update("shop", "spec: 1"), InvalidValue, "spec",
                     id="a bad shipyard"),
        pytest.param(lambda p: p.create("new", shipyard("qa"), "spec: 1", now=NOON, since=0),
                     InvalidValue, "calendar: line 1", id="a project with a broken calendar"),
        pytest.param(lambda p: p.create("new", shipyard("qa"), WINDOWS, now=NOON, since=0),
                     InvalidValue, r"must name stages of the shipyard \(qa\), got 'prod'",
                     id="a project without a stage of its calendar"),
        pytest.param(lambda p: p.update("shop", calendar="spec: 1"), InvalidValue,
                     "calendar: line 1", id="a broken calendar"),
        pytest.param(lambda p: p.update("shop", shipyard("dev")), InvalidValue,
                     r"must name stages of the shipyard \(dev\), got 'prod'",
                     id="a shipyard without a stage of the calendar"),
        pytest.param(lambda p: p.update("none", calendar=WINDOWS), UnknownProject, "none",
                     id="a calendar for nobody"),
        pytest.param(lambda p: p.asked("none"), UnknownProject, "none", id="nobody was asked"),
        pytest.param(lambda p: p.update("none", shipyard("qa")), UnknownProject, "none",
                     id="a shipyard for nobody"),
        pytest.param(lambda p: p.delete("none"), UnknownProject, "none", id="nobody deleted"),
        pytest.param(lambda p: p.get("none"), UnknownProject, "none", id="nobody asked for"),
        pytest.param(lambda p: p.plane_of("none"), UnknownProject, "none", id="nobody's plane"),
        pytest.param(lambda p: p.add_service("none", "carts", now=NOON), UnknownProject, "none",
                     id="a service of nobody"),
        pytest.param(lambda p: p.remove_service("none", "carts"), UnknownProject, "none",
                     id="a service taken from nobody"),
        pytest.param(lambda p: p.add_service("shop", "orders", now=NOON), AlreadyThere,
                     "service orders exists already in project shop",
                     id="a service that exists"),
    ],
)  # fmt: skip
def test_what_cannot_be_done_changes_nothing(
    projects: Projects,
    place: Place,
    change: Callable[[Projects], object],
    error: type[Exception],
    message: str,
) -> None:
    """Neither in memory nor in the file."""
    projects.add_service("shop", "orders", now=NOON)
    projects.update("shop", calendar=WINDOWS)
    before = projects.all()
    with pytest.raises(error, match=message):
        change(projects)

    assert before == read_again(projects, place)


def test_a_calendar_is_kept_and_asked(projects: Projects, place: Place) -> None:
    """It is that of the plane; another shipyard leaves it, and an empty text takes it away."""
    projects.create("other", shipyard("prod"), WINDOWS, now=NOON, since=0)
    projects.update("shop", calendar=WINDOWS)
    projects.update("shop", shipyard("dev", "prod", "qa"))
    closed = [each.plane.calendar for each in read_again(projects, place)]
    projects.update("shop", calendar="")
    other, shop = read_again(projects, place)

    assert [FileCalendar(WINDOWS)] * 2 == closed
    assert (FileCalendar(WINDOWS), None) == (other.calendar, shop.calendar)
    assert shop.plane.calendar is None
    assert ["dev", "prod", "qa"] == [stage.name for stage in shop.plane.shipyard.stages]


def test_it_is_kept_whether_a_new_calendar_was_asked(projects: Projects, place: Place) -> None:
    """From when it is taken until it is noted, whatever else is changed meanwhile."""
    seen = [projects.get("shop").is_asked]
    projects.update("shop", calendar=WINDOWS)
    seen += [each.is_asked for each in read_again(projects, place)]
    projects.update("shop", shipyard("prod"))
    seen += [each.is_asked for each in read_again(projects, place)]
    projects.asked("shop")
    seen += [each.is_asked for each in read_again(projects, place)]
    projects.update("shop", shipyard("prod"))
    seen += [each.is_asked for each in read_again(projects, place)]

    assert [True, False, False, True, True] == seen


def test_a_file_of_version_2_gets_calendars(tmp_path: Path) -> None:
    """Its projects have none, and nothing of them was frozen by one."""
    place = in_file(tmp_path / "projects.db")
    with closing(opened(place)) as made:
        made.create("shop", shipyard("prod"), now=NOON, since=7)
        (before,) = made.all()
    with closing(sqlite3.connect(tmp_path / "projects.db")) as database:
        for column in ("calendar", "is_asked", "revision"):
            database.execute(f"ALTER TABLE project DROP COLUMN {column}")
        database.execute("PRAGMA user_version = 2")
    with closing(opened(place)) as found:
        assert (attrs.evolve(before, revision=""),) == found.all()
        found.update("shop", calendar=WINDOWS)

        assert FileCalendar(WINDOWS) == read_again(found, place)[0].plane.calendar


def test_services_are_added_and_removed(projects: Projects, place: Place) -> None:
    """Each has the instant at which it was made; of another project's nothing is changed."""
    projects.create("other", shipyard("dev"), now=NOON, since=0)
    projects.add_service("shop", "orders", now=NOON)
    projects.add_service("shop", "carts", now=NOON + timedelta(hours=1))
    projects.add_service("other", "carts", now=NOON)
    removed = [projects.remove_service("shop", "orders") for _ in range(2)]
    other, shop = read_again(projects, place)

    assert [True, False] == removed
    assert {"carts": NOON + timedelta(hours=1)} == shop.services
    assert {"carts": NOON} == other.services


def test_a_deleted_project_leaves_nothing_behind(projects: Projects, place: Place) -> None:
    """Another one of its name has no services, and other projects keep theirs."""
    projects.create("other", shipyard("dev"), now=NOON, since=0)
    for name in ("shop", "other"):
        projects.add_service(name, "carts", now=NOON)
    projects.delete("shop")
    assert ["other"] == [each.name for each in read_again(projects, place)]
    again = projects.create("shop", shipyard("qa"), now=NOON, since=12)

    assert ({}, 12) == (dict(again.services), again.since)
    assert [{"carts": NOON}, {}] == [dict(each.services) for each in read_again(projects, place)]


def test_an_instant_is_kept_to_the_millisecond_in_utc(projects: Projects, place: Place) -> None:
    """Whatever zone the clock is in."""
    tokyo = datetime(2026, 1, 1, 9, 0, 0, 123_000, timezone(timedelta(hours=9)))
    projects.create("other", shipyard("dev"), now=tokyo, since=0)
    other, _ = read_again(projects, place)

    assert "2026-01-01T00:00:00.123000+00:00" == other.created_at.isoformat()


def test_whoever_reads_meanwhile_reads_the_old_projects_to_their_end(projects: Projects) -> None:
    """A list that is being read does not change under its reader, on another thread or not."""
    before = projects.all()
    old = projects._projects
    projects.add_service("shop", "carts", now=NOON)
    projects.create("new", shipyard("dev"), now=NOON, since=0)
    projects.delete("shop")

    assert (("shop",), before) == (tuple(old), tuple(old.values()))
