"""A short test of a shipyard: say what happens, let time pass, ask how the deliveries stand.

A play is a project in memory with a clock that stands still until the test says ``wait``::

    def test_a_silent_tester_ends_the_delivery():
        play = Play(plane)
        play.trigger("c1", stage="dev", sequence="delivery", service="carts")
        play.finish("deploy")
        play.wait("3m")
        assert play.status("c1") == "delivery timed out"

A refused command raises `CommandRejected`, as it does in a controller; expect it with
``pytest.raises(CommandRejected)``. The play goes on after that, and its transcript shows what was
refused and why.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count, islice
from typing import Final, final

import attrs

from sequencectl.commands import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ExemptSequence,
    FreezeStage,
    PauseSequence,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    ResumeSequence,
    RetryTask,
    SkipTask,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.control_plane import ControlPlane, Decision, combine
from sequencectl.durations import format_duration
from sequencectl.errors import InvalidValue, UnknownSequence
from sequencectl.events import Event, SequenceTriggered, TaskTriggered
from sequencectl.outcomes import Result, Status
from sequencectl.policies import Calendar
from sequencectl.shipyard.definitions import Approval
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun
from sequencectl.testing._transcript import Transcript
from sequencectl.testing.fakes import START, duration_of
from sequencectl.views import Explanation, OpenTask

_SOMEBODY: Final = "executor-1"


@final
class Play:
    """One project of `plane`, from its first command on.

    Every method that gives a command returns the `Decision` and raises `CommandRejected` if the
    command is refused, `InvalidValue` if no project could accept it.
    """

    def __init__(self, plane: ControlPlane) -> None:
        if not isinstance(plane, ControlPlane):
            raise InvalidValue("plane", plane, "must be a ControlPlane")
        self._plane = plane
        self._state = plane.initial("play")
        self._now = START
        self._events: list[Event] = []
        self._transcript = Transcript(START)

    # ------------------------------------------------------------------ what happens

    def trigger(
        self,
        sequence_id: str,
        *,
        stage: str,
        sequence: str,
        service: str = "",
        context: str | None = None,
        data: Mapping[str, object] | None = None,
        priority: int | None = None,
        actor: str = "",
    ) -> Decision:
        """Trigger a sequence; its context is its own id unless another one is given."""
        return self.tell(
            TriggerSequence(
                sequence_id,
                stage=stage,
                sequence=sequence,
                service=service,
                context=context,
                data=data,
                priority=priority,
                actor=actor,
            )
        )

    def redrive(
        self,
        sequence_id: str,
        *,
        start_at: str | None = None,
        data: Mapping[str, object] | None = None,
        actor: str = "",
    ) -> Decision:
        """Trigger a sequence that goes on where an ended one failed, or at the task `start_at`.

        Its id is that of `ProjectState.redrive_id`, and its data, unless given, the input of the
        last task run of the old one. Raises `UnknownSequence` if that is not known.
        """
        old = self._state.sequences.get(sequence_id)
        if old is None:
            raise UnknownSequence(self._state.project, sequence_id)
        redrive_id = self._state.redrive_id(sequence_id)
        family = self._state.family(sequence_id)
        first = self._transcript.name(family[0])
        self._transcript.learn(redrive_id, f"redrive {len(family)} of {first}")
        return self.tell(
            TriggerSequence(
                redrive_id,
                stage=old.stage,
                sequence=old.name,
                service=old.service,
                context=old.context,
                data=self._last_input(sequence_id) if data is None else data,
                revision=old.subject.revision,
                actor=actor,
                redrives=sequence_id,
                start_at=start_at,
            )
        )

    def start(
        self,
        task: str,
        *,
        source: str | None = None,
        context: str | None = None,
        stage: str | None = None,
        service: str | None = None,
    ) -> Decision:
        """Report that work on the open task of this name has begun.

        Without a `source`, every executor the task waits for reports that has not reacted yet.
        `context`, `stage` and `service` tell several open tasks of one name apart. Raises
        `InvalidValue`, with a list of the open tasks, unless exactly one task is meant.
        """
        run = self._open_task(task, context, stage, service)
        sources = _missing(run) if source is None else [source]
        if not sources:
            raise InvalidValue("source", source, "must be given: all who are expected have started")
        reports = [ReportTaskStarted(run.task_id, source=each) for each in sources]
        return combine(*map(self.tell, reports))

    def progress(
        self,
        task: str,
        *,
        message: str = "",
        percent: int | None = None,
        source: str | None = None,
        context: str | None = None,
        stage: str | None = None,
        service: str | None = None,
    ) -> Decision:
        """Report how far the work on the open task of this name is.

        Without a `source`, every executor that is at work on it reports, or an invented one if none
        has started. `context`, `stage` and `service` tell several open tasks of one name apart.
        Raises `InvalidValue`, with a list of the open tasks, unless exactly one task is meant.
        """
        run = self._open_task(task, context, stage, service)
        at_work = [executor.source for executor in run.at_work] or [_SOMEBODY]
        reports = [
            ReportTaskProgress(run.task_id, source=each, message=message, percent=percent)
            for each in (at_work if source is None else [source])
        ]
        return combine(*map(self.tell, reports))

    def finish(
        self,
        task: str,
        *,
        result: Result | str = Result.PASS,
        status: Status | str = Status.SUCCEEDED,
        message: str = "",
        data: Mapping[str, object] | None = None,
        source: str | None = None,
        context: str | None = None,
        stage: str | None = None,
        service: str | None = None,
    ) -> Decision:
        """Report the result of the open task of this name.

        Without a `source`, every executor the task still waits for reports that result, so that
        the task is over: as many voters as it takes, if it is an approval. A `status` such as
        ``errored`` makes any result fail. `context`, `stage` and
        `service` tell several open tasks of one name apart. Raises `InvalidValue`, with a list of
        the open tasks, unless exactly one is meant.
        """
        run = self._open_task(task, context, stage, service)
        said = ReportTaskFinished(
            run.task_id,
            source=_SOMEBODY if source is None else source,
            result=result,
            status=status,
            message=message,
            data=data,
        )
        approval = run.triggered.approval
        if source is not None:
            sources = [source]
        else:
            sources = _unfinished(run) if approval is None else _undecided(run, approval, said)
        reports = [
            attrs.evolve(said, source=each, actor="" if approval is None else each)
            for each in sources
        ]
        return combine(*map(self.tell, reports))

    def pause(
        self, context: str, *, stage: str | None = None, actor: str = "", reason: str = ""
    ) -> Decision:
        """Pause a delivery, or its part in one stage."""
        return self.tell(PauseSequence(context, stage=stage, actor=actor, reason=reason))

    def resume(
        self, context: str, *, stage: str | None = None, actor: str = "", reason: str = ""
    ) -> Decision:
        """Resume a delivery, or its part in one stage."""
        return self.tell(ResumeSequence(context, stage=stage, actor=actor, reason=reason))

    def abort(
        self,
        context: str,
        *,
        stage: str | None = None,
        force: bool = False,
        actor: str = "",
        reason: str = "",
    ) -> Decision:
        """Abort a delivery, or its part in one stage; `force` does not wait for open tasks."""
        return self.tell(
            AbortSequence(context, stage=stage, force=force, actor=actor, reason=reason)
        )

    def retry(
        self, context: str, *, stage: str | None = None, actor: str = "", reason: str = ""
    ) -> Decision:
        """Run the failed task of what is parked in a delivery, or its part in one stage, again."""
        return self.tell(RetryTask(context, stage=stage, actor=actor, reason=reason))

    def skip(
        self,
        context: str,
        *,
        result: Result | str = Result.PASS,
        stage: str | None = None,
        actor: str = "",
        reason: str = "",
    ) -> Decision:
        """Let what is parked in a delivery go on as if its failed task had come to `result`."""
        return self.tell(SkipTask(context, result=result, stage=stage, actor=actor, reason=reason))

    def approve(
        self,
        task: str,
        voter: str,
        *,
        reason: str = "",
        context: str | None = None,
        stage: str | None = None,
        service: str | None = None,
    ) -> Decision:
        """Let a person approve the open approval of this name.

        Of several, `context`, `stage` and `service` say which one, as for `finish`.
        """
        run = self._open_task(task, context, stage, service)
        return self.tell(run.triggered.approve(voter, reason))

    def reject(
        self,
        task: str,
        voter: str,
        *,
        reason: str = "",
        context: str | None = None,
        stage: str | None = None,
        service: str | None = None,
    ) -> Decision:
        """Let a person reject the open approval of this name, else as `approve`."""
        run = self._open_task(task, context, stage, service)
        return self.tell(run.triggered.reject(voter, reason))

    def freeze(
        self,
        stage: str,
        *,
        until: datetime | timedelta | str | None = None,
        actor: str = "",
        reason: str = "",
    ) -> Decision:
        """Freeze a stage: nothing new starts there until it is unfrozen.

        With `until` the freeze ends by itself: at that instant, or after that duration.
        """
        if isinstance(until, timedelta | str):
            until = self._now + duration_of(until, "until")
        return self.tell(FreezeStage(stage, until=until, actor=actor, reason=reason))

    def unfreeze(self, stage: str, *, actor: str = "", reason: str = "") -> Decision:
        """Unfreeze a stage."""
        return self.tell(UnfreezeStage(stage, actor=actor, reason=reason))

    def exempt(self, sequence_id: str, *, actor: str = "", reason: str = "") -> Decision:
        """Let one sequence start in spite of freeze and calendar."""
        return self.tell(ExemptSequence(sequence_id, actor=actor, reason=reason))

    def use_calendar(self, calendar: Calendar | None) -> None:
        """Decide by another calendar from now on; None for none.

        As in a host, what the old one has closed stays closed as long as it said: `unfreeze` asks
        the new one. Raises `InvalidValue` unless it can be called.
        """
        self._plane = attrs.evolve(self._plane, calendar=calendar)
        self._transcript.say(self._now, "use another calendar" if calendar else "use no calendar")

    def tell(self, command: Command) -> Decision:
        """Give any command, such as a late report or one with a request id."""
        decision = self._decide(command)
        decision.raise_if_rejected()
        return decision

    def wait(self, duration: timedelta | str) -> None:
        """Let time pass, and check each deadline on the way at its own instant.

        A deadline at the very end of the wait is checked too. Raises `InvalidValue` unless
        `duration` is a timedelta, or a text such as ``"3m"``, of zero or more.
        """
        length = duration_of(duration)
        if length < timedelta(0):
            raise InvalidValue("duration", duration, "must be zero or more, such as '90s'")
        self._transcript.say(self._now, f"wait {format_duration(length)}")
        end = self._now + length
        while (due := self._state.next_deadline) is not None and due <= end:
            self._now = due
            self._decide(CheckDeadlines())
        self._now = end

    # ------------------------------------------------------------------ how it stands

    @property
    def now(self) -> datetime:
        """The instant the play has come to."""
        return self._now

    @property
    def state(self) -> ProjectState:
        """The state of the project."""
        return self._state

    @property
    def events(self) -> tuple[Event, ...]:
        """All events so far, oldest first."""
        return tuple(self._events)

    def status(self, context: str) -> str:
        """Return the status of a delivery, such as ``delivery paused``; raise `UnknownContext`."""
        return self._plane.delivery(self._state, context).status_line

    def explain(self, sequence_id: str) -> Explanation:
        """Return how a sequence stands and why; raise `UnknownSequence`."""
        return self._plane.explain(self._state, sequence_id)

    def open_tasks(self) -> tuple[OpenTask, ...]:
        """Return the tasks in flight, each with the event that triggered it and its input."""
        return self._plane.open_tasks(self._state)

    def transcript(self) -> str:
        """Return the play as text: each command with its instant, and the events below it.

        Instants are durations since the beginning. Payloads are left out. There is no newline at
        the end. The same play has the same transcript each time, so it can be kept in a file and
        compared.
        """
        return str(self._transcript)

    # ------------------------------------------------------------------ inside

    def _decide(self, command: Command) -> Decision:
        decision = self._plane.decide(self._state, command, self._now)
        self._state = decision.state
        self._events.extend(decision.events)
        self._transcript.record(self._now, decision)
        return decision

    def _last_input(self, sequence_id: str) -> Mapping[str, object]:
        """Return the input of the last task run of a sequence, or the data of its trigger."""
        told = [each for each in self._events if each.subject.sequence_id == sequence_id]
        inputs = [each.input for each in told if isinstance(each, TaskTriggered)]
        data = [each.data for each in told if isinstance(each, SequenceTriggered)]
        return [*data, *inputs][-1]

    def _open_task(
        self, name: str, context: str | None, stage: str | None, service: str | None
    ) -> TaskRun:
        live = map(self._state.live, self._state.sequences)
        runs = [record.task for record in live if record is not None and record.task is not None]
        wanted = {"context": context, "stage": stage, "service": service}
        found = [
            run
            for run in runs
            if run.name == name
            and all(
                value is None or value == getattr(run.triggered.subject, part)
                for part, value in wanted.items()
            )
        ]
        if len(found) == 1:
            return found[0]
        names = ", ".join(self._transcript.name(run.task_id) for run in runs) or "none"
        given = ", ".join(f"{part}={value!r}" for part, value in wanted.items() if value)
        must = f"must name one open task{given and f' with {given}'}, open are: {names}"
        raise InvalidValue("task", name, must)


def _missing(run: TaskRun) -> list[str]:
    """Return who is expected and has not reacted; invented names where none are expected."""
    match run.triggered.expects:
        case frozenset() as sources:
            return sorted(sources.difference(run.sources))
        case expected:
            invented = (
                name for each in count(1) if (name := f"executor-{each}") not in run.sources
            )
            return [*islice(invented, max((expected or 1) - len(run.sources), 0))]


def _unfinished(run: TaskRun) -> list[str]:
    """Return who has to finish until the task is over, each as often as it still must."""
    finished = {each.source for each in run.executors if each.finishes}
    match run.triggered.expects:
        case None:
            left = {each.source: each.starts - each.finishes for each in run.unfinished}
            return [source for source in left or _missing(run) for _ in range(left.get(source, 1))]
        case int() as number:
            started = [source for source in run.sources if source not in finished]
            return (started + _missing(run))[: number - len(finished)]
        case expected:
            return sorted(expected - finished)


def _undecided(run: TaskRun, approval: Approval, said: ReportTaskFinished) -> list[str]:
    """Return invented voters, as many as it takes until votes like this one decide."""
    if said.result is Result.FAIL or said.status is not Status.SUCCEEDED:
        missing = approval.reject - len(run.rejecting)
    else:
        missing = approval.approve - len(run.approving)
    known = {vote.voter for vote in run.votes}
    invented = (name for each in count(1) if (name := f"voter-{each}") not in known)
    return [*islice(invented, missing)]
