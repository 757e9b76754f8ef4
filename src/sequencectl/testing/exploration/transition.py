"""One decision as the invariants see it, how invariants are called, and what they count themselves.

What is counted here does not use the indexes of the core: lanes, free places and limits are worked
out from the records, one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import reduce
from typing import Any, Final, TypeAlias, TypeVar, final

import attrs

import sequencectl.commands as c
import sequencectl.events as e
from sequencectl._project.fold import evolve
from sequencectl.control_plane import ControlPlane, Decision
from sequencectl.errors import InvalidValue, required
from sequencectl.outcomes import Outcome, Result
from sequencectl.policies import Opening, QueueMode
from sequencectl.sequence import LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard import Shipyard
from sequencectl.shipyard.definitions import (
    Approval,
    OnFailure,
    SequenceDefinition,
    TaskDefinition,
)
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun

IN_LINE: Final = (Phase.WAITING, Phase.HELD)
PAUSED: Final = (Phase.HELD, Phase.PAUSING, Phase.PAUSED)
_EventT = TypeVar("_EventT")


def _is_command(_transition: object, field: attrs.Attribute[Any], value: object) -> None:
    if not isinstance(value, c.Command):
        raise InvalidValue(field.name, value, "must be a command")


@final
@attrs.frozen(eq=False)
class Transition:
    """One decision, with the state before it and the state after it.

    `plane` decided about `command` in the state `before`, at the instant `now` of the host's clock.
    `decision` is what it decided; its parts are `outcome`, `events` and `after`, the new state. If
    the command changed nothing, there are no events and `after` is `before`. `was` has the records
    of all sequences before, by id, `records` those after; `live` are the live ones after.
    """

    plane: ControlPlane = attrs.field(validator=required(ControlPlane))
    before: ProjectState = attrs.field(validator=required(ProjectState))
    command: c.Command = attrs.field(validator=_is_command)
    now: datetime = attrs.field(validator=required(datetime))
    decision: Decision = attrs.field(validator=required(Decision))
    was: Mapping[str, SequenceRecord] = attrs.field(init=False)
    records: Mapping[str, SequenceRecord] = attrs.field(init=False)
    live: tuple[LiveSequence, ...] = attrs.field(init=False)
    events: tuple[e.Event, ...] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        records = self.decision.state.sequences
        derived = {
            "was": self.before.sequences, "records": records, "live": live_ones(records),
            "events": self.decision.events,
        }  # fmt: skip
        for name, value in derived.items():
            object.__setattr__(self, name, value)

    @property
    def after(self) -> ProjectState:
        """The state after the decision."""
        return self.decision.state

    @property
    def outcome(self) -> Outcome:
        """The answer to the command."""
        return self.decision.outcome

    @property
    def at(self) -> datetime:
        """The instant that the decision takes for now: that of the last event, if the host's clock
        is behind it by no more than the clock skew (R29).
        """
        last = self.before.ledger.at
        if last is not None and self.now < last <= self.now + self.plane.timeouts.clock_skew:
            return last
        return self.now

    def covered(self, record: LiveSequence) -> bool:
        """Return whether a pause covers a sequence after the decision (R18)."""
        pauses = self.after.context(record.context).pauses
        return any(pause.stage in {None, record.stage} for pause in pauses)

    def limit(self, stage: str) -> int:
        """Return how many sequences may hold a lane of a stage."""
        return self.plane.queueing.for_stage(stage).limit


Check = Callable[[Transition], str]
"""A rule as a function: it returns a sentence about what is wrong, or an empty text."""

Invariant: TypeAlias = Callable[[Transition], str | None]
"""What must hold after every transition: a function that returns a sentence if it does not.

None and an empty text mean that it holds. An `AssertionError` says that it does not, as well.
"""


class Break(Exception):
    """An invariant does not hold; `problem` says in what."""

    def __init__(self, invariant: Invariant, problem: str) -> None:
        super().__init__(f"{name_of(invariant)}: {problem}")
        self.invariant = invariant
        self.problem = problem


class Misuse(InvalidValue):
    """An invariant returned neither None nor a text."""


def invariants_of(given: object) -> tuple[Invariant, ...]:
    """Return a host's invariants as a tuple; each must be a function with a name of its own.

    Raises `InvalidValue` for anything else, lambdas and partial functions included: a report of a
    break could not say which one it was.
    """
    if not isinstance(given, Iterable):
        raise InvalidValue("invariants", given, "must be a list of functions")
    invariants: tuple[Any, ...] = tuple(given)
    for invariant in invariants:
        if not callable(invariant) or not name_of(invariant).isidentifier():
            raise InvalidValue("invariants", invariant, "must be functions with a name (def)")
    return invariants


def name_of(function: Callable[..., Any]) -> str:
    """Return the name of a function; empty if it has none."""
    name = getattr(function, "__name__", "")
    return name if isinstance(name, str) else ""


def check(invariants: Iterable[Invariant], seen: Transition) -> None:
    """Call each invariant with a transition; raise `Break` for the first that does not hold.

    An invariant that raises an error does not hold either. Raises `InvalidValue` if one returns
    neither None nor a text.
    """
    for invariant in invariants:
        try:
            problem: object = invariant(seen)
        except AssertionError as error:
            raise Break(invariant, str(error) or "it raised AssertionError") from error
        except Exception as error:
            raise Break(invariant, f"it raised {error!r}") from error
        if isinstance(problem, str):
            if problem:
                raise Break(invariant, problem)
        elif problem is not None:
            what = f"{name_of(invariant)} must return None or a text that says what is wrong"
            raise Misuse("invariants", problem, what)


def live_ones(records: Mapping[str, SequenceRecord]) -> tuple[LiveSequence, ...]:
    """Return the live sequences among some records."""
    return tuple([each for each in records.values() if isinstance(each, LiveSequence)])


def of(t: Transition, kinds: type[_EventT]) -> list[_EventT]:
    """Return the events of one type."""
    return [event for event in t.events if isinstance(event, kinds)]


def just_before(t: Transition, event: e.Event) -> ProjectState:
    """Return the state just before an event of the decision, by the events that came before it."""
    return reduce(evolve, t.events[: event.serial - t.before.serial - 1], t.before)


def is_kept_back(t: Transition, event: e.Event, record: LiveSequence) -> bool:
    """Return whether a freeze keeps a sequence back when an event of the decision happens (R7)."""
    is_frozen = t.before.freeze_of(record.stage) is not None
    for each in t.events:
        if each.serial < event.serial and each.subject.stage == record.stage:
            is_frozen |= isinstance(each, e.StageFrozen)
            is_frozen &= not isinstance(each, e.StageUnfrozen)
    return is_frozen and record.exempted is None


def definition_of(t: Transition, known: str) -> SequenceDefinition:
    """Return the definition with which a sequence was accepted."""
    record = t.was.get(known, t.records.get(known))
    assert isinstance(record, LiveSequence), "what has tasks was live before, or is live after"
    return record.definition


def overlap(one: str, other: str) -> bool:
    """Return whether holders of one lane count in the other: a stage and its services do (R1)."""
    return one == other or one.partition("/")[0] == other or other.partition("/")[0] == one


def holding(live: Sequence[LiveSequence], lane: str) -> int:
    """Return how many sequences hold a lane or one that overlaps it (R1, R5)."""
    return sum(each.phase not in IN_LINE and overlap(each.lane, lane) for each in live)


def beside_a_free_place(
    plane: ControlPlane, state: ProjectState, live: Sequence[LiveSequence]
) -> Iterator[LiveSequence]:
    """Yield the waiting sequences that could start: their lane has a free place, and no overlapping
    lane would have more holders than its limit (R1, R3). In a frozen stage, only those who are
    exempted could (R7, R38).
    """
    for record in live:
        if record.phase is not Phase.WAITING:
            continue
        if record.exempted is None and state.freeze_of(record.stage) is not None:
            continue
        if has_a_free_place(plane, live, record.stage, record.lane):
            yield record


def has_a_free_place(
    plane: ControlPlane, live: Sequence[LiveSequence], stage: str, lane: str
) -> bool:
    """Return whether one more may hold a lane, and then no overlapping lane has too many (R1)."""
    limit = plane.queueing.for_stage(stage).limit
    lanes = {x.lane for x in live if x.phase not in IN_LINE and overlap(x.lane, lane)}
    return all(holding(live, each) < limit for each in {lane, *lanes})


def opening_of(plane: ControlPlane, stage: str, at: datetime) -> Opening | None:
    """Return what the calendar of a plane says of a stage; None if it fails (R37)."""
    if plane.calendar is None:
        return Opening(True)
    try:
        found: object = plane.calendar(stage, at)
    except Exception:  # noqa: BLE001 - whatever a calendar raises, it counts as closed
        return None
    if not isinstance(found, Opening):
        return None
    return found if found.is_open or found.until is None or found.until > at else None


def outcomes_of(record: SequenceRecord) -> list[tuple[str, Result | None]]:
    """Return name and result of the tasks that a sequence has behind it: those that it carries,
    then its runs (R41). In a live one the next task comes after them.
    """
    carried = () if record.redrive is None else record.redrive.carried
    before = [(each.name, each.result) for each in carried]
    return [*before, *[(run.name, run.result) for run in record.runs]]


def was_live(t: Transition, known: str) -> LiveSequence | None:
    """Return the record of a sequence before the decision; None if it did not live then."""
    was = t.was.get(known)
    return was if isinstance(was, LiveSequence) else None


def parks(definition: SequenceDefinition, task: TaskDefinition) -> bool:
    """Return whether the failure of a task parks its sequence: the word of the task wins, and that
    of the sequence is not for approvals (R40).
    """
    says = definition.on_failure if task.on_failure is None else task.on_failure
    return says is OnFailure.PARK and task.approval is None


def approval_of(record: LiveSequence) -> Approval | None:
    """Return how the task in flight is decided by votes; None if it is not, or if there is none."""
    return None if record.task is None else record.task.triggered.approval


def names_of(record: LiveSequence) -> tuple[str, str, str]:
    """Return stage, service and name: what namesakes have in common (R6, R35)."""
    return (record.stage, record.service, record.name)


def superseded_by(
    plane: ControlPlane, state: ProjectState, command: c.TriggerSequence
) -> list[LiveSequence]:
    """Return those in line that a newcomer supersedes with `latest_only` (R6, R38); a redrive
    supersedes none (R41).
    """
    is_latest_only = plane.queueing.for_stage(command.stage).mode is QueueMode.LATEST_ONLY
    if not is_latest_only or command.redrives is not None:
        return []
    priority = priority_of(plane, command)
    is_born_held = any(
        pause.stage in {None, command.stage} for pause in state.context(command.context).pauses
    )
    return [
        each for each in live_ones(state.sequences)
        if names_of(each) == (command.stage, command.service, command.sequence)
        and each.phase in IN_LINE and each.priority <= priority and each.exempted is None
        and (each.phase is Phase.HELD or not is_born_held)
    ]  # fmt: skip


def priority_of(plane: ControlPlane, command: c.TriggerSequence) -> int:
    """Return the priority of a newcomer: the command's, else that of its definition, else 0."""
    if command.priority is not None:
        return command.priority
    definition = plane.shipyard.sequence(command.stage, command.sequence)
    return 0 if definition is None else definition.priority or 0


def bars_its_actor(shipyard: Shipyard, stage: str, sequence: str) -> bool:
    """Return whether a sequence, or one that follows it, has an approval which bars whoever
    triggered it: looked for along `triggeredOn`, whatever the selectors say (R34).
    """
    defined = {(x.name, y.name): y for x in shipyard.stages for y in x.sequences}
    reached, found = [(stage, sequence)], {(stage, sequence)}
    while reached:
        name = reached.pop()
        tasks = defined[name].tasks if name in defined else ()
        if any(task.approval is not None and not task.approval.initiator for task in tasks):
            return True
        for key, each in defined.items():
            if key not in found and any((x.stage, x.sequence) == name for x in each.triggered_on):
                found.add(key)
                reached.append(key)
    return False


def limits_of(state: ProjectState, live: Sequence[LiveSequence]) -> Iterator[datetime]:
    """Yield every instant at which a sequence or a stage next changes by itself (R29, R36)."""
    instants = [next_limit(record) for record in live]
    instants += [freeze.until for freeze in state.freezes.values()]
    return (at for at in instants if at is not None)


def next_limit(record: LiveSequence) -> datetime | None:
    """Return when a sequence next changes by itself, or None if it never does."""
    instants = [record.deadline] if record.deadline is not None else []
    if record.due_at is not None and record.phase is Phase.RUNNING:
        instants.append(record.due_at)
    if record.task is not None:
        begun = record.task.triggered
        if begun.reaction_timeout is not None and not _is_reacted_to(record.task):
            instants.append(begun.at + begun.reaction_timeout)
        if begun.completion_timeout is not None:
            instants.append(begun.at + begun.completion_timeout)
        instants += silences(record.task).values()
    return min(instants, default=None)


def silences(task: TaskRun) -> dict[str, datetime]:
    """Return until when each source may be silent that has started, has not finished, and is
    expected (R42).
    """
    timeout, expects = task.triggered.silence_timeout, task.triggered.expects
    if timeout is None:
        return {}
    found = {}
    for each in task.executors:
        is_expected = not isinstance(expects, frozenset) or each.source in expects
        finished = each.finishes >= (each.starts if expects is None else 1)
        if each.starts and not finished and is_expected:
            assert each.heard_at is not None, "only states of schema 1 do not say it"
            found[each.source] = each.heard_at + timeout
    return found


def _is_reacted_to(task: TaskRun) -> bool:
    """Return whether all expected sources have reported, or any source if none is named (R27)."""
    if task.votes:
        return True
    heard, expects = {each.source for each in task.executors}, task.triggered.expects
    if isinstance(expects, frozenset):
        return expects <= heard
    return len(heard) >= (1 if expects is None else expects)
