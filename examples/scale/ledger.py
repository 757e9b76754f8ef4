"""The ledger: what must be true at the end, computed from events and from what clients saw.

Shows: a check that shares nothing with what it checks. It reads the events of the database, folds
them with a model of its own that is naive on purpose, and compares them with what clients noted
down. Of the library it takes the events, `evolve` and `to_cloudevent`; of the controller nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from functools import reduce
from typing import Final, final

import attrs

import sequencectl.events as e
from examples.scale.account import Account, Run, Said
from sequencectl import (
    ControlPlane,
    Ending,
    Event,
    ProjectState,
    SequencectlError,
    Shipyard,
    evolve,
)
from sequencectl.cloudevents import to_cloudevent

SOURCE: Final = "sequencectl-controller"
"""The source of the CloudEvents that say what was decided."""

_PLANE: Final = ControlPlane(Shipyard.of({"any": {"any": ["task"]}}))
"""Any plane will do: how a project begins depends on none."""


class Kind(Enum):
    """What can be wrong; the order is that of the ledger."""

    LOST = "lost"
    """Something was acknowledged, or worked on, and is not on record."""
    DOUBLED = "doubled after deduplication"
    """Something took effect twice, or was told twice as two."""
    ORDER = "out of order per lane"
    """Somebody overtook, or two held a lane at once."""
    TWICE = "tasks given out twice"
    """One attempt has two ids, or two runs of a sequence are in flight at once."""
    STUCK = "not ended"
    """A delivery, or a sequence of one, is not over."""
    GAP = "gaps in the record"
    """Serials are missing, or the state is not what the events fold to."""
    UNTOLD = "told otherwise"
    """Streams or the journal of the replicas say something else than the record."""
    REFUSED = "refused"
    """A command was refused, which none deserves here."""


@final
@attrs.frozen
class Problem:
    """One thing that is wrong."""

    kind: Kind
    what: str


@final
@attrs.frozen
class Record:
    """What the database has of a project: all its events, and the state it keeps."""

    project: str
    events: Sequence[Event]
    state: ProjectState


def problems_of(record: Record, account: Account) -> Iterator[Problem]:
    """Yield what is wrong with a project."""
    events = record.events
    yield from _gaps(record)
    yield from _lanes(events)
    yield from _given_out(events)
    yield from _doubled(events)
    yield from _lost(events, account)
    yield from _order_of_clients(events, account)
    yield from _untold(events, account)
    for refusal in account.refused:
        yield Problem(Kind.REFUSED, refusal)


def _gaps(record: Record) -> Iterator[Problem]:
    serials = [event.serial for event in record.events]
    if serials != [*range(1, len(serials) + 1)]:
        first = next(n for n, serial in enumerate(serials, 1) if n != serial)
        yield Problem(Kind.GAP, f"{record.project}: there should be serial {first}")
        return
    try:
        folded = reduce(evolve, record.events, _PLANE.initial(record.project))
    except SequencectlError as error:
        yield Problem(Kind.GAP, f"{record.project}: the events cannot be folded: {error}")
        return
    if record.state != folded:
        yield Problem(Kind.GAP, f"{record.project}: the state is not what the events fold to")


def _lanes(events: Iterable[Event]) -> Iterator[Problem]:
    """Hold every start against a model: lines by priority and acceptance, one holder a lane."""
    lines: defaultdict[str, dict[str, tuple[int, int]]] = defaultdict(dict)
    lane_of: dict[str, str] = {}
    holders: dict[str, str] = {}
    for event in events:
        known = event.subject.sequence_id
        match event:
            case e.SequenceTriggered():
                lane_of[known] = event.lane
                lines[event.lane][known] = (-event.priority, event.serial)
            case e.SequenceStarted():
                lane = lane_of.get(known, "")
                line = lines[lane]
                if lane in holders:
                    both = f"{known} starts in {lane}, which {holders[lane]} holds"
                    yield Problem(Kind.ORDER, f"{event.serial}: {both}")
                if line.get(known) != min(line.values(), default=None):
                    yield Problem(Kind.ORDER, f"{event.serial}: {known} overtakes in {lane}")
                line.pop(known, None)
                holders[lane] = known
            case e.TaskTriggered():
                if holders.get(lane_of.get(known, "")) != known:
                    outside = f"{known} has a task and does not hold its lane"
                    yield Problem(Kind.ORDER, f"{event.serial}: {outside}")
            case _ if isinstance(event, Ending):
                lane = lane_of.get(known, "")
                lines[lane].pop(known, None)
                if holders.get(lane) == known:
                    del holders[lane]
    for line in lines.values():
        for known in line:
            yield Problem(Kind.STUCK, f"{known} waits")
    for known in holders.values():
        yield Problem(Kind.STUCK, f"{known} runs")


def _given_out(events: Iterable[Event]) -> Iterator[Problem]:
    given: dict[Run, str] = {}
    in_flight: dict[str, str] = {}
    for event in events:
        known = event.subject.sequence_id
        match event:
            case e.TaskTriggered():
                run = Run(known, event.index, event.attempt)
                if run in given:
                    yield Problem(Kind.TWICE, f"{run}: {given[run]} and {event.task_id}")
                if known in in_flight:
                    both = f"{in_flight[known]} and {event.task_id} are in flight at once"
                    yield Problem(Kind.TWICE, f"{known}: {both}")
                given[run] = in_flight[known] = event.task_id
            case e.TaskFinished() | e.TaskTimedOut():
                in_flight.pop(known, None)
            case _ if isinstance(event, Ending):
                in_flight.pop(known, None)


def _doubled(events: Iterable[Event]) -> Iterator[Problem]:
    """Count what may be only once: acceptances and ends, reports, controls."""
    seen: Counter[tuple[str, str]] = Counter()
    for event in events:
        known = event.subject.sequence_id
        match event:
            case e.SequenceTriggered():
                seen["the trigger", known] += 1
            case e.TaskStartReported() | e.TaskFinishReported() if event.report_id:
                seen["the report", event.report_id] += 1
            case e.TaskRetried() | e.TaskSkipped() if event.control.request_id:
                seen["the control", event.control.request_id] += 1
            case _ if isinstance(event, Ending):
                seen["the end of", known] += 1
    for (what, known), count in seen.items():
        if count > 1:
            yield Problem(Kind.DOUBLED, f"{what} {known} is on record {count} times")


def _lost(events: Iterable[Event], account: Account) -> Iterator[Problem]:
    """Look for everything that clients know of."""
    said: set[tuple[Said, str]] = set()
    given: dict[str, Run] = {}
    for event in events:
        known = event.subject.sequence_id
        match event:
            case e.SequenceTriggered():
                said.add((Said.TRIGGER, known))
            case e.TaskStartReported():
                said.add((Said.START, event.report_id or ""))
            case e.TaskFinishReported():
                said.add((Said.FINISH, event.report_id or ""))
            case e.TaskRetried() | e.TaskSkipped():
                said.add((Said.CONTROL, event.control.request_id or ""))
            case e.TaskTriggered():
                given[event.task_id] = Run(known, event.index, event.attempt)
            case _:
                pass
    for kind, known in sorted(account.acknowledged - said, key=lambda each: each[1]):
        yield Problem(Kind.LOST, f"the {kind.value} {known} was acknowledged")
    ids: dict[Run, str] = {}
    for task_id, run in account.worked.items():
        if given.get(task_id) != run:
            yield Problem(Kind.LOST, f"task {task_id} was worked on as {run}")
        if run in ids:
            yield Problem(Kind.TWICE, f"{run}: {ids[run]} and {task_id} were worked on")
        ids[run] = task_id


def _order_of_clients(events: Iterable[Event], account: Account) -> Iterator[Problem]:
    """Hold acceptances against the order of a client that waited for each answer."""
    wanted = set(account.triggered)
    accepted = [
        event.subject.sequence_id
        for event in events
        if isinstance(event, e.SequenceTriggered) and event.subject.sequence_id in wanted
    ]
    known = set(accepted)
    if accepted != [each for each in account.triggered if each in known]:
        yield Problem(Kind.ORDER, "deliveries were accepted in another order than acknowledged")


def _untold(events: Iterable[Event], account: Account) -> Iterator[Problem]:
    """Compare what replicas told with the record: last serials of contexts, and the journal."""
    last: dict[str, int] = {}
    written: list[str] = []
    for event in events:
        if event.subject.context:
            last[event.subject.context] = event.serial
        if (published := to_cloudevent(event, source=SOURCE)) is not None:
            written.append(published["id"])
        elif isinstance(event, e.TaskFinishReported) and event.source == SOURCE:  # a vote
            written.append(event.report_id or "")
    for context, serial in last.items():
        if account.heard.get(context) != serial:
            heard = account.heard.get(context)
            yield Problem(Kind.UNTOLD, f"{context}: a stream told {heard}, not {serial}")
    told = [known for known, source in account.journal if source == SOURCE]
    if told != written:
        lacks, more = set(written) - set(told), set(told) - set(written)
        what = f"the journal lacks {len(lacks)} CloudEvents and has {len(more)} others"
        yield Problem(Kind.UNTOLD, what)
    for known, count in Counter(account.journal).items():
        if count > 1:
            yield Problem(Kind.DOUBLED, f"the journal has {known[0]} {count} times")
