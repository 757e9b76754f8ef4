"""The host program: one event loop in virtual time around one project.

Shows what a host owes the library: it sends one command at a time, hands every triggered task to
its executor, and checks deadlines at the instant `next_deadline` names. What a process that may die
needs besides is in `durable`. Leaves out a bus: whoever is told of an event lives in this process.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count

import attrs

from examples.demo.actors import Actor
from examples.demo.durable import DurableProject, VirtualClock
from examples.demo.stories import At, Explain, Look, Redrive, Say, Story, Type, Until, Vote, Wait
from examples.demo.view import BEGIN, Kind, Line, View
from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    ControlPlane,
    Event,
    TaskTriggered,
    TriggerSequence,
)
from sequencectl.ports import Store

MOST_EVENTS = 5_000
"""A shipyard that triggers itself in ever more circles is stopped here."""

LONGEST = timedelta(days=100_000)
"""So is one whose delays add up to centuries."""


@attrs.frozen
class Pace:
    """How virtual time passes: `speed` virtual seconds in a second, or None for no waiting at all.

    `sleep` and `monotonic` are those of the module `time`; no sleep is longer than `frame` seconds.
    Time in which nothing happens passes faster if it would take more than `longest` seconds.
    """

    speed: float | None
    sleep: Callable[[float], None]
    monotonic: Callable[[], float]
    frame: float = 0.05
    longest: float = math.inf

    def pass_time(self, since: datetime, until: datetime, tick: Callable[[datetime], None]) -> None:
        """Return when it is `until`, having said every now and then how late it is."""
        if self.speed is not None:
            begin, whole = self.monotonic(), (until - since).total_seconds()
            speed = max(self.speed, whole / self.longest)
            while (gone := (self.monotonic() - begin) * speed) < whole:
                tick(since + timedelta(seconds=gone))
                self.sleep(min(self.frame, max((whole - gone) / speed, 0.001)))
        tick(until)


@attrs.define(eq=False)
class _Waiting:
    """A story that waits for a delivery."""

    story: Story
    until: Until


class Host:
    """Plays stories on a control plane and a store; `history` has every event so far.

    Until what is `recorded` has been played again nothing is shown, and no time passes.
    """

    def __init__(
        self,
        plane: ControlPlane,
        project: str,
        *,
        actors: Mapping[str, Actor],
        names: Mapping[str, str],
        view: View,
        pace: Pace,
        store: Store,
        recorded: Sequence[Event] = (),
        most_events: int = MOST_EVENTS,
    ) -> None:
        self._plane, self._actors, self._names = plane, actors, names
        self._view, self._pace, self._most_events = view, pace, most_events
        self._agenda: list[tuple[datetime, int, Callable[[], object]]] = []
        self._numbers = count()
        self._waiting: list[_Waiting] = []
        self._clock = VirtualClock()
        self._project = DurableProject(
            plane,
            project,
            store=store,
            recorded=recorded,
            clock=self._clock,
            show=view.event,
            hear=self._hear,
        )

    @property
    def now(self) -> datetime:
        """The virtual time."""
        return self._clock.instant

    @property
    def history(self) -> tuple[Event, ...]:
        """Every event so far, in order."""
        return tuple(self._project.history)

    def run(self, stories: Iterable[Story]) -> None:
        """Play to the end: until nothing is planned, no deadline is armed and nobody can go on."""
        for story in stories:
            self._go_on(story)
        self._wake()
        while (at := self._next_instant()) is not None:
            if not self._project.is_recalling:
                self._pace.pass_time(self.now, at, self._view.tick)
            self._clock.instant = at
            if self._agenda and self._agenda[0][0] <= at:
                heapq.heappop(self._agenda)[2]()  # what comes in goes before a deadline (R29)
            else:
                self._project.decide(CheckDeadlines())
            self._wake()
            if len(self._project.history) > self._most_events or self.now - BEGIN > LONGEST:
                self._stop()
                break
        self._project.end()

    def _next_instant(self) -> datetime | None:
        planned = self._agenda[0][0] if self._agenda else None
        instants = [at for at in (planned, self._project.state.next_deadline) if at is not None]
        return min(instants, default=None)

    def _plan(self, delay: timedelta, action: Callable[[], object]) -> None:
        heapq.heappush(self._agenda, (self.now + delay, next(self._numbers), action))

    def _hear(self, event: Event) -> None:
        """Hand a triggered task to its executor."""
        if isinstance(event, TaskTriggered) and event.task in self._actors:
            for delay, report in self._actors[event.task].hear(event):
                self._plan(delay, partial(self._project.decide, report))

    def _go_on(self, story: Story) -> None:
        """Let a story go on until it waits for something or is over."""
        for step in story:
            match step:
                case Say():
                    self._line(step.kind, step.text)
                case Type():
                    self._type(step)
                case Look():
                    self._look(step)
                case Vote():
                    self._vote(step)
                case Redrive():
                    self._redrive(step)
                case Explain():
                    newest = self._project.state.of_context(step.context)[-1].sequence_id
                    said = self._plane.explain(self._project.state, newest)
                    self._line(Kind.STATUS, str(said))
                case At():
                    self._plan(step.instant - self.now, partial(self._go_on, story))
                    return
                case Wait():
                    self._plan(timedelta(seconds=step.seconds), partial(self._go_on, story))
                    return
                case Until():
                    self._wait(_Waiting(story, step))
                    return

    def _wait(self, waiting: _Waiting) -> None:
        self._waiting.append(waiting)
        if waiting.until.seconds is not None:
            self._plan(timedelta(seconds=waiting.until.seconds), partial(self._end, waiting))

    def _end(self, waiting: _Waiting) -> None:
        """Let a story go on that waited, unless it has gone on already."""
        if waiting in self._waiting:
            self._waiting.remove(waiting)
            self._go_on(waiting.story)

    def _wake(self) -> None:
        """Let every story go on whose delivery stands as it waited for."""
        while ready := [waiting for waiting in self._waiting if self._has_come(waiting.until)]:
            self._end(ready[0])

    def _has_come(self, until: Until) -> bool:
        if not self._project.state.of_context(until.context):
            return False
        return until.holds(self._plane.delivery(self._project.state, until.context))

    def _type(self, step: Type) -> None:
        self._line(Kind.COMMAND, step.text)
        refusal = self._project.decide(step.command)
        for reply in step.replies if refusal is None else (f"Error: {refusal}",):
            self._line(Kind.REPLY, reply)

    def _vote(self, step: Vote) -> None:
        """Type a vote on the approval that is open in this delivery."""
        (task,) = (
            open_task.triggered
            for open_task in self._plane.open_tasks(self._project.state)
            if open_task.triggered.subject.context == step.context
        )
        verb, vote = ("approve", task.approve) if step.approves else ("reject", task.reject)
        reason = f' --reason="{step.reason}"' if step.reason else ""
        text = f"sequencectl-cli {verb} sequence --keptn-context={step.context}"
        self._type(Type(f"{text} --actor={step.voter}{reason}", vote(step.voter, step.reason)))

    def _redrive(self, step: Redrive) -> None:
        """Type the redrive of a delivery, with the input of the task run that failed."""
        old = self._project.state.of_context(step.context)[0]
        inputs = [
            event.input
            for event in self._project.history
            if isinstance(event, TaskTriggered) and event.subject.sequence_id == old.sequence_id
        ]
        command = TriggerSequence(
            self._project.state.redrive_id(old.sequence_id),
            stage=old.stage,
            sequence=old.name,
            service=old.service,
            context=old.context,
            data=inputs[-1],
            revision=old.subject.revision,
            actor=step.actor,
            redrives=old.sequence_id,
        )
        text = f"sequencectl-cli redrive sequence --keptn-context={step.context}"
        self._type(Type(f"{text} --actor={step.actor}", command))

    def _look(self, step: Look) -> None:
        """Say how a delivery stands: the sequence it is in, or each it came through."""
        view = self._plane.delivery(self._project.state, step.context)
        shown = view.sequences if step.is_whole else view.sequences[-1:]
        said = ", ".join(f"{status.stage}: {status.status_line}" for status in shown)
        draining = " (waits for the task in flight)" if view.is_draining else ""
        self._line(Kind.STATUS, f"{self._names[step.context]} in {said}{draining}")

    def _line(self, kind: Kind, text: str) -> None:
        if not self._project.is_recalling:
            self._view.line(Line(kind, self.now, text))

    def _stop(self) -> None:
        """Abort everything by force, which nothing follows, so that the demo ends."""
        self._line(
            Kind.NOTE, f"This goes on and on: stopped after {len(self._project.history)} events."
        )
        for context in self._names:
            if self._project.state.live_of_context(context):
                self._project.decide(AbortSequence(context, force=True, actor="demo"))
