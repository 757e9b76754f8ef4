"""The transcript of a play: a row for each thing that was said, and below it what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Final, assert_never, final

from sequencectl.commands import Command
from sequencectl.control_plane import Decision
from sequencectl.durations import format_duration
from sequencectl.events import (
    Carried,
    Cause,
    Control,
    Event,
    Redrive,
    SequenceParked,
    SequenceTriggered,
    Subject,
    TaskEnd,
    TaskScheduled,
    TaskSkipped,
    TaskTimedOut,
    TaskTriggered,
)
from sequencectl.outcomes import Applied, Rejected, Status, Unchanged

_PARTS_OF_COMMANDS: Final = {
    "sequence_id": "", "task_id": "", "context": "context ", "stage": "stage ",
    "sequence": "sequence ", "service": "service ", "priority": "priority ",
    "redrives": "redrives ", "start_at": "from task ", "source": "from ",
    "result": "result ", "status": "status ", "percent": "percent ", "message": "",
    "force": "force ",
    "until": "until ", "actor": "by ", "reason": "",
}  # fmt: skip
_PARTS_OF_EVENTS: Final = {
    "redrive": "redrives ", "task": "task ", "attempt": "attempt ", "due_at": "due at ",
    "source": "from ", "actor": "by ", "result": "result ", "status": "status ", "end": "",
    "percent": "percent ", "stage": "stage ", "sequence": "sequence ", "window": "",
    "until": "until ", "control": "",
    "cause": "cause ", "superseded_by": "by ", "explanation": "", "message": "",
    "contexts": "contexts ",
}  # fmt: skip
"""The fields that are shown, in this order, each with the words before its value."""

_NEXT_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


@final
class Transcript:
    """Rows of text about decisions since the instant `start`; ids the library made get names."""

    def __init__(self, start: datetime) -> None:
        self._start = start
        self._rows: list[str] = []
        self._names: dict[str, str] = {}

    def __str__(self) -> str:
        return "\n".join(self._rows)

    def say(self, at: datetime, text: str) -> None:
        """Add a row that begins with this instant."""
        self._rows.append(f"[{format_duration(at - self._start)}] {text}")

    def record(self, at: datetime, decision: Decision) -> None:
        """Write down a command, and below it the events or why there are none."""
        self.say(at, _words(decision.command, self._parts(decision.command, _PARTS_OF_COMMANDS)))
        for event in decision.events:
            self._learn_names(event)
            about = [self._name_of(event.subject), *self._parts(event, _PARTS_OF_EVENTS)]
            self._rows.append(f"  {_words(event, about)}")
        match decision.outcome:
            case Applied():
                pass
            case Unchanged(code):
                self._rows.append(f"  unchanged: {code.value}")
            case Rejected(code, message):
                self._rows.append(f"  rejected: {code.value}, {message}")
            case outcome:
                assert_never(outcome)

    def name(self, made_id: str) -> str:
        """Return the readable name of an id, or the id itself if the host chose it."""
        return self._names.get(made_id, made_id)

    def learn(self, made_id: str, name: str) -> None:
        """Call an id by a readable name from now on."""
        self._names[made_id] = name

    def _learn_names(self, event: Event) -> None:
        subject = event.subject
        if isinstance(event, SequenceTriggered) and event.parent is not None:
            self.learn(subject.sequence_id, subject.context)
        elif isinstance(event, TaskTriggered):
            service = f" for {subject.service}" if subject.service else ""
            self.learn(event.task_id, f"{event.task} of {self._name_of(subject)}{service}")

    def _name_of(self, subject: Subject) -> str:
        known = self.name(subject.sequence_id) or subject.context
        address = ".".join(filter(None, [subject.stage, subject.sequence]))
        return " ".join(filter(None, [known, address]))

    def _parts(self, value: Command | Event, shown: Mapping[str, str]) -> list[str]:
        said = {name: self._text(getattr(value, name, None)) for name in shown}
        if said.get("context") == said.get("sequence_id"):
            said["context"] = ""  # the default
        if said.get("actor") == said["source"]:
            said["source"] = ""  # a vote of a person
        if said.get("message"):
            said["explanation"] = ""  # the message says it, or what came of it
        said |= self._of_several_fields(value)
        return [*dict.fromkeys(shown[name] + text for name, text in said.items() if text)]

    def _of_several_fields(self, value: Command | Event) -> dict[str, str]:
        """Return the parts that one field alone does not say, empty where nothing is to be said."""
        match value:
            case SequenceTriggered(redrive=Redrive() as redrive):
                begin = value.definition.tasks[len(redrive.carried)].name
                told = f"{self.name(redrive.sequence_id)} from task {begin}"
                carried = ", ".join(map(_carried, redrive.carried))
                return {"redrive": f"{told}, carried {carried}" if carried else told}
            case TaskTriggered():
                attempt = f"{value.attempt} of {value.attempts}"
                return {"attempt": attempt if value.attempts > 1 else ""}
            case TaskScheduled(attempt=1):
                return {"attempt": ""}
            case TaskTimedOut():
                return {"result": "", "status": ""}  # they are the same for each of them
            case TaskSkipped():
                return {"message": ""}  # it says again who skipped it, and why
            case SequenceParked(deadline=datetime() as deadline):
                return {"until": self._text(deadline)}
            case _:
                return {}

    def _text(self, part: object) -> str:
        match part:
            case None | False | Status.SUCCEEDED | Cause.REQUESTED | TaskEnd.OVER:
                return ""
            case Enum():
                return str(part.value)
            case str():
                return " ".join(self.name(part).splitlines())
            case tuple():
                return " ".join(part)
            case datetime():
                return format_duration(part - self._start)
            case Control():
                actor = f"by {part.actor} " if part.actor else ""
                return actor + f"({part.reason})" if part.reason else actor.rstrip()
            case _:
                return str(part)


def _carried(task: Carried) -> str:
    return f"{task.name} {'not run' if task.result is None else task.result.value}"


def _words(value: Command | Event, parts: list[str]) -> str:
    words = _NEXT_WORD.sub(" ", type(value).__name__).lower()
    said = ", ".join(filter(None, parts))
    return f"{words}: {said}" if said else words
