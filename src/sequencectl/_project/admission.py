"""Which sequence is accepted, and which one starts: lines, limits and free places (R1–R8)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import attrgetter

from sequencectl._index import Index, names_of
from sequencectl._project.draft import Draft, ProjectSequence
from sequencectl._project.openings import asked, closes
from sequencectl._project.redrives import redrive_of
from sequencectl._sequence import life
from sequencectl._sequence.draft import after
from sequencectl._sequence.endings import end_superseded
from sequencectl._sequence.reports import payload_refusal
from sequencectl._sequence.tasks import priority_of
from sequencectl._sequence.votes import no_actor
from sequencectl.commands import TriggerSequence
from sequencectl.events import Redrive, SequenceTriggered, Subject
from sequencectl.outcomes import APPLIED, Outcome, Rejected, RejectedCode, Unchanged, UnchangedCode
from sequencectl.payload import FrozenMap
from sequencectl.policies import QueueMode
from sequencectl.sequence import LiveSequence, Phase
from sequencectl.shipyard.definitions import SequenceDefinition


def trigger(draft: Draft, command: TriggerSequence) -> Outcome:
    """Accept a sequence, or say why not (R6, R8, R34, R41)."""
    known = _known(draft, command)
    if known is not None:
        return known
    shipyard, stage = draft.shipyard, command.stage
    found = shipyard.stage(stage)
    if found is None:
        return unknown_stage(draft, stage)
    definition = shipyard.sequence(stage, command.sequence)
    if definition is None:
        names = ", ".join(sequence.name for sequence in found.sequences)
        message = f"Stage {stage} has no sequence {command.sequence!r}; it has: {names or 'none'}."
        return Rejected(RejectedCode.UNKNOWN_SEQUENCE, message)
    too_large = payload_refusal(command, draft.bounds)
    if too_large is not None:
        return too_large
    if not command.actor and (stage, definition.name) in shipyard._with_initiators:
        return no_actor("a trigger")
    redrive: Redrive | None = None
    if command.redrives is not None:
        answer = redrive_of(draft, command, command.redrives, definition)
        if isinstance(answer, Rejected):
            return answer
        redrive = answer
    superseded = _superseded(draft, command, definition)
    refused = _refused(draft, command, superseded)
    if refused is not None:
        return refused
    for record in superseded:
        end_superseded(draft.sequence(record.sequence_id), command.sequence_id)
    subject = Subject(
        draft.project, command.context, found.name, definition.name,
        command.service, command.sequence_id, command.revision,
    )  # fmt: skip
    accept(
        draft,
        subject,
        definition,
        command.data,
        priority=priority_of(command, definition),
        place=min((record.place for record in superseded), default=None),
        initiators=_initiators(draft, command),
        redrive=redrive,
    )
    return APPLIED


def accept(
    draft: Draft,
    subject: Subject,
    definition: SequenceDefinition,
    data: FrozenMap,
    *,
    priority: int,
    place: int | None = None,
    parent: str | None = None,
    depth: int = 0,
    initiators: tuple[str, ...] = (),
    redrive: Redrive | None = None,
) -> None:
    """Put a sequence in line, held if a pause covers it; a place of None is its serial (R19).

    Open approvals that yield to it are void then (R35).
    """
    waiting = draft.timeouts.waiting_for(definition.timeouts)
    lane = draft.queueing.lane(subject.stage, subject.service)
    sequence = ProjectSequence(draft, subject, None)
    sequence.apply(
        SequenceTriggered,
        lane=draft.state.index.lane(subject.stage, lane),
        place=draft.next_serial if place is None else place,
        priority=priority,
        definition=definition,
        data=data,
        timeout=waiting,
        deadline=after(draft.now, waiting),
        parent=parent,
        depth=depth,
        initiators=initiators,
        redrive=redrive,
    )
    if draft.state.pause_of(subject.context, subject.stage) is not None:
        life.pause(sequence)
    elif draft.state.index.yielding:
        void_approvals(draft, sequence.live)


def void_approvals(draft: Draft, newcomer: LiveSequence) -> None:
    """Supersede the namesakes of a sequence whose open approvals yield to what is in line (R35).

    Call it wherever one may have become void: `newcomer` was accepted, or it was resumed.
    """
    for _, sequence_id in draft.state.index.yielding.get(names_of(newcomer), ()):
        sequence = draft.sequence(sequence_id)
        newer, run = sequence.newer_in_line(), sequence.live.task
        if newer is not None and run is not None:
            end_superseded(sequence, newer, is_void=run.name)


def admit(draft: Draft) -> None:
    """Fill every lane touched in this step, in the order touched (R3)."""
    touched, draft.touched = draft.touched, {}
    for lane in touched:
        _fill(draft, lane)


def touch_open_lines(draft: Draft, stages: Iterable[str]) -> None:
    """Touch, by lane name, every lane of these stages that has a free place and one to take it.

    It looks at one line of each stage, unless there are such lanes: after the end of a freeze, or
    because limits were raised. In a frozen stage only those who are exempted take a place.
    """
    touched, frozen = set[str](), set[str]()
    for stage in stages:
        if draft.state.freeze_of(stage) is None:
            touched.update(_open_lanes(draft, stage))
        else:
            frozen.add(stage)
    if frozen:
        lanes = [lane for lane in draft.state.index.exempted if _stage_of(lane) in frozen]
        touched.update(lane for lane in lanes if has_free_place(draft, lane))
    draft.touched.update(dict.fromkeys(sorted(touched)))


def _open_lanes(draft: Draft, stage: str) -> Iterator[str]:
    """Yield the lanes of a stage that have a waiting sequence and a free place."""
    for _, lane in draft.state.index.lines.get(stage, ()):  # the fewest holders first
        if has_free_place(draft, lane):
            yield lane
        elif lane != stage:
            return  # the other services' lanes have at least as many


def has_free_place(draft: Draft, lane: str) -> bool:
    """Return True if the lane has a free place. Holders of overlapping lanes count (R1)."""
    index, stage = draft.state.index, _stage_of(lane)
    limit = draft.queueing.for_stage(stage).limit
    return index.queue(lane).has_free_place(limit=limit, elsewhere=_elsewhere(index, stage, lane))


def unknown_stage(draft: Draft, stage: str) -> Rejected:
    """Return the refusal of a stage the shipyard does not have."""
    names = ", ".join(known.name for known in draft.shipyard.stages)
    return Rejected(
        RejectedCode.UNKNOWN_STAGE, f"The shipyard has no stage {stage!r}; it has: {names}."
    )


def _known(draft: Draft, command: TriggerSequence) -> Outcome | None:
    """Return the answer to a sequence id that was seen before; None for a new one (R8)."""
    record = draft.state.sequence(command.sequence_id)
    known = record.subject if record else draft.state.remembered(command.sequence_id)
    if known is None:
        return None
    about = (known.stage, known.sequence, known.service, known.context)
    if about == (command.stage, command.sequence, command.service, command.context):
        return Unchanged(UnchangedCode.DUPLICATE)
    message = (
        f"Sequence id {command.sequence_id!r} belongs to {known.sequence} of {known.service!r} in "
        f"stage {known.stage}, context {known.context!r}."
    )
    return Rejected(RejectedCode.ID_CONFLICT, message)


def _initiators(draft: Draft, command: TriggerSequence) -> tuple[str, ...]:
    """Return the actors who may not decide an approval that bars them (R34, R41)."""
    own = (command.actor,) if command.actor else ()
    old = None if command.redrives is None else draft.state.sequence(command.redrives)
    return own if old is None else tuple(dict.fromkeys((*own, *old.initiators)))


def _superseded(
    draft: Draft, command: TriggerSequence, definition: SequenceDefinition
) -> tuple[LiveSequence, ...]:
    """Return the sequences that a newcomer supersedes, in the order of their acceptance (R6).

    A redrive supersedes none (R41).
    """
    if command.redrives is not None:
        return ()
    if draft.queueing.for_stage(command.stage).mode is not QueueMode.LATEST_ONLY:
        return ()
    priority = priority_of(command, definition)
    is_held = draft.state.pause_of(command.context, command.stage) is not None
    line = draft.state.index.in_line(command.stage, command.service, command.sequence)
    records = (draft.sequence(sequence_id).live for sequence_id in line)
    found = (
        record
        for record in records
        if record.priority <= priority
        and (record.phase is Phase.HELD or not is_held)
        and record.exempted is None
    )
    return tuple(sorted(found, key=attrgetter("accepted_serial")))


def _refused(
    draft: Draft, command: TriggerSequence, superseded: tuple[LiveSequence, ...]
) -> Rejected | None:
    """Return why there is no room for a newcomer that supersedes these; None if there is (R6)."""
    policy = draft.queueing.for_stage(command.stage)
    lane = draft.queueing.lane(command.stage, command.service)
    queue = draft.state.index.queue(lane)
    leaving = {record.ticket for record in superseded if record.lane == lane}
    waits = any(ticket not in leaving for ticket in queue.waiting)
    is_busy = waits or not has_free_place(draft, lane)
    if policy.mode is QueueMode.REJECT_WHEN_BUSY and is_busy:
        return Rejected(RejectedCode.STAGE_BUSY, f"{_lane_named(lane)} is busy.")
    if len(queue) - len(leaving) < policy.max_waiting:
        return None
    if (
        is_busy
        or draft.state.freeze_of(command.stage) is not None
        or draft.state.pause_of(command.context, command.stage) is not None
        or not asked(draft, command.stage)[0].is_open
    ):
        message = f"{_lane_named(lane)} has {len(queue)} in line, at most {policy.max_waiting}."
        return Rejected(RejectedCode.QUEUE_FULL, message)
    return None


def _lane_named(lane: str) -> str:
    stage, slash, service = lane.partition("/")
    return f"Stage {stage}, service {service!r}," if slash else f"Stage {stage}"


def _stage_of(lane: str) -> str:
    return lane.partition("/")[0]


def _elsewhere(index: Index, stage: str, lane: str) -> int:
    """Return the number of holders of other lanes that count in this one (R1).

    A stage's own lane and those of its services overlap: a sequence that starts in a service counts
    for the stage's lane too. As long as that one has a holder, the services count for each other.
    """
    if lane == stage or index.queue(stage).holding:
        return index.lanes_of(stage).holding - index.queue(lane).holding
    return 0


def _overlapping(draft: Draft, lane: str) -> list[str]:
    """Return the lanes that may use a place in this one, itself first, skipping empty lanes.

    As long as a stage's own lane is not empty, all lanes of the stage meet in it (R1, R2).
    """
    stage, index = _stage_of(lane), draft.state.index
    if lane != stage and index.queue(stage).is_empty:
        return [lane]
    return [lane, *(other for other in index.lanes_of(stage).lanes if other != lane)]


def _fill(draft: Draft, lane: str) -> None:
    """Start waiting sequences while places are free, best of overlapping lines first (R1–R3).

    In a stage that is frozen, or that the calendar closes now, only those start who are exempted.
    """
    is_frozen = draft.state.freeze_of(_stage_of(lane)) is not None
    lanes = _overlapping(draft, lane)
    while True:
        index = draft.state.index
        if is_frozen:
            found = [(each, index.first_exempted(each)) for each in lanes]
        else:
            found = [(each, index.queue(each).head) for each in lanes]
        heads = [head for each, head in found if head is not None and has_free_place(draft, each)]
        if not heads:
            return
        sequence = draft.sequence(min(heads).sequence_id)
        if draft.calendar is not None and not is_frozen and closes(draft, sequence.live):
            is_frozen = True
        else:
            life.start(sequence)
