"""What has happened in a context, told once: lines made of its state as the controller shows it.

Every fact in a state has its own instant there, so a state read late tells the same story as many
read in time, in the same order; only the status lines between two looks are missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, final

import attrs

from examples.controller.cli.client import Json
from examples.controller.cli.text import clock, instant

OVER: Final = frozenset({"finished", "timedOut", "aborted"})
GOOD: Final = frozenset({"pass", "warning"})


def sequences(state: Json) -> list[Json]:
    """Return the sequences of a context."""
    return [sequence for sequence in state.get("sequences") or () if isinstance(sequence, dict)]


def is_over(state: Json) -> bool:
    """Whether nothing more can happen: an abort that waits for its task is not over."""
    has_ended = all(sequence.get("endedAt") for sequence in sequences(state))
    return state.get("state") in OVER and has_ended and not state.get("draining")


def has_gone_well(state: Json) -> bool:
    """Whether every sequence of a context ended with pass or warning, or was redriven."""
    return not _bad(state)


def verdict(state: Json) -> str:
    """Return one sentence about a context that did not end well."""
    bad = _bad(state)
    named = ", ".join(f"{_name(each)} ({_phase(each)}, {each.get('result')})" for each in bad)
    return f"The sequence execution has not ended well: {named}."


def _bad(state: Json) -> list[Json]:
    """Return the sequences that did not end well; what redrives one stands for it."""
    return [
        each
        for each in sequences(state)
        if each.get("result") not in GOOD and not each.get("redrivenBy")
    ]


def latest(state: Json) -> str:
    """Return the last instant in a state: its own `time` is that of the trigger."""
    facts = [at for sequence in sequences(state) for at, _ in _facts(sequence)]
    events = [stage.get("latestEvent") or {} for stage in state.get("stages") or ()]
    instants = (str(state.get("time")), *facts, *(str(event.get("time")) for event in events))
    return max(instants, key=instant)


@final
@attrs.define
class Story:
    """Remembers what was told of a context."""

    _told: set[tuple[str, str]] = attrs.field(factory=set)
    _status_line: str = ""

    def lines(self, state: Json) -> list[str]:
        """Return what is new in a state, oldest first."""
        found = [fact for sequence in sequences(state) for fact in _facts(sequence)]
        news = [fact for fact in found if fact not in self._told]
        self._told.update(news)
        news.sort(key=lambda fact: instant(fact[0]))  # stable: at one instant, as they came
        lines = [f"{clock(at)} {text}" for at, text in news]
        status_line = str(state.get("statusLine") or "")
        if status_line != self._status_line:
            self._status_line = status_line
            lines.append(f"{clock(latest(state))} {status_line}")
        return lines


def _facts(sequence: Json) -> Iterator[tuple[str, str]]:
    """Yield the instant and the text of all that has happened in a sequence."""
    name = _name(sequence)
    service = f" of {sequence['service']}" if sequence.get("service") else ""
    yield from _fact(sequence.get("triggeredAt"), f"{name}{service} triggered")
    yield from _fact(sequence.get("startedAt"), f"{name} started")
    for pause in sequence.get("pauses") or ():
        yield from _fact(pause.get("from"), f"{name} paused")
        yield from _fact(pause.get("to"), f"{name} goes on")
    for task in sequence.get("tasks") or ():
        yield from _task_facts(name, task)
    message = f": {sequence['message']}" if sequence.get("message") else ""
    ending = f"{_phase(sequence)} with result {sequence.get('result')}{message}"
    yield from _fact(sequence.get("endedAt"), f"{name} {ending}")


def _task_facts(name: str, task: Json) -> Iterator[tuple[str, str]]:
    """Yield what has happened in one run of a task."""
    label = f"{name}: task {task.get('name')}"
    which = f" (attempt {task['attempt']} of {task['attempts']})" if _is_one_of(task) else ""
    yield from _fact(task.get("triggeredAt"), f"{label} triggered{which}")
    for executor in task.get("executors") or ():
        source = executor.get("source")
        yield from _fact(executor.get("startedAt"), f"{label} started by {source}")
        result = f"finished by {source} with result {executor.get('result')}"
        yield from _fact(executor.get("finishedAt"), f"{label} {result}")
    for vote in task.get("votes") or ():
        verdict = "rejected" if vote.get("result") == "fail" else "approved"
        message = f": {vote['message']}" if vote.get("message") else ""
        yield from _fact(vote.get("at"), f"{label} {verdict} by {vote.get('voter')}{message}")
    is_by_one = len(task.get("executors") or ()) == 1 and not task.get("approval")
    is_told = is_by_one or task.get("timedOut")
    if not is_told:  # by its one executor, or by the end of its sequence
        known = "fail" if task.get("skipped") else task.get("result")  # of what failed before
        yield from _fact(task.get("finishedAt"), f"{label} over with result {known}")
    if skipped := task.get("skipped"):
        actor = f" by {skipped['actor']}" if skipped.get("actor") else ""
        text = f"{label} skipped{actor} with result {task.get('result')}"
        yield from _fact(skipped.get("at"), text)


def _is_one_of(task: Json) -> bool:
    """Whether a task has run before, or may run again by itself."""
    return bool(task.get("attempts", 1) > 1)


def _fact(at: object, text: str) -> Iterator[tuple[str, str]]:
    if at:
        yield str(at), text


def _name(sequence: Json) -> str:
    return f"{sequence.get('stage')}.{sequence.get('name')}"


def _phase(sequence: Json) -> str:
    return str(sequence.get("phase")).replace("_", " ")
