"""What must hold after each transition: rules R1 to R31 as predicates with names.

Each looks at one decision, the records before it and those after it, and says what is wrong; an
empty text is all right. They are written from ``docs/rules.md`` and ask the core as little as they
can: who holds a lane, who is covered by a pause or what is over is counted here once more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import reduce
from typing import Final, TypeVar, final

import attrs

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl._evolution import evolve
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.definitions import SequenceDefinition
from sequencectl.outcomes import Applied
from sequencectl.policies import INHERIT, QueueMode
from sequencectl.results import Result, Status, worst
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord, TaskRun
from sequencectl.state import ProjectState
from sequencectl.testing._answers import expected, word

_IN_LINE: Final = (Phase.WAITING, Phase.HELD)
_PAUSED: Final = (Phase.HELD, Phase.PAUSING, Phase.PAUSED)
_EventT = TypeVar("_EventT")
_ENDINGS: Final[Mapping[Phase, tuple[type, Status | None]]] = {
    Phase.FINISHED: (e.SequenceFinished, None),
    Phase.TIMED_OUT: (e.SequenceTimedOut, Status.ERRORED),
    Phase.ABORTED: (e.SequenceAborted, Status.ABORTED),
    Phase.SUPERSEDED: (e.SequenceSuperseded, Status.ABORTED),
    Phase.EXPIRED: (e.SequenceExpired, Status.ABORTED),
}


@final
@attrs.frozen(eq=False)
class Transition:
    """A decision, and the records before and after it."""

    plane: ControlPlane
    before: ProjectState
    command: c.Command
    now: datetime
    decision: Decision
    was: Mapping[str, SequenceRecord] = attrs.field(init=False)
    records: Mapping[str, SequenceRecord] = attrs.field(init=False)
    live: tuple[LiveSequence, ...] = attrs.field(init=False)
    events: tuple[e.Event, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        records = self.decision.state.sequences
        live = tuple(each for each in records.values() if isinstance(each, LiveSequence))
        derived = {
            "was": self.before.sequences, "records": records, "live": live,
            "events": self.decision.events,
        }  # fmt: skip
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def after(self) -> ProjectState:
        """The state it leads to."""
        return self.decision.state

    def covered(self, record: LiveSequence) -> bool:
        """Whether a pause covers a sequence afterwards (R18)."""
        pauses = self.after.context(record.context).pauses
        return any(pause.stage in {None, record.stage} for pause in pauses)

    def holders(self, lane: str) -> int:
        """Return how many hold a lane afterwards (R5)."""
        return sum(each.lane == lane and each.phase not in _IN_LINE for each in self.live)

    def limit(self, stage: str) -> int:
        """Return how many may hold a lane of a stage."""
        return self.plane.queueing.for_stage(stage).limit


def answers_as_the_rules_say(t: Transition) -> str:
    """Every command has its outcome (R8, R13, R18–R25, R29)."""
    wanted = expected(t.plane, t.before, t.command, t.now)
    seen = word(t.decision.outcome)
    return f"expected {wanted!r}, answered {seen!r}" if wanted not in {"", seen} else ""


def unchanged_leaves_no_trace(t: Transition) -> str:
    """What is not applied has no event and leaves the state alone (R13, R25, R29)."""
    if isinstance(t.decision.outcome, Applied):
        return "" if t.events else "applied without an event"
    same = t.after is t.before and not t.events
    return "" if same else f"{word(t.decision.outcome)} with {len(t.events)} events"


def events_replay(t: Transition) -> str:
    """Folded one after the other, the events lead to the same state (R31)."""
    same = reduce(evolve, t.events, t.before) == t.after
    return "" if same else "the events fold to another state"


def events_are_numbered(t: Transition) -> str:
    """Serials have no gap, and the instant never goes back within the clock skew (R29)."""
    for serial, event in enumerate(t.events, t.before.serial + 1):
        if event.serial != serial or event.at != t.now:
            return f"event {event.serial} at {event.at}, expected {serial} at {t.now}"
    return ""


def indexes_equal_their_rebuild(t: Transition) -> str:
    """Lines, holders, tasks, contexts and deadlines are what the records make of them (R2, R5)."""
    if t.after.index != t.after.rebuilt().index:
        return "the index is not that of the records"
    for lane in {each.lane for each in t.live}:
        there = sorted((-each.priority, each.place, each) for each in t.live if each.lane == lane)
        for part, shown in ((True, t.after.line(lane)), (False, t.after.holders(lane))):
            wanted = [each.sequence_id for *_, each in there if (each.phase in _IN_LINE) is part]
            if wanted != list(shown):
                return f"lane {lane} shows {shown}, its records say {wanted}"
    return ""


def lanes_keep_their_limit(t: Transition) -> str:
    """At most so many as may hold a lane: running, pausing, paused or aborting (R1, R5)."""
    for record in t.live:
        if t.holders(record.lane) > t.limit(record.stage):
            return f"{t.holders(record.lane)} hold lane {record.lane}"
    return ""


def the_best_starts_first(t: Transition) -> str:
    """Nobody starts while a better one of its lane waits, by priority, then place (R2)."""
    last = {event.subject.sequence_id: event.serial for event in t.events}
    for event in _of(t, e.SequenceStarted):
        started = t.records[event.subject.sequence_id]
        assert isinstance(started, LiveSequence), "nothing ends in the decision it starts in"
        for other in t.live:
            waited = other.phase is Phase.WAITING and other.lane == started.lane
            waited = waited and last.get(other.sequence_id, 0) < event.serial
            if waited and (-other.priority, other.place) < (-started.priority, started.place):
                return f"{started.sequence_id} started before {other.sequence_id}"
    return ""


def priority_is_that_of_the_command(t: Transition) -> str:
    """Priority is the command's, else the definition's, else 0 or the parent's (R2, R15)."""
    for event in _of(t, e.SequenceTriggered):
        wanted = event.definition.priority
        if event.parent is not None:
            parent = t.was.get(event.parent)
            if wanted is None and isinstance(parent, LiveSequence):
                wanted = parent.priority
        elif isinstance(t.command, c.TriggerSequence) and t.command.priority is not None:
            wanted = t.command.priority
        if event.priority != (wanted or 0):
            return f"{event.subject.sequence_id} has priority {event.priority}, not {wanted or 0}"
    return ""


def no_lane_idles(t: Transition) -> str:
    """No lane has both a free place and one that waits for it, unless frozen (R3, R7)."""
    for record in t.live:
        eligible = record.phase is Phase.WAITING and t.after.freeze_of(record.stage) is None
        if eligible and t.holders(record.lane) < t.limit(record.stage):
            return f"{record.sequence_id} waits for {record.lane}, which has a free place"
    return ""


def frozen_stages_admit_nobody(t: Transition) -> str:
    """Nobody starts in a frozen stage (R7)."""
    started = [event.subject.stage for event in _of(t, e.SequenceStarted)]
    frozen = [stage for stage in started if t.after.freeze_of(stage) is not None]
    return f"somebody started in {frozen[0]}" if frozen else ""


def newcomers_supersede_as_they_may(t: Transition) -> str:
    """`latest_only` supersedes those in line alike and not better, and takes their place (R6)."""
    superseded = [t.was.get(x.subject.sequence_id) for x in _of(t, e.SequenceSuperseded)]
    if not isinstance(t.command, c.TriggerSequence) or not t.events:
        return "somebody was superseded without a newcomer" if superseded else ""
    accepted = next(event for event in t.events if isinstance(event, e.SequenceTriggered))
    mode = t.plane.queueing.for_stage(t.command.stage).mode
    pauses = t.before.context(t.command.context).pauses
    born_held = any(pause.stage in {None, t.command.stage} for pause in pauses)
    wanted = [
        each for each in t.was.values()
        if mode is QueueMode.LATEST_ONLY and isinstance(each, LiveSequence)
        and each.phase in _IN_LINE and each.priority <= accepted.priority
        and (each.stage, each.service, each.name)
        == (t.command.stage, t.command.service, t.command.sequence)
        and (each.phase is Phase.HELD or not born_held)
    ]  # fmt: skip
    if sorted(map(id, wanted)) != sorted(map(id, superseded)):
        return f"{len(superseded)} superseded, expected {len(wanted)}"
    place = min((each.place for each in wanted), default=accepted.serial)
    return "" if accepted.place == place else f"the place is {accepted.place}, not {place}"


def tasks_run_in_order(t: Transition) -> str:
    """Tasks run in declared order, one at a time (R9)."""
    for event in _of(t, e.TaskTriggered):
        was = t.was.get(event.subject.sequence_id)
        over = len(was.runs) if isinstance(was, LiveSequence) else 0
        over += sum(
            isinstance(each, e.TaskFinished | e.TaskTimedOut) and each.subject == event.subject
            for each in t.events[: event.serial - t.before.serial - 1]
        )
        if event.index != over:
            return f"task {event.index} was triggered after {over}"
    return ""


def delays_are_kept(t: Transition) -> str:
    """A delayed task was scheduled when the one before it was over, and is due (R10)."""
    due = {key: each.due_at for key, each in t.was.items() if isinstance(each, LiveSequence)}
    for event in t.events:
        known = event.subject.sequence_id
        if isinstance(event, e.TaskScheduled):
            due[known] = event.due_at
            delay = _definition(t, known).tasks[event.index].triggered_after
            if event.due_at != t.now + delay:
                return f"{known} is due at {event.due_at}, not {delay} from now"
        elif isinstance(event, e.TaskTriggered):
            at, task = due.get(known), _definition(t, known).tasks[event.index]
            if task.triggered_after and (at is None or at > t.now):
                return f"{task.name} of {known} was triggered, due at {at}"
    return ""


def tasks_are_over_when_they_should(t: Transition) -> str:
    """A task is over when everybody it waits for has finished, and not before (R11, R12)."""
    for record in t.live:
        if record.task is not None and _is_over(record.task):
            return f"task {record.task.name} of {record.sequence_id} should be over"
    for event in _of(t, e.TaskFinished):
        was, report = t.was.get(event.subject.sequence_id), t.command
        task = was.task if isinstance(was, LiveSequence) else None
        if task is None or not isinstance(report, c.ReportTaskFinished):
            return f"task {event.task} is over by no report"
        if not _is_over(task, report.source):
            return f"task {event.task} is over too early"
        result = report.result if task.result is None else worst(task.result, report.result)
        if event.result is not result:
            return f"task {event.task} has {event.result.value}, not {result.value}"
    return ""


def results_end_what_they_should(t: Transition) -> str:
    """A failed task or the last one ends its sequence, with the worst result (R12, R21, R24)."""
    for known, record in t.records.items():
        results = [run.result for run in record.runs]
        failed = Result.FAIL in results
        if isinstance(record, LiveSequence):
            if failed or len(results) >= len(record.definition.tasks):
                return f"{known} should have ended"
        elif known in t.was and isinstance(was := t.was[known], LiveSequence):
            by, status = _ENDINGS[record.phase]
            result = worst(Result.PASS, *results) if status is None else Result.FAIL
            if record.result is not result or status not in {None, record.status}:
                return f"{known} ended with {record.result.value}, {record.status.value}"
            early = not failed and len(results) < len(was.definition.tasks)
            if by is e.SequenceFinished and early:
                return f"{known} ended before its last task"
    return ""


def inputs_belong_to_their_stage(t: Transition) -> str:
    """No report changes project, stage or service of a task's input, and no null erases (R14)."""
    for event in _of(t, e.TaskTriggered):
        subject, data = event.subject, event.input
        about = (subject.project, subject.stage, subject.service)
        if (data.get("project"), data.get("stage"), data.get("service")) != about:
            return f"task {event.task} in {subject.stage} is told {data.get('stage')!r}"
        was = t.was.get(subject.sequence_id)
        for key, value in was.data.items() if isinstance(was, LiveSequence) else ():
            if value is not None and data.get(key) is None:
                return f"{key} of task {event.task} was erased"
    return ""


def ends_trigger_their_follow_ups(t: Transition) -> str:
    """What finished or timed out triggers what its results match, once; nothing else does (R4,
    R15, R16).
    """
    refused = Counter(
        (x.subject.sequence_id, x.stage, x.sequence) for x in _of(t, e.FollowUpRefused)
    )
    seen = Counter(
        (x.parent, x.subject.stage, x.subject.sequence)
        for x in _of(t, e.SequenceTriggered) if x.parent is not None
    )  # fmt: skip
    wanted: Counter[tuple[str | None, str, str]] = Counter()
    for event in t.events:
        known = event.subject.sequence_id
        record = t.records.get(known)
        if isinstance(event, e.SequenceFinished | e.SequenceTimedOut) and record is not None:
            wanted.update((known, *name) for name in _follow_ups(t.plane, record))
        elif isinstance(event, e.SequenceFinished | e.SequenceTimedOut):
            return ""  # forgotten in the same decision: nothing is left to compare with
    if seen + refused != wanted:
        return f"triggered {sorted(map(str, seen))}, expected {sorted(map(str, wanted))}"
    return ""


def pauses_hold_back(t: Transition) -> str:
    """Nothing in a paused scope starts or is triggered (R18, R19)."""
    for event in t.events:
        if isinstance(event, e.TaskTriggered | e.SequenceStarted):
            pauses = t.after.context(event.subject.context).pauses
            if any(pause.stage in {None, event.subject.stage} for pause in pauses):
                return f"{type(event).__name__} of {event.subject.sequence_id} under a pause"
    return ""


def phases_follow_the_pauses(t: Transition) -> str:
    """Who is covered by a pause is held, pausing or paused, and nobody else is (R18, R20)."""
    for record in t.live:
        as_covered = t.covered(record) is (record.phase in _PAUSED)
        if record.phase is not Phase.ABORTING and not as_covered:
            return f"{record.sequence_id} is {record.phase.value} all the same"
    return ""


def pauses_end_with_their_context(t: Transition) -> str:
    """A context without a live sequence is not paused (R19)."""
    over = {x for x, known in t.after.contexts.items() if known.pauses}
    over -= {record.context for record in t.live}
    return f"{min(over)} is paused and has nothing live" if over else ""


def phases_fit_the_task(t: Transition) -> str:
    """A task is in flight while pausing or aborting, and while running unless one is scheduled;
    never in line or paused (R18, R20, R22).
    """
    for record in t.live:
        busy = record.task is not None
        match record.phase:
            case Phase.RUNNING:
                fits = busy is (record.due_at is None)
            case Phase.PAUSING | Phase.ABORTING:
                fits = busy
            case _:
                fits = not busy
        if not fits:
            return f"{record.sequence_id} is {record.phase.value} with task {record.task}"
    return ""


def aborts_do_what_they_should(t: Transition) -> str:
    """An abort ends what has no task in flight; the rest waits for its task, or is forced (R22,
    R23); what is aborting does not end in another way, and triggers nothing.
    """
    command = t.command if isinstance(t.decision.outcome, Applied) else None
    for known, was in t.was.items():
        record = t.records.get(known)
        if not isinstance(was, LiveSequence) or record is None:
            continue
        if was.phase is Phase.ABORTING and record.phase not in {Phase.ABORTING, Phase.ABORTED}:
            return f"{known} was aborting and is {record.phase.value}"
        if (
            isinstance(command, c.AbortSequence)
            and was.context == command.context
            and command.stage in {None, was.stage}
        ):
            ends = was.task is None or command.force
            wanted = Phase.ABORTED if ends else Phase.ABORTING
            if record.phase is not wanted:
                return f"{known} is {record.phase.value}, not {wanted.value}"
    return ""


def endings_are_final(t: Transition) -> str:
    """Exactly one ending event per sequence; nothing happens to it after that (R24)."""
    over = {known for known, was in t.was.items() if isinstance(was, EndedSequence)}
    for event in t.events:
        known = event.subject.sequence_id
        if isinstance(event, e.SequenceEvent) and known in over:
            return f"{type(event).__name__} of {known} after its end"
        if isinstance(event, e.Ending):
            over.add(known)
    for known, was in t.was.items():
        if isinstance(was, EndedSequence) and t.records.get(known, was) is not was:
            return f"{known} changed after its end"
    return ""


def requests_are_remembered(t: Transition) -> str:
    """The last requests that were applied are known, each once, in their order (R25)."""
    wanted, most = t.before.ledger.request_ids, t.plane.bounds.request_ids
    request = getattr(t.command, "request_id", None)
    if request is not None and isinstance(t.decision.outcome, Applied):
        wanted = (*wanted, request)[-most:] if most else ()
    seen = t.after.ledger.request_ids
    return "" if seen == wanted else f"remembers {seen}, expected {wanted}"


def tasks_have_their_limits(t: Transition) -> str:
    """A task in flight has the limits of its definition or the policy, counted from its trigger;
    some deadline is armed (R26, R27).
    """
    for event in _of(t, e.TaskTriggered):
        task = _definition(t, event.subject.sequence_id).tasks[event.index]
        limits = t.plane.timeouts.for_task(task.name, task.timeouts)
        seen = (event.reaction_deadline, event.completion_deadline)
        if seen != (_later(t.now, limits.reaction), _later(t.now, limits.completion)):
            return f"task {event.task} has the deadlines {seen}"
    for record in t.live:
        unarmed = t.after.next_deadline is None and not t.plane.timeouts.is_unbounded
        if record.task is not None and unarmed:
            return f"nothing ends task {record.task.name} of {record.sequence_id}"
    return ""


def limits_end_at_their_deadline(t: Transition) -> str:
    """A limit ends something only in a check, at or after its deadline, and says why (R27–R29)."""
    order: list[tuple[int, tuple[datetime, int]]] = []
    for event in t.events:
        if not isinstance(event, e.SequenceTimedOut | e.SequenceExpired | e.TaskTimedOut):
            continue
        why, known = event.explanation, event.subject.sequence_id
        if not isinstance(t.command, c.CheckDeadlines) or why.deadline > t.now:
            return f"{known} ran out of time before {why.deadline}"
        if why.since + why.timeout != why.deadline or not str(why).endswith("terminated."):
            return f"{known} is told {why}"
        was = t.was.get(known)
        place = was.place if was is not None else event.serial
        order.append((event.serial, (why.deadline, place)))
    taken = [key for _, key in sorted(order)]
    return "" if taken == sorted(taken) else "deadlines were taken out of order"


def checks_leave_nothing_due(t: Transition) -> str:
    """After a check without a limit in the way nothing is due (R29, R31)."""
    if not isinstance(t.command, c.CheckDeadlines) or t.command.limit <= len(t.was) + 1:
        return ""
    first = min((x.next_deadline[0] for x in t.live if x.next_deadline is not None), default=None)
    if first != t.after.next_deadline:
        return f"the next deadline is {first}, not {t.after.next_deadline}"
    return f"due since {first}" if first is not None and first <= t.now else ""


def nobody_expires_beside_a_free_place(t: Transition) -> str:
    """Lanes are filled after each deadline: whoever expires had no place to start in (R29)."""
    held = Counter(
        each.lane for each in t.was.values()
        if isinstance(each, LiveSequence) and each.phase not in _IN_LINE
    )  # fmt: skip
    for event in t.events:
        known = event.subject.sequence_id
        lane = t.plane.queueing.lane(event.subject.stage, event.subject.service)
        if isinstance(event, e.SequenceStarted):
            held[lane] += 1
        elif isinstance(event, e.SequenceExpired):
            frozen = t.before.freeze_of(event.subject.stage) is not None
            if not frozen and held[lane] < t.limit(event.subject.stage):
                return f"{known} expired although lane {lane} has a free place"
        elif isinstance(event, e.Ending):
            was = t.was.get(known)
            held[lane] -= was is None or was.phase not in _IN_LINE
    return ""


def clocks_stand_while_paused(t: Transition) -> str:
    """The waiting limit stands while held and the total while paused, and both go on with what was
    left; neither applies to what is aborting (R30).
    """
    for record in t.live:
        known, timeouts, own = record.sequence_id, t.plane.timeouts, record.definition.timeouts
        total = timeouts.total if own.total is INHERIT else own.total
        waiting = timeouts.waiting if own.waiting is INHERIT else own.waiting
        limit = waiting if record.phase in _IN_LINE else total
        limit = timeouts.abort_grace if record.phase is Phase.ABORTING else limit
        stands = record.phase in {Phase.HELD, Phase.PAUSED}
        if (record.deadline is None) is not (stands or limit is None):
            return f"{known} is {record.phase.value} with deadline {record.deadline}"
        if (record.time_left is None) is not (limit is None or not stands):
            return f"{known} is {record.phase.value} with {record.time_left} left"
        was = t.was.get(known)
        if not isinstance(was, LiveSequence) or Phase.ABORTING in {was.phase, record.phase}:
            continue
        goes_on = (was.phase in _IN_LINE) is (record.phase in _IN_LINE)
        if goes_on and _left(was, t.now) != _left(record, t.now):
            return f"{known} has {_left(record, t.now)} left, and had {_left(was, t.now)}"
    return ""


def bounds_are_kept(t: Transition) -> str:
    """No more ended contexts and ids are kept, and no follow-ups go deeper, than may be (R17,
    R33).
    """
    bounds, live = t.plane.bounds, {record.context for record in t.live}
    kept = {record.context for record in t.records.values()} - live
    deepest = max((record.depth for record in t.live), default=0)
    seen = (len(kept), t.after.remembered_count, deepest)
    most = (bounds.retain, bounds.remember, bounds.max_depth)
    fits = all(number <= bound for number, bound in zip(seen, most, strict=True))
    return "" if fits else f"keeps {seen[0]} contexts, {seen[1]} ids, depth {seen[2]}"


# ---------------------------------------------------------------- counted once more


def _of(t: Transition, kinds: type[_EventT]) -> list[_EventT]:
    return [event for event in t.events if isinstance(event, kinds)]


def _later(now: datetime, limit: timedelta | None) -> datetime | None:
    return None if limit is None else now + limit


def _left(record: LiveSequence, now: datetime) -> timedelta | None:
    """Return what is left of the limit of a sequence, whether its clock stands or not."""
    if record.deadline is None:
        return record.time_left
    return max(record.deadline - now, timedelta(0))


def _is_over(task: TaskRun, finishing: str | None = None) -> bool:
    """Whether a task is over, or would be once one more source has finished (R11)."""
    starts = {each.source: each.starts for each in task.executors}
    finishes = {each.source: each.finishes for each in task.executors}
    if finishing is not None:
        finishes[finishing] = finishes.get(finishing, 0) + 1
    done = {x for x, number in finishes.items() if number >= max(starts.get(x, 0), 1)}
    expects = task.triggered.expects
    if isinstance(expects, frozenset):
        return expects <= done
    if expects is not None:
        return len(done) >= expects
    return bool(done) and done == starts.keys() | finishes.keys()


def _definition(t: Transition, known: str) -> SequenceDefinition:
    """Return the definition a sequence was accepted with."""
    record = t.was.get(known, t.records.get(known))
    assert isinstance(record, LiveSequence), "whatever has tasks was live before or is so after"
    return record.definition


def _follow_ups(plane: ControlPlane, ended: SequenceRecord) -> Iterator[tuple[str, str]]:
    """Yield stage and name of what an end triggers, by its results (R15)."""
    found = {f"{run.name}.result": run.result.value for run in ended.runs}
    found["result"] = ended.result.value
    for stage in plane.shipyard.stages:
        for definition in stage.sequences:
            for on in definition.triggered_on:
                named = (on.stage, on.sequence) == (ended.stage, ended.name)
                matches = all(found.get(key) == wanted for key, wanted in on.match)
                if named and matches and (on.match or found["result"] != "fail"):
                    yield stage.name, definition.name
                    break


Check = Callable[[Transition], str]

ALWAYS: Final[tuple[Check, ...]] = (answers_as_the_rules_say, unchanged_leaves_no_trace)
"""What is looked at after every command."""

WHEN_APPLIED: Final[tuple[Check, ...]] = (
    events_replay,
    events_are_numbered,
    indexes_equal_their_rebuild,
    lanes_keep_their_limit,
    the_best_starts_first,
    priority_is_that_of_the_command,
    no_lane_idles,
    frozen_stages_admit_nobody,
    newcomers_supersede_as_they_may,
    tasks_run_in_order,
    delays_are_kept,
    tasks_are_over_when_they_should,
    results_end_what_they_should,
    inputs_belong_to_their_stage,
    ends_trigger_their_follow_ups,
    pauses_hold_back,
    phases_follow_the_pauses,
    pauses_end_with_their_context,
    phases_fit_the_task,
    aborts_do_what_they_should,
    endings_are_final,
    requests_are_remembered,
    tasks_have_their_limits,
    limits_end_at_their_deadline,
    checks_leave_nothing_due,
    nobody_expires_beside_a_free_place,
    clocks_stand_while_paused,
    bounds_are_kept,
)
"""What is looked at after every command that changed something."""
