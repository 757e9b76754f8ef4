"""The verdict: whether the stories went as promised, judged by the events alone.

Shows that the events tell the whole story: no clause looks at a state. Each clause is a function of
the history and of the cast, which was known before anything happened. R1 and so on are the rules in
``docs/rules.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

from examples.demo.cast import Cast, Spot
from examples.demo.history import History
from examples.demo.view import Clause, clock
from sequencectl import Ending, Event, Result, TaskTriggered
from sequencectl.events import (
    Cause,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceEvent,
    SequenceFinished,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceTimedOut,
    SequenceTriggered,
    TaskFinished,
    TaskStartReported,
    TaskTimedOut,
)

Finding: TypeAlias = tuple[bool, str]


def verdict(events: Iterable[Event], cast: Cast) -> tuple[Clause, ...]:
    """Return what holds and what does not of everything these stories promise."""
    history = History(tuple(events), cast)
    return tuple(Clause(name, *judge(history)) for name, judge in _clauses(cast))


def _clauses(cast: Cast) -> Iterator[tuple[str, Callable[[History], Finding]]]:
    yield "serials", _serials
    yield "one holder", _one_holder
    yield "in order", _in_order
    yield "tasks in order", _tasks_in_order
    yield "one ending", _one_ending
    yield f"queue in {cast.start.stage}", lambda history: _queue(history, cast.start, True)
    if cast.next is not None:
        spot, must_wait = cast.next, cast.must_wait_again
        yield f"queue in {spot.stage}", lambda history: _queue(history, spot, must_wait)
    yield "mute executor", _mute
    yield "nobody else", _nobody_else
    if cast.rollbacks:
        yield "rollback", _rollback
    yield "pause", _pause
    yield "in flight", _in_flight
    yield "resume", _resume
    yield "abort", _abort
    if cast.remediation is not None:
        yield "remediation", _remediation


def _missing(history: History, said: str, *contexts: str) -> Finding:
    """Return that something is missing; the shipyard's own limits may excuse that."""
    if any(history.is_cut_short(context) for context in contexts):
        return True, "a time limit of the shipyard's own came first"
    return False, said


def _serials(history: History) -> Finding:
    serials = [event.serial for event in history.events]
    holds = serials == list(range(1, len(serials) + 1)) and bool(serials)
    return holds, f"{len(serials)} events are numbered without a gap"


def _one_holder(history: History) -> Finding:
    """R1, R5: from its start to its end a sequence has its stage to itself."""
    holders: dict[str, str] = {}
    for event in history.events:
        stage, sequence_id = event.subject.stage, event.subject.sequence_id
        if isinstance(event, SequenceStarted):
            if stage in holders:
                return False, f"two sequences hold {stage} at event {event.serial}"
            holders[stage] = sequence_id
        elif isinstance(event, Ending) and holders.get(stage) == sequence_id:
            del holders[stage]
    return True, "no stage ever had more than one holder"


def _in_order(history: History) -> Finding:
    """R2: of those that wait and are not held, the first in line starts."""
    lines: dict[str, dict[str, tuple[int, int]]] = {}
    held: set[str] = set()
    for event in history.events:
        sequence_id = event.subject.sequence_id
        line = lines.setdefault(event.subject.stage, {})
        if isinstance(event, SequenceTriggered):
            line[sequence_id] = (-event.priority, event.place)
        elif isinstance(event, SequencePaused):
            held.add(sequence_id)
        elif isinstance(event, SequenceResumed):
            held.discard(sequence_id)
        elif isinstance(event, SequenceStarted):
            key = line.pop(sequence_id, (0, 0))
            if any(other < key for other_id, other in line.items() if other_id not in held):
                return False, f"event {event.serial} starts one that had others before it in line"
        elif isinstance(event, Ending):
            line.pop(sequence_id, None)
    return True, "whoever started was the first in line"


def _tasks_in_order(history: History) -> Finding:
    """R9: one task at a time, in the order of the definition."""
    names: dict[str, list[str]] = {}
    in_flight: dict[str, str] = {}
    for event in history.events:
        sequence_id = event.subject.sequence_id
        if isinstance(event, SequenceTriggered):
            names[sequence_id] = [task.name for task in event.definition.tasks]
        elif isinstance(event, TaskTriggered):
            following = names.get(sequence_id, [])
            if sequence_id in in_flight or not following or following.pop(0) != event.task:
                return False, f"event {event.serial} triggers {event.task} out of turn"
            in_flight[sequence_id] = event.task_id
        elif isinstance(event, TaskFinished | TaskTimedOut):
            task_id = in_flight.pop(sequence_id, None)
            if task_id != event.task_id:
                return False, f"event {event.serial} ends {event.task}, which was not in flight"
    return True, "the tasks of a sequence came one by one, as declared"


def _one_ending(history: History) -> Finding:
    """R24: every sequence ends exactly once, and nothing comes after."""
    triggered = [event.subject.sequence_id for event in history.of(SequenceTriggered)]
    endings = Counter(e.subject.sequence_id for e in history.events if isinstance(e, Ending))
    ended: set[str] = set()
    for event in history.events:
        if isinstance(event, SequenceEvent) and event.subject.sequence_id in ended:
            return False, f"event {event.serial} comes after the end of its sequence"
        if isinstance(event, Ending):
            ended.add(event.subject.sequence_id)
    holds = endings == Counter(set(triggered)) and len(set(triggered)) == len(triggered)
    return holds, f"{len(triggered)} sequences were triggered, {endings.total()} endings came"


def _queue(history: History, spot: Spot, must_wait: bool) -> Finding:
    """R1, R4: the second delivery starts in a stage when the first one has left it."""
    first, second, *_ = history.cast.contexts
    former, latter = history.cast.names[first], history.cast.names[second]
    end = history.end(first, spot)
    came = history.first(SequenceTriggered, second, spot)
    start = history.first(SequenceStarted, second, spot)
    if end is None or came is None or start is None:
        said = f"{former} and {latter} did not both come through {spot.stage}"
        return _missing(history, said, first, second)
    if start.serial < end.serial:
        return False, f"{latter} started at {clock(start.at)}, {former} was in {spot.stage} still"
    if came.serial > end.serial:
        return not must_wait, f"{latter} came when {former} had left {spot.stage}"
    waited = f"waited from {clock(came.at)} to {clock(start.at)}"
    return start.at == end.at, f"{latter} {waited}, when {former} left {spot.stage}"


def _mute(history: History) -> Finding:
    """R27, R28: the task nobody reacts to is terminated, and the sequence ends, with a sentence."""
    spot, context = history.cast.mute, history.cast.contexts[2]
    timed_out = history.first(TaskTimedOut, context, spot)
    if timed_out is None or timed_out.task != spot.task:
        return _missing(history, f"{spot.task} in {spot} did not time out", context)
    ended = history.after(timed_out)
    if not isinstance(ended, SequenceTimedOut) or ended.message != str(timed_out.explanation):
        return False, f"event {timed_out.serial} is not followed by its explanation"
    starts = [event.task_id for event in history.of(TaskStartReported)]
    if timed_out.task_id in starts or timed_out.explanation.reacted:
        return False, f"{spot.task} timed out although somebody had reacted"
    return bool(ended.message) and spot.task in ended.message, ended.message


def _nobody_else(history: History) -> Finding:
    """R27: no task times out whose executor does its work."""
    expected = history.cast.contexts[2], history.cast.mute.stage, history.cast.mute.task
    others = [
        f"{event.task} in {event.subject.stage}"
        for event in history.of(TaskTimedOut)
        if (event.subject.context, event.subject.stage, event.task) != expected
    ]
    if others:
        return False, f"also timed out: {', '.join(dict.fromkeys(others))}"
    return True, "no task timed out whose executor was there"


def _rollback(history: History) -> Finding:
    """R15: what follows a timeout is triggered in the very decision."""
    spot, context = history.cast.mute, history.cast.contexts[2]
    ended = history.first(SequenceTimedOut, context, spot)
    if ended is None:
        return _missing(history, f"nothing timed out in {spot}", context)
    children = []
    event = history.after(ended)
    while isinstance(event, SequenceTriggered) and event.at == ended.at:
        if event.parent == ended.subject.sequence_id:
            children.append(Spot(event.subject.stage, event.subject.sequence))
        event = history.after(event)
    holds = tuple(children) == history.cast.rollbacks
    said = ", ".join(map(str, children)) or "nothing"
    return holds, f"{said} followed the timeout of {spot} in the same decision"


def _pause(history: History) -> Finding:
    """R19: from pause to resume nothing of the delivery is triggered or started."""
    if (pause := history.pause()) is None:
        return _no_pause(history)
    began = history.between(*pause, TaskTriggered, SequenceStarted)
    if began:
        return False, f"event {began[0].serial} begins something while it is paused"
    span = f"from {clock(pause[0].at)} to {clock(pause[1].at)}"
    return True, f"nothing was triggered {span}, while it was paused"


def _no_pause(history: History) -> Finding:
    return _missing(history, "there was no pause and resume", history.cast.contexts[3])


def _in_flight(history: History) -> Finding:
    """R18: the task in flight at a pause finishes and counts."""
    if (pause := history.pause()) is None:
        return _no_pause(history)
    task = history.task_in_flight(pause[0])
    if task is None:
        return _missing(history, "no task was in flight at the pause", history.cast.contexts[3])
    until = pause[1] if history.cast.tasks > 1 else None
    finished = history.between(task, until, TaskFinished)
    holds = any(isinstance(e, TaskFinished) and e.task_id == task.task_id for e in finished)
    return holds, f"{task.task} was in flight at the pause and {'finished' if holds else 'did not'}"


def _resume(history: History) -> Finding:
    """R20: a resume triggers exactly the next task, exactly once."""
    if (pause := history.pause()) is None:
        return _no_pause(history)
    tasks = history.of(TaskTriggered, history.cast.contexts[3])
    after = [task for task in tasks if task.serial > pause[1].serial]
    if history.cast.tasks == 1:
        return not after, "the only task was triggered once, before the pause"
    said = (
        f"after the resume {' and '.join(task.task for task in after) or 'nothing'} was triggered"
    )
    if len(after) == 1 and after[0].index == len(tasks) - 1:
        return True, said
    return _missing(history, said, history.cast.contexts[3])


def _abort(history: History) -> Finding:
    """R22: an abort waits for the task in flight, triggers nothing and ends as aborted."""
    context = history.cast.contexts[3]
    request = history.first(SequenceAbortRequested, context)
    if request is None:
        return _missing(history, "no abort met a task in flight", context)
    began = history.between(request, None, TaskTriggered, SequenceStarted, SequenceTriggered)
    if began:
        return False, f"event {began[0].serial} begins something although an abort was requested"
    finished = history.between(request, None, TaskFinished)
    ended = history.first(SequenceAborted, context)
    if len(finished) != 1 or ended is None or ended is not history.after(finished[0]):
        return False, "it did not end as aborted when its task in flight was over"
    said = f"its task in flight finished, and at {clock(ended.at)} it was aborted"
    return ended.cause is Cause.TASK_OVER, said


def _remediation(history: History) -> Finding:
    """R15, R17: it begins again in the decision that ends a failed one, and then passes."""
    context, spot = history.cast.troubled, history.cast.remediation
    runs = [e for e in history.of(SequenceTriggered, context) if spot and spot.is_of(e.subject)]
    ends = [e for e in history.of(SequenceFinished, context) if spot and spot.is_of(e.subject)]
    results = [event.result for event in ends]
    holds = (
        results == [Result.FAIL, Result.PASS]
        and len(runs) == 2
        and runs[1].parent == runs[0].subject.sequence_id
        and runs[1].at == ends[0].at
    )
    said = f"{spot} ended with {', then '.join(result.value for result in results) or 'nothing'}"
    return (True, said) if holds else _missing(history, said, context)
