"""Events folded into a story: a read model of one context, made from the library's events alone.

It looks at all events of the project, since what a sequence waits for is in the events of others:
who holds its lane, who froze its stage. Where older events are gone, it says less: a sequence whose
trigger is gone is not there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final

import sequencectl.events as e
from examples.timeline.tracks import NOBODY, Look, Sign, Story, Track, name_of
from sequencectl import Ending, Event, FrozenMap, Result
from sequencectl.events import Control, Subject

RESULTS: Final[Mapping[Result, Look]] = {
    Result.PASS: Look.PASS,
    Result.WARNING: Look.WARNING,
    Result.FAIL: Look.FAIL,
}


def story_of(events: Iterable[Event], context: str) -> Story:
    """Return what happened in a context, by the events of its project in their order."""
    folding = _Folding(context)
    for event in events:
        folding.take_in(event)
    folding.story.tell_waits()
    return folding.story


class _Folding:
    """Who holds which lane and which stage is frozen, beside the story itself."""

    def __init__(self, context: str) -> None:
        self.story = Story(context)
        self._newest: dict[str, Track] = {}
        self._lanes: dict[str, str] = {}
        self._holders: dict[str, dict[str, Subject]] = {}
        self._frozen: dict[str, Control] = {}

    def take_in(self, event: Event) -> None:
        """Let the story go on."""
        self._follow_lanes(event)
        if event.subject.context == self.story.context:
            self.story.last_at = event.at
            self._tell(event)
        if isinstance(event, e.SequenceStarted | e.StageFrozen | e.StageUnfrozen | Ending):
            for track in self._newest.values():
                span = track.open_span
                if span is not None and span.look is Look.WAITING:
                    self._wait(track, event.at)

    def _follow_lanes(self, event: Event) -> None:
        known = event.subject.sequence_id
        match event:
            case e.SequenceTriggered():
                self._lanes[known] = event.lane
            case e.SequenceStarted() if known in self._lanes:
                self._holders.setdefault(self._lanes[known], {})[known] = event.subject
            case e.StageFrozen():
                self._frozen[event.subject.stage] = event.control
            case e.StageUnfrozen():
                self._frozen.pop(event.subject.stage, None)
            case _ if isinstance(event, Ending):
                self._holders.get(self._lanes.pop(known, ""), {}).pop(known, None)

    def _tell(self, event: Event) -> None:
        match event:
            case e.SequenceTriggered():
                track = Track(event.subject, event.lane, event.at)
                self.story.tracks.append(track)
                self.story.image = self.story.image or _image(event.data)
                self._newest[event.subject.sequence_id] = track
                self._wait(track, event.at)
            case e.ContextPaused():
                self.story.note(Sign.PAUSE, event, _said("pause", event, event.control))
            case e.ContextResumed():
                if event.cause is e.Cause.REQUESTED:
                    self.story.note(Sign.RESUME, event, _said("resume", event, event.control))
            case e.FollowUpRefused():
                said = f"{event.stage}.{event.sequence} was not triggered: the line is too long"
                self.story.note(Sign.OTHER, event, said)
            case _:
                own = self._newest.get(event.subject.sequence_id)
                if own is not None and isinstance(event, Ending):
                    _end(self.story, own, event)
                    del self._newest[event.subject.sequence_id]
                elif own is not None:
                    if isinstance(event, e.SequenceResumed) and not own.is_started:
                        self._wait(own, event.at)
                    _go_on(self.story, own, event)

    def _wait(self, track: Track, at: datetime) -> None:
        """Let it wait for whoever is in its way now."""
        note = self._obstacle(track)
        span = track.open_span
        if span is None or (span.look, span.note) != (Look.WAITING, note):
            track.begin(Look.WAITING, at, "waiting", note)

    def _obstacle(self, track: Track) -> str:
        frozen = self._frozen.get(track.subject.stage)
        if frozen is not None:
            return f"as the stage is frozen{_by(frozen)}"
        holders = list(self._holders.get(track.lane, {}).values())
        if not holders:
            return NOBODY
        more = f" and {len(holders) - 1} more" if len(holders) > 1 else ""
        return f"for {_who(holders[0], self.story.context)}{more}"


def _go_on(story: Story, track: Track, event: Event) -> None:
    """Tell what happens between the acceptance of a sequence and its end."""
    match event:
        case e.SequenceStarted():
            track.close(event.at)
            track.is_started, track.word = True, "running"
        case e.TaskScheduled():
            track.begin(Look.DELAY, event.at, event.task, "delayed")
        case e.TaskTriggered():
            track.begin(Look.RUNNING, event.at, event.task, "nobody has reacted")
        case e.TaskStartReported() | e.TaskFinishReported():
            if track.has_task_in_flight:
                track.spans[-1].note = f"by {event.source}"
        case e.TaskFinished():
            _end_task(track, RESULTS[event.result], event)
        case e.TaskTimedOut():
            _end_task(track, Look.TIMED_OUT, event)
            story.note(Sign.TIME_LIMIT, event, str(event.explanation))
        case e.SequenceParked():
            track.word = "parked"
            track.begin(Look.PARKED, event.at, event.task, event.message)
        case e.TaskRetried() | e.TaskSkipped():
            track.word = "running"
            track.close(event.at)
            word = "retry" if isinstance(event, e.TaskRetried) else "skip"
            story.note(Sign.OTHER, event, _said(word, event, event.control))
        case e.SequencePaused():
            track.word = "paused"
            if track.is_parked:
                pass  # it waits for a person, paused or not
            elif track.has_task_in_flight:
                track.drain(Look.PAUSING, event.at)
            else:
                track.begin(Look.PAUSED, event.at, "paused")
        case e.SequenceDrained():
            track.drained(event.at)
            track.begin(Look.PAUSED, event.at, "paused")
        case e.SequenceResumed() if track.is_parked:
            track.word = "parked"
        case e.SequenceResumed():
            track.drained(event.at)
            track.word = "resumed" if track.is_started else "waiting"
            span = track.open_span
            if span is not None and span.look is Look.PAUSED:
                track.begin(Look.DELAY, event.at, "next task", "delayed")
        case e.SequenceAbortRequested():
            track.word = "aborting"
            track.drain(Look.ABORTING, event.at)
            story.note(Sign.ABORT, event, _said("abort", event, event.control))


def _end_task(track: Track, look: Look, event: e.TaskFinished | e.TaskTimedOut) -> None:
    if track.has_task_in_flight:
        track.spans[-1].look, track.spans[-1].note = look, look.value
        track.close(event.at)
    if track.word == "resumed":
        track.word = "running"


def _end(story: Story, track: Track, event: Ending) -> None:
    """Tell how a sequence ended."""
    if track.has_task_in_flight:
        track.spans[-1].look, track.spans[-1].note = Look.ABANDONED, Look.ABANDONED.value
    track.close(event.at)
    track.drained(event.at)
    track.ended_at = event.at
    match event:
        case e.SequenceFinished():
            track.word = "failed" if event.result is Result.FAIL else "finished"
        case e.SequenceTimedOut():
            track.word = "timed out"
            story.note(Sign.TIME_LIMIT, event, str(event.explanation))
        case e.SequenceAborted():
            track.word = "aborted"
            _tell_abort(story, event, track)
        case e.SequenceSuperseded():
            track.word = "superseded"
            said = f"{name_of(event.subject)} was superseded by {event.superseded_by}"
            story.note(Sign.OTHER, event, said)
        case e.SequenceExpired():
            track.word = "expired"
            story.note(Sign.TIME_LIMIT, event, str(event.explanation))


def _tell_abort(story: Story, event: e.SequenceAborted, track: Track) -> None:
    has_task = event.abandoned_task is not None and bool(track.spans)
    abandoned = f"; task {track.spans[-1].name} was abandoned" if has_task else ""
    if event.cause is e.Cause.FORCED:
        story.note(Sign.FORCE, event, _said("force", event, event.control) + abandoned)
    elif event.cause is e.Cause.REQUESTED:
        story.note(Sign.ABORT, event, _said("abort", event, event.control) + abandoned)
    elif abandoned:
        said = f"{name_of(event.subject)} ended: its abort had waited long enough"
        story.note(Sign.TIME_LIMIT, event, said + abandoned)


def _said(word: str, event: Event, control: Control) -> str:
    where = f" in {event.subject.stage}" if event.subject.stage else ""
    return f"{word}{where}{_by(control)}"


def _by(control: Control) -> str:
    reason = f": {control.reason}" if control.reason else ""
    return f"{f' by {control.actor}' if control.actor else ''}{reason}"


def _who(subject: Subject, context: str) -> str:
    """Return a name for who holds a lane."""
    if subject.context == context:
        return f"its own {subject.sequence}"
    service = f" of {subject.service}" if subject.service else ""
    return f"{subject.sequence}{service}, {subject.context}"


def _image(data: FrozenMap) -> str:
    """Return the image a payload wants to be delivered, as Keptn's have it."""
    found: object = data
    for key in ("configurationChange", "values", "image"):
        found = found.get(key) if isinstance(found, FrozenMap) else None
    return found if isinstance(found, str) else ""
