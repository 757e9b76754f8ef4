"""Replay a run that Keptn recorded, and compare what sequencectl decides with what was sent.

    python examples/replay_trace.py --shipyard shipyard.yaml trace.json

Shows: `from_cloudevent` and `to_cloudevent` at work. Triggers and executors' reports are fed as
they were recorded, with the clock at each event's time, and deadlines in between are checked.
Leaves out: a store and a bus.

A recording is the answer of Keptn's event store, ``{"events": […]}`` or the list alone: CloudEvents
as JSON, newest first. What has the source `shipyard-controller` was sent by its control plane,
everything else by whoever triggered a sequence, by executors, or by services among themselves.
Compared are type, project, stage, service, result, status and the rest of the data, without labels
and empty texts; neither ids nor times, nor that a sequence has started or is paused, which is an
event of ours alone.

Exit status: 0 if both agree, 1 if they differ, 2 if the arguments or a file cannot be used.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Any, Final, NoReturn

from sequencectl import (
    Applied,
    CheckDeadlines,
    Command,
    ControlPlane,
    FrozenMap,
    InvalidValue,
    Rejected,
    Shipyard,
    TaskTriggered,
    TimeoutPolicy,
    TriggerSequence,
    Unchanged,
    freeze,
    thaw,
)
from sequencectl.cloudevents import from_cloudevent, project_of, refusal, to_cloudevent

CONTROLLER: Final = "shipyard-controller"
PREFIX: Final = "sh.keptn.event."

OURS_ALONE: Final = (".started", ".paused", ".resumed")
"""What Keptn's controller never sends: words that end the type of an event about a sequence."""

Recorded = Mapping[str, Any]
"""One recorded CloudEvent."""


class Recording:
    """A recorded run: its events, oldest first, each with its instant.

    `tasks` has the context and the number of each task by its recorded id: the n-th task that is
    triggered in a context stands for its n-th recorded one.
    """

    def __init__(self, text: bytes) -> None:
        self.events: list[tuple[datetime, Recorded]] = []
        body = read_json(text)
        listed = body.get("events") if isinstance(body, dict) else body
        if not isinstance(listed, list):
            raise InvalidValue("events", listed, "must be a list of CloudEvents")
        for index, event in reversed(list(enumerate(listed))):
            self.events.append((instant_of(event, f"events[{index}]"), event))
        self.events.sort(key=lambda entry: entry[0])
        self.sent = [event for _, event in self.events if is_of_controller(event)]
        self.tasks: dict[str, tuple[str, int]] = {}
        count: dict[str, int] = defaultdict(int)
        for event in self.sent:
            if is_of_task(event) and event["type"].endswith(".triggered"):
                context = context_of(event)
                self.tasks[str(event.get("id"))] = (context, count[context])
                count[context] += 1

    def project(self) -> str:
        """Return the one project that all triggers name."""
        fed = [event for _, event in self.events if not is_of_controller(event)]
        projects = {
            project_of(event) for event in fed if isinstance(command_of(event), TriggerSequence)
        }
        named = ", ".join(sorted(map(str, projects)))
        if len(projects) != 1:
            raise InvalidValue("events", named, "must hold triggers of exactly one project")
        project = projects.pop()
        if project is None:
            raise InvalidValue("data.project", None, "must be named by the triggers")
        return project


@dataclass
class Line:
    """One event, as it is printed: when, whether it came in or went out, and what is said of it."""

    at: datetime
    way: str
    event: Mapping[str, Any]
    note: str

    def __str__(self) -> str:
        at = self.at.strftime("%H:%M:%S.%f")[:-3]
        return f"{at}  {self.way:3}  {name_of(self.event):40}  {self.note}"


class Replay:
    """A control plane that is fed a recording; `sent` is what Keptn's would send too."""

    def __init__(self, plane: ControlPlane, recording: Recording) -> None:
        self.plane = plane
        self.recording = recording
        self.state = plane.initial(recording.project())
        self.lines: list[Line] = []
        self.sent: list[Line] = []
        self.task_ids: dict[str, list[str]] = defaultdict(list)

    def run(self) -> None:
        """Feed every event at its time, having checked the deadlines up to it."""
        for at, event in self.recording.events:
            while self.state.next_deadline is not None and self.state.next_deadline <= at:
                self.tell(CheckDeadlines(), self.state.next_deadline)
            if is_of_controller(event):
                continue
            line = Line(at, "in", event, "none of ours")
            self.lines.append(line)
            command = command_of(event, task_id=self.task_id_of(event))
            if command is not None:
                line.note = f"{self.tell(command, at)}, from {plain(str(event.get('source')))}"

    def task_id_of(self, event: Recorded) -> str | None:
        """Return the id that a report's task has here; None if its task is none of ours."""
        known = self.recording.tasks.get(str(event.get("triggeredid")))
        if known is None:
            return None
        context, number = known
        ids = self.task_ids[context]
        return ids[number] if number < len(ids) else "not triggered"

    def tell(self, command: Command, at: datetime) -> str:
        """Decide, keep what is to be sent, and return the outcome in a word or two."""
        decision = self.plane.decide(self.state, command, at)
        self.state = decision.state
        for event in decision.events:
            if isinstance(event, TaskTriggered):
                self.task_ids[event.subject.context].append(event.task_id)
            self.send(event.at, to_cloudevent(event, source="sequencectl"))
        match decision.outcome:
            case Applied():
                return "applied"
            case Unchanged(code):
                return f"unchanged ({code.value})"
            case Rejected(code) as rejected:
                if isinstance(command, TriggerSequence):
                    about: Any = {"project": self.state.project, "source": "sequencectl", "now": at}
                    self.send(at, refusal(command, rejected, **about))
                return f"rejected ({code.value})"

    def send(self, at: datetime, event: Mapping[str, Any] | None) -> None:
        """Keep a CloudEvent that goes out, for printing and, if Keptn has it too, comparing."""
        if event is None:
            return
        is_ours_alone = not is_of_task(event) and event["type"].endswith(OURS_ALONE)
        line = Line(at, "out", event, "ours alone" if is_ours_alone else "")
        self.lines.append(line)
        if not is_ours_alone:
            self.sent.append(line)


def compare(recorded: Sequence[Recorded], sent: Sequence[Line]) -> list[str]:
    """Note on every line how it compares, and return the differences, each as a readable text."""
    contexts = [context_of(event) for event in (*recorded, *(line.event for line in sent))]
    differences: list[str] = []
    for context in dict.fromkeys(contexts):
        theirs = [event for event in recorded if context_of(event) == context]
        ours = [line for line in sent if context_of(line.event) == context]
        differences += compared(theirs, ours)
    return differences


def compared(recorded: Sequence[Recorded], sent: Sequence[Line]) -> Iterator[str]:
    """Yield the differences within one context: events are paired by their kind, in order."""
    theirs = [kind_of(event) for event in recorded]
    ours = [kind_of(line.event) for line in sent]
    for said, a, b, c, d in SequenceMatcher(a=theirs, b=ours, autojunk=False).get_opcodes():
        if said == "equal":
            for event, line in zip(recorded[a:b], sent[c:d], strict=True):
                line.note = "as recorded"
                if content_of(event) != content_of(line.event):
                    line.note = "DIFFERS"
                    yield difference(f"{name_of(event)} differs:", event, line.event)
            continue
        for event in recorded[a:b]:
            yield difference(f"{name_of(event)} was recorded, but not decided:", event, None)
        for line in sent[c:d]:
            line.note = "NOT RECORDED"
            title = f"{name_of(line.event)} was decided, but not recorded:"
            yield difference(title, None, line.event)


def difference(title: str, recorded: Recorded | None, decided: Mapping[str, Any] | None) -> str:
    """Return how two events differ in what is compared; one of them may be missing."""
    before, after = (
        []
        if event is None
        else json.dumps(thaw(content_of(event)), indent=2, sort_keys=True).splitlines()
        for event in (recorded, decided)
    )
    diff = unified_diff(before, after, "recorded", "decided", lineterm="")
    return "\n".join([title, *diff])


def content_of(event: Mapping[str, Any]) -> FrozenMap:
    """Return what is compared of an event."""
    data = thaw(freeze(event.get("data"), where=f"data of event {event.get('id')}"))
    data.pop("labels", None)
    return freeze({"type": event["type"], "data": without_empty(data)})


def kind_of(event: Mapping[str, Any]) -> tuple[object, ...]:
    """Return what makes two events a pair: type, stage and service."""
    data = content_of(event)["data"]
    assert isinstance(data, FrozenMap)
    return event["type"], data.get("stage"), data.get("service")


def without_empty(value: Any) -> Any:
    """Return JSON without the empty texts in its objects."""
    if isinstance(value, dict):
        return {key: without_empty(inner) for key, inner in value.items() if inner != ""}
    return [without_empty(inner) for inner in value] if isinstance(value, list) else value


def name_of(event: Mapping[str, Any]) -> str:
    """Return the type without its prefix, fit for a terminal."""
    return plain(str(event["type"]).removeprefix(PREFIX))


def plain(text: str) -> str:
    """Return a text with everything but printable ASCII written as escapes."""
    return json.dumps(text)[1:-1]


def limits(reaction: str) -> TimeoutPolicy:
    """Return the time limits of the recorded control plane."""
    try:
        return TimeoutPolicy(reaction=reaction)
    except InvalidValue as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def command_of(event: Recorded, *, task_id: str | None = None) -> Any:
    """Return the command a recorded event stands for, a report naming the task by its id here.

    None for a report without one: services talk about such tasks among themselves.
    """
    if is_of_task(event) and task_id is None:
        return None
    try:
        if task_id is None:
            return from_cloudevent(event)
        return from_cloudevent({**event, "triggeredid": task_id}, conversations=())
    except InvalidValue as error:
        where = f"event {event.get('id')}: {error.where}"
        raise InvalidValue(where, error.value, error.problem) from None


def is_of_controller(event: Recorded) -> bool:
    """Whether the recorded control plane sent it."""
    return event.get("source") == CONTROLLER


def is_of_task(event: Recorded) -> bool:
    """Whether it is about a task: names have no dots, and a sequence's event names its stage."""
    return str(event["type"]).removeprefix(PREFIX).count(".") == 1


def context_of(event: Recorded) -> str:
    """Return the context an event names, as a text whatever it is."""
    return str(event.get("shkeptncontext"))


def instant_of(event: Any, where: str) -> datetime:
    """Return the time of a recorded event; raise if it is no event with a type and a time."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        raise InvalidValue(where, event, "must be a CloudEvent with a type")
    try:
        time = datetime.fromisoformat(event["time"])
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (KeyError, TypeError, ValueError, OverflowError):
        pass
    raise InvalidValue(f"{where}.time", event.get("time"), "must be a time with its zone")


def read_json(text: bytes) -> Any:
    """Return what a JSON text says; raise `InvalidValue` for whatever is wrong with it."""

    def refuse(number: str) -> NoReturn:
        raise ValueError(f"{number} is no JSON")

    try:
        return json.loads(text, parse_constant=refuse)
    except RecursionError:
        problem = "nested too deep"
    except ValueError as error:
        problem = str(error)
    raise InvalidValue("JSON", text, f"must be well-formed ({problem})")


def main(argv: Sequence[str] | None = None) -> int:
    """Replay as the arguments say, print what happens and the verdict, return the exit status."""
    parser = argparse.ArgumentParser("replay_trace", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--shipyard", type=Path, required=True, metavar="FILE")
    parser.add_argument(
        "--reaction",
        type=limits,
        default="3m",
        metavar="DURATION",
        help="how long that Keptn waited for a task to be started (default: %(default)s)",
    )
    parser.add_argument("trace", type=Path, metavar="TRACE.json", help="the recorded events")
    arguments = parser.parse_args(argv)
    path: Path = arguments.shipyard
    try:
        plane = ControlPlane(Shipyard.from_yaml(path.read_bytes()), timeouts=arguments.reaction)
        path = arguments.trace
        recording = Recording(path.read_bytes())
        replay = Replay(plane, recording)
        replay.run()
        differences = compare(recording.sent, replay.sent)
    except OSError as error:
        return complain(f"{path}: {error.strerror}")
    except InvalidValue as error:
        return complain(f"{path}: {error}")
    print(*replay.lines, sep="\n")
    number = len(recording.sent)
    if differences:
        print("", *differences, sep="\n\n", end="\n\n")
        print(f"Differences: {len(differences)}; the recorded control plane sent {number} events.")
        return 1
    print(f"All {number} events of the recorded control plane were decided alike.")
    return 0


def complain(sentence: str) -> int:
    """Say in one line what cannot be used, and return the exit status for that."""
    print("replay_trace:", plain(sentence), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
