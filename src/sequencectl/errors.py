"""Every exception this package raises.

One base class, one class for each kind of mistake::

    SequencectlError
    ├── InvalidValue (also a ValueError)    an argument that no call can accept
    │   ├── DurationError                   a text that is not a duration
    │   ├── PayloadError                    data that is not JSON
    │   ├── PolicyError                     a policy that contradicts itself
    │   ├── DefinitionError                 a shipyard that cannot be run
    │   └── DecodeError                     bytes that are no record of ours
    │       ├── SchemaTooNew                a record that a newer version wrote
    │       └── UnknownCalendar             a plane whose calendar the reader was not given
    ├── IllegalTransition                   the rulebook has no such row
    ├── ReplayError                         an event that does not follow the state
    ├── CommandRejected (in ``commands``)   a refused command, raised on request
    ├── UnknownSequence (also a LookupError) an id that the project does not know
    │   └── UnknownContext                  the same for a context
    ├── UnknownProject (also a LookupError) a project the host has no plane for
    ├── Conflict                            a commit on a version that is not the newest
    ├── Contention                          others kept committing first: send it again
    ├── ReentrantCall                       a port calls the controller that is calling it
    └── CalendarError                       a calendar that raises, or answers nonsense

A race is never an exception: ``decide`` answers it with an outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import attrs

_SHOWN_CHARACTERS: Final = 80


def shown(value: object) -> str:
    """Return `value` as an error message shows it: its repr, cut to a readable length."""
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a broken repr must not hide the mistake
        text = f"<{type(value).__name__}: repr raised {type(error).__name__}>"
    if len(text) <= _SHOWN_CHARACTERS:
        return text
    return f"{text[:_SHOWN_CHARACTERS]}… ({len(text)} characters)"


def check_type(where: str, value: object, kind: type) -> None:
    """Raise `InvalidValue` unless `value`, given as the argument `where`, is of this type."""
    if not isinstance(value, kind):
        raise InvalidValue(where, value, f"must be a {kind.__name__}")


def required(
    kind: type, error: type[InvalidValue] | None = None
) -> Callable[[object, attrs.Attribute[Any], object], None]:
    """Return a validator for a field that must be of this type.

    It raises `error`, an `InvalidValue` unless told otherwise.
    """
    permitted = "True or False" if kind is bool else f"a {kind.__name__}"

    def check(_instance: object, field: attrs.Attribute[Any], value: object) -> None:
        if not isinstance(value, kind):
            raise (error or InvalidValue)(field.name, value, f"must be {permitted}")

    return check


class SequencectlError(Exception):
    """The base of everything this package raises on purpose."""


class InvalidValue(SequencectlError, ValueError):
    """An argument has a value that no call can accept.

    `where` names the argument, `value` is what was given and `problem` says what is wrong with it
    and what would be permitted.
    """

    def __init__(self, where: str, value: object, problem: str) -> None:
        super().__init__(f"{where}: {problem}, got {shown(value)}")
        self.where = where
        self.value = value
        self.problem = problem


class DurationError(InvalidValue):
    """A text is not a duration in Go's grammar, or lies outside what can be represented."""

    def __init__(self, value: object, problem: str) -> None:
        super().__init__("duration", value, problem)


class PayloadError(InvalidValue):
    """Data is not JSON; `where` is the path to the offending part (R14)."""


class PolicyError(InvalidValue):
    """A policy contradicts itself or would leave a task without any limit (R26)."""


class DefinitionError(InvalidValue):
    """A shipyard cannot be run as written (R17).

    `where` is the path (``spec.stages[1].sequences[0].name``); `line` is the line in the YAML text,
    counted from 1, or None if the shipyard did not come from a text.
    """

    def __init__(self, where: str, value: object, problem: str, *, line: int | None = None) -> None:
        super().__init__(where if line is None else f"line {line}: {where}", value, problem)
        self.where = where
        self.line = line


class DecodeError(InvalidValue):
    """Bytes, or values read from them, are not what this library writes.

    `where` is the path to the first offending part (``record.task.triggered.at``) and `value` that
    part. Nothing was made of the rest.
    """


class SchemaTooNew(DecodeError):
    """Bytes were written in a schema that only a newer version understands: leave them alone.

    `found` is their schema and `understood` the newest one that can be read here.
    """

    def __init__(self, found: int, understood: int) -> None:
        problem = f"must be at most {understood}, the newest schema this version understands"
        super().__init__("schema", found, problem)
        self.found = found
        self.understood = understood


class UnknownCalendar(DecodeError):
    """A stored plane names a calendar that `load_plane` was not given: give it, or deploy it first.

    `name` is that name, and `known` has the names of those that were given.
    """

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known: tuple[str, ...] = tuple(known)
        given = ", ".join(map(repr, self.known)) or "none"
        super().__init__("plane.calendar", name, f"must be one of the calendars given ({given})")


class IllegalTransition(SequencectlError):
    """The rulebook has no row for this event in this phase: nothing was changed."""

    def __init__(self, phase: str, event: str) -> None:
        super().__init__(f"{event} is not possible in phase {phase}")
        self.phase = phase
        self.event = event


class ReplayError(SequencectlError):
    """An event does not follow the state it was applied to: nothing was changed."""


class UnknownSequence(SequencectlError, LookupError):
    """The project has no sequence of this id: it was never seen, or is forgotten (R32, R33)."""

    def __init__(self, project: str, sequence_id: str) -> None:
        super().__init__(f"project {shown(project)} knows no sequence {shown(sequence_id)}")
        self.project = project
        self.sequence_id = sequence_id


class UnknownContext(UnknownSequence):
    """The project has no sequence of this context: none was seen, or all are forgotten (R32)."""

    def __init__(self, project: str, context: str) -> None:
        SequencectlError.__init__(
            self, f"project {shown(project)} knows no context {shown(context)}"
        )
        self.project = project
        self.sequence_id = context
        self.context = context


class UnknownProject(SequencectlError, LookupError):
    """The host has no plane for this project; raised by its `planes` function."""

    def __init__(self, project: str) -> None:
        super().__init__(f"project {shown(project)} is not known here")
        self.project = project


class Conflict(SequencectlError):
    """A commit was refused because the project has moved on; nothing was written.

    Raised by stores. `base` is the serial the decision was taken on, `found` the one that is stored
    (None if the store cannot tell).
    """

    def __init__(self, project: str, *, base: int, found: int | None = None) -> None:
        there = "another serial" if found is None else f"serial {found}"
        super().__init__(f"project {shown(project)} is at {there}, the decision is based on {base}")
        self.project = project
        self.base = base
        self.found = found


class Contention(SequencectlError):
    """Others committed first, `attempts` times. Nothing was done: send the command again."""

    def __init__(self, project: str, attempts: int) -> None:
        super().__init__(f"project {shown(project)} was busy: {attempts} commits met a conflict")
        self.project = project
        self.attempts = attempts


class ReentrantCall(SequencectlError):
    """A port called the controller that is calling it: nothing was done.

    The call would wait for the turn of a project, and the turn that its own thread or task has
    would never end. Call the controller after the port has returned.
    """

    def __init__(self, project: str) -> None:
        super().__init__(
            f"project {shown(project)}: a port must return before its controller is called again"
        )
        self.project = project


class CalendarError(SequencectlError):
    """The calendar of a plane raised an error for `stage`, or gave an answer that cannot be (R37).

    `value` is that error or answer. Only `UnfreezeStage` raises this, since it asks the calendar
    again: to every other command the stage just counts as closed for good. Mend the calendar.
    """

    def __init__(self, stage: str, value: object) -> None:
        said = "raised" if isinstance(value, Exception) else "answered"
        super().__init__(f"the calendar {said} {shown(value)} for stage {shown(stage)}")
        self.stage = stage
        self.value = value
