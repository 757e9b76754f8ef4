"""A host's program that uses every public name: both type checkers read it, and it runs as a test.

What is asserted is little, for other tests do that: here each name is used as hosts use it, with
the plain forms of enums, durations and data that they would write.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

import sequencectl
from sequencectl import (
    AbortSequence,
    Applied,
    Appointment,
    Approval,
    AsyncBatchStore,
    AsyncEventSink,
    AsyncSequenceController,
    AsyncStore,
    BatchStore,
    Bounds,
    Calendar,
    CalendarError,
    CheckDeadlines,
    Checked,
    Clock,
    Command,
    CommandRejected,
    Conflict,
    Contention,
    ControlPlane,
    Decision,
    DecodeError,
    DefinitionError,
    DeliveryView,
    DurationError,
    EndedSequence,
    Ending,
    Event,
    EventSink,
    ExemptSequence,
    Explanation,
    Failure,
    Finding,
    FindingCode,
    FreezeStage,
    FrozenMap,
    Handled,
    IllegalTransition,
    InvalidValue,
    LaneScope,
    LiveSequence,
    Newcomer,
    OnExpiry,
    OnFailure,
    Opening,
    OpenTask,
    Outcome,
    PauseSequence,
    PayloadError,
    Phase,
    PolicyError,
    ProjectState,
    QueueMode,
    QueuePolicy,
    ReentrantCall,
    Rejected,
    RejectedCode,
    Relayed,
    ReplayError,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    Result,
    ResumeSequence,
    Retry,
    RetryTask,
    SchemaTooNew,
    SequenceCommand,
    SequenceController,
    SequencectlError,
    SequenceDecision,
    SequenceDefinition,
    SequenceRecord,
    SequenceStateMachine,
    SequenceStatus,
    SequenceTimeouts,
    Shipyard,
    SkipTask,
    StageDefinition,
    StageQueue,
    Status,
    Store,
    Subject,
    TaskDefinition,
    TaskTimeouts,
    TaskTriggered,
    Ticket,
    TimeoutPolicy,
    TriggeredOn,
    TriggerSequence,
    Unchanged,
    UnchangedCode,
    UnfreezeStage,
    UnknownCalendar,
    UnknownContext,
    UnknownProject,
    UnknownSequence,
    combine,
    evolve,
    format_duration,
    freeze,
    parse_duration,
    restore,
    thaw,
)

NOW = datetime(2026, 1, 1, 9, tzinfo=UTC)


def shipyard() -> Shipyard:
    """Describe the stages, once in short and once with definitions."""
    short = Shipyard.of({"dev": {"delivery": ["deploy"]}, "prod": None}, name="shop")
    task = TaskDefinition(
        "deploy",
        triggered_after="5s",
        properties={"strategy": "direct", "replicas": [1, 2]},
        timeouts=TaskTimeouts("90s", completion=timedelta(hours=1)),
        expects=["helm", "argo"],
    )
    sequence = SequenceDefinition(
        "delivery",
        (
            task,
            TaskDefinition(
                "test",
                expects=2,
                retry=Retry(times=2, backoff="30s", factor=2, on={"fail", Failure.TIMED_OUT}),
                on_failure="park",
            ),
            TaskDefinition("sign", approval=Approval(approve=2, on_expiry="approve")),
            TaskDefinition(
                "check",
                approval=Approval(on_expiry=OnExpiry.TIME_OUT, newcomer=Newcomer.SUPERSEDE),
            ),
        ),
        triggered_on=(TriggeredOn("dev", "delivery", {"result": "pass"}),),
        timeouts=SequenceTimeouts(total="2h", waiting=None),
        on_failure=OnFailure.END,
    )
    return Shipyard((*short.stages[:1], StageDefinition("prod", (sequence,))), name=short.name)


def plane() -> ControlPlane:
    """Configure it with texts for durations and words for enums."""
    return ControlPlane(
        shipyard(),
        timeouts=TimeoutPolicy(
            reaction="3m",
            completion=timedelta(hours=24),
            total="48h",
            waiting=None,
            abort_grace="30s",
            silence="5m",
            parked="48h",
            clock_skew="1m",
            tasks={"test": TaskTimeouts(completion="2h", silence=None)},
        ),
        queueing=QueuePolicy(
            mode="latest_only",
            scope="service",
            stages={"prod": QueuePolicy(limit=2, mode=QueueMode.QUEUE, scope=LaneScope.STAGE)},
        ),
        bounds=Bounds(payload_size=10_000, attempts=10, progress_every="30s"),
        calendar=weekdays,
    )


def at_weekends(stage: str, now: datetime) -> Opening:
    """Close production at the weekend."""
    if stage == "prod" and now.weekday() > 4:
        return Opening(False, until=now + timedelta(days=7 - now.weekday()), name="weekend")
    return Opening(True)


weekdays: Calendar = at_weekends


def mistakes(findings: Sequence[Finding]) -> list[str]:
    """Print what looks like a mistake in a shipyard."""
    return [
        f"{finding.path}: {finding}"
        for finding in findings
        if finding.code is not FindingCode.REPEATED_TASK
    ]


def commands(task: TaskTriggered) -> list[Command]:
    """Say everything that a host can say."""
    started: list[SequenceCommand] = [
        ReportTaskStarted(task.task_id, source="helm", report_id="r1"),
        ReportTaskFinished(
            task.task_id, source="helm", result="pass", status="succeeded", data={"url": None}
        ),
        ReportTaskProgress(task.task_id, source="helm", message="half way", percent=50),
        task.progress(source="helm", percent=60),
        task.started(source="helm"),
        task.finished(source="helm", result=Result.WARNING, status=Status.SUCCEEDED, data={"x": 1}),
        PauseSequence("c1", stage="dev", actor="alice", reason="looks wrong", request_id="p1"),
        ResumeSequence("c1"),
        AbortSequence(sequence_id="c1", force=True),
        RetryTask("c1", stage="dev", actor="alice"),
        SkipTask(sequence_id="c1", result="warning", reason="known flake"),
        CheckDeadlines(),
    ]
    return [
        TriggerSequence("c1", stage="dev", sequence="delivery", context=None, data=None),
        TriggerSequence("c2", stage="dev", sequence="delivery", data=freeze({"image": "carts:2"})),
        TriggerSequence(
            "c3", stage="dev", sequence="delivery", context="c1", redrives="c1", start_at="test"
        ),
        *started,
        FreezeStage("prod"),
        FreezeStage("prod", until=datetime(2026, 12, 24, tzinfo=UTC), actor="alice"),
        UnfreezeStage("prod"),
        ExemptSequence("c2", actor="alice", reason="hotfix"),
    ]


def votes(task: TaskTriggered) -> list[ReportTaskFinished]:
    """Answer an approval, on second thoughts."""
    return [task.approve("alice"), task.reject("alice", "not today")] if task.approval else []


def said(outcome: Outcome) -> str:
    """Answer the sender of a command."""
    match outcome:
        case Applied():
            return "done"
        case Unchanged(code=UnchangedCode.DUPLICATE):
            return "known already"
        case Unchanged():
            return outcome.code.value
        case Rejected(code=RejectedCode.QUEUE_FULL):
            return "try again later"
        case Rejected():
            return outcome.message


def heard(event: Event) -> str:
    """Tell apart what matters to a host: a task to run, and an end."""
    subject: Subject = event.subject
    if isinstance(event, TaskTriggered):
        data: FrozenMap = event.input
        return f"run {event.task} of {subject.sequence_id} with {thaw(data)}"
    if isinstance(event, Ending):
        return f"{subject.sequence_id} is over: {event.message}"
    return type(event).__name__


def standing(record: SequenceRecord) -> str:
    """Describe a record."""
    if isinstance(record, LiveSequence):
        return f"{record.phase.value}, until {record.deadline}"
    ended: EndedSequence = record
    return f"{ended.result.value} at {ended.ended_at}"


def mistake_of(error: SequencectlError) -> str:
    """Tell apart what can go wrong."""
    match error:
        case DurationError() | PayloadError() | PolicyError():
            return error.where
        case DefinitionError():
            return f"line {error.line}"
        case SchemaTooNew():
            return f"schema {error.found}"
        case UnknownCalendar():
            return f"calendar {error.name}, not one of {', '.join(error.known)}"
        case DecodeError() | InvalidValue():
            return error.problem
        case UnknownContext():
            return error.context
        case UnknownSequence():
            return error.sequence_id
        case UnknownProject() | Conflict() | Contention():
            return error.project
        case CommandRejected():
            return error.code.value
        case CalendarError():
            return error.stage
        case ReentrantCall():
            return "a port must not call its controller"
        case IllegalTransition() | ReplayError():
            return "a stored event does not follow"
        case _:
            return str(error)


class OneState:
    """A store that keeps the newest state of each project, in memory."""

    def __init__(self) -> None:
        self.states: dict[str, ProjectState] = {}
        self.outbox: dict[str, list[Event]] = {}

    def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return what is kept."""
        return self.states.get(project, known)

    def commit(self, decision: Decision) -> None:
        """Keep the state and its events."""
        state = self.states.get(decision.project)
        if state is not None and state.serial != decision.base:
            raise Conflict(decision.project, base=decision.base, found=state.serial)
        self.states[decision.project] = decision.state
        self.outbox.setdefault(decision.project, []).extend(decision.events)

    def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest events."""
        return self.outbox.get(project, [])[:limit]

    def acknowledge(self, project: str, *, through: int) -> None:
        """Drop what was published."""
        self.outbox[project] = [each for each in self.outbox[project] if each.serial > through]

    def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """List who needs a look, now or at an instant."""
        now = [Appointment(project, None) for project, events in self.outbox.items() if events]
        later = [Appointment(name, state.next_deadline) for name, state in self.states.items()]
        return [*now, *(each for each in later if each.at is not None)][:limit]


class OneStateAsync:
    """The same for a host that awaits."""

    def __init__(self) -> None:
        self.kept = OneState()

    async def load(self, project: str, *, known: ProjectState | None = None) -> ProjectState | None:
        """Return what is kept."""
        return self.kept.load(project, known=known)

    async def commit(self, decision: Decision) -> None:
        """Keep the state and its events."""
        self.kept.commit(decision)

    async def pending(self, project: str, *, limit: int) -> Sequence[Event]:
        """Return the oldest events."""
        return self.kept.pending(project, limit=limit)

    async def acknowledge(self, project: str, *, through: int) -> None:
        """Drop what was published."""
        self.kept.acknowledge(project, through=through)

    async def agenda(self, *, limit: int) -> Sequence[Appointment]:
        """List who needs a look."""
        return self.kept.agenda(limit=limit)


class Noon:
    """A clock that stands."""

    def now(self) -> datetime:
        """Return noon."""
        return NOW


class Printer:
    """A sink that keeps what it would print."""

    def __init__(self) -> None:
        self.rows: list[str] = []

    def emit(self, project: str, events: Sequence[Event]) -> None:
        """Keep one row for each event."""
        self.rows += [f"{project}: {heard(event)}" for event in events]


class PrinterAsync:
    """The same for a host that awaits."""

    def __init__(self) -> None:
        self.kept = Printer()

    async def emit(self, project: str, events: Sequence[Event]) -> None:
        """Keep one row for each event."""
        self.kept.emit(project, events)


def looped(store: Store, clock: Clock, sink: EventSink) -> list[datetime | None]:
    """Run the loop with a plane for all projects."""
    controller = SequenceController(
        plane(), store=store, clock=clock, sink=sink, settle="3m", retry_after=timedelta(seconds=5)
    )
    handled: Handled = controller.handle(
        "shop", TriggerSequence("c1", stage="dev", sequence="delivery")
    )
    checked: Checked = controller.check_deadlines()
    relayed: Relayed = controller.relay()
    return [handled.arm, checked.arm, relayed.arm]


async def looped_async(store: AsyncStore, clock: Clock, sink: AsyncEventSink) -> Explanation:
    """Run it with a function of the project."""
    planes = {"shop": plane()}

    def of(project: str) -> ControlPlane:
        if project not in planes:
            raise UnknownProject(project)
        return planes[project]

    controller = AsyncSequenceController(of, store=store, clock=clock, sink=sink)
    await controller.handle("shop", TriggerSequence("c1", stage="dev", sequence="delivery"))
    answers: tuple[Handled | Exception, ...]
    answers = await controller.handle_many("shop", [CheckDeadlines(), CheckDeadlines()])
    print(answers)
    return await controller.explain("shop", "c1")


def looped_many(store: BatchStore, clock: Clock, sink: EventSink) -> tuple[object, ...]:
    """A store that can do many things at once is a store."""
    return SequenceController(plane(), store=store, clock=clock, sink=sink).handle_many("shop", ())


async def looped_in_part(
    store: AsyncBatchStore, one: Store, clock: Clock, sink: EventSink
) -> list[Checked]:
    """Each port may await or not, by itself."""
    both = (
        AsyncSequenceController(plane(), store=store, clock=clock, sink=sink),
        AsyncSequenceController(plane(), store=one, clock=clock, sink=sink),
    )
    return [await each.check_deadlines() for each in both]


def lane() -> StageQueue:
    """Keep a line alone."""
    first, urgent = Ticket.of("c1", place=1), Ticket.of("c2", place=2, priority=5)
    return StageQueue().enter(first).enter(urgent)


def one_sequence() -> SequenceDecision:
    """Decide about one sequence alone."""
    machine = SequenceStateMachine(SequenceDefinition("delivery", (TaskDefinition("deploy"),)))
    command = TriggerSequence("c1", stage="dev", sequence="delivery")
    accepted = machine.accept(command, NOW)
    assert accepted.state is not None
    return machine.start(accepted.state, NOW)


def test_a_host_uses_every_public_name() -> None:
    """A project is decided, looked at, stored and read again."""
    control = plane()
    state = control.initial("shop")
    first = control.decide(state, TriggerSequence("c1", stage="dev", sequence="delivery"), NOW)
    task = first.events[-1]
    assert isinstance(task, TaskTriggered)
    decisions = [first]
    for command in (*commands(task), *votes(task)):
        decisions.append(control.decide(decisions[-1].state, command, NOW))
    whole = combine(*decisions)
    for event in whole.events:
        state = evolve(state, event)
    view: DeliveryView = control.delivery(state, "c1")
    status: SequenceStatus = view.sequences[0]
    tasks: tuple[OpenTask, ...] = control.open_tasks(state)
    again = restore(
        "shop",
        state.ledger,
        state.sequences.values(),
        contexts=state.contexts,
        freezes=state.freezes,
    )

    assert state == whole.state
    assert again == state
    assert "known already" in [said(decision.outcome) for decision in decisions]
    assert [] == mistakes(control.shipyard.findings())
    assert Phase.FINISHED is status.phase
    assert "pass at 2026-01-01 09:00:00+00:00" == standing(state.of_context("c1")[0])
    assert ["c2"] == [each.triggered.subject.sequence_id for each in tasks]


def test_the_ports_fit() -> None:
    """Adapters without base classes are ports to a type checker."""
    sink = Printer()

    armed = looped(OneState(), Noon(), sink)
    explained = asyncio.run(looped_async(OneStateAsync(), Noon(), PrinterAsync()))

    deadline = NOW + timedelta(minutes=3)
    assert (deadline, deadline) == (armed[0], explained.deadline)
    assert "shop: SequenceStarted" in sink.rows


def test_the_levels_below_fit() -> None:
    """A queue and a sequence are decided without a project."""
    decision = one_sequence()

    assert ["c2", "c1"] == [ticket.sequence_id for ticket in lane()]
    assert ["SequenceStarted", "TaskTriggered"] == [type(each).__name__ for each in decision.events]


def test_errors_are_typed() -> None:
    """Each mistake has its class, and its class has what it is about."""
    with pytest.raises(PolicyError) as caught:
        TimeoutPolicy(reaction="three minutes")

    assert "reaction" == mistake_of(caught.value)
    assert "no sequence" not in mistake_of(UnknownSequence("shop", "c9"))


def test_checkers_refuse_what_is_refused() -> None:
    """A value that no call accepts is an error to both type checkers as well."""
    with pytest.raises(PolicyError, match="reaction"):
        TimeoutPolicy(reaction=3)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="completion"):
        TaskTimeouts(completion=3)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="clock_skew"):
        TimeoutPolicy(clock_skew=None)  # type: ignore[arg-type]
    with pytest.raises(PolicyError, match="mode"):
        QueuePolicy(mode=LaneScope.STAGE)  # type: ignore[arg-type]
    with pytest.raises(DefinitionError, match="triggeredAfter"):
        TaskDefinition("deploy", triggered_after=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="context"):
        TriggerSequence("c1", stage="dev", sequence="delivery", context=3)  # type: ignore[arg-type]
    with pytest.raises(InvalidValue, match="result"):
        ReportTaskFinished("t", source="helm", result=None)  # type: ignore[arg-type]
    with pytest.raises(PayloadError, match="data"):
        ReportTaskFinished("t", source="helm", result="pass", data=3)  # type: ignore[arg-type]


def test_durations_go_both_ways() -> None:
    """A duration is read and printed in Go's notation; the version is a text."""
    assert "1m30s" == format_duration(parse_duration("90s"))
    assert sequencectl.__version__.count(".") == 2
