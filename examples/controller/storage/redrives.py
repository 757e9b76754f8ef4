"""What a sequence that redrives another one begins with: its data and its priority (R41).

Shows: the library keeps neither the data of what is over nor the input of its tasks; the host does,
in its journal. Leaves out: data that is not there any more. Nothing is made up in its place.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, final

import attrs

from examples.controller.storage.deliveries import Document
from examples.controller.storage.journal_reader import JournalReader
from sequencectl import (
    EndedSequence,
    FrozenMap,
    ProjectState,
    Result,
    SequenceRecord,
    Status,
    freeze,
    thaw,
)
from sequencectl.payload import merge, without

_GOOD: Final = frozenset({Result.PASS.value, Result.WARNING.value})


@final
@attrs.frozen
class Beginning:
    """What a redrive is triggered with."""

    data: dict[str, Any]
    priority: int


def has_failed(state: ProjectState, record: SequenceRecord) -> bool:
    """Return whether a sequence has failed, and nothing that redrives it has ended since."""
    family = map(state.sequence, state.family(record.sequence_id))
    ended = [each for each in family if isinstance(each, EndedSequence)]
    return bool(ended) and ended[-1] is record and ended[-1].result is Result.FAIL


def beginning_of(
    journal: JournalReader, project: str, context: str, known: str, *, start_at: str | None = None
) -> Beginning | None:
    """Return what a redrive of a sequence begins with; None if the journal does not have it.

    The data is the input of the last run of the task that it begins with: of that sequence, else
    of its family. If there is none, it is what the sequence has come to: the input of its last run,
    with what that run has brought if it did not fail; the data of its trigger if there is no run.
    """
    document = journal.delivery(project, context)
    sequences = [] if document is None else document["sequences"]
    old = next((each for each in reversed(sequences) if each["id"] == known), None)
    if old is None:
        return None
    of = _Journal(journal, project, context)
    run = _run_of(start_at or _stopped_at(old), old, sequences)
    data = _come_to(of, old) if run is None else of.input(run)
    return None if data is None else Beginning(data, old["priority"])


@final
@attrs.frozen
class _Journal:
    """What the journal has of one context."""

    reader: JournalReader
    project: str
    context: str

    def input(self, run: Document) -> Document | None:
        """Return the input of a task run."""
        return self._triggered(run["id"], run["name"])

    def trigger(self, sequence: Document) -> Document | None:
        """Return the data that a sequence was triggered with."""
        return self._triggered(sequence["id"], f"{sequence['stage']}.{sequence['name']}")

    def reports(self, run: Document) -> Iterator[FrozenMap]:
        """Yield the data of the reports by which a task run was finished."""
        kind = f"sh.keptn.event.{run['name']}.finished"
        for event in self.reader.answers(self.project, self.context, to=run["id"], kind=kind):
            yield without(freeze(event["data"]), {"message"})

    def _triggered(self, known: str, name: str) -> Document | None:
        kind = f"sh.keptn.event.{name}.triggered"
        event = self.reader.event(self.project, self.context, known=known, kind=kind)
        return None if event is None else event["data"]


def _stopped_at(old: Document) -> str | None:
    """Return the first task of a sequence that was over with neither pass nor warning, if any."""
    over = (run for run in old["tasks"] if run["end"] == "over")
    outcomes = (*old["carried"], *over)
    return next((each["name"] for each in outcomes if each["result"] not in _GOOD), None)


def _run_of(task: str | None, old: Document, sequences: list[Document]) -> Document | None:
    """Return the last run of a task in a sequence, else in its family; None if it never ran."""
    relatives = _family_of(old, sequences)
    runs = [run for each in (*relatives, old) for run in each["tasks"] if run["name"] == task]
    return runs[-1] if runs else None


def _family_of(old: Document, sequences: list[Document]) -> list[Document]:
    """Return a sequence, what it redrives and what redrives it, directly or through others."""
    first: dict[str, int] = {}  # by id; the newest if an id was used again
    families: dict[int, list[Document]] = {}
    for number, sequence in enumerate(sequences):
        first[sequence["id"]] = first.get(sequence["redrives"], number)
        families.setdefault(first[sequence["id"]], []).append(sequence)
    return families[first[old["id"]]]


def _come_to(of: _Journal, old: Document) -> Document | None:
    """Return the data that the task would get that comes after the last one which ran."""
    if not old["tasks"]:
        return of.trigger(old)
    last = old["tasks"][-1]
    given = of.input(last)
    if given is None or last["result"] not in _GOOD:
        return given
    data = freeze(given)
    for brought in () if last["skipped"] else of.reports(last):
        data = merge(data, brought)
    return {**thaw(data), "result": last["result"], "status": Status.SUCCEEDED.value}
