"""What the timeline shows, as plain values: for each sequence the spans of time it went through.

Shows that a user interface can be built from the events alone, in their order.
"""

from __future__ import annotations

from datetime import datetime
from enum import Enum

import attrs

from sequencectl import Ending, Event, Result, TaskTriggered
from sequencectl.events import (
    SequenceAborted,
    SequenceAbortRequested,
    SequenceDrained,
    SequenceExpired,
    SequenceFinished,
    SequenceParked,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceTimedOut,
    SequenceTriggered,
    TaskFinished,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskStartReported,
    TaskTimedOut,
)


class Look(Enum):
    """How a span looks."""

    WAITING = "waiting"
    """In line for the stage."""
    PAUSED = "paused"
    """Paused, with nothing in flight."""
    DELAY = "delay"
    """The next task is not due yet."""
    ASKED = "asked"
    """A task is triggered and nobody has reacted."""
    WORK = "work"
    """A task is worked on."""
    DONE = "done"
    """A task was worked on, and passed."""
    WARNED = "warned"
    """A task was worked on, with a warning."""
    FAILED = "failed"
    """A task failed or ran out of time."""
    PARKED = "parked"
    """A task failed, and a person decides what comes of it."""


@attrs.define
class Span:
    """From when to when a sequence looked like this; still so if `end` is None."""

    look: Look
    begin: datetime
    end: datetime | None = None
    is_new_task: bool = False


@attrs.define
class Track:
    """One sequence: its spans in order, and in a word how it stands."""

    context: str
    stage: str
    sequence: str
    spans: list[Span]
    word: str = "waiting"
    ended_at: datetime | None = None
    is_good: bool = True

    def is_live_after(self, instant: datetime) -> bool:
        """Whether anything of it is later than this."""
        return self.ended_at is None or self.ended_at > instant


class Tracks:
    """The tracks of all sequences, in the order of their triggering, grouped by delivery."""

    def __init__(self) -> None:
        self._by_id: dict[str, Track] = {}

    def grouped(self) -> list[Track]:
        """Return the tracks, those of one context together, contexts in the order they came."""
        order = {context: n for n, context in enumerate(self._contexts())}
        return sorted(self._by_id.values(), key=lambda track: order[track.context])

    def _contexts(self) -> dict[str, None]:
        return dict.fromkeys(track.context for track in self._by_id.values())

    def take_in(self, event: Event) -> None:
        """Let the track of this event's sequence go on."""
        subject = event.subject
        if isinstance(event, SequenceTriggered):
            spans = [Span(Look.WAITING, event.at)]
            self._by_id[subject.sequence_id] = Track(
                subject.context, subject.stage, subject.sequence, spans
            )
        elif (track := self._by_id.get(subject.sequence_id)) is not None:
            _go_on(track, event)


def _go_on(track: Track, event: Event) -> None:
    match event:
        case SequenceStarted() | TaskScheduled():
            _begin(track, Look.DELAY, event.at)
            track.word = "running" if isinstance(event, SequenceStarted) else "delayed"
        case TaskTriggered():
            _begin(track, Look.ASKED, event.at, is_new_task=True)
            track.word = event.task
        case TaskStartReported() | TaskProgressReported():
            if track.spans[-1].look is Look.ASKED:
                _begin(track, Look.WORK, event.at)
        case TaskFinished():
            _color_task(track, _LOOKS[event.result])
            _close(track, event.at)
        case TaskTimedOut():
            _color_task(track, Look.FAILED)
            _close(track, event.at)
        case SequenceParked():
            _begin(track, Look.PARKED, event.at)
            track.word = "parked"
        case TaskRetried() | TaskSkipped():
            _begin(track, Look.DELAY, event.at)
        case SequencePaused():
            track.word = "paused"
            if track.spans[-1].look is Look.WAITING:
                _begin(track, Look.PAUSED, event.at)
        case SequenceDrained():
            _begin(track, Look.PAUSED, event.at)
        case SequenceResumed():
            track.word = "resumed"
            if track.spans[-1].look is Look.PAUSED:
                is_waiting = all(s.look in {Look.WAITING, Look.PAUSED} for s in track.spans)
                _begin(track, Look.WAITING if is_waiting else Look.DELAY, event.at)
        case SequenceAbortRequested():
            track.word = "aborting"
        case _ if isinstance(event, Ending):
            _close(track, event.at)
            track.ended_at = event.at
            track.word, track.is_good = ending(event)
        case _:
            pass


def _begin(track: Track, look: Look, at: datetime, *, is_new_task: bool = False) -> None:
    _close(track, at)
    if track.spans[-1].begin == at and track.spans[-1].look is not Look.WAITING:
        track.spans.pop()
    track.spans.append(Span(look, at, is_new_task=is_new_task))


def _close(track: Track, at: datetime) -> None:
    if track.spans[-1].end is None:
        track.spans[-1].end = at


def _color_task(track: Track, look: Look) -> None:
    """Color the last task by how it went."""
    for span in reversed(track.spans):
        if span.look not in {Look.ASKED, Look.WORK}:
            return
        span.look = look
        if span.is_new_task:
            return


_LOOKS = {Result.PASS: Look.DONE, Result.WARNING: Look.WARNED, Result.FAIL: Look.FAILED}


def ending(event: Ending) -> tuple[str, bool]:
    """Return the word for an end, and whether it is a good one."""
    match event:
        case SequenceFinished():
            return event.result.value, event.result is not Result.FAIL
        case SequenceTimedOut():
            return "timed out", False
        case SequenceAborted():
            return "aborted", False
        case SequenceExpired():
            return "expired", False
        case _:
            return "superseded", False
