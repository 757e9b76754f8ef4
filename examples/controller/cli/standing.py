"""What a list has no room for: runs that failed, progress, what is parked, skipped or redriven.

Each is a line of its own below the list. What a person can do about it is a command to be typed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from examples.controller.cli.client import Json
from examples.controller.cli.printing import hint, option
from examples.controller.cli.story import sequences
from examples.controller.cli.text import clock, instant
from sequencectl import format_duration

_TO: Final = {
    "retry": "To run the task again",
    "skip": "To go on without it",
    "redrive": "To go on where it stopped",
}
_SECOND: Final = timedelta(seconds=1)


def notes(state: Json, now: datetime, *, is_all: bool) -> list[str]:
    """Return the notes below the table of a context: on its live sequences, or on all of them.

    `now` is the instant from which the age of progress counts. If the state has explanations, the
    notes include the commands to type.
    """
    context = str(state.get("shkeptncontext"))
    return [
        line
        for sequence in sequences(state)
        if is_all or not sequence.get("endedAt")
        for line in (
            *(f"{context} {_name(sequence)}: {said}" for said in _said(sequence, now)),
            *ways_out(state, sequence),
        )
    ]


def ways_out(detail: Json, sequence: Json) -> list[str]:
    """Return what can be typed where a sequence is parked, or has failed and is over."""
    explanation = (detail.get("explanations") or {}).get(sequence.get("id")) or {}
    permitted = explanation.get("permitted") or {}
    found = {
        "retry": _typed("retry", detail, sequence, is_parked),
        "skip": f"{_typed('skip', detail, sequence, is_parked)} --result=pass",
        "redrive": _typed("redrive", detail, sequence, has_failed),
    }
    ways = [
        f"{_TO[name]}, execute: {words}"
        for name, words in found.items()
        if (permitted.get(name) or {}).get("outcome") == "applied"
        and (name != "redrive" or has_failed(detail, sequence))
    ]
    if is_parked(detail, sequence):
        live = [each for each in sequences(detail) if not each.get("endedAt")]
        stage = [option("stage", str(sequence.get("stage")))] if len(live) > 1 else []
        ways.append(f"To end it, execute: {hint('abort', 'sequence', _context(detail), *stage)}")
    return ways


def is_parked(_state: Json, sequence: Json) -> bool:
    """Whether a sequence is parked."""
    return bool(sequence.get("parked"))


def has_failed(state: Json, sequence: Json) -> bool:
    """Whether a sequence is over and has failed, and nothing that redrives it is over."""
    newer = {str(each.get("id")): each for each in sequences(state)}.get(
        str(sequence.get("redrivenBy"))
    )
    is_last = newer is None or not newer.get("endedAt")
    return bool(sequence.get("endedAt")) and sequence.get("result") == "fail" and is_last


def _said(sequence: Json, now: datetime) -> Iterator[str]:
    """Yield what there is to say of a sequence, beside how it stands."""
    if sequence.get("redrives"):
        yield f"redrives {sequence['redrives']}"
    if carried := sequence.get("carried"):
        named = (f"{each.get('name')} ({each.get('result') or 'never run'})" for each in carried)
        yield f"carries {', '.join(named)}"
    runs = sequence.get("tasks") or ()
    for run in runs:
        if run.get("skipped"):
            yield f"task {run.get('name')} {_skipped(run)}"
    if runs:
        yield from _last_run(sequence, runs, now)
    if parked := sequence.get("parked"):
        until = f"until {clock(parked['until'], with_date=True)} UTC" if parked["until"] else ""
        yield f"parked {until}; then it ends" if until else "parked without a limit"
    if sequence.get("redrivenBy"):
        yield f"redriven by {sequence['redrivenBy']}"


def _last_run(sequence: Json, runs: list[Json], now: datetime) -> Iterator[str]:
    """Yield how the last run of a task failed, or which one it is, and how far."""
    last, label = runs[-1], _label(runs[-1])
    if not last.get("end"):
        if len(runs) > 1 and runs[-2].get("end") == "retried":
            yield f"{label}; the one before failed{_why(runs[-2])}"
        elif last.get("attempts", 1) > 1:
            yield label
        for each in last.get("progress") or ():
            yield f"task {last.get('name')}: {_progress(each, now)}"
    elif last.get("result") == "fail" and not last.get("skipped"):
        due = f"; the next is due at {clock(sequence['dueAt'])} UTC" if sequence["dueAt"] else ""
        yield f"{label} failed{_why(last)}{due}"


def _label(run: Json) -> str:
    """Return which run of which task this is."""
    number = f": attempt {run.get('attempt')} of {run.get('attempts')}"
    return f"task {run.get('name')}" + (number if run.get("attempts", 1) > 1 else "")


def _progress(progress: Json, now: datetime) -> str:
    """Return how far a source is with a task, and how long ago it said so."""
    percent = "" if progress.get("percent") is None else f" {progress['percent']} %"
    message = f" ({progress['message']})" if progress.get("message") else ""
    age = max(now - instant(progress.get("at")), timedelta()) // _SECOND * _SECOND
    return f"{progress.get('source')} is at work{percent}{message}, {format_duration(age)} ago"


def _skipped(run: Json) -> str:
    """Return who skipped a task, with which result and why."""
    by: dict[str, Any] = run["skipped"]
    actor = f" by {by['actor']}" if by.get("actor") else ""
    reason = f" ({by['reason']})" if by.get("reason") else ""
    return f"was skipped{actor} with result {run.get('result')}{reason}"


def _why(run: Json) -> str:
    """Return why a run failed, as the end of a sentence."""
    why = run.get("timedOut") or run.get("message")
    return f": {str(why).rstrip('.')}" if why else ""


def _typed(name: str, detail: Json, sequence: Json, is_meant: Callable[[Json, Json], bool]) -> str:
    """Return a control of a sequence as it is typed: with its id where others could be meant."""
    meant = [each for each in sequences(detail) if is_meant(detail, each)]
    known = [option("id", str(sequence.get("id")))] if len(meant) > 1 else []
    return hint(name, "sequence", _context(detail), *known)


def _context(state: Json) -> str:
    return option("keptn-context", str(state.get("shkeptncontext")))


def _name(sequence: Json) -> str:
    return f"{sequence.get('stage')}.{sequence.get('name')}"
