"""The projects of a controller: shipyards, calendars and services, kept in tables of their own.

Shows: a `planes` function for the library, shipyards that change for what is accepted later, and
deletion that keeps a project's serial, so that ids derived from it never come twice. Replicas share
the tables: each knows the projects in memory, and a revision says whether it knows the newest.
Leaves out: the history of a shipyard (a configuration store does that better).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, Protocol, final
from uuid import uuid4

import attrs
from ruamel.yaml import YAML

from examples.controller.calendars import FileCalendar
from examples.stores.database import Schema
from examples.stores.portable import PortableDatabase, Statements
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
# another one after each change, so that replicas notice it
_REVISION: Final = ("ALTER TABLE project ADD COLUMN revision TEXT NOT NULL DEFAULT ''",)
SCHEMA: Final = Schema(
    application_id=0x73657170,  # "seqp"
    version=4,
    statements=(
        # since: the serial the project had when it was created, perhaps for a second time
        """CREATE TABLE project (name TEXT PRIMARY KEY, shipyard TEXT NOT NULL,
           created_at TEXT NOT NULL, since INTEGER NOT NULL) WITHOUT ROWID""",
        """CREATE TABLE service (project TEXT, name TEXT, created_at TEXT NOT NULL,
           PRIMARY KEY (project, name)) WITHOUT ROWID""",
        *_UNIFORM,
        *_CALENDAR,
        *_REVISION,
    ),
    upgrades={1: _UNIFORM, 2: _CALENDAR, 3: _REVISION},
)
CHANGED: Final = -1
"""What listeners hear in place of a serial: the project was created, changed or deleted."""

_PROJECT: Final = """SELECT shipyard, created_at, since, calendar, is_asked, revision FROM project
    WHERE name = ?"""
_SERVICES: Final = "SELECT name, created_at FROM service WHERE project = ? ORDER BY name"
_UPDATE: Final = """UPDATE project SET shipyard = ?, calendar = ?, is_asked = ?, revision = ?
    WHERE name = ?"""
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
    created. `is_asked`: what was frozen by its calendar of before was looked at again. `revision`
    is another one after each change.
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
    revision: str = attrs.field(default="", repr=False)


@final
class Projects:
    """All projects, in memory and in tables; written by one thread, read by any.

    A name is 1 to 63 letters, digits, ``-`` or ``_``, the first and the last neither of the two.
    Raises `StoreUnusable` if the tables cannot be used.

    Others may write to the tables too. A change is made to what is in force, whoever wrote that,
    and it is in force when the method returns. What is in memory is as new as the last `refresh`
    or change. So a replica that refreshes a project after it got the project's lock, and decides
    while it has the lock, never decides by an older shipyard than the one a client was told is in
    force, provided that changes are made under that lock too. Who lost the lock, or went on without
    it, may do so once: by the shipyard it has just read.
    """

    def __init__(self, database: PortableDatabase, make_plane: MakePlane) -> None:
        self._database = database
        self._make_plane = make_plane
        self._projects: Mapping[str, Project] = MappingProxyType({})
        self.refresh_all()

    def refresh(self, name: str) -> None:
        """Read a project again if it was created, changed or deleted since; one look if not."""
        with self._database.statement() as database:
            revision = _revision(database, name)
        known = self._projects.get(name)
        if revision != (None if known is None else known.revision):
            self._read(name)

    def refresh_all(self) -> None:
        """Read again what was created, changed or deleted since; one look if nothing was."""
        with self._database.statement() as database:
            found = dict(database.execute("SELECT name, revision FROM project").fetchall())
        known = {name: project.revision for name, project in self._projects.items()}
        for name in sorted(found.keys() | known.keys()):
            if found.get(name) != known.get(name):
                self._read(name)

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
        self.refresh(name)
        if name in self._projects:
            raise AlreadyThere(f"project {name} exists already")
        read = _calendar(calendar)
        plane, version = self._planned(shipyard, read)
        _check_stages(plane, read)
        row = (name, shipyard, _text(now), since, calendar, 1, _new())
        with self._database.transaction(writes=True) as database:
            if _revision(database, name) is not None:  # another replica was faster
                raise AlreadyThere(f"project {name} exists already")
            database.execute("INSERT INTO project VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            self._database.notify(name, CHANGED)
        services: Mapping[str, datetime] = MappingProxyType({})
        made = (name, shipyard, version, now, since, plane, services, read, True, row[-1])
        return self._put(Project(*made))

    def update(
        self, name: str, shipyard: str | None = None, calendar: str | None = None
    ) -> Project:
        """Give a project another shipyard, for what is accepted from now on, or another calendar.

        None is left as it is; an empty text for a calendar takes it away. Raises `UnknownProject`,
        or `InvalidValue`: then nothing is changed.
        """

        def changed(project: Project) -> Project:
            text = project.shipyard if shipyard is None else shipyard
            read = project.calendar if calendar is None else _calendar(calendar)
            plane, version = self._planned(text, read)
            _check_stages(plane, read)
            return attrs.evolve(
                project, shipyard=text, version=version, plane=plane, calendar=read,
                is_asked=project.is_asked and calendar is None,
            )  # fmt: skip

        return self._change(name, changed)

    def asked(self, name: str) -> None:
        """Note that what the calendar of before froze was looked at again.

        If another replica has changed the project since it was read here, nothing is noted.
        """
        read = self.get(name).revision

        def noted(project: Project) -> Project:
            return project if project.revision != read else attrs.evolve(project, is_asked=True)

        self._change(name, noted)

    def delete(self, name: str) -> None:
        """Forget a project and its services; what it was for must have ended."""
        self.refresh(name)
        self.get(name)
        with self._database.transaction(writes=True) as database:
            database.execute("DELETE FROM project WHERE name = ?", (name,))
            database.execute("DELETE FROM service WHERE project = ?", (name,))
            self._database.notify(name, CHANGED)
        self._drop(name)

    def add_service(self, name: str, service: str, *, now: datetime) -> None:
        """Add a service to a project; raise `AlreadyThere` or `UnknownProject`."""

        def added(project: Project) -> Project:
            if service in project.services:
                raise AlreadyThere(f"service {service} exists already in project {name}")
            return attrs.evolve(project, services={**project.services, service: now})

        self._change(name, added)

    def remove_service(self, name: str, service: str) -> bool:
        """Remove a service from a project; return whether it was there."""
        was_there = False

        def removed(project: Project) -> Project:
            nonlocal was_there
            was_there = service in project.services
            left = {known: at for known, at in project.services.items() if known != service}
            return attrs.evolve(project, services=left)

        self._change(name, removed)
        return was_there

    def close(self) -> None:
        """Close the tables."""
        self._database.close()

    def _change(self, name: str, change: Callable[[Project], Project]) -> Project:
        """Make a change to what is in force, begun anew if another replica was faster."""
        while True:
            self.refresh(name)
            before = self.get(name)
            after = attrs.evolve(change(before), revision=_new())
            with self._database.transaction(writes=True) as database:
                if _revision(database, name) != before.revision:
                    continue
                _write(database, before, after)
                self._database.notify(name, CHANGED)
            return self._put(after)

    def _put(self, project: Project) -> Project:
        # a new mapping each time: other threads read the old one to its end
        self._projects = MappingProxyType({**self._projects, project.name: project})
        return project

    def _drop(self, name: str) -> None:
        left = {known: project for known, project in self._projects.items() if known != name}
        self._projects = MappingProxyType(left)

    def _read(self, name: str) -> None:
        """Read a project, or forget it if it is not there any more."""
        with self._database.transaction(writes=False) as database:
            row = database.execute(_PROJECT, (name,)).fetchone()
            services = database.execute(_SERVICES, (name,)).fetchall()
            if row is None:
                self._drop(name)
                return
            shipyard, created_at, since, calendar, is_asked, revision = row
            read = _calendar(calendar)
            plane, version = self._planned(shipyard, read)
            at = datetime.fromisoformat(created_at)
            own = {service: datetime.fromisoformat(added) for service, added in services}
            made = (name, shipyard, version, at, since, plane, own, read, bool(is_asked), revision)
            self._put(Project(*made))

    def _planned(self, shipyard: str, calendar: FileCalendar | None) -> tuple[ControlPlane, str]:
        """Return the plane of a shipyard and its version; raise `InvalidValue` if it is wrong."""
        plane = self._make_plane(Shipyard.from_yaml(shipyard), calendar=calendar)
        document = YAML(typ="base", pure=True).load(shipyard)  # texts alone, and read once already
        return plane, document["apiVersion"]


def since_of(tables: PortableDatabase, name: str) -> int | None:
    """Return the serial that a project had when it was created; None if there is none."""
    with tables.statement() as database:
        row = database.execute("SELECT since FROM project WHERE name = ?", (name,)).fetchone()
    return None if row is None else int(row[0])


def _revision(database: Statements, name: str) -> str | None:
    """Return the revision of a project that is in force, None if there is no such project."""
    row = database.execute("SELECT revision FROM project WHERE name = ?", (name,)).fetchone()
    return None if row is None else str(row[0])


def _write(database: Statements, before: Project, after: Project) -> None:
    calendar = "" if after.calendar is None else after.calendar.text
    row = (after.shipyard, calendar, int(after.is_asked), after.revision, after.name)
    database.execute(_UPDATE, row)
    for service in before.services.keys() - after.services.keys():
        gone = (after.name, service)
        database.execute("DELETE FROM service WHERE project = ? AND name = ?", gone)
    for service in after.services.keys() - before.services.keys():
        added = (after.name, service, _text(after.services[service]))
        database.execute("INSERT INTO service VALUES (?, ?, ?)", added)


def _new() -> str:
    """Return a revision that there never was."""
    return uuid4().hex


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
