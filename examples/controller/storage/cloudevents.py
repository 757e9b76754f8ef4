"""The history of a project as CloudEvents: everything that was published, and what was reported.

Shows: `to_cloudevent` for what the library has a form for; what came from outside (a trigger, the
reports of executors) is written here once more, with the source and the id that it came with, so
that whoever reads the history of a context finds the whole conversation in it.
"""

from __future__ import annotations

from typing import Any

import sequencectl.events as e
from examples.controller.settings import SOURCE
from examples.controller.storage.deliveries import instant
from sequencectl import thaw
from sequencectl.cloudevents import SPEC_VERSION, to_cloudevent
from sequencectl.events import derived_id

CloudEvent = dict[str, Any]

ELSEWHERE = "outside"
"""The source of a trigger: the library does not keep who sent it."""

PROGRESS = "status.changed"
"""Keptn's word for progress; its id is made here, since a report of progress has none."""


def history_of(event: e.Event) -> CloudEvent | None:
    """Return the CloudEvent by which an event stands in the history; None if it has no form."""
    match event:
        case e.SequenceTriggered() if event.parent is None:
            of = f"{event.subject.stage}.{event.subject.sequence}"
            about = {"id": event.subject.sequence_id, "source": ELSEWHERE}
            if event.initiators and event.redrive is None:  # of a redrive nobody knows whose it is
                about["actor"] = event.initiators[0]
            return _written(event, f"{of}.triggered", about, thaw(event.data))
        case e.TaskStartReported():
            about = _of_report(event, event.report_id)
            return _written(event, f"{event.task}.started", about, {})
        case e.TaskProgressReported():
            said = {"message": event.message or None, "percent": event.percent}
            data = {name: value for name, value in said.items() if value is not None}
            return _written(event, f"{event.task}.{PROGRESS}", _of_report(event), data)
        case e.TaskFinishReported():
            data = thaw(event.data) | {"result": event.result.value, "status": event.status.value}
            if event.message:
                data["message"] = event.message
            about = _of_report(event, event.report_id)
            if event.actor:
                about["actor"] = event.actor
            return _written(event, f"{event.task}.finished", about, data)
        case _:
            return to_cloudevent(event, source=SOURCE)


def _of_report(
    event: e.TaskStartReported | e.TaskProgressReported | e.TaskFinishReported,
    report_id: str | None = None,
) -> dict[str, Any]:
    made = derived_id(event.subject.project, event.serial, "report")
    own = {"id": report_id or made, "source": event.source}
    return {**own, "triggeredid": event.task_id}


def _written(event: e.Event, kind: str, about: dict[str, Any], data: dict[str, Any]) -> CloudEvent:
    subject = event.subject
    scope = {"project": subject.project, "stage": subject.stage, "service": subject.service}
    revision = {"gitcommitid": subject.revision} if subject.revision else {}
    return {
        "specversion": "1.0",
        "type": f"sh.keptn.event.{kind}",
        "time": instant(event.at),
        "datacontenttype": "application/json",
        "shkeptncontext": subject.context,
        "shkeptnspecversion": SPEC_VERSION,
        **about,
        **revision,
        "data": {**data, **scope},
    }
