"""What is served of a delivery: Keptn's sequence state, and what we add to it.

Most functions read a document of `deliveries` and nothing else. What is permitted, and why
something stands as it does, only the library knows: `permitted_of` and `detail_of` ask it.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Final, assert_never

from examples.controller.storage.deliveries import (
    Document,
    approval_of,
    instant,
    is_live,
    is_paused,
)
from sequencectl import (
    Applied,
    ControlPlane,
    Explanation,
    Outcome,
    Phase,
    ProjectState,
    Rejected,
    Unchanged,
    UnknownSequence,
)
from sequencectl.cloudevents import state_word
from sequencectl.state import Freeze, Pause
from sequencectl.task_run import Vote

_STATUS_WORDS: Final = {Phase.TIMED_OUT: "timed out"}
_OF_ONE: Final = ("exempt", "retry", "skip", "redrive")
"""The controls that address a sequence and not its context."""

_DRAINING: Final = frozenset({Phase.PAUSING.value, Phase.ABORTING.value})


def keptn_state(document: Document) -> str:
    """Return Keptn's word for how a delivery stands."""
    return _word(_shown(document))


def state_of(document: Document, permitted: Document) -> Document:
    """Return Keptn's sequence state of a delivery, with its sequences and what is permitted.

    `permitted` is the entry of the delivery in what `permitted_of` returns, empty if it has none.
    """
    return {
        "name": document["name"],
        "project": document["project"],
        "service": document["service"],
        "shkeptncontext": document["context"],
        "state": keptn_state(document),
        "time": document["time"],
        "problemTitle": document["problemTitle"],
        "stages": [_stage(document, name) for name in document["stages"]],
        "statusLine": status_line(document, _shown(document)),
        "draining": any(each["phase"] in _DRAINING for each in _live(document)),
        "first": document["first"],
        "serial": document["serial"],
        "live": has_live(document),
        "permitted": permitted,
        "paused": document["paused"],
        "sequences": document["sequences"],
    }


def detail_of(
    document: Document, plane: ControlPlane, state: ProjectState, *, actor: str = ""
) -> Document:
    """Return the state of a delivery, who controlled it, and an explanation of each sequence.

    `actor` is who asks: some may not do what others may.
    """
    ids = (each["id"] for each in document["sequences"])
    permitted = permitted_of([document], plane, state, actor=actor).get(document["context"], {})
    return {
        **state_of(document, permitted),
        "controls": document["controls"],
        "explanations": {
            known: {**why, **_offered(known, plane, state, actor)}
            for known, why in explained(ids, plane, state)
        },
    }


def has_live(document: Document) -> bool:
    """Return whether any sequence of a delivery has not ended."""
    return bool(_live(document))


def permitted_of(
    documents: Iterable[Document], plane: ControlPlane, state: ProjectState, *, actor: str = ""
) -> dict[str, Document]:
    """Return what each control of the live deliveries would get now, by context (R32).

    Each is what `actor` would get, who may be nobody. A delivery that is over is left out, and so
    is one that the library has forgotten: nothing is permitted there.
    """
    found = {}
    for document in filter(has_live, documents):
        with suppress(UnknownSequence):
            permitted = plane.permitted(state, _shown(document)["id"], actor=actor)
            found[document["context"]] = {
                name: outcome_of(outcome) for name, outcome in permitted.items()
            }
    return found


def drained_for(context: str, plane: ControlPlane, state: ProjectState) -> str:
    """Return what a pause or an abort of a delivery waits for, in sentences; empty if nothing."""
    records = state.of_context(context)
    lines = (plane.explain(state, record.sequence_id).drain_line for record in records)
    return " ".join(filter(None, lines))


def explanation_for(sequence_id: str, plane: ControlPlane, state: ProjectState) -> str:
    """Return how a sequence stands and why, in sentences; empty if it is forgotten."""
    found = dict(explained([sequence_id], plane, state)).values()
    return "".join(each["text"] for each in found)


def redrive_id_of(state: ProjectState, sequence_id: str) -> str:
    """Return the id of what redrives a sequence: of the one that does it now, else a new one."""
    newest = state.live(state.family(sequence_id)[-1])
    redrive = None if newest is None else newest.redrive
    if newest is not None and redrive is not None and redrive.sequence_id == sequence_id:
        return newest.sequence_id
    return state.redrive_id(sequence_id)


def status_line(document: Document, sequence: Document) -> str:
    """Return the words of the proposal for a sequence: ``delivery paused``."""
    phase = _seen(sequence)
    word = {Phase.HELD: "paused", Phase.PAUSING: "paused", Phase.ABORTING: "aborted"}.get(phase)
    word = word or _STATUS_WORDS.get(phase, phase.value)
    resumed = document["resumed"]
    if phase is Phase.RUNNING and resumed and resumed["stage"] in {None, sequence["stage"]}:
        word = "resumed"
    elif phase is Phase.FINISHED and sequence["result"] == "fail":
        word = "failed"
    return f"{sequence['name']} {word}"


def frozen_of(freeze: Freeze) -> Document:
    """Return who or what has frozen a stage, and until when (R36, R37)."""
    return {
        **_by(freeze),
        "until": None if freeze.until is None else instant(freeze.until),
        "cause": freeze.cause.value,
        "window": freeze.window,
    }


def votes_of(votes: Iterable[Vote]) -> list[Document]:
    """Return the votes that stand on an open approval, one of each voter (R34)."""
    return [
        {"voter": vote.voter, "result": vote.result.value, "message": vote.message}
        for vote in votes
    ]


def outcome_of(outcome: Outcome) -> Document:
    """Return what a command gets, or would get."""
    match outcome:
        case Applied():
            return {"outcome": "applied", "code": None, "message": ""}
        case Unchanged():
            return {"outcome": "unchanged", "code": outcome.code.value, "message": ""}
        case Rejected():
            code, message = outcome.code.value, outcome.message
            return {"outcome": "rejected", "code": code, "message": message}
        case _:
            assert_never(outcome)


def explained(
    ids: Iterable[str], plane: ControlPlane, state: ProjectState
) -> Iterable[tuple[str, Document]]:
    """Yield an explanation of each sequence that the library knows (R32)."""
    for known in ids:
        try:
            explanation = plane.explain(state, known)
        except UnknownSequence:  # it was forgotten; its end stands in the document
            continue
        yield known, _explanation(explanation)


def _explanation(why: Explanation) -> Document:
    holders = [{"sequenceId": known, "phase": phase.value} for known, phase in why.holders]
    return {
        "text": str(why),
        "phase": why.phase.value,
        "since": instant(why.since),
        "ahead": why.ahead,
        "aheadIds": list(why.ahead_ids),
        "holders": holders,
        "waitsFor": why.waits_for,
        "waitsUntil": None if why.waits_until is None else instant(why.waits_until),
        "drainLine": why.drain_line,
        "canForce": why.can_force,
        "deadline": None if why.deadline is None else instant(why.deadline),
        "deadlineKind": None if why.deadline_kind is None else why.deadline_kind.value,
        "attempt": why.attempt,
        "attempts": why.attempts,
        "attemptLine": why.attempt_line,
        "lastFailure": why.last_failure,
        "progress": [
            {
                "source": source,
                "percent": last.percent,
                "message": last.message,
                "at": instant(last.at),
            }
            for source, last in why.progress
        ],
        "parkedLine": why.parked_line,
        "parkedUntil": None
        if why.parked is None or why.deadline is None
        else instant(why.deadline),
        "redrives": why.redrives,
        "redrivenBy": why.redriven_by,
        "pause": None if why.pause is None else _by(why.pause),
        "freeze": None if why.freeze is None else frozen_of(why.freeze),
        "exempted": None
        if why.exempted is None
        else {"actor": why.exempted.actor, "reason": why.exempted.reason},
        "approval": None
        if why.approval is None
        else {
            **approval_of(why.approval),
            "votes": votes_of(why.votes),
            "barred": list(why.barred),
            "line": why.approval_line,
        },
    }


def _offered(known: str, plane: ControlPlane, state: ProjectState, actor: str) -> Document:
    """Return what the controls of one sequence alone would get, and the id of what redrives it."""
    permitted = plane.permitted(state, known, actor=actor)
    return {
        "permitted": {name: outcome_of(permitted[name]) for name in _OF_ONE},
        "redriveId": redrive_id_of(state, known),
    }


def _by(fact: Pause | Freeze) -> Document:
    control = fact.control
    return {"actor": control.actor, "reason": control.reason, "since": instant(fact.at)}


def _live(document: Document) -> list[Document]:
    return [sequence for sequence in document["sequences"] if is_live(sequence)]


def _seen(sequence: Document) -> Phase:
    """Return the phase by which a sequence is shown: one that is parked may be paused (R32)."""
    phase = Phase(sequence["phase"])
    return Phase.PAUSED if phase is Phase.PARKED and is_paused(sequence) else phase


def _word(sequence: Document) -> str:
    return state_word(_seen(sequence))


def _shown(document: Document) -> Document:
    """Return the sequence that stands for a delivery: the last one, a live one if any is."""
    sequence: Document = (_live(document) or document["sequences"])[-1]
    return sequence


def _stage(document: Document, name: str) -> Document:
    stage = document["stages"][name]
    own = [sequence for sequence in document["sequences"] if sequence["stage"] == name]
    last = ([each for each in own if is_live(each)] or own)[-1]
    word = _word(last)
    succeeded = last["phase"] == Phase.FINISHED.value and last["result"] != "fail"
    return {
        "name": name,
        "state": "succeeded" if succeeded else word,
        "image": stage["image"],
        "latestEvent": stage["latest"],
        "latestFailedEvent": stage["failed"],
        "latestEvaluation": stage["evaluation"],
    }
