"""A tiny driver for tests: a host that keeps a project's state and checks every decision."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any, Final, TypeVar

import attrs

from sequencectl import (
    AbortSequence,
    Applied,
    CheckDeadlines,
    Command,
    ControlPlane,
    Decision,
    Event,
    ExemptSequence,
    FreezeStage,
    LiveSequence,
    Outcome,
    PauseSequence,
    Phase,
    ProjectState,
    Rejected,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    ResumeSequence,
    RetryTask,
    SequenceRecord,
    Shipyard,
    SkipTask,
    TriggerSequence,
    Unchanged,
    UnfreezeStage,
    evolve,
)

T0: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
"""When every test begins; instants are seconds after it."""

_EventT = TypeVar("_EventT")


def instant(seconds: float) -> datetime:
    """The instant so many seconds after `T0`."""
    return T0 + timedelta(seconds=seconds)


def word(outcome: Outcome) -> str:
    """An outcome as the table in ``docs/rules.md`` writes it: ``rejected aborting``."""
    match outcome:
        case Applied():
            return "applied"
        case Unchanged():
            return outcome.code.value
        case Rejected():
            return f"rejected {outcome.code.value}"


def check_decision(decision: Decision) -> None:
    """Assert the replay law, that indexes equal their rebuild, and that only Applied has events."""
    replayed = reduce(evolve, decision.events, decision.before)
    rebuilt = decision.state.rebuilt()

    assert replayed == decision.state
    assert decision.state == rebuilt
    assert decision.state.index == rebuilt.index
    assert bool(decision.events) is isinstance(decision.outcome, Applied)
    assert decision.events or decision.state is decision.before


class Host:
    """A host of one project with a clock of its own, which only the test moves.

    It begins with a plane, or with a shipyard (a mapping is read by ``Shipyard.of``) and policies.
    """

    def __init__(
        self,
        world: ControlPlane | Shipyard | Mapping[str, Any],
        *,
        project: str = "sockshop",
        **policies: Any,
    ) -> None:
        if isinstance(world, ControlPlane):
            self.plane = attrs.evolve(world, **policies)
        else:
            shipyard = world if isinstance(world, Shipyard) else Shipyard.of(world)
            self.plane = ControlPlane(shipyard, **policies)
        self.state: ProjectState = self.plane.initial(project)
        self.now = T0
        self.events: list[Event] = []
        self.last: Decision | None = None

    def at(self, seconds: float) -> Host:
        """Set the clock."""
        self.now = instant(seconds)
        return self

    def tell(self, command: Command) -> Decision:
        """Decide, check the decision, and keep the state and the events it leads to."""
        decision = self.plane.decide(self.state, command, self.now)
        check_decision(decision)
        self.state = decision.state
        self.events.extend(decision.events)
        self.last = decision
        return decision

    # ------------------------------------------------------------------ commands

    def trigger(
        self,
        sequence_id: str,
        stage: str = "dev",
        sequence: str = "delivery",
        service: str = "carts",
        **more: Any,
    ) -> Decision:
        """Trigger a sequence."""
        return self.tell(
            TriggerSequence(sequence_id, stage=stage, sequence=sequence, service=service, **more)
        )

    def start(self, sequence_id: str, source: str = "x", **more: Any) -> Decision:
        """Report a start for the task in flight of a sequence, else for its last one."""
        return self.tell(ReportTaskStarted(self.task_id(sequence_id), source=source, **more))

    def finish(
        self, sequence_id: str, result: str = "pass", source: str = "x", **more: Any
    ) -> Decision:
        """Report a finish for the task in flight of a sequence, else for its last one."""
        task_id = self.task_id(sequence_id)
        return self.tell(ReportTaskFinished(task_id, source=source, result=result, **more))

    def vote(self, sequence_id: str, voter: str, result: str = "pass", **more: Any) -> Decision:
        """Vote on the approval in flight of a sequence, else on its last task."""
        return self.finish(sequence_id, result, source="ui", actor=voter, **more)

    def progress(self, sequence_id: str, source: str = "x", **more: Any) -> Decision:
        """Report progress on the task in flight of a sequence, else on its last one."""
        return self.tell(ReportTaskProgress(self.task_id(sequence_id), source=source, **more))

    def retry(self, sequence_id: str, **more: Any) -> Decision:
        """Retry the task that a sequence is parked with."""
        return self.tell(RetryTask(sequence_id=sequence_id, **more))

    def skip(self, sequence_id: str, result: str = "pass", **more: Any) -> Decision:
        """Skip the task that a sequence is parked with."""
        return self.tell(SkipTask(sequence_id=sequence_id, result=result, **more))

    def redrive(self, old: str, sequence_id: str | None = None, **more: Any) -> Decision:
        """Redrive a sequence, by default with the id that the state derives."""
        record = self.record(old)
        new = self.state.redrive_id(old) if sequence_id is None else sequence_id
        about = {"stage": record.stage, "sequence": record.name, "service": record.service}
        given = {**about, "context": record.context, "redrives": old, **more}
        return self.tell(TriggerSequence(new, **given))

    def pause(self, context: str, **more: Any) -> Decision:
        """Pause a context, or with `stage` a part of it."""
        return self.tell(PauseSequence(context, **more))

    def resume(self, context: str, **more: Any) -> Decision:
        """Resume a context, or with `stage` a part of it."""
        return self.tell(ResumeSequence(context, **more))

    def abort(self, context: str, **more: Any) -> Decision:
        """Abort a context, or with `stage` a part of it."""
        return self.tell(AbortSequence(context, **more))

    def freeze(self, stage: str = "dev", **more: Any) -> Decision:
        """Freeze a stage."""
        return self.tell(FreezeStage(stage, **more))

    def unfreeze(self, stage: str = "dev", **more: Any) -> Decision:
        """Unfreeze a stage."""
        return self.tell(UnfreezeStage(stage, **more))

    def exempt(self, sequence_id: str, **more: Any) -> Decision:
        """Let a sequence start in spite of freeze and calendar."""
        return self.tell(ExemptSequence(sequence_id, **more))

    def check(self, **more: Any) -> Decision:
        """Check what is due now."""
        return self.tell(CheckDeadlines(**more))

    def until(self, seconds: float) -> None:
        """Let time pass to this instant, checking at every deadline, as a host's timer does."""
        end = instant(seconds)
        while self.state.next_deadline is not None and self.state.next_deadline <= end:
            self.now = max(self.now, self.state.next_deadline)
            self.check()
        self.now = end

    # ------------------------------------------------------------------ questions

    def record(self, sequence_id: str) -> SequenceRecord:
        """The record of a known sequence."""
        found = self.state.sequence(sequence_id)
        assert found is not None, f"nobody knows {sequence_id!r}"
        return found

    def phase(self, sequence_id: str) -> Phase:
        """The phase of a known sequence."""
        return self.record(sequence_id).phase

    def task(self, sequence_id: str) -> str | None:
        """The name of the task in flight of a known sequence, or None."""
        record = self.record(sequence_id)
        in_flight = record.task if isinstance(record, LiveSequence) else None
        return None if in_flight is None else in_flight.name

    def task_id(self, sequence_id: str) -> str:
        """The id of the task in flight of a sequence, else of its task that was last over."""
        record = self.record(sequence_id)
        if isinstance(record, LiveSequence) and record.task is not None:
            return record.task.task_id
        assert record.task_ids, f"no task of {sequence_id!r} was triggered"
        return record.task_ids[-1]

    @property
    def code(self) -> str:
        """The outcome of the last command: ``applied``, ``late``, ``rejected aborting``."""
        assert self.last is not None
        return word(self.last.outcome)

    @property
    def said(self) -> tuple[str, ...]:
        """The names of the events of the last command."""
        assert self.last is not None
        return tuple(type(event).__name__ for event in self.last.events)

    def of(self, kind: type[_EventT]) -> list[_EventT]:
        """All events of one type so far."""
        return [event for event in self.events if isinstance(event, kind)]
