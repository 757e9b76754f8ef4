"""The state behind the fake controller: projects, contexts, one task at a time, and no line.

Every change takes one second of its own clock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import httpx

BEGIN = datetime(2026, 3, 2, 9, 1, 30, tzinfo=UTC)
CREATED = str(int(BEGIN.timestamp()) * 10**9)
Json = dict[str, Any]


@attrs.define
class Sequence:
    """One sequence of a context, as the API shows it."""

    shown: Json
    tasks: list[str]

    @property
    def open_task(self) -> Json | None:
        """The task in flight."""
        found = [task for task in self.shown["tasks"] if task["finishedAt"] is None]
        return found[0] if found else None


def drained(sequence: Sequence) -> str:
    """What an abort or a pause waits for, as the library says it."""
    word = {"aborting": "abort", "pausing": "pause"}.get(sequence.shown["phase"])
    if word is None or sequence.open_task is None:
        return ""
    limit = " until 2026-03-03T09:01:30+00:00 at most; force ends it at once"
    waits = f"The {word} waits for task {sequence.open_task['name']}"
    return f"{waits}{limit if word == 'abort' else ''}."


@attrs.define
class Project:
    """A project with its stages, services and contexts."""

    name: str
    shipyard: str = "kind: Shipyard\n"
    stages: tuple[str, ...] = ("dev", "staging")
    services: list[str] = attrs.field(factory=list)
    contexts: dict[str, Json] = attrs.field(factory=dict)
    sequences: dict[str, Sequence] = attrs.field(factory=dict)
    frozen: dict[str, Json] = attrs.field(factory=dict)
    requests: set[str] = attrs.field(factory=set)
    serial: int = 0


class Refusal(Exception):
    """The controller says no."""

    def __init__(self, status: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.response = httpx.Response(status, json={"code": status, "message": message, **more})


@attrs.define
class World:
    """All projects, and the time."""

    tasks: list[str] = attrs.field(factory=lambda: ["deployment", "test"])
    projects: dict[str, Project] = attrs.field(factory=dict)
    now: datetime = BEGIN
    permitted: tuple[str, ...] = ("pause", "resume", "abort", "force")
    """What would be applied to what is live."""

    def project(self, name: str = "sockshop", *services: str, **more: Any) -> Project:
        """Add a project."""
        self.projects[name] = Project(name, services=list(services), **more)
        return self.projects[name]

    def tick(self) -> str:
        """Let a second pass and return the time."""
        self.now += timedelta(seconds=1)
        return self.now.isoformat().replace("+00:00", "Z")

    def control(self, name: str, context: str, body: Json) -> Json:
        """Carry out a control and return the answer."""
        detail, project = self.context(name, context), self.find(name)
        if body["requestId"] in project.requests:
            return {"outcome": "repeated"}
        project.requests.add(body["requestId"])
        sequence = project.sequences[detail["sequences"][-1]["id"]]
        if sequence.shown["endedAt"]:
            raise Refusal(400, "Everything in this context has ended.", reason="already_ended")
        state, is_paused = body["state"], detail["state"] == "paused"
        if state == "pause" and is_paused:
            return {"outcome": "already_paused"}
        if state == "resume" and not is_paused:
            return {"outcome": "not_paused"}
        if state == "abort" and sequence.shown["phase"] == "aborting" and not body["force"]:
            return {"outcome": "already_aborting", "message": drained(sequence)}
        kind = "force" if body.get("force") else state
        control = {"at": self.tick(), "kind": kind, "cause": "command"}
        detail["controls"].append(
            control | {name: body[name] for name in ("stage", "actor", "reason")}
        )
        self._apply(project, detail, sequence, kind)
        return {"outcome": "applied", "message": drained(sequence)}

    def _apply(self, project: Project, detail: Json, sequence: Sequence, kind: str) -> None:
        if kind in {"pause", "resume"}:
            phase = "pausing" if kind == "pause" else "running"
            words = "paused" if kind == "pause" else "resumed"
            sequence.shown["phase"] = phase
            self._show(project, detail, "paused" if kind == "pause" else "started", words)
        elif kind == "abort" and sequence.open_task:
            sequence.shown["phase"] = "aborting"
            self._show(project, detail, "aborted", "aborted", waits_for=sequence.open_task["name"])
        else:
            self._end(project, detail, sequence, "aborted", "fail")

    def trigger(self, context: str, *, project: str = "sockshop", stage: str = "dev") -> None:
        """Trigger a delivery of carts."""
        data = {"project": project, "stage": stage, "service": "carts"}
        event = {"id": f"{context}-{stage}", "type": f"sh.keptn.event.{stage}.delivery.triggered"}
        self.take_trigger(self.projects[project], context, event | {"data": data})

    def finish(self, context: str, result: str = "pass", *, project: str = "sockshop") -> None:
        """Finish the task in flight of a context."""
        place = self.projects[project]
        sequence = place.sequences[place.contexts[context]["sequences"][-1]["id"]]
        assert sequence.open_task is not None
        event = {"triggeredid": sequence.open_task["id"], "source": "an-executor"}
        for word in ("started", "finished"):
            self.report(
                place, event | {"id": word + event["triggeredid"], "data": {"result": result}}, word
            )

    def take_trigger(self, project: Project, context: str, event: Json) -> str:
        """Take in the event that triggers a sequence."""
        stage, name = event["type"].split(".")[-3:-1]
        if event["id"] in project.sequences:
            return "duplicate"
        if stage not in project.stages:
            raise Refusal(400, f"There is no stage {stage}.", reason="unknown_stage")
        at = self.tick()
        shown = {
            "id": event["id"], "name": name, "stage": stage, "service": event["data"]["service"],
            "phase": "running", "result": "pass", "status": "unknown", "message": "",
            "triggeredAt": at, "startedAt": at, "endedAt": None, "tasks": [], "pauses": [],
            "parent": None, "abandonedTask": None,
        }  # fmt: skip
        detail = project.contexts.setdefault(
            context,
            {
                "name": name, "project": project.name, "service": event["data"]["service"],
                "shkeptncontext": context, "stages": [], "sequences": [], "controls": [],
                "problemTitle": "", "explanations": {}, "permitted": {},
            },
        )  # fmt: skip
        detail["sequences"].append(shown)
        detail["stages"].append({"name": stage, "state": "started"})
        sequence = project.sequences[event["id"]] = Sequence(shown, list(self.tasks))
        self._next_task(project, detail, sequence)
        return "applied"

    def report(self, project: Project, event: Json, word: str) -> str:
        """Take in the report of an executor."""
        running = [s for s in project.sequences.values() if s.open_task is not None]
        found = [s for s in running if s.open_task and s.open_task["id"] == event["triggeredid"]]
        if event["id"] in project.requests:
            return "duplicate"
        project.requests.add(event["id"])
        if not found:
            return "late"
        sequence = found[0]
        task = sequence.open_task
        assert task is not None
        detail = next(d for d in project.contexts.values() if sequence.shown in d["sequences"])
        if word == "started":
            executor = {"source": event["source"], "startedAt": self.tick()}
            task["executors"].append(executor | {"finishedAt": None, "result": None})
        else:
            task["finishedAt"] = self.tick()
            task["result"] = task["executors"][-1]["result"] = event["data"]["result"]
            task["executors"][-1]["finishedAt"] = task["finishedAt"]
            if sequence.shown["phase"] == "aborting":
                self._end(project, detail, sequence, "aborted", "fail")
            elif task["result"] == "fail" or len(sequence.shown["tasks"]) == len(sequence.tasks):
                self._end(project, detail, sequence, "finished", task["result"])
            else:
                self._next_task(project, detail, sequence)
        project.serial += 1
        return "applied"

    def _next_task(self, project: Project, detail: Json, sequence: Sequence) -> None:
        number = len(sequence.shown["tasks"])
        sequence.shown["tasks"].append(
            {
                "id": f"{sequence.shown['id']}-task-{number + 1}", "name": sequence.tasks[number],
                "triggeredAt": self.tick(), "finishedAt": None, "result": None, "executors": [],
                "timedOut": None,
            }
        )  # fmt: skip
        self._show(project, detail, "started", "running")

    def _end(
        self, project: Project, detail: Json, sequence: Sequence, phase: str, result: str
    ) -> None:
        sequence.shown |= {"phase": phase, "result": result, "endedAt": self.tick()}
        if sequence.open_task:
            sequence.open_task["finishedAt"] = sequence.shown["endedAt"]
        words = "failed" if phase == "finished" and result == "fail" else phase
        self._show(project, detail, phase, words)

    def _show(
        self, project: Project, detail: Json, state: str, words: str, *, waits_for: str = ""
    ) -> None:
        project.serial += 1
        shown = detail["sequences"][-1]
        detail |= {
            "state": state, "time": self.now.isoformat(), "statusLine": f"{shown['name']} {words}",
            "draining": bool(waits_for), "serial": project.serial,
        }  # fmt: skip
        detail["stages"][-1]["state"] = state
        text = f"{shown['name']} of {shown['service']} in stage {shown['stage']} is {words}."
        applied = {"outcome": "applied", "code": None, "message": ""}
        names = () if shown["endedAt"] else self.permitted
        detail["permitted"] = dict.fromkeys(names, applied)
        detail["explanations"][shown["id"]] = {"text": text, "waitsFor": waits_for or None}

    def shown(self, project: Project) -> Json:
        """Return a project as the API shows it."""
        services = [{"serviceName": s, "creationDate": CREATED} for s in project.services]
        live = [s.shown for s in project.sequences.values() if s.shown["endedAt"] is None]
        stages = [
            {
                "stageName": stage,
                "services": services,
                "frozen": project.frozen.get(stage),
                "waiting": 0,
                "holders": [
                    {
                        "sequenceId": s["id"], "keptnContext": _context_of(project, s),
                        "name": s["name"], "service": s["service"], "phase": s["phase"],
                    }
                    for s in live
                    if s["stage"] == stage
                ],
            }
            for stage in project.stages
        ]  # fmt: skip
        return {
            "projectName": project.name, "creationDate": CREATED, "stages": stages,
            "shipyard": project.shipyard, "shipyardVersion": "spec.keptn.sh/0.2.3",
        }  # fmt: skip

    def open_tasks(self, name: str, task: str) -> list[Json]:
        """Return the events of the open tasks of a name."""
        project = self.find(name)
        return [
            _task_event(project, sequence.shown, sequence.open_task)
            for sequence in project.sequences.values()
            if sequence.open_task is not None and sequence.open_task["name"] == task
        ]

    def find(self, name: str) -> Project:
        """Return a project."""
        if name not in self.projects:
            raise Refusal(404, f"There is no project {name}.")
        return self.projects[name]

    def context(self, name: str, context: str) -> Json:
        """Return what is known of a context."""
        if context not in self.find(name).contexts:
            raise Refusal(404, f"Nobody knows the context {context}.")
        return self.projects[name].contexts[context]

    def stage(self, name: str, stage: str) -> Json:
        """Return a stage as the API shows it."""
        stages = self.shown(self.find(name))["stages"]
        found: list[Json] = [each for each in stages if each["stageName"] == stage]
        if not found:
            raise Refusal(404, f"There is no stage {stage}.")
        return found[0]


def _context_of(project: Project, sequence: Json) -> str:
    """The context that a sequence belongs to."""
    return next(c for c, d in project.contexts.items() if sequence in d["sequences"])


def _task_event(project: Project, sequence: Json, task: Json) -> Json:
    """The event that triggered a task."""
    data = {"project": project.name, "stage": sequence["stage"], "service": sequence["service"]}
    return {
        "specversion": "1.0", "id": task["id"], "source": "shipyard-controller",
        "type": f"sh.keptn.event.{task['name']}.triggered", "time": task["triggeredAt"],
        "shkeptncontext": _context_of(project, sequence), "data": data,
    }  # fmt: skip
