"""Reads stages from plain mappings: Keptn's shipyard, and the short form of ``Shipyard.of``.

Only the shape is checked here: known keys, and lists and mappings where they belong. The values
check themselves when they are made; what they refuse is raised again with the whole path. A null
is as good as a missing key, except in ``timeouts``, where it means that there is no limit.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from sequencectl._scalars import NAME_PATTERN
from sequencectl.errors import DefinitionError, PolicyError
from sequencectl.payload import path_to
from sequencectl.policies import SequenceTimeouts, TaskTimeouts
from sequencectl.shipyard.definitions import (
    Approval,
    Retry,
    SequenceDefinition,
    StageDefinition,
    TaskDefinition,
    TriggeredOn,
)

_VERSION: Final = re.compile(r"spec\.keptn\.sh/0\.2\.[0-9]{1,9}")
_EVENT: Final = re.compile(rf"({NAME_PATTERN})\.({NAME_PATTERN})\.finished")
_TASK_KEYS: Final = (
    "triggeredAfter", "properties", "timeouts", "expects", "approval", "retry", "onFailure",
)  # fmt: skip
_TASK_LIMITS: Final = ("reaction", "completion", "silence")
_TimeoutsT = TypeVar("_TimeoutsT", TaskTimeouts, SequenceTimeouts)


def read_keptn(value: object) -> tuple[tuple[StageDefinition, ...], str]:
    """Return the stages and the name of a shipyard in Keptn's shape; raises `DefinitionError`."""
    shipyard = _fields(value, "", ("apiVersion", "kind", "spec"), ("metadata",))
    version, kind = shipyard["apiVersion"], shipyard["kind"]
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        raise DefinitionError("apiVersion", version, "must be 'spec.keptn.sh/0.2.N'")
    if kind != "Shipyard":
        raise DefinitionError("kind", kind, "must be 'Shipyard'")
    name = ""
    if (metadata := shipyard.get("metadata")) is not None:
        name = _fields(metadata, "metadata", ("name",))["name"]
        if not name:
            raise DefinitionError("metadata.name", name, "must not be empty")
    spec = _fields(shipyard["spec"], "spec", ("stages",))
    stages = []
    for index, entry in enumerate(_entries(spec["stages"], "spec.stages")):
        path = f"spec.stages[{index}]"
        stage = _fields(entry, path, ("name",), ("sequences",))
        inside = f"{path}.sequences"
        sequences = [
            _sequence(each, f"{inside}[{position}]")
            for position, each in enumerate(_entries(stage.get("sequences"), inside))
        ]
        with _below(path):
            stages.append(StageDefinition(stage["name"], tuple(sequences)))
    return tuple(stages), name


def read_plain(value: object) -> tuple[StageDefinition, ...]:
    """Return the stages of the short form of ``Shipyard.of``; raises `DefinitionError`."""
    stages = []
    for stage, sequences in _mapping(value, "").items():
        path = path_to("", stage)
        definitions = [
            _plain_sequence(entry, path_to(path, name), name)
            for name, entry in _mapping({} if sequences is None else sequences, path).items()
        ]
        with _below(path):
            stages.append(StageDefinition(stage, tuple(definitions)))
    return tuple(stages)


def _plain_sequence(value: object, path: str, name: str) -> SequenceDefinition:
    if isinstance(value, SequenceDefinition):
        if value.name != name:
            raise DefinitionError(f"{path}.name", value.name, f"must be {name!r}, as its key is")
        return value
    if isinstance(value, list | tuple):
        value = {"tasks": value}
    fields = _mapping(value, path, problem="must be a list of tasks or a mapping")
    if "name" in fields:
        raise DefinitionError(
            f"{path}.name", fields["name"], "is an unknown key: the name is above"
        )
    return _sequence({**fields, "name": name}, path, is_plain=True)


def _sequence(value: object, path: str, *, is_plain: bool = False) -> SequenceDefinition:
    optional = ("triggeredOn", "priority", "timeouts", "onFailure")
    fields = _fields(value, path, ("name", "tasks"), optional)
    tasks, triggers = f"{path}.tasks", f"{path}.triggeredOn"
    given = _given(
        tasks=tuple(
            _task(entry, f"{tasks}[{index}]", is_plain=is_plain)
            for index, entry in enumerate(_entries(fields["tasks"], tasks))
        ),
        triggered_on=tuple(
            _trigger(entry, f"{triggers}[{index}]", is_plain=is_plain)
            for index, entry in enumerate(_entries(fields.get("triggeredOn"), triggers))
        ),
        priority=fields.get("priority"),
        timeouts=_timeouts(
            fields.get("timeouts"), f"{path}.timeouts", SequenceTimeouts, ("total", "waiting")
        ),
        on_failure=fields.get("onFailure"),
    )
    with _below(path):
        return SequenceDefinition(fields["name"], **given)


def _task(value: object, path: str, *, is_plain: bool) -> TaskDefinition:
    if is_plain and isinstance(value, TaskDefinition):
        return value
    if is_plain and isinstance(value, str):
        value = {"name": value}
    fields = _fields(value, path, ("name",), _TASK_KEYS)
    decided = fields.get("approval")
    if decided is None and not is_plain:  # Keptn knows an approval by its name
        decided = fields["name"] == "approval"
    given = _given(
        triggered_after=fields.get("triggeredAfter"),
        properties=fields.get("properties"),
        timeouts=_timeouts(fields.get("timeouts"), f"{path}.timeouts", TaskTimeouts, _TASK_LIMITS),
        expects=fields.get("expects"),
        approval=_approval(decided, f"{path}.approval", is_plain=is_plain),
        retry=_retry(fields.get("retry"), f"{path}.retry", is_plain=is_plain),
        on_failure=fields.get("onFailure"),
    )
    with _below(path):
        return TaskDefinition(fields["name"], **given)


def _approval(value: object, path: str, *, is_plain: bool) -> Approval | None:
    if value is None or value is False:
        return None
    if value is True:
        return Approval()
    if is_plain and isinstance(value, Approval):
        return value
    _mapping(value, path, problem="must be true, false or a mapping")
    fields = _fields(value, path, (), ("approve", "reject", "initiator", "onExpiry", "newcomer"))
    given = _given(
        approve=fields.get("approve"),
        reject=fields.get("reject"),
        initiator=fields.get("initiator"),
        on_expiry=fields.get("onExpiry"),
        newcomer=fields.get("newcomer"),
    )
    with _below(path):
        return Approval(**given)


def _retry(value: object, path: str, *, is_plain: bool) -> Retry | None:
    if value is None or (is_plain and isinstance(value, Retry)):
        return value
    keys = ("times", "backoff", "factor", "on")
    fields = _fields(value, path, (), keys)
    with _below(path):
        return Retry(**_given(**{key: fields.get(key) for key in keys}))


def _trigger(value: object, path: str, *, is_plain: bool) -> TriggeredOn:
    if is_plain and isinstance(value, TriggeredOn):
        return value
    if is_plain and isinstance(value, str):
        value = {"event": value}
    fields = _fields(value, path, ("event",), ("selector",))
    event, selector = fields["event"], fields.get("selector")
    named = _EVENT.fullmatch(event) if isinstance(event, str) else None
    if named is None:
        raise DefinitionError(f"{path}.event", event, "must be '<stage>.<sequence>.finished'")
    inside = f"{path}.selector"
    given = (
        {}
        if selector is None
        else _given(match=_fields(selector, inside, (), ("match",)).get("match"))
    )
    with _below(inside):
        return TriggeredOn(named[1], named[2], **given)


def _timeouts(
    value: object, path: str, kind: type[_TimeoutsT], names: tuple[str, ...]
) -> _TimeoutsT | None:
    if value is None:
        return None
    fields = _fields(value, path, (), names)
    try:
        return kind(**{name: fields[name] for name in names if name in fields})
    except PolicyError as error:
        raise DefinitionError(f"{path}.{error.where}", error.value, error.problem) from None


def _mapping(value: object, path: str, *, problem: str = "must be a mapping") -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise DefinitionError(path or "shipyard", value, problem)
    return value


def _fields(
    value: object, path: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[Any, Any]:
    """Return `value` if it is a mapping with these keys, and ``x-…`` ones, and no other."""
    fields = _mapping(value, path)
    for key, entry in fields.items():
        if key in required or key in optional or (isinstance(key, str) and key.startswith("x-")):
            continue
        known = ", ".join(required + optional)
        raise DefinitionError(
            path_to(path, key), entry, f"is an unknown key; permitted are {known}"
        )
    for key in required:
        if key not in fields:
            raise DefinitionError(path or "shipyard", value, f"must have the key {key!r}")
    return fields


def _entries(value: object, path: str) -> list[Any] | tuple[Any, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise DefinitionError(path, value, "must be a list")
    return value


def _given(**arguments: Any) -> dict[str, Any]:
    """Return the arguments that are not None: the others have defaults."""
    return {name: value for name, value in arguments.items() if value is not None}


@contextmanager
def _below(path: str) -> Iterator[None]:
    """Put `path` before the path of each `DefinitionError` that is raised inside."""
    try:
        yield
    except DefinitionError as error:
        raise DefinitionError(f"{path}.{error.where}", error.value, error.problem) from None
