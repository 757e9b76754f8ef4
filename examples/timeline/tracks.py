"""What is drawn of a context, as plain values: for each sequence the spans it went through."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Final, final

import attrs

from sequencectl import Event
from sequencectl.events import Subject


class Look(Enum):
    """How a span looks; the value is the word for it."""

    WAITING = "waiting"
    PAUSED = "paused"
    PARKED = "parked"
    DELAY = "delayed"
    RUNNING = "in flight"
    PASS = "pass"  # noqa: S105 - a result
    WARNING = "warning"
    FAIL = "fail"
    TIMED_OUT = "timed out"
    ABANDONED = "abandoned"
    PAUSING = "pausing"
    ABORTING = "aborting"
    LEFT_OUT = "left out"


class Sign(Enum):
    """What a note is about; the value is the word for it."""

    PAUSE = "pause"
    RESUME = "resume"
    WAIT = "wait"
    ABORT = "abort"
    FORCE = "force"
    TIME_LIMIT = "time limit"
    OTHER = "note"


@final
@attrs.define
class Span:
    """From when to when a sequence looked like this; still so if `end` is None."""

    look: Look
    begin: datetime
    name: str = ""
    note: str = ""
    end: datetime | None = None


@final
@attrs.frozen
class Note:
    """Something that is told in words: a control and who it was, or a time limit that was met."""

    sign: Sign
    at: datetime
    text: str


@final
@attrs.define
class Track:
    """One sequence: its spans in order, the spans of its draining, and in a word how it stands."""

    subject: Subject
    lane: str
    triggered_at: datetime
    spans: list[Span] = attrs.field(factory=list)
    word: str = "waiting"
    drains: list[Span] = attrs.field(factory=list)
    is_started: bool = False
    ended_at: datetime | None = None

    def begin(self, look: Look, at: datetime, name: str = "", note: str = "") -> None:
        """Let it look like this from now on."""
        self.close(at)
        self.spans.append(Span(look, at, name, note))

    def close(self, at: datetime) -> None:
        """End the span that is still open, if one is; one of no length is gone."""
        _close(self.spans, at)

    def drain(self, look: Look, at: datetime) -> None:
        """Show from now on that it waits for its task in flight to end."""
        _close(self.drains, at)
        self.drains.append(Span(look, at, look.value, f"waits for {self.spans[-1].name}"))

    def drained(self, at: datetime) -> None:
        """Do not show that any more."""
        _close(self.drains, at)

    @property
    def open_span(self) -> Span | None:
        """The span that has not ended."""
        return self.spans[-1] if self.spans and self.spans[-1].end is None else None

    @property
    def has_task_in_flight(self) -> bool:
        """Whether a task is triggered and not over."""
        return self.open_span is not None and self.open_span.look is Look.RUNNING

    @property
    def is_parked(self) -> bool:
        """Whether it waits for a person after a failure."""
        return self.open_span is not None and self.open_span.look is Look.PARKED


@final
@attrs.define
class Story:
    """Everything that is drawn of a context."""

    context: str
    tracks: list[Track] = attrs.field(factory=list)
    notes: list[Note] = attrs.field(factory=list)
    image: str = ""
    last_at: datetime | None = None

    def note(self, sign: Sign, event: Event, text: str) -> None:
        """Tell something in words, unless the same was told at the same instant."""
        note = Note(sign, event.at, text)
        if note not in self.notes[-3:]:
            self.notes.append(note)

    def tell_waits(self) -> None:
        """Tell in words whom the sequences waited for, where it was somebody."""
        for track in self.tracks:
            for span in track.spans:
                if span.look is Look.WAITING and span.note != NOBODY:
                    said = f"{name_of(track.subject)} waits {span.note}"
                    self.notes.append(Note(Sign.WAIT, span.begin, said))
        self.notes.sort(key=lambda note: note.at)


NOBODY: Final = "for its turn"
"""What a sequence waits for if nobody is in its way that the events know of."""


def name_of(subject: Subject) -> str:
    """Return a short name of a sequence."""
    return f"{subject.stage}.{subject.sequence}"


def _close(spans: list[Span], at: datetime) -> None:
    """End the last of these spans, if it is open; one of no length is gone, unless it is a task."""
    if spans and spans[-1].end is None:
        spans[-1].end = at
        if spans[-1].begin == at and spans[-1].look in _STATES:
            spans.pop()


_STATES: Final = frozenset({
    Look.WAITING, Look.PAUSED, Look.PARKED, Look.DELAY, Look.PAUSING, Look.ABORTING
})  # fmt: skip
