"""What the PostgreSQL stores ask the database, in which order, and what they make of the answers.

Each function is a generator: it yields a statement with its parameters, is sent the rows, and
returns the answer. It does not care who waits for the rows, a thread or a task. Every call of a
store is one round trip, but for a load of a project that the caller does not know, or not recently.

A commit is one statement, so one transaction. It first locks the rows of its projects in the order
of their names, and by that sees their newest serials; then it writes those whose serial is the base
of their decision. Two commits on one serial therefore wait for each other, and the second one finds
another serial. A project that is new has no row to lock: there the primary key lets one in.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Final, NamedTuple, TypeVar

from examples.stores.database import Schema
from examples.stores.sqlite import ALL, KEPT
from sequencectl import evolve
from sequencectl.control_plane import Decision
from sequencectl.errors import Conflict, DecodeError
from sequencectl.events import Event
from sequencectl.ports import Appointment
from sequencectl.serialization import (
    dump_changes,
    dump_event,
    dump_header,
    load_event,
    load_header,
    load_record,
    restore_project,
)
from sequencectl.state import ProjectState

T = TypeVar("T")
Rows = list[tuple[Any, ...]]


class Texts(list[str]):
    """A parameter of type text[]."""


class Numbers(list[int]):
    """A parameter of type bigint[]."""


class Blobs(list[bytes]):
    """A parameter of type bytea[]."""


class Instants(list["datetime | None"]):
    """A parameter of type timestamptz[]."""


class Ask(NamedTuple):
    """A statement, and what stands in it for each %s."""

    statement: str
    parameters: tuple[str | int | Texts | Numbers | Blobs | Instants, ...] = ()


Steps = Generator[Ask, Rows, T]
"""What is asked, one after the other; what comes of it is returned."""

SCHEMA: Final = Schema(
    application_id=0x73657163,  # "seqc"
    version=1,
    statements=(
        # sent: the events up to this serial are acknowledged; those after it are the outbox
        # rows: how many rows of sequences there are, so that a lost one is noticed
        """CREATE TABLE project (name text COLLATE "C" PRIMARY KEY, serial bigint NOT NULL,
           sent bigint NOT NULL, rows bigint NOT NULL, next_deadline timestamptz,
           header bytea NOT NULL)""",
        "CREATE INDEX project_unsent ON project (name) WHERE sent < serial",
        """CREATE INDEX project_deadline ON project (next_deadline, name)
           WHERE next_deadline IS NOT NULL""",
        """CREATE TABLE sequence (project text COLLATE "C", sequence_id text COLLATE "C",
           record bytea NOT NULL, PRIMARY KEY (project, sequence_id))""",
        """CREATE TABLE event (project text COLLATE "C", serial bigint, event bytea NOT NULL,
           PRIMARY KEY (project, serial))""",
    ),
)

_COMMIT: Final = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
        %s::timestamptz[], %s::bytea[]) WITH ORDINALITY
        AS g (name, base, serial, added, next_deadline, header, nth)
), locked AS MATERIALIZED (
    SELECT p.name, p.serial FROM project p JOIN given g ON g.name = p.name
    ORDER BY p.name FOR NO KEY UPDATE OF p
), changed AS (
    UPDATE project p SET serial = g.serial, rows = p.rows + g.added,
        next_deadline = g.next_deadline, header = g.header
    FROM given g JOIN locked l ON l.name = g.name AND l.serial = g.base
    WHERE p.name = g.name AND p.serial = g.base
    RETURNING g.nth, p.name, p.sent = g.base AS was_empty
), made AS (
    INSERT INTO project (name, serial, sent, rows, next_deadline, header)
    SELECT name, serial, 0, added, next_deadline, header FROM given
    WHERE base = 0 AND (SELECT count(*) FROM locked) >= 0  -- all locks are taken by now
    ORDER BY name COLLATE "C"
    ON CONFLICT (name) DO NOTHING RETURNING name
), written AS MATERIALIZED (
    SELECT nth, name, was_empty FROM changed
    UNION ALL SELECT g.nth, g.name, true FROM made JOIN given g ON g.name = made.name
), change AS MATERIALIZED (
    SELECT w.name, c.sequence_id, c.record
    FROM unnest(%s::bigint[], %s::text[], %s::bytea[]) AS c (nth, sequence_id, record)
    JOIN written w ON w.nth = c.nth
), replaced AS (
    INSERT INTO sequence (project, sequence_id, record) SELECT * FROM change WHERE record <> ''
    ON CONFLICT (project, sequence_id) DO UPDATE SET record = excluded.record
), deleted AS (
    DELETE FROM sequence s USING change c
    WHERE s.project = c.name AND s.sequence_id = c.sequence_id AND c.record = ''
), happened AS (
    INSERT INTO event (project, serial, event) SELECT w.name, e.serial, e.event
    FROM unnest(%s::bigint[], %s::bigint[], %s::bytea[]) AS e (nth, serial, event)
    JOIN written w ON w.nth = e.nth
)
SELECT g.name, w.was_empty, l.serial FROM given g
LEFT JOIN written w ON w.nth = g.nth LEFT JOIN locked l ON l.name = g.name"""

# Whoever is not too far behind gets what is missing; LIMIT keeps the look-up one by one.
_CATCH_UP: Final = f"""
SELECT p.name, p.serial, e.event
FROM unnest(%s::text[], %s::bigint[]) AS k (name, serial)
JOIN project p ON p.name = k.name
LEFT JOIN LATERAL (
    SELECT event.serial, event FROM event WHERE project = p.name AND event.serial > k.serial
        AND p.serial - k.serial <= {KEPT}
    ORDER BY event.serial LIMIT {KEPT}
) e ON true
ORDER BY p.name, e.serial"""  # noqa: S608 - a constant

_WHOLE: Final = """
SELECT name, serial, rows, header FROM project WHERE name = ANY(%s::text[])
UNION ALL SELECT project, NULL, NULL, record FROM sequence WHERE project = ANY(%s::text[])"""

_PENDING: Final = """
SELECT p.name, e.event FROM unnest(%s::text[]) AS k (name) JOIN project p ON p.name = k.name
CROSS JOIN LATERAL (
    SELECT serial, event FROM event WHERE project = p.name AND event.serial > p.sent
    ORDER BY serial LIMIT %s::bigint
) e ORDER BY p.name, e.serial"""

# If a crash of the server undoes it, events are published again, which receivers must bear anyway:
# so it does not wait for the disk. For the same reason it is here, and not at a commit, that other
# processes are told: PostgreSQL lets one transaction with a notification end at a time, in which a
# commit would wait for the disk, and so would all others.
_ACKNOWLEDGE: Final = """
WITH given AS MATERIALIZED (
    SELECT * FROM unnest(%s::text[], %s::bigint[]) AS g (name, through)
), locked AS MATERIALIZED (
    SELECT p.name FROM project p JOIN given g ON g.name = p.name
    ORDER BY p.name FOR NO KEY UPDATE OF p
), moved AS (
    UPDATE project p SET sent = least(g.through, p.serial)
    FROM given g JOIN locked l ON l.name = g.name
    WHERE p.name = g.name AND p.sent < least(g.through, p.serial)
    RETURNING p.name, p.sent, least(p.sent, p.serial - %s::bigint) AS last
), dropped AS (
    DELETE FROM event e USING moved m WHERE e.project = m.name AND e.serial <= m.last
)
SELECT set_config('synchronous_commit', 'off', true),
    (SELECT count(pg_notify(current_schema(), sent || ' ' || name)) FROM moved)"""

_EVENTS: Final = """
SELECT event FROM event WHERE project = %s::text AND serial > %s::bigint
ORDER BY serial LIMIT %s::bigint"""

_SERIALS: Final = "SELECT name, serial FROM project"

_AGENDA: Final = """
(SELECT name, NULL::timestamptz FROM project WHERE sent < serial ORDER BY name LIMIT %s::bigint)
UNION ALL (SELECT name, next_deadline FROM project WHERE next_deadline IS NOT NULL
    ORDER BY next_deadline, name LIMIT %s::bigint)"""


def load(project: str, known: ProjectState | None) -> Steps[ProjectState | None]:
    """Return the newest state of a project, None if there is none."""
    states = yield from load_many((project,), {} if known is None else {project: known})
    return states.get(project)


def load_many(
    projects: Sequence[str], known: Mapping[str, ProjectState]
) -> Steps[dict[str, ProjectState]]:
    """Return the newest state of each project that has one: what is known, caught up, or read."""
    states: dict[str, ProjectState] = {}
    unknown = [project for project in projects if project not in known]
    asked = [known[project] for project in projects if project in known]
    if asked:
        serials = Numbers([state.serial for state in asked])
        rows = yield Ask(_CATCH_UP, (Texts([state.project for state in asked]), serials))
        missed: dict[str, list[Event]] = {}
        newest: dict[str, int] = {}
        for project, serial, event in rows:
            newest[project] = serial
            missed.setdefault(project, []).extend(_decoded(() if event is None else (event,)))
        for project, serial in newest.items():
            state, events = known[project], missed[project]
            if serial - state.serial == len(events):
                states[project] = reduce(evolve, events, state)
            else:
                unknown.append(project)
    if unknown:
        names = Texts(unknown)
        states.update(_restored((yield Ask(_WHOLE, (names, names)))))
    return states


def commit(decision: Decision, wire: int) -> Steps[bool]:
    """Write a decision and return whether its outbox was empty, or raise `Conflict`."""
    answers = yield from commit_many((decision,), wire)
    answer = answers[decision.project]
    if isinstance(answer, Conflict):
        raise answer
    return answer


def commit_many(decisions: Sequence[Decision], wire: int) -> Steps[dict[str, bool | Conflict]]:
    """Write those of the decisions that are based on the serial that is stored."""
    if not decisions:
        return {}
    states = [decision.state for decision in decisions]
    changes = [dump_changes(decision, schema=wire) for decision in decisions]
    each = [(nth, change) for nth, some in enumerate(changes, 1) for change in some]
    events = [(nth, event) for nth, one in enumerate(decisions, 1) for event in one.events]
    parameters = (
        Texts([state.project for state in states]),
        Numbers([decision.base for decision in decisions]),
        Numbers([state.serial for state in states]),
        Numbers([sum(change.added for change in some) for some in changes]),
        Instants([state.next_deadline for state in states]),
        Blobs([dump_header(state, schema=wire) for state in states]),
        Numbers([nth for nth, _ in each]),
        Texts([change.sequence_id for _, change in each]),
        Blobs([change.data or b"" for _, change in each]),
        Numbers([nth for nth, _ in events]),
        Numbers([event.serial for _, event in events]),
        Blobs([dump_event(event, schema=wire) for _, event in events]),
    )
    rows = yield Ask(_COMMIT, parameters)
    bases = {decision.project: decision.base for decision in decisions}
    return {
        project: _conflict(project, bases[project], serial) if was_empty is None else was_empty
        for project, was_empty, serial in rows
    }


def _conflict(project: str, base: int, found: int | None) -> Conflict:
    """Return why a decision was not written. Of two that made a project at once, the second one
    saw no row to lock: which serial there is now it cannot tell.
    """
    if found is None and base != 0:
        found = 0
    return Conflict(project, base=base, found=None if found == base else found)


def pending(project: str, limit: int) -> Steps[Sequence[Event]]:
    """Return the head of an outbox."""
    outboxes = yield from pending_many((project,), limit)
    return outboxes.get(project, ())


def pending_many(projects: Sequence[str], limit: int) -> Steps[dict[str, Sequence[Event]]]:
    """Return the head of each outbox that is not empty."""
    rows = (yield Ask(_PENDING, (Texts(projects), limit))) if projects else []
    outboxes: dict[str, list[bytes]] = {}
    for project, event in rows:
        outboxes.setdefault(project, []).append(event)
    return {project: _decoded(data) for project, data in outboxes.items()}


def acknowledge(through: Mapping[str, int], kept: int) -> Steps[None]:
    """Move the marks, never back; drop what is neither unsent nor needed to catch up."""
    if through:
        serials = Numbers([min(serial, ALL) for serial in through.values()])
        yield Ask(_ACKNOWLEDGE, (Texts(through), serials, kept))


def events(project: str, after: int, limit: int) -> Steps[Sequence[Event]]:
    """Return the events of a project that are kept, by serial, those after one alone."""
    rows = yield Ask(_EVENTS, (project, after, limit))
    return _decoded(data for (data,) in rows)


def serials() -> Steps[dict[str, int]]:
    """Return every project with its serial."""
    return dict((yield Ask(_SERIALS)))


def agenda(limit: int) -> Steps[Sequence[Appointment]]:
    """Return projects with unsent events, then deadlines by instant."""
    rows = yield Ask(_AGENDA, (limit, limit))
    unsent = [Appointment(name, None) for name, at in rows if at is None]
    due = [(at.astimezone(UTC), name) for name, at in rows if at is not None]
    return (*unsent, *(Appointment(name, at) for at, name in sorted(due)))[:limit]


def _decoded(rows: Iterable[bytes]) -> tuple[Event, ...]:
    return tuple([load_event(data) for data in rows])


def _restored(rows: Rows) -> Iterable[tuple[str, ProjectState]]:
    heads = {project: rest for project, *rest in rows if rest[0] is not None}
    parts: dict[str, list[bytes]] = {project: [] for project in heads}
    for project, serial, _, data in rows:
        if serial is None:
            parts[project].append(data)
    for project, (serial, count, header) in heads.items():
        records = [load_record(data) for data in parts[project]]
        state = restore_project(load_header(header), records)
        if (state.project, state.serial, len(records)) != (project, serial, count):
            problem = f"must be of {project!r}, at serial {serial}, with {count} rows"
            raise DecodeError("project", (state.project, state.serial, len(records)), problem)
        yield project, state
