"""What comes after an end: follow-ups, contexts that are over, and what is forgotten (R15–R17, R19,
R33).
"""

from __future__ import annotations

from itertools import islice

import attrs

import sequencectl.events as e
from sequencectl._project.admission import accept, admit
from sequencectl._project.draft import Draft
from sequencectl.payload import FrozenMap, with_scalars, without
from sequencectl.sequence import EndedSequence, LiveSequence, Phase
from sequencectl.shipyard import FollowUp

_OF_THE_LAST_TASK = frozenset({"result", "status", "message"})


def close_step(draft: Draft) -> None:
    """Do what follows the command's own effects: follow-ups, contexts that are over, admission.

    A follow-up, or admission, may end a sequence whose approval is void then (R35).
    """
    while True:
        while draft.ended:
            ended, draft.ended = draft.ended, []
            for record in ended:
                _follow_up(draft, record)
            _end_contexts(draft, dict.fromkeys(record.context for record in ended))
        _forget(draft)
        admit(draft)
        if not draft.ended:
            return


def _follow_up(draft: Draft, record: LiveSequence) -> None:
    """Trigger what waits for this end, once each, in shipyard order (R15)."""
    ended = draft.state.sequence(record.sequence_id)
    if ended is None or ended.phase not in {Phase.FINISHED, Phase.TIMED_OUT}:
        return
    assert isinstance(ended, EndedSequence)
    results = {name: result for name, result in ended.outcomes if result is not None}
    for follow_up in draft.shipyard.follow_ups(record.stage, record.name):
        if follow_up.matches(ended.result, results):
            _trigger(draft, record, follow_up)


def _trigger(draft: Draft, record: LiveSequence, follow_up: FollowUp) -> None:
    definition, depth = follow_up.definition, record.depth + 1
    if depth > draft.bounds.max_depth:
        draft.apply(
            e.FollowUpRefused,
            record.subject,
            stage=follow_up.stage,
            sequence=definition.name,
            depth=record.depth,
        )
        return
    parent = record.subject
    accept(
        draft,
        attrs.evolve(
            parent,
            stage=follow_up.stage,
            sequence=definition.name,
            sequence_id=e.derived_id(parent.project, draft.next_serial, "sequence"),
        ),
        definition,
        _data(record, follow_up.stage),
        priority=record.priority if definition.priority is None else definition.priority,
        parent=record.sequence_id,
        depth=depth,
        initiators=record.initiators,
    )


def _data(record: LiveSequence, stage: str) -> FrozenMap:
    """Return what a follow-up begins with: one more task's input, in the new stage (R15)."""
    subject = record.subject
    scope = {"project": subject.project, "stage": stage, "service": subject.service}
    return with_scalars(without(record.data_if_over, _OF_THE_LAST_TASK), scope)


def _end_contexts(draft: Draft, contexts: dict[str, None]) -> None:
    """End the pauses of contexts that are over (R19)."""
    for context in contexts:
        if draft.state.index.members(context).live or not draft.state.context(context).pauses:
            continue
        subject = e.Subject(draft.project, context)
        draft.apply(e.ContextResumed, subject, control=e.Control(), cause=e.Cause.ENDED)


def _forget(draft: Draft) -> None:
    """Forget the contexts that ended first, if there are more than are kept (R33)."""
    state, bounds = draft.state, draft.bounds
    excess = len(state.index.ended_contexts) - bounds.retain
    if excess <= 0:
        return
    contexts = tuple(context for _, context in islice(state.index.ended_contexts, excess))
    sequence_ids = tuple(
        record.sequence_id for context in contexts for record in state.of_context(context)
    )
    surplus = state.remembered_count + len(sequence_ids) - bounds.remember
    oldest_ids = (*state.oldest_remembered(surplus), *sequence_ids)
    draft.apply(
        e.SequencesForgotten,
        e.Subject(state.project),
        contexts=contexts,
        sequence_ids=sequence_ids,
        released=oldest_ids[: max(surplus, 0)],
    )
