"""What was ever committed and published in a simulated world, and what must be true of it.

A witness hears of each call that took effect, and raises `Violation` if it broke a promise of the
protocol: nothing committed is overwritten, only what was committed is published, in order, no
command takes effect twice, no attempt at a task runs under two ids, no report counts for another
task. What the events themselves may say is for an `Onlooker` of each project, and its `Attempts`.
"""

from __future__ import annotations

from collections import Counter
from functools import reduce
from typing import Final, final

from sequencectl._project.fold import evolve
from sequencectl.commands import (
    Command,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
)
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.events import Event, TaskTriggered
from sequencectl.policies import Calendar
from sequencectl.ports import Store
from sequencectl.state import ProjectState
from sequencectl.testing.simulation.attempts import Attempts
from sequencectl.testing.simulation.faults import Pair
from sequencectl.testing.simulation.onlooker import Onlooker, Violation, named

REPORTS: Final = (ReportTaskStarted, ReportTaskProgress, ReportTaskFinished)
_COMMANDS: Final = 64
"""More than the people of a world send: a plane that remembers as many forgets none."""


def _may_repeat(command: Command) -> bool:
    """Return True for progress: it has no report id, so a repeat is one more sign of life (R42)."""
    return isinstance(command, ReportTaskProgress)


@final
class History:
    """All events of a project that were ever committed, and how many of them are published."""

    def __init__(self, plane: ControlPlane) -> None:
        self.committed: list[Event] = []
        self.published = 0
        self.tasks: dict[tuple[str, int, int], str] = {}
        self.onlooker = Onlooker()
        self.attempts = Attempts(plane)


@final
class Witness:
    """Keeps every event that was committed, independently of the store."""

    def __init__(self, plane: ControlPlane) -> None:
        self.commits = 0
        self._plane = plane
        self.histories: dict[str, History] = {}
        self._applied: set[int] = set()
        bounds = plane.bounds
        self._remembers = min(bounds.request_ids, bounds.retain + bounds.remember) >= _COMMANDS

    def is_newest(self, project: str, state: ProjectState | None) -> bool:
        """Return whether a state is the one that was committed last."""
        return state is not None and state.serial == len(self._history(project).committed)

    def loaded(self, project: str, stored: ProjectState | None) -> None:
        """Check what a store returned; None means that the project never existed."""
        newest = len(self._history(project).committed)
        if stored is not None and stored.serial != newest:
            raise Violation(f"loaded serial {stored.serial}, the newest is {newest}")

    @property
    def hits(self) -> Counter[Pair]:
        """What was met in the events of all projects."""
        met = [history.onlooker.met + history.attempts.met for history in self.histories.values()]
        return Counter({(what, ""): often for each in met for what, often in each.items()})

    def committed(
        self,
        decision: Decision,
        *,
        message: int | None,
        has_settled: bool,
        calendar: Calendar | None = None,
    ) -> None:
        """Check what a store took; `message` is the number of its command, None for a check.

        `calendar` is that of the replica that decided it.
        """
        events, history = decision.events, self._history(decision.project)
        self.commits += 1
        if events[0].serial != len(history.committed) + 1:
            there = f"{len(history.committed)} events are there"
            raise Violation(f"committed over others, {there}: {named(events[0])}")
        history.committed.extend(events)
        task_id = getattr(events[0], "task_id", None)
        if isinstance(decision.command, REPORTS) and task_id != decision.command.task_id:
            raise Violation(f"counts for the task {task_id}: {decision.command}")
        for event in events:
            history.onlooker.see(event, calendar)
            history.attempts.see(event)
        if message is None:
            if not has_settled:
                raise Violation(f"a deadline is acted on before settle: {named(events[0])}")
        elif message in self._applied and self._remembers and not _may_repeat(decision.command):
            raise Violation(f"took effect twice: {decision.command}")
        else:
            self._applied.add(message)

    def published(self, project: str, event: Event) -> bool:
        """Check an event that a sink took; return whether it was for the first time."""
        history = self._history(project)
        before = history.published
        if event.serial > history.published + 1:
            missing = f"event {history.published + 1} is not published"
            raise Violation(f"published too early, {missing}: {named(event)}")
        if history.committed[event.serial - 1 : event.serial] != [event]:
            raise Violation(f"published and not committed: {named(event)}")
        history.published = max(history.published, event.serial)
        if isinstance(event, TaskTriggered):
            task = (event.subject.sequence_id, event.index, event.attempt)
            first = history.tasks.setdefault(task, event.task_id)
            if self._remembers and first != event.task_id:
                raise Violation(f"a task runs twice, also as {first}: {named(event)}")
        return history.published > before

    def acknowledged(self, decision: Decision, *, is_sent: bool = False) -> None:
        """Check the decision that the sender of a command gets, perhaps with all events sent."""
        history = self._history(decision.project)
        committed = history.committed
        if tuple(committed[decision.base : decision.state.serial]) != decision.events:
            raise Violation(f"acknowledged, and its effects are lost: {decision.command}")
        if is_sent and decision.events and history.published < decision.state.serial:
            raise Violation(f"said to be published, and is not: {named(decision.events[-1])}")

    def check_rest(self, store: Store, *, all_ended: bool) -> None:
        """Check that all that was committed is published, and leads to what is stored."""
        for project, history in self.histories.items():
            if store.pending(project, limit=1):
                raise Violation(
                    f"the outbox of {project!r} is not empty, and no replica will publish it"
                )
            if history.published != len(history.committed):
                seen = f"{history.published} of {len(history.committed)} events are published"
                raise Violation(f"not everything committed is published: {seen}")
            initial = self._plane.initial(project)
            stored = store.load(project) or initial
            if stored != reduce(evolve, history.committed, initial):
                raise Violation(f"what is stored of {project!r} is not what its events lead to")
            live = [each for each in sorted(stored.sequences) if stored.live(each) is not None]
            if all_ended and live:
                raise Violation(f"never ends: {self._plane.explain(stored, live[0])}")

    def _history(self, project: str) -> History:
        if project not in self.histories:
            self.histories[project] = History(self._plane)
        return self.histories[project]
