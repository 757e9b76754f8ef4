"""What an executor does with a task, and the reports it makes of it: CloudEvents.

The id of a start or a finish is made of the task, the source and the word. An executor that is
started again and does not remember what it said says the same again, and the controller takes it
for a repeat (R11). Progress is another matter each time, and so is its id.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any, Final, TypeAlias

import attrs

Json: TypeAlias = dict[str, Any]
"""A JSON object as it came."""

PREFIX: Final = "sh.keptn.event."
STARTED: Final = "started"
PROGRESS: Final = "status.changed"
FINISHED: Final = "finished"
FAIL: Final = "fail"
RESULTS: Final = ("pass", "warning", FAIL)


@attrs.frozen
class Behaviour:
    """How an executor treats its tasks; durations are seconds."""

    task: str
    source: str
    result: str = "pass"
    duration: float = 0.0
    progress: float = 10.0
    """So often it says how far its work is; 0: never. A controller may hear no more than that."""
    slow: float = 0.0
    """It says so much later that it has started."""
    is_silent: bool = False
    """It never says anything."""
    never_finishes: bool = False
    """It dies after it has started, so to speak."""
    message: str = ""
    data: Json = attrs.field(factory=dict)
    fail_every: int = 0
    """Each task of this number fails; 0: none."""

    @property
    def event_type(self) -> str:
        """The type of the events that trigger its tasks."""
        return f"{PREFIX}{self.task}.triggered"

    def result_of(self, number: int) -> str:
        """Return the result of the task of this number, counted from 1."""
        return FAIL if self.fail_every and number % self.fail_every == 0 else self.result


def report_id(task_id: str, source: str, word: str) -> str:
    """Return the one id that this word of this source on this task has, written like a UUID."""
    digest = hashlib.sha256("\0".join((task_id, source, word)).encode("utf-8", "replace"))
    return str(uuid.UUID(bytes=digest.digest()[:16]))


def started(task: Json, behaviour: Behaviour) -> Json:
    """Return the report that work on a task has begun."""
    return _report(task, behaviour, STARTED, {"status": "succeeded"})


def progressed(task: Json, behaviour: Behaviour, percent: int) -> Json:
    """Return the report that work on a task goes on, and how far it is."""
    said = {"status": "succeeded", "percent": percent, "message": behaviour.message}
    return _report(task, behaviour, PROGRESS, said) | {"id": str(uuid.uuid4())}


def finished(task: Json, behaviour: Behaviour, result: str) -> Json:
    """Return the report that work on a task is over."""
    said = {"status": "succeeded", "result": result, "message": behaviour.message}
    return _report(task, behaviour, FINISHED, behaviour.data | said)


def described(task: Json) -> str:
    """Return which task it is, for a person."""
    scope = _scope(task)
    name = str(task.get("type")).removeprefix(PREFIX).rpartition(".")[0]
    service = f" of {scope['service']}" if scope["service"] else ""
    where = f"in stage {scope['stage']} of {scope['project']}"
    ids = f"context {task.get('shkeptncontext')}, task {task.get('id')}"
    return f"{name}{service} {where} ({ids})"


def _report(task: Json, behaviour: Behaviour, word: str, data: Json) -> Json:
    event = {
        "specversion": "1.0",
        "id": report_id(str(task.get("id")), behaviour.source, word),
        "source": behaviour.source,
        "type": f"{PREFIX}{behaviour.task}.{word}",
        "datacontenttype": "application/json",
        "shkeptncontext": task.get("shkeptncontext"),
        "triggeredid": task.get("id"),
        "data": data | _scope(task),
    }
    extras = ("gitcommitid", "shkeptnspecversion")
    return event | {name: task[name] for name in extras if task.get(name)}


def _scope(task: Json) -> Json:
    data = task.get("data")
    known = data if isinstance(data, dict) else {}
    return {name: str(known.get(name) or "") for name in ("project", "stage", "service")}
