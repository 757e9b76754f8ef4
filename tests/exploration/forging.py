"""Forges what happened in one respect, to show that an invariant can fail."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Final

import attrs

from sequencectl import (
    AbortSequence,
    ControlPlane,
    Decision,
    DefinitionError,
    FreezeStage,
    Opening,
    PauseSequence,
    PolicyError,
    ProjectState,
    Result,
    TriggerSequence,
)
from sequencectl import events as e
from sequencectl.commands import Command
from sequencectl.payload import freeze
from sequencectl.sequence import EndedSequence, LiveSequence, Phase
from sequencectl.task_run import Executor, Vote
from sequencectl.testing.exploration.transition import Transition, just_before, live_ones, of

Forger = Callable[[Transition], dict[str, Any]]
SECOND: Final = timedelta(seconds=1)


def forged(t: Transition, changes: dict[str, Any]) -> Transition:
    """A transition with some parts replaced."""
    made = copy.copy(t)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made


def live(**changes: Any) -> Forger:
    """All live sequences are something else."""
    return lambda t: {"live": tuple(attrs.evolve(x, **changes) for x in t.live)}


def waiting(**changes: Any) -> Forger:
    """All that wait are something else."""
    return lambda t: {
        "live": tuple(attrs.evolve(x, **changes) if x.phase is Phase.WAITING else x for x in t.live)
    }


def before(kind: type, **changes: Any) -> Forger:
    """All records of one kind were something else before."""
    return lambda t: {
        "was": {
            k: attrs.evolve(x, **changes) if isinstance(x, kind) else x for k, x in t.was.items()
        }
    }


def after(kind: type, **changes: Any) -> Forger:
    """All records of one kind are something else afterwards."""
    return lambda t: {
        "records": {
            k: attrs.evolve(x, **changes) if isinstance(x, kind) else x
            for k, x in t.records.items()
        }
    }


def events(kind: type, change: Callable[[Any], dict[str, Any]]) -> Forger:
    """All events of one type are something else."""
    return lambda t: {
        "events": tuple(
            attrs.evolve(x, **change(x)) if isinstance(x, kind) else x for x in t.events
        )
    }


def no(*kinds: type) -> Forger:
    """Events of these types are missing."""
    return lambda t: {"events": tuple(x for x in t.events if not isinstance(x, kinds))}


def decided(**changes: Any) -> Forger:
    """The decision is another one."""
    return lambda t: {"decision": attrs.evolve(t.decision, **changes)}


def instead(**changes: Any) -> Forger:
    """Other parts."""
    return lambda _: changes


def frozen(t: Transition) -> dict[str, Any]:
    """The stage is frozen afterwards."""
    state = t.plane.decide(t.after, FreezeStage("dev"), t.now).state
    return {"decision": attrs.evolve(t.decision, state=state)}


def unpaused(t: Transition) -> dict[str, Any]:
    """The pauses are those of another state."""
    return {"decision": attrs.evolve(t.decision, state=t.before)}


def paused(t: Transition) -> dict[str, Any]:
    """Everything is paused afterwards."""
    state = t.after
    for record in t.live:
        state = t.plane.decide(state, PauseSequence(record.context), t.now).state
    return {"decision": attrs.evolve(t.decision, state=state)}


def finished_by_all(t: Transition) -> dict[str, Any]:
    """Everybody has finished every task in flight."""
    done = (Executor("x", 1, 1), Executor("y", 1, 1))
    return {
        "live": tuple(
            attrs.evolve(x, task=attrs.evolve(x.task, executors=done)) if x.task else x
            for x in t.live
        )
    }


def in_flight(change: Callable[[Any], dict[str, Any]]) -> Forger:
    """All tasks in flight are something else afterwards."""
    return lambda t: {
        "live": tuple(
            attrs.evolve(x, task=attrs.evolve(x.task, **change(x.task))) if x.task else x
            for x in t.live
        )
    }


def without_limits(t: Transition) -> dict[str, Any]:
    """Nothing is limited, and the state says so."""
    none: dict[str, Any] = {"reaction_timeout": None, "completion_timeout": None}
    endless = tuple(attrs.evolve(x, deadline=None, due_at=None) for x in t.live)
    forge = in_flight(lambda x: {"triggered": attrs.evolve(x.triggered, **none)})
    decision = attrs.evolve(t.decision, state=t.plane.initial("other"))
    return {"decision": decision, **forge(forged(t, {"live": endless}))}


def worked_on_by_more(t: Transition) -> dict[str, Any]:
    """Somebody else had begun to work on every task."""
    more = (Executor("z", 1, 0),)
    return {
        "was": {
            k: attrs.evolve(x, task=attrs.evolve(x.task, executors=more))
            if isinstance(x, LiveSequence) and x.task else x
            for k, x in t.was.items()
        }
    }  # fmt: skip


def short(t: Transition) -> dict[str, Any]:
    """The records that ended have fewer results."""
    return {
        "records": {
            k: attrs.evolve(x, runs=(), result=Result.PASS) if isinstance(x, EndedSequence) else x
            for k, x in t.records.items()
        }
    }


def policy(**changes: Any) -> Forger:
    """The plane has other limits."""
    return lambda t: {"plane": attrs.evolve(t.plane, **changes)}


def where_it_may_be(forge: Forger) -> Forger:
    """The same where the plane may be like that, and as it is elsewhere."""

    def tries(t: Transition) -> dict[str, Any]:
        try:
            return forge(t)
        except (DefinitionError, PolicyError):
            return {}

    return tries


def frozen_before(t: Transition) -> dict[str, Any]:
    """The stage was frozen before, by a person and for good."""
    return {"before": t.plane.decide(t.before, FreezeStage("dev"), t.now).state}


def nothing_before(t: Transition) -> dict[str, Any]:
    """Nothing had happened before."""
    return {"before": t.plane.initial(t.before.project)}


def voted(*results: Result) -> Forger:
    """So many voters have voted on every approval in flight."""
    votes = tuple(Vote(f"v{number}", "poll", result) for number, result in enumerate(results))
    return in_flight(lambda x: {"votes": votes} if x.triggered.approval else {})


def nobody_had_voted(t: Transition) -> dict[str, Any]:
    """Nobody had voted on any approval before."""
    return {
        "was": {
            k: attrs.evolve(x, task=attrs.evolve(x.task, votes=()))
            if isinstance(x, LiveSequence) and x.task else x
            for k, x in t.was.items()
        }
    }  # fmt: skip


def nobody_in_particular(t: Transition) -> dict[str, Any]:
    """Nobody triggered it."""
    silent = attrs.evolve(t.command, actor="") if isinstance(t.command, TriggerSequence) else None
    return {
        "command": silent or t.command,
        **events(e.SequenceTriggered, lambda _: {"initiators": ()})(t),
    }


def superseded(t: Transition) -> dict[str, Any]:
    """What finished was superseded."""
    return {
        "events": tuple(
            e.SequenceSuperseded(x.serial, x.at, x.subject, superseded_by="s1")
            if isinstance(x, e.SequenceFinished) else x
            for x in t.events
        )
    }  # fmt: skip


def still_open(t: Transition) -> dict[str, Any]:
    """What was superseded is still there."""
    for event in of(t, e.SequenceSuperseded):
        state = just_before(t, event)
        decision = attrs.evolve(t.decision, state=state)
        return {"decision": decision, "live": live_ones(state.sequences)}
    return {}


def taken_back(t: Transition) -> dict[str, Any]:
    """Every task that was triggered is abandoned in the same decision."""
    made = [
        e.SequenceAborted(
            x.serial, x.at, x.subject, control=e.Control(), cause=e.Cause.FORCED,
            abandoned_task=x.task_id,
        )
        for x in t.events if isinstance(x, e.TaskTriggered)
    ]  # fmt: skip
    return {"events": (*t.events, *made)}


def closed(_stage: str, _at: datetime) -> Opening:
    """A calendar that is never open."""
    return Opening(False)


@attrs.frozen
class AsksTwice:
    """A plane that asks its calendar twice for each decision."""

    plane: ControlPlane
    calendar: Any

    def decide(self, state: ProjectState, command: Command, now: datetime) -> Decision:
        """Decide as the plane does."""
        for _ in range(2):
            self.calendar("dev", now)
        return self.plane.decide(state, command, now)


def asks_twice(t: Transition) -> dict[str, Any]:
    """The plane asks its calendar twice."""
    return {"plane": AsksTwice(t.plane, t.plane.calendar)}


def aborted(t: Transition) -> dict[str, Any]:
    """It was an abort."""
    return {"command": AbortSequence(next(iter(t.was.values())).context) if t.was else t.command}


def records_of(kind: type, change: Callable[[Any], dict[str, Any]]) -> Forger:
    """All records of one kind are something else afterwards, the live ones too."""

    def forge(t: Transition) -> dict[str, Any]:
        records = {
            k: attrs.evolve(x, **change(x)) if isinstance(x, kind) else x
            for k, x in t.records.items()
        }
        return {"records": records, "live": live_ones(records)}

    return forge


def parked_with(**changes: Any) -> Forger:
    """What is parked is parked with something else afterwards."""
    return records_of(
        LiveSequence,
        lambda x: {"parked": attrs.evolve(x.parked, **changes)} if x.parked else {},
    )


def was_parked_with(**changes: Any) -> Forger:
    """What was parked was parked with something else."""
    return lambda t: {
        "was": {
            k: attrs.evolve(x, parked=attrs.evolve(x.parked, **changes))
            if isinstance(x, LiveSequence) and x.parked else x
            for k, x in t.was.items()
        }
    }  # fmt: skip


def out_of_its_lane(t: Transition) -> dict[str, Any]:
    """The state holds nothing, and what is live is what was."""
    return {"decision": attrs.evolve(t.decision, state=t.plane.initial("other"))}


def told_by_nobody(**others: Any) -> Callable[[Any], dict[str, Any]]:
    """Its data names another task run than those whose data was taken in."""
    return lambda x: {"data": freeze({**x.data, "told": ["another run"], **others})}


def redriving(**changes: Any) -> Callable[[Any], dict[str, Any]]:
    """What it redrives is something else, if it redrives anything."""
    return lambda x: {"redrive": attrs.evolve(x.redrive, **changes)} if x.redrive else {}


def redriven_elsewhere(t: Transition) -> dict[str, Any]:
    """A redrive for another service than that of the sequence which failed."""
    if not isinstance(t.command, TriggerSequence) or t.command.redrives is None:
        return {}
    return {"command": attrs.evolve(t.command, service="another")}


def one_more_of_the_family(t: Transition) -> dict[str, Any]:
    """Every live sequence has a twin."""
    return {"live": (*t.live, *[
        attrs.evolve(x, subject=attrs.evolve(x.subject, sequence_id="twin"),
            redrive=e.Redrive(x.sequence_id, x.family))
        for x in t.live
    ])}  # fmt: skip


def heard(change: Callable[[Any], dict[str, Any]]) -> Forger:
    """What all executors have said is something else afterwards."""
    return in_flight(
        lambda x: {"executors": tuple(attrs.evolve(y, **change(y)) for y in x.executors)}
    )


def heard_before(change: Callable[[Any], dict[str, Any]]) -> Forger:
    """What all executors had said was something else."""
    return lambda t: {
        "was": {
            k: attrs.evolve(x, task=attrs.evolve(
                x.task, executors=tuple(attrs.evolve(y, **change(y)) for y in x.task.executors)))
            if isinstance(x, LiveSequence) and x.task else x
            for k, x in t.was.items()
        }
    }  # fmt: skip
