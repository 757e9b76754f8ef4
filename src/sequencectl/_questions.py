"""Answer questions to a state: how a sequence or a delivery stands, and what may be done (R32).

Each answer is a value of `sequencectl.views`, computed when it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Final

import sequencectl.commands as c
from sequencectl.errors import UnknownContext
from sequencectl.outcomes import Applied, Outcome, Result
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.state import ProjectState
from sequencectl.task_run import Progress, TaskRun
from sequencectl.views import (
    STATUS_WORDS,
    DeliveryView,
    Explanation,
    OpenTask,
    SequenceStatus,
    how_failed,
)

_SHOWN_AHEAD: Final = 10


def explain(
    state: ProjectState, record: SequenceRecord, permitted: Callable[[], Mapping[str, Outcome]]
) -> Explanation:
    """Return how a sequence of `state` stands and why.

    `permitted` returns what ``ControlPlane.permitted`` answers for the sequence; it is called only
    if a task is in flight.
    """
    if isinstance(record, LiveSequence):
        return _explain_live(state, record, permitted)
    return _explain(state, record)


def delivery(state: ProjectState, context: str) -> DeliveryView:
    """Return how the sequences of a context stand; raise `UnknownContext` if it has none."""
    records = state.of_context(context)
    if not records:
        raise UnknownContext(state.project, context)
    shown = [record for record in records if isinstance(record, LiveSequence)] or records
    return DeliveryView(
        context,
        tuple(_status(state, record) for record in records),
        state.context(context).pauses,
        status_line(state, shown[-1]),
        any(record.phase in {Phase.PAUSING, Phase.ABORTING} for record in shown),
    )


def status_line(state: ProjectState, record: SequenceRecord) -> str:
    """Return the words of the proposal for a sequence, such as ``delivery paused``."""
    word = STATUS_WORDS[record.phase]
    if isinstance(record, LiveSequence) and record.is_paused:
        return f"{record.name} paused"
    resumed = state.context(record.context).resumed
    if record.phase is Phase.RUNNING and resumed is not None and resumed.covers(record.stage):
        word = "resumed"
    elif record.phase is Phase.FINISHED and record.result is Result.FAIL:
        word = "failed"
    return f"{record.name} {word}"


def controls_of(state: ProjectState, record: SequenceRecord, actor: str) -> Mapping[str, c.Command]:
    """Return a command of `actor` for each control of a sequence, by the name of the control."""
    context, sequence_id = record.context, record.sequence_id
    controls: dict[str, c.Command] = {
        "pause": c.PauseSequence(context, actor=actor),
        "resume": c.ResumeSequence(context, actor=actor),
        "abort": c.AbortSequence(context, actor=actor),
        "force": c.AbortSequence(context, force=True, actor=actor),
        "exempt": c.ExemptSequence(sequence_id, actor=actor),
        "retry": c.RetryTask(sequence_id=sequence_id, actor=actor),
        "skip": c.SkipTask(sequence_id=sequence_id, result=Result.PASS, actor=actor),
        "redrive": c.TriggerSequence(
            state.redrive_id(sequence_id), stage=record.stage, sequence=record.name,
            service=record.service, context=context, redrives=sequence_id, actor=actor,
        ),
    }  # fmt: skip
    run = record.task if isinstance(record, LiveSequence) else None
    if run is not None and run.triggered.approval is not None:
        standing = any(vote.voter == actor for vote in run.approving)
        result = Result.FAIL if standing else Result.PASS
        vote = c.ReportTaskFinished(run.task_id, source=_A_VOTER, result=result, actor=actor)
        controls["vote"] = vote
    return controls


_A_VOTER: Final = "a voter"
"""The source of the vote that `permitted` tries: a vote without an actor needs one."""


def open_tasks(state: ProjectState) -> tuple[OpenTask, ...]:
    """Return every task in flight, in the order of the acceptance of their sequences."""
    lanes = (lane for stage in state.index.stages.values() for lane in stage.lanes)
    holders = (state.live(holder) for lane in lanes for holder in state.holders(lane))
    records = (record for record in holders if record is not None)
    return tuple(
        OpenTask(
            record.task.triggered,
            record.task.sources,
            record.task.votes,
            _progress_of(record.task),
        )
        for record in sorted(records, key=lambda record: record.accepted_serial)
        if record.task is not None
    )


def _explain_live(
    state: ProjectState, record: LiveSequence, permitted: Callable[[], Mapping[str, Outcome]]
) -> Explanation:
    queue = state.index.queue(record.lane)
    is_in_line = record.phase.is_in_line
    ahead = queue.ahead(record.ticket) if is_in_line else 0
    holders = (state.live(holder) for holder in _holders(state, record)) if is_in_line else ()
    first = islice(queue.waiting, min(ahead, _SHOWN_AHEAD))
    deadline, kind = record.next_deadline or (None, None)
    return Explanation(
        record.subject,
        record.phase,
        record.since,
        record.result,
        ahead=ahead,
        ahead_ids=tuple(each.sequence_id for each in first),
        holders=tuple((each.sequence_id, each.phase) for each in holders if each is not None),
        pause=state.pause_of(record.context, record.stage) if record.is_paused else None,
        freeze=state.freeze_of(record.stage) if is_in_line else None,
        task=None if record.task is None else record.task.name,
        unfinished=() if record.task is None else record.task.unfinished,
        waits_for=record.task.name if record.abort is not None and record.task else None,
        waits_until=_waits_until(record),
        can_force=record.task is not None and isinstance(permitted()["force"], Applied),
        deadline=deadline,
        deadline_kind=kind,
        control=record.abort,
        exempted=record.exempted,
        parked=record.parked,
        redrives=_redrives(record),
        **_attempt_of(record),
        **_approval_of(record, record.task),
    )


def _attempt_of(record: LiveSequence) -> dict[str, Any]:
    """Return at which attempt of how many a task is, what failed before, and how far it is."""
    run, task = record.task, record.next_task
    if run is not None:
        attempt, attempts = run.triggered.attempt, run.triggered.attempts
    else:
        attempt, retry = record.next_attempt, None if task is None else task.retry
        is_last = retry is None or (attempt > 1 and record.retried[-1].by_person)
        attempts = attempt if is_last or retry is None else max(attempt, 1 + retry.times)
    if attempt == 1 or record.parked is not None:
        failure = ""
    else:
        said = f": {record.message.rstrip('.')}" if record.message else ""
        failure = f"{how_failed(record.retried[-1].failure)}{said}"
    progress = () if run is None else _progress_of(run)
    return {
        "attempt": attempt,
        "attempts": attempts,
        "last_failure": failure,
        "progress": progress,
    }


def _progress_of(run: TaskRun) -> tuple[tuple[str, Progress], ...]:
    """Return the last progress of each source that reported any."""
    found = [(each.source, each.progress) for each in run.executors]
    return tuple([(source, last) for source, last in found if last is not None])


def _approval_of(record: LiveSequence, run: TaskRun | None) -> dict[str, Any]:
    approval = None if run is None else run.triggered.approval
    if run is None or approval is None:
        return {}
    barred = () if approval.initiator else record.initiators
    return {"approval": approval, "votes": run.votes, "barred": barred}


def _waits_until(record: LiveSequence) -> datetime | None:
    """Return when an abort has waited for its task at the latest: even if executors take it."""
    if record.abort is None or record.task is None:
        return None
    limits = (record.task.triggered.completion_deadline, record.deadline)
    return min((limit for limit in limits if limit is not None), default=None)


def _holders(state: ProjectState, record: LiveSequence) -> tuple[str, ...]:
    """Return the holders of the lane of a sequence and of the lanes that overlap it (R1)."""
    lanes = state.index.lanes_of(record.stage).lanes
    if record.lane == record.stage:
        return tuple(holder for lane in lanes for holder in state.holders(lane))
    return (*state.holders(record.stage), *state.holders(record.lane))


def _explain(state: ProjectState, record: EndedSequence) -> Explanation:
    newer = (state.sequence(known) for known in reversed(state.family(record.sequence_id)))
    mine = [each for each in newer if each is not None and _redrives(each) == record.sequence_id]
    return Explanation(
        record.subject,
        record.phase,
        record.ended_at,
        record.result,
        control=record.control,
        limit=record.explanation,
        superseded_by=record.superseded_by,
        message=record.message,
        exempted=record.exempted,
        redrives=_redrives(record),
        redriven_by=mine[0].sequence_id if mine else None,
    )


def _redrives(record: SequenceRecord) -> str | None:
    return None if record.redrive is None else record.redrive.sequence_id


def _status(state: ProjectState, record: SequenceRecord) -> SequenceStatus:
    task = record.task if isinstance(record, LiveSequence) else None
    return SequenceStatus(
        record.sequence_id,
        record.stage,
        record.service,
        record.phase,
        record.result,
        status_line(state, record),
        None if task is None else task.name,
    )
