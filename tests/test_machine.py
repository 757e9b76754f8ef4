"""One sequence by itself: the same decisions as in a project, without lanes and contexts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import reduce
from typing import Any, Final

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl import (
    AbortSequence,
    Bounds,
    CheckDeadlines,
    CommandRejected,
    DefinitionError,
    EndedSequence,
    IllegalTransition,
    InvalidValue,
    LiveSequence,
    PauseSequence,
    Phase,
    PolicyError,
    QueuePolicy,
    Rejected,
    RejectedCode,
    ReplayError,
    ReportTaskFinished,
    ReportTaskStarted,
    Result,
    ResumeSequence,
    SequenceDecision,
    SequenceDefinition,
    SequenceRecord,
    SequenceStateMachine,
    Shipyard,
    StageDefinition,
    Status,
    Subject,
    TaskDefinition,
    TaskTimeouts,
    TimeoutPolicy,
    TriggerSequence,
)
from sequencectl.events import Control, SequenceEvent, SequenceTriggered, TaskTriggered
from sequencectl.outcomes import APPLIED
from tests.support import T0, Host, instant, word

TASKS: Final = (
    TaskDefinition("build"),
    TaskDefinition("test", triggered_after="60s", expects=2),
    TaskDefinition("build", properties={"again": True}),
)
LIMITS: Final = TimeoutPolicy(
    reaction="100s", completion="200s", total="400s", waiting="150s", abort_grace="50s"
)
OF_THE_PROJECT: Final = {
    "serial", "place", "accepted_serial", "task_id", "abandoned_task", "requests_remembered",
}  # fmt: skip
TRIGGER: Final = TriggerSequence(
    "s1", stage="dev", sequence="delivery", service="carts", context="ctx", data={"labels": {}}
)


class Alone:
    """A host of one sequence, with a line of its own: open or not."""

    def __init__(self, *tasks: TaskDefinition, limits: TimeoutPolicy = LIMITS) -> None:
        self.machine = SequenceStateMachine(
            SequenceDefinition("delivery", tasks or TASKS), timeouts=limits
        )
        accepted = self.machine.accept(TRIGGER, T0, project="sockshop")
        assert accepted.state is not None
        self.state: SequenceRecord = accepted.state
        self.last = accepted
        self.events = list(accepted.events)

    def keep(self, decision: SequenceDecision) -> SequenceDecision:
        """Check that the events fold to the state, and keep both."""
        state: SequenceRecord | None = decision.before
        for event in decision.events:
            state = self.machine.evolve(state, event)
        assert state == decision.state
        assert decision.state is not None
        assert bool(decision.events) is (word(decision.outcome) == "applied")
        assert decision.events or decision.state is decision.before
        self.state, self.last = decision.state, decision
        self.events.extend(decision.events)
        return decision

    def start(self, seconds: float = 0) -> SequenceDecision:
        """Give it the lane."""
        return self.keep(self.machine.start(self.state, instant(seconds)))

    def tell(self, command: Any, seconds: float = 0) -> SequenceDecision:
        """Decide on a command."""
        return self.keep(self.machine.decide(self.state, command, instant(seconds)))

    def finish(self, seconds: float = 0, *, source: str = "x", **more: Any) -> SequenceDecision:
        """Report a finish of the task in flight."""
        task_id = run_id(self.state, 0)
        report = ReportTaskFinished(task_id, source=source, **{"result": "pass", **more})
        return self.tell(report, seconds)


def run_id(record: SequenceRecord, back: int) -> str:
    """The id of the last task run that was triggered, or of the one so many before it."""
    ids = [run.task_id for run in record.runs]
    if isinstance(record, LiveSequence) and record.task is not None:
        ids.append(record.task.task_id)
    return ids[-1 - back] if back < len(ids) else "nobody-knows"


def command_of(record: SequenceRecord, told: Sequence[Any]) -> Any:
    """The command that a drawn tuple stands for, about this record."""
    match told:
        case "start", source, back:
            return ReportTaskStarted(run_id(record, back), source=source)
        case "finish", source, back, result, status:
            task_id = run_id(record, back)
            data = {"labels": {source: result}}
            return ReportTaskFinished(
                task_id, source=source, result=result, status=status, data=data
            )
        case "pause", _:
            return PauseSequence("ctx", actor="ann")
        case "resume", _:
            return ResumeSequence("ctx")
        case "abort", force:
            return AbortSequence("ctx", force=force, actor="bob", reason="why")
        case _:
            return CheckDeadlines(told[1])


SOURCES: Final = st.sampled_from(["x", "y"])
BACK: Final = st.sampled_from([0, 0, 0, 1])
TOLD: Final = st.one_of(
    st.tuples(st.just("start"), SOURCES, BACK),
    st.tuples(
        st.just("finish"),
        SOURCES,
        BACK,
        st.sampled_from(["pass", "pass", "warning", "fail"]),
        st.sampled_from(["succeeded"] * 4 + ["errored"]),
    ),
    st.tuples(st.sampled_from(["pause", "resume", "open"]), st.none()),
    st.tuples(st.just("abort"), st.booleans()),
    st.tuples(st.just("check"), st.sampled_from([1, 500])),
)
STEPS: Final = st.sampled_from([0, 0, 0, 1, 40, 60, 100, 200, 900, -10, -1_000])


def essence(record: SequenceRecord) -> dict[str, Any]:
    """Everything a record says but what numbers it in its project."""
    return attrs.asdict(record, filter=lambda field, _: field.name not in OF_THE_PROJECT)


@given(st.lists(st.tuples(STEPS, TOLD), max_size=30))
def test_alone_it_decides_as_in_a_lane_of_its_own(told: list[tuple[int, Any]]) -> None:
    """A sequence by itself, and the only one of a project, go the same way through anything."""
    alone = Alone()
    stage = StageDefinition("dev", (alone.machine.definition,))
    host = Host(Shipyard((stage,)), timeouts=LIMITS, queueing=QueuePolicy(limit=1))
    host.freeze()
    host.tell(TRIGGER)
    now, is_open = 0, False

    for step, each in told:
        # Before its start, a project may have a later last event than a sequence of it (R29).
        now += step if alone.state.started_at is not None else abs(step)
        before = len(alone.events)
        host.at(now)
        if each[0] == "open":
            is_open = True
            expected_events = host.unfreeze().events
        else:
            expected_events = host.tell(command_of(host.record("s1"), each)).events
            alone.tell(command_of(alone.state, each), now)
            assert word(alone.last.outcome) == host.code
        if is_open and alone.state.phase is Phase.WAITING:
            alone.start(now)
        assert [type(event) for event in alone.events[before:]] == [
            type(event) for event in expected_events if isinstance(event, SequenceEvent)
        ]
        assert essence(alone.state) == essence(host.record("s1"))
        deadline = host.state.next_deadline
        assert alone.last.next_deadline == deadline


def test_it_runs_from_acceptance_to_its_end() -> None:
    """A sequence waits, starts, runs its tasks in order and keeps their results (R9, R12)."""
    alone = Alone(TaskDefinition("build"), TaskDefinition("test"))
    phases = [alone.state.phase]
    alone.start(1)
    phases.append(alone.state.phase)
    alone.finish(2, result="warning")
    phases.append(alone.state.phase)
    alone.finish(3)

    assert phases == [Phase.WAITING, Phase.RUNNING, Phase.RUNNING]
    assert (alone.state.phase, alone.state.result) == (Phase.FINISHED, Result.WARNING)
    assert [(run.name, run.result) for run in alone.state.runs] == [
        ("build", Result.WARNING),
        ("test", Result.PASS),
    ]
    assert alone.last.next_deadline is None
    assert reduce(alone.machine.evolve, alone.events[1:], alone.machine.evolve(
        None, alone.events[0])) == alone.state  # fmt: skip


def test_an_acceptance_puts_a_sequence_in_the_hosts_line() -> None:
    """It has every name of its command, and counts its own events from 1 (R8)."""
    machine = Alone().machine
    trigger = attrs.evolve(TRIGGER, revision="8ba1ac4", priority=3)

    accepted = machine.accept(trigger, T0)

    waiting = timedelta(seconds=150)
    subject = Subject("", "ctx", "dev", "delivery", "carts", "s1", "8ba1ac4")
    assert (None, trigger, APPLIED) == (accepted.before, accepted.command, accepted.outcome)
    assert (
        LiveSequence(
            subject=subject,
            place=1,
            accepted_serial=1,
            lane="dev",
            priority=3,
            definition=machine.definition,
            depth=0,
            data=trigger.data,
            accepted_at=T0,
            serial=1,
            at=T0,
            timeout=waiting,
            deadline=T0 + waiting,
        )
        == accepted.state
    )


def test_the_events_of_a_sequence_are_numbered_without_a_gap() -> None:
    """Each has the serial after that of the one before it (R24)."""
    alone = Alone(TaskDefinition("build"), TaskDefinition("test"))
    alone.start()
    alone.finish()
    alone.finish()

    assert list(range(1, len(alone.events) + 1)) == [event.serial for event in alone.events]


def test_an_abort_tells_who_asked_for_it() -> None:
    """Actor, reason and request are in the event and in the record (R22)."""
    alone = Alone()
    alone.start()

    alone.tell(AbortSequence("ctx", actor="ann", reason="wrong tag", request_id="r1"))

    assert isinstance(alone.state, LiveSequence)
    assert Control("ann", "wrong tag", "r1") == alone.state.abort


def test_two_sequences_have_no_task_id_in_common() -> None:
    """Reports name only a task, so the tasks of a host's sequences have ids of their own (R13)."""
    machine = Alone().machine
    ids = set()
    for sequence_id in ("s1", "s2"):
        trigger = TriggerSequence(sequence_id, stage="dev", sequence="delivery")
        accepted = machine.accept(trigger, T0, project="sockshop").state
        assert accepted is not None
        started = machine.start(accepted, T0)
        ids |= {event.task_id for event in started.events if isinstance(event, TaskTriggered)}

    assert len(ids) == 2


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (PauseSequence("other"), "rejected unknown_context"),
        (ResumeSequence("other"), "rejected unknown_context"),
        (AbortSequence("other"), "rejected unknown_context"),
        (AbortSequence(sequence_id="other"), "rejected unknown_sequence"),
        (PauseSequence("ctx", stage="prod"), "rejected not_reached"),
        (ResumeSequence("ctx", stage="prod"), "rejected not_reached"),
        (AbortSequence("ctx", stage="prod"), "rejected not_reached"),
        (ReportTaskStarted("other", source="x"), "unknown_task"),
        (ReportTaskFinished("other", source="x", result="fail"), "unknown_task"),
        (ResumeSequence("ctx"), "not_paused"),
        (CheckDeadlines(), "nothing_due"),
    ],
)
@pytest.mark.parametrize("is_started", [False, True])
def test_what_is_for_another_sequence_is_refused(command: Any, code: str, is_started: bool) -> None:
    """A control for another sequence is refused, a report for another task changes nothing."""
    alone = Alone()
    if is_started:
        alone.start()

    assert word(alone.tell(command).outcome) == code
    if code.startswith("rejected"):
        with pytest.raises(CommandRejected) as refused:
            alone.last.raise_if_rejected()
        assert refused.value.command is command
        assert f"rejected {refused.value.code.value}" == code
        assert "other" in str(refused.value) or "prod" in str(refused.value)
    else:
        alone.last.raise_if_rejected()


@pytest.mark.parametrize(
    "command",
    [
        PauseSequence("ctx"), PauseSequence("ctx", stage="dev"), AbortSequence("ctx"),
        AbortSequence("ctx", stage="dev"), AbortSequence(sequence_id="s1", force=True),
    ],
)  # fmt: skip
def test_its_own_context_stage_and_id_address_it(command: Any) -> None:
    """A control for its context, its stage in that, or itself is applied (R18, R22)."""
    alone = Alone()

    assert word(alone.tell(command).outcome) == "applied"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (PauseSequence("ctx"), "rejected already_ended"),
        (ResumeSequence("other"), "rejected already_ended"),
        (AbortSequence("ctx", force=True), "rejected already_ended"),
        (ReportTaskStarted("other", source="x"), "unknown_task"),
        (CheckDeadlines(), "nothing_due"),
    ],
)
def test_an_end_absorbs_every_command(command: Any, code: str) -> None:
    """After its end nothing changes a sequence any more (R24)."""
    alone = Alone()
    alone.start()
    alone.finish(result="fail")

    assert word(alone.tell(command, 1e6).outcome) == code
    if code.startswith("rejected"):
        said = Rejected(RejectedCode.ALREADY_ENDED, "Sequence 's1' has ended.")
        assert (said, command) == (alone.last.outcome, alone.last.command)
    assert word(alone.finish().outcome) == "late"
    assert isinstance(alone.state, EndedSequence)


@pytest.mark.parametrize("before", ["held", "running", "ended"])
def test_only_one_that_waits_can_be_started(before: str) -> None:
    """Starting twice, when held, or after the end is a mistake of the host's line (R1)."""
    alone = Alone()
    if before == "running":
        alone.start()
    else:
        alone.tell(PauseSequence("ctx") if before == "held" else AbortSequence("ctx"))
    state = alone.state

    with pytest.raises(IllegalTransition, match="SequenceStarted is not possible"):
        alone.start()
    assert alone.state is state


def test_an_instant_without_a_time_zone_is_refused() -> None:
    """Whatever is asked of a machine, the instant is checked and refused by name."""
    alone, now = Alone(), T0.replace(tzinfo=None)

    with pytest.raises(InvalidValue, match="now: must be"):
        alone.machine.accept(TRIGGER, now)
    with pytest.raises(InvalidValue, match="now: must be"):
        alone.machine.start(alone.state, now)
    with pytest.raises(InvalidValue, match="now: must be"):
        alone.machine.decide(alone.state, CheckDeadlines(), now)


@pytest.mark.parametrize("state", [None, "s1", TRIGGER])
def test_what_is_no_record_is_refused(state: Any) -> None:
    """Only the state of a sequence can be decided on."""
    machine = Alone().machine

    for act in (
        lambda: machine.decide(state, CheckDeadlines(), T0),
        lambda: machine.start(state, T0),
    ):
        with pytest.raises(
            InvalidValue, match="state: must be the record of a sequence"
        ) as refused:
            act()
        assert refused.value.value is state


@pytest.mark.parametrize("command", [TRIGGER, None, "abort"])
def test_what_is_no_command_for_one_sequence_is_refused(command: Any) -> None:
    """A trigger is for `accept`; what is no command at all is for nobody."""
    alone = Alone()

    with pytest.raises(InvalidValue, match="command: must be a command for one seq") as refused:
        alone.tell(command)
    assert refused.value.value is command
    if command is not TRIGGER:
        with pytest.raises(InvalidValue, match="command: must be a TriggerSequence") as refused:
            alone.machine.accept(command, T0)
        assert refused.value.value is command


@pytest.mark.parametrize(
    ("trigger", "code"),
    [
        (attrs.evolve(TRIGGER, sequence="other"), "rejected unknown_sequence"),
        (attrs.evolve(TRIGGER, data={"a": "x" * 100}), "rejected payload_too_large"),
        (attrs.evolve(TRIGGER, data={"a": [[1]]}), "rejected payload_too_large"),
    ],
)
def test_what_cannot_be_run_is_not_accepted(trigger: TriggerSequence, code: str) -> None:
    """Another definition's name, or too much data, is refused without a state (R8, R33)."""
    bounds = Bounds(payload_size=50, payload_depth=2)
    machine = SequenceStateMachine(SequenceDefinition("delivery", TASKS), bounds=bounds)
    decision = machine.accept(trigger, T0)

    assert (word(decision.outcome), decision.state, decision.events) == (code, None, ())
    assert decision.next_deadline is None
    with pytest.raises(CommandRejected):
        decision.raise_if_rejected()


def test_a_machine_says_what_it_runs() -> None:
    """A trigger for another definition is refused with the name of this one (R8)."""
    decision = Alone().machine.accept(attrs.evolve(TRIGGER, sequence="other"), T0)

    message = "This machine runs 'delivery', not 'other'."
    assert Rejected(RejectedCode.UNKNOWN_SEQUENCE, message) == decision.outcome


@pytest.mark.parametrize(
    ("own", "priority", "expected"), [(None, None, 0), (3, None, 3), (3, 0, 0), (None, -2, -2)]
)
def test_the_priority_is_in_the_record_for_the_hosts_line(
    own: int | None, priority: int | None, expected: int
) -> None:
    """A host's line reads the command's priority, else the definition's, else 0 (R2)."""
    machine = SequenceStateMachine(SequenceDefinition("delivery", TASKS, priority=own))
    state = machine.accept(attrs.evolve(TRIGGER, priority=priority), T0).state

    assert isinstance(state, LiveSequence)
    assert state.priority == expected


def test_a_definition_without_a_limit_is_refused() -> None:
    """A task without a completion limit would hold its lane when its executor dies (R26)."""
    endless = SequenceDefinition(
        "delivery", (TaskDefinition("a", timeouts=TaskTimeouts(completion=None)),)
    )

    with pytest.raises(PolicyError, match="completion of task a"):
        SequenceStateMachine(endless)
    assert SequenceStateMachine(endless, timeouts=TimeoutPolicy.unbounded()).definition is endless
    with pytest.raises((InvalidValue, DefinitionError, TypeError), match="definition"):
        SequenceStateMachine("delivery")  # type: ignore[arg-type]


def test_pause_keeps_what_is_left_of_the_total() -> None:
    """A paused sequence has no deadline; its total goes on where it stopped (R18, R30)."""
    alone = Alone()
    alone.start(0)
    alone.tell(PauseSequence("ctx"), 10)
    draining = alone.last.next_deadline
    alone.finish(50)
    phase, standing = alone.state.phase, alone.last.next_deadline
    repeated = word(alone.tell(PauseSequence("ctx"), 60).outcome)
    alone.tell(ResumeSequence("ctx"), 1_000)
    assert isinstance(alone.state, LiveSequence)

    assert draining == instant(100)
    assert (phase, standing, repeated) == (Phase.PAUSED, None, "already_paused")
    assert alone.state.deadline == instant(1_000 + 400 - 50)
    assert alone.last.next_deadline == instant(1_000 + 100)


@pytest.mark.parametrize(
    ("seconds", "force", "expected"),
    [(49, False, Phase.ABORTING), (50, False, Phase.ABORTED), (0, True, Phase.ABORTED)],
)
def test_an_abort_waits_for_the_task_until_its_grace_is_over(
    seconds: int, force: bool, expected: Phase
) -> None:
    """Aborting ends with the task, with its grace, or at once by force (R22, R23)."""
    alone = Alone()
    alone.start()
    alone.tell(AbortSequence("ctx"))
    again = word(alone.tell(AbortSequence("ctx")).outcome)
    paused = word(alone.tell(PauseSequence("ctx")).outcome)
    aborting = alone.tell(ResumeSequence("ctx")).outcome
    resumed = word(aborting)
    alone.tell(AbortSequence("ctx", force=True) if force else CheckDeadlines(), seconds)

    assert aborting == Rejected(RejectedCode.ABORTING, "Sequence 's1' is being aborted.")
    assert (again, paused, resumed) == (
        "already_aborting",
        "rejected aborting",
        "rejected aborting",
    )
    assert alone.state.phase is expected
    if isinstance(alone.state, EndedSequence):
        assert (alone.state.result, alone.state.status) == (Result.FAIL, Status.ABORTED)
        assert alone.state.abandoned_task == run_id(alone.state, 0)


def test_a_delayed_task_is_triggered_late_and_has_its_whole_time() -> None:
    """A delay that was due long ago triggers its task now; limits count from now (R10, R29)."""
    alone = Alone()
    alone.start()
    alone.finish()
    due = alone.last.next_deadline
    alone.tell(CheckDeadlines(), 390)

    assert due == instant(60)
    (triggered,) = [event for event in alone.last.events if isinstance(event, TaskTriggered)]
    assert triggered.reaction_deadline == instant(490)
    assert alone.last.next_deadline == instant(400)


def test_a_task_is_not_triggered_when_the_total_has_passed() -> None:
    """A check takes the delay, which was due first, and the sequence ends instead (R10, R29)."""
    delayed = TaskDefinition("b", triggered_after=timedelta(seconds=1))
    alone = Alone(TaskDefinition("a"), delayed)
    alone.start()
    alone.finish()
    alone.tell(CheckDeadlines(limit=1), 1_000)

    assert (Phase.TIMED_OUT, None) == (alone.state.phase, alone.last.next_deadline)
    assert ["a"] == [run.name for run in alone.state.runs]


def test_a_clock_a_little_behind_is_corrected_and_far_behind_believed() -> None:
    """Effective now is never a little before the last event, and may be far before it (R29)."""
    alone = Alone()
    alone.start(1_000)
    alone.finish(1_000 - 300)
    corrected = alone.events[-1].at
    alone.tell(PauseSequence("ctx"), 1_000 - 301)

    assert corrected == instant(1_000)
    assert alone.events[-1].at == instant(1_000 - 301)


def test_evolve_refuses_what_does_not_follow() -> None:
    """An event of another sequence, a second birth and an event after the end do not fold."""
    alone, other = Alone(), SequenceStateMachine(SequenceDefinition("delivery", TASKS))
    born = alone.events[0]
    stranger = other.accept(attrs.evolve(TRIGGER, sequence_id="s2"), T0).state
    alone.start()
    started = alone.events[1]

    assert isinstance(born, SequenceTriggered)
    for state, event in [(alone.state, born), (None, started), (stranger, started)]:
        with pytest.raises(ReplayError):
            alone.machine.evolve(state, event)
    with pytest.raises(IllegalTransition):
        alone.machine.evolve(alone.state, started)


def test_a_project_must_have_a_name_that_can_be_stored() -> None:
    """A project that is named is printable ASCII here as everywhere."""
    command = TriggerSequence("a", stage="dev", sequence="delivery")
    machine = SequenceStateMachine(SequenceDefinition("delivery", (TaskDefinition("deploy"),)))

    with pytest.raises(InvalidValue, match="project: must be 1 to 200 printable ASCII"):
        machine.accept(command, T0, project="ü")


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda m, _: m.evolve(None, "no event"), "event: must be an event about one sequence"),
        (lambda m, s: m.evolve(s, None), "event: must be an event about one sequence, got None"),
        (lambda m, _: m.evolve("a", None), "state: must be the record of a sequence, or None"),
        (lambda m, _: m.decide(None, CheckDeadlines(), T0), "state: must be the record"),
        (lambda m, s: m.decide(s, "pause", T0), "command: must be a command for one sequence"),
        (lambda m, s: m.decide(s, CheckDeadlines(), "now"), "now: must be an aware datetime"),
        (lambda m, _: m.start(None, T0), "state: must be the record of a sequence, got None"),
        (lambda m, s: m.start(s, None), "now: must be an aware datetime, got None"),
        (lambda m, _: m.accept(None, T0), "command: must be a TriggerSequence, got None"),
        (lambda m, _: m.accept(TRIGGER, T0, project=None), "project: must be 1 to 200"),
        (lambda m, _: type(m)("delivery"), "definition: must be a SequenceDefinition"),
    ],
)
def test_a_wrong_type_is_named_and_shown(call: Callable[..., object], said: str) -> None:
    """Whatever is called with it, the error names the argument and shows the value."""
    machine = SequenceStateMachine(SequenceDefinition("delivery", TASKS), timeouts=LIMITS)
    state = machine.accept(TRIGGER, T0).state

    with pytest.raises(InvalidValue, match=f"^{said}"):
        call(machine, state)
