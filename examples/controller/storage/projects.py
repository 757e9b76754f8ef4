"""The projects of a controller: shipyards, calendars and services, kept in a file of their own.

Shows: a `planes` function for the library, shipyards that change for what is accepted later, and
deletion that keeps a project's serial, so that ids derived from it never come twice. Leaves out:
the history of a shipyard (a configuration store does that better).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Final, Protocol, final

import attrs
from ruamel.yaml import YAML

from examples.controller.calendars import FileCalendar
from examples.stores.database import Database, Schema
from sequencectl import Calendar, ControlPlane, InvalidValue, Shipyard, UnknownProject

_UNIFORM: Final = (
    # what `uniform` keeps; seen: the last sign of life
    """CREATE TABLE registration (id TEXT PRIMARY KEY, document TEXT NOT NULL, seen TEXT NOT NULL)
       WITHOUT ROWID""",
    """CREATE TABLE log (number INTEGER PRIMARY KEY, context TEXT NOT NULL,
       integration TEXT NOT NULL, time TEXT NOT NULL, entry TEXT NOT NULL)""",
    "CREATE INDEX log_of_context ON log (context)",
)
_CALENDAR: Final = (
    # empty: there is none; is_asked: what a calendar froze was looked at by this one
    "ALTER TABLE project ADD COLUMN calendar TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE project ADD COLUMN is_asked INTEGER NOT NULL DEFAULT 1",
)
SCHEMA: Final = Schema(
    application_id=0x73657170,  # "seqp"
    version=3,
    statements=(
        # since: the serial the project had when it was created, perhaps for a second time
        """CREATE TABLE project (name TEXT PRIMARY KEY, shipyard TEXT NOT NULL,
           created_at TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE service (project TEXT, name TEXT, created_at TEXT NOT NULL,
           PRIMARY KEY (project, name)) WITHOUT ROWID""",
        *_UNIFORM,
        *_CALENDAR,
    ),
    upgrades={1: _UNIFORM, 2: _CALENDAR},
)
NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")


class MakePlane(Protocol):
    """How a shipyard and a calendar become a plane: with the policies of this controller."""

    def __call__(self, shipyard: Shipyard, /, *, calendar: Calendar | None) -> ControlPlane:
        """Return the plane."""
        ...


class AlreadyThere(Exception):
    """A project or a service of this name exists; the message says so."""


@final
@attrs.frozen
class Project:
    """A project as it was last written.

    `version` is that of its shipyard (``spec.keptn.sh/0.2.2``), `since` its serial when it was
    created. `is_asked`: what was frozen by its calendar of before was looked at again.
    """

    name: str
    shipyard: str = attrs.field(repr=False)
    version: str
    created_at: datetime
    since: int
    plane: ControlPlane = attrs.field(repr=False)
    services: Mapping[str, datetime] = attrs.field(repr=False)
    calendar: FileCalendar | None = attrs.field(default=None, repr=False)
    is_asked: bool = True


@final
class Projects:
    """All projects, in memory and in a file; written by one thread, read by any.

    A name is 1 to 63 letters, digits, ``-`` or ``_``, the first and the last neither of the two.
    Raises `StoreUnusable` if the file cannot be used.
    """

    def __init__(self, path: Path, make_plane: MakePlane) -> None:
        self._database = Database(path, SCHEMA, synchronous="FULL", busy_timeout=5.0)
        self._make_plane = make_plane
        self._projects: Mapping[str, Project] = MappingProxyType(
            {project.name: project for project in self._read()}
        )

    def all(self) -> tuple[Project, ...]:
        """Return the projects by name."""
        return tuple(project for _, project in sorted(self._projects.items()))

    def get(self, name: str) -> Project:
        """Return a project; raise `UnknownProject`."""
        try:
            return self._projects[name]
        except KeyError:
            raise UnknownProject(name) from None

    def plane_of(self, name: str) -> ControlPlane:
        """Return a project's plane: what a `SequenceController` asks for."""
        return self.get(name).plane

    def create(
        self, name: str, shipyard: str, calendar: str = "", *, now: datetime, since: int
    ) -> Project:
        """Add a project; the text of its calendar may be empty: then it has none.

        Raises `AlreadyThere`, or `InvalidValue` for its name, its shipyard or its calendar.
        """
        if NAME.fullmatch(name) is None:
            raise InvalidValue("name", name, "must be 1 to 63 letters, digits, '-' or '_'")
        if name in self._projects:
            raise AlreadyThere(f"project {name} exists already")
        read = _calendar(calendar)
        plane, version = self._planned(shipyard, read)
        _check_stages(plane, read)
        services: Mapping[str, datetime] = MappingProxyType({})
        project = Project(name, shipyard, version, now, since, plane, services, read)
        with self._database.transaction(writes=True) as database:
            row = (name, shipyard, _text(now), since, calendar, True)
            database.execute("INSERT INTO project VALUES (?, ?, ?, ?, ?, ?)", row)
        self._put(project)
        return project

    def update(
        self, name: str, shipyard: str | None = None, calendar: str | None = None
    ) -> Project:
        """Give a project another shipyard, for what is accepted from now on, or another calendar.

        None is left as it is; an empty text for a calendar takes it away. Raises `UnknownProject`,
        or `InvalidValue`: then nothing is changed.
        """
        project = self.get(name)
        shipyard = project.shipyard if shipyard is None else shipyard
        read = project.calendar if calendar is None else _calendar(calendar)
        plane, version = self._planned(shipyard, read)
        _check_stages(plane, read)
        project = attrs.evolve(
            project, shipyard=shipyard, version=version, plane=plane, calendar=read,
            is_asked=project.is_asked and calendar is None,
        )  # fmt: skip
        with self._database.transaction(writes=True) as database:
            row = (shipyard, "" if read is None else read.text, project.is_asked, name)
            database.execute(
                "UPDATE project SET shipyard = ?, calendar = ?, is_asked = ? WHERE name = ?", row
            )
        self._put(project)
        return project

    def asked(self, name: str) -> None:
        """Note that what the calendar of before froze was looked at again."""
        project = self.get(name)
        with self._database.transaction(writes=True) as database:
            database.execute("UPDATE project SET is_asked = ? WHERE name = ?", (True, name))
        self._put(attrs.evolve(project, is_asked=True))

    def delete(self, name: str) -> None:
        """Forget a project and its services; what it was for must have ended."""
        self.get(name)
        with self._database.transaction(writes=True) as database:
            database.execute("DELETE FROM project WHERE name = ?", (name,))
            database.execute("DELETE FROM service WHERE project = ?", (name,))
        left = {known: project for known, project in self._projects.items() if known != name}
        self._projects = MappingProxyType(left)

    def add_service(self, name: str, service: str, *, now: datetime) -> None:
        """Add a service to a project; raise `AlreadyThere` or `UnknownProject`."""
        project = self.get(name)
        if service in project.services:
            raise AlreadyThere(f"service {service} exists already in project {name}")
        with self._database.transaction(writes=True) as database:
            row = (name, service, _text(now))
            database.execute("INSERT INTO service VALUES (?, ?, ?)", row)
        self._put(attrs.evolve(project, services={**project.services, service: now}))

    def remove_service(self, name: str, service: str) -> bool:
        """Remove a service from a project; return whether it was there."""
        project = self.get(name)
        left = {known: at for known, at in project.services.items() if known != service}
        with self._database.transaction(writes=True) as database:
            gone = (name, service)
            database.execute("DELETE FROM service WHERE project = ? AND name = ?", gone)
        self._put(attrs.evolve(project, services=left))
        return len(left) < len(project.services)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _put(self, project: Project) -> None:
        # a new mapping each time: other threads read the old one to its end
        self._projects = MappingProxyType({**self._projects, project.name: project})

    def _read(self) -> Iterable[Project]:
        with self._database.transaction(writes=False) as database:
            rows = database.execute("SELECT * FROM project").fetchall()
            services = database.execute("SELECT * FROM service ORDER BY name").fetchall()
            for name, shipyard, created_at, since, calendar, is_asked in rows:
                own = {
                    service: datetime.fromisoformat(at)
                    for project, service, at in services
                    if project == name
                }
                read = _calendar(calendar)
                plane, version = self._planned(shipyard, read)
                at = datetime.fromisoformat(created_at)
                made = (name, shipyard, version, at, since, plane, own, read, bool(is_asked))
                yield Project(*made)

    def _planned(self, shipyard: str, calendar: FileCalendar | None) -> tuple[ControlPlane, str]:
        """Return the plane of a shipyard and its version; raise `InvalidValue` if it is wrong."""
        plane = self._make_plane(Shipyard.from_yaml(shipyard), calendar=calendar)
        document = YAML(typ="base", pure=True).load(shipyard)  # texts alone, and read once already
        return plane, document["apiVersion"]


def _calendar(text: str) -> FileCalendar | None:
    return FileCalendar(text) if text else None


def _check_stages(plane: ControlPlane, calendar: FileCalendar | None) -> None:
    """Raise if a calendar names a stage that there is not: its windows would close nothing."""
    stages = [stage.name for stage in plane.shipyard.stages]
    for name in sorted(() if calendar is None else calendar.stages):
        if name not in stages:
            problem = f"must name stages of the shipyard ({', '.join(stages)})"
            raise InvalidValue("calendar: CATEGORIES", name, problem)


def _text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")
