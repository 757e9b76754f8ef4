"""Each field may be well and the whole still not: what cannot be is refused (R5, R8, R18, R39)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs
import pytest

from sequencectl import serialization as z
from sequencectl.errors import DecodeError
from sequencectl.events import Control, Redrive, Subject
from sequencectl.payload import freeze
from sequencectl.state import Remembered
from tests.wire import story_2
from tests.wire.documents import HEADER, WHOLES, chosen, header_of, rows
from tests.wire.story import STATE
from tests.wire.trees import at, read_or_refused, tree_of, with_value

INSTANT: Final = "2026-01-01T09:00:00.000000Z"
RUN: Final = {"is_skipped": False, "name": "deploy", "result": "pass", "task_id": "t"}
OTHER: Final = RUN | {"name": "test"}
CONTROL: Final = {"actor": "", "reason": "", "request_id": None, "requests_remembered": 0}
PAUSE: Final = {"at": INSTANT, "control": CONTROL, "stage": "dev"}
NINE: Final = datetime(2026, 1, 1, 9, tzinfo=UTC)
SUBJECT: Final = Subject("sock shop", "of running", "dev", "delivery", "orders", "running")
PREDICATE: Final = re.compile("(must|does not|place, accepted serial and serial must) [a-z]")

APPROVAL: Final = {
    "approve": 1, "initiator": True, "newcomer": "wait", "on_expiry": "time_out", "reject": 1,
}  # fmt: skip
VOTE: Final = {
    "message": "", "result": "pass", "source": "window", "status": "succeeded", "voter": "dan",
}  # fmt: skip
FINISHED: Final = {
    "finishes": 1, "heard_at": INSTANT, "progress": None, "source": "window", "starts": 1,
}  # fmt: skip
HALF: Final = {"at": INSTANT, "message": "", "percent": 50}
ATTEMPT: Final = {"by_person": False, "failure": "fail", "index": 0, "task_id": "t"}
CARRIED: Final = [{"name": name, "result": None} for name in ("deploy", "test", "release")]
PARKED: Final = tree_of(chosen()["record-parked"])["record"]["parked"]
QUIET: Final = tree_of(chosen()["record-parked-in-silence"])["record"]["parked"]["explanation"]

FAULTS: Final[list[tuple[str, dict[str, Any], str, Any]]] = [
    ("record-waiting", {"phase": "finished"}, "phase", "finished"),
    ("record-waiting", {"subject.context": ""}, "subject.context", ""),
    ("record-waiting", {"subject.sequence_id": ""}, "subject.sequence_id", ""),
    ("record-waiting", {"place": 0}, "place", (0, 1, 1)),
    ("record-waiting", {"place": 2}, "place", (2, 1, 1)),
    ("record-waiting", {"serial": 0}, "place", (1, 1, 0)),
    ("record-waiting", {"lane": "prod"}, "lane", "prod"),
    ("record-waiting", {"lane": "dev/orders"}, "lane", "dev/orders"),
    ("record-waiting", {"definition.name": "other"}, "definition.name", "other"),
    ("record-waiting", {"started_at": INSTANT}, "started_at", NINE),
    ("record-waiting", {"phase": "running"}, "started_at", None),
    ("record-waiting", {"due_at": INSTANT}, "due_at", NINE),
    ("record-waiting", {"timeout": None}, "deadline", datetime(2026, 3, 1, 0, 59, 50, 1, UTC)),
    ("record-waiting", {"phase": "held"}, "deadline", datetime(2026, 3, 1, 0, 59, 50, 1, UTC)),
    ("record-waiting", {"time_left": 1}, "time_left", timedelta(microseconds=1)),
    ("record-waiting", {"abort": CONTROL}, "abort", Control()),
    ("record-waiting", {"runs": [RUN]}, "runs", ["deploy"]),
    ("record-running", {"started_at": None}, "started_at", None),
    ("record-running", {"due_at": INSTANT}, "due_at", NINE),
    ("record-running", {"phase": "aborting"}, "abort", None),
    ("record-running", {"phase": "paused", "deadline": None}, "task", "deploy"),
    ("record-running", {"task.triggered.subject.service": "orders"},
     "task.triggered.subject", SUBJECT),
    ("record-running", {"task.triggered.index": 1}, "task.triggered.index", 1),
    ("record-running", {"task.triggered.task": "test"}, "runs", ["test"]),
    ("record-running", {"task.triggered.expects": 0}, "task.triggered.expects", 0),
    ("record-running", {"runs": [RUN, OTHER], "task.triggered.index": 2},
     "runs", ["deploy", "test", "deploy"]),
    ("record-paused", {"deadline": INSTANT}, "deadline", NINE),
    ("record-scheduled", {"runs": [OTHER]}, "runs", ["test"]),
    ("record-scheduled", {"runs": [RUN, OTHER, RUN]}, "runs", ["deploy", "test", "deploy"]),
    ("record-aborting", {"abort": None}, "abort", None),
    ("record-finished", {"phase": "running"}, "phase", "running"),
    ("record-finished", {"subject.stage": ""}, "subject.stage", ""),
    ("record-finished", {"serial": 1}, "place", (33, 33, 1)),
    ("header", {"ledger.at": None}, "ledger.at", None),
    ("header", {"ledger.serial": 0}, "ledger.at", datetime(2026, 3, 1, 0, 0, 56, 66, UTC)),
    ("header", {"ledger.request_ids": ["a", "b", "a"]}, "ledger.request_ids", ("a", "b", "a")),
    ("header", {"contexts": {"c": {"pauses": [], "resumed": None}}}, "contexts.c.pauses", []),
    ("header", {"contexts": {"c": {"pauses": [PAUSE] * 2, "resumed": None}}},
     "contexts.c.pauses", ["dev", "dev"]),
    ("event-SequenceStarted-1", {"serial": 0}, "serial", 0),
    ("event-SequenceStarted-1", {"deadline": None}, "deadline", None),
    ("event-SequenceTriggered-1", {"timeout": None},
     "deadline", datetime(2026, 3, 1, 0, 59, 50, 1, UTC)),
    ("event-SequenceTriggered-1", {"place": 2}, "place", (2, 1, 1)),
    ("event-SequenceTriggered-1", {"lane": "staging"}, "lane", "staging"),
    ("event-SequenceAbortRequested-1", {"timeout": None},
     "deadline", datetime(2026, 3, 1, 1, 0, 21, 32, UTC)),
    ("event-TaskTriggered-1", {"expects": 0}, "expects", 0),
    ("event-TaskTriggered-1", {"reaction_deadline": None}, "reaction_deadline", None),
    ("event-TaskTriggered-1", {"completion_timeout": None},
     "completion_deadline", datetime(2026, 3, 1, 1, 59, 56, 8, UTC)),
    ("event-ContextPaused-1", {"subject.context": ""}, "subject.context", ""),
    ("event-ContextResumed-1", {"subject.context": ""}, "subject.context", ""),
    ("event-StageFrozen-1", {"subject.stage": ""}, "subject.stage", ""),
    ("event-StageUnfrozen-1", {"subject.stage": ""}, "subject.stage", ""),
    ("event-FollowUpRefused-1", {"subject.sequence_id": ""}, "subject.sequence_id", ""),
    ("record-running", {"task.votes": [VOTE]}, "task.votes", 1),
    ("record-running", {"task.triggered.approval": APPROVAL},
     "task.triggered.expects", frozenset({"helm", "jmeter"})),
    ("record-asking", {"task.votes": [VOTE, VOTE]}, "task.votes", ["dan", "dan"]),
    ("record-asking", {"task.votes": [VOTE | {"voter": ""}]}, "task.votes", [""]),
    ("record-asking", {"task.triggered.approval": None}, "task.votes", 2),
    ("record-asking", {"task.executors": [FINISHED]}, "task.executors", ("window",)),
    ("record-asking", {"task.result": "pass"}, "task.result", "pass"),
    ("record-asking", {"initiators": ["ben", "ben"]}, "initiators", ("ben", "ben")),
    ("record-asking", {"initiators": [""]}, "initiators", ("",)),
    ("record-late", {"initiators": ["ben", "ben"]}, "initiators", ("ben", "ben")),
    ("event-2-SequenceTriggered-1", {"initiators": ["ben", ""]}, "initiators", ("ben", "")),
    ("event-2-TaskTriggered-1", {"expects": 1}, "expects", 1),
    ("event-2-StageFrozen-1", {"window": "Weekend"}, "window", "Weekend"),
    ("event-2-StageFrozen-1", {"cause": "ended"}, "cause", "ended"),
    ("event-2-StageFrozen-1", {"cause": "freeze_over"}, "cause", "freeze_over"),
    ("event-2-StageUnfrozen-1", {"cause": "forced"}, "cause", "forced"),
    ("event-2-StageUnfrozen-1", {"cause": "calendar"}, "cause", "calendar"),
    ("header-2", {"freezes.prod.cause": "forced"}, "freezes.prod.cause", "forced"),
    ("record-parked", {"parked": None}, "parked", None),
    ("record-parked", {"phase": "paused", "deadline": None}, "parked", "deploy"),
    ("record-parked", {"phase": "aborting", "abort": CONTROL, "time_left": None},
     "parked", "deploy"),
    ("record-retrying", {"parked": PARKED | {"attempt": 2}, "task.triggered.index": 0},
     "runs", ["deploy", "deploy"]),
    ("record-retrying", {"parked": PARKED | {"attempt": 2, "name": "test"}}, "parked", "test"),
    ("record-third", {"parked": PARKED | {"name": "release"}}, "runs", ["release", "release"]),
    ("record-skipped", {"phase": "parked"}, "task", "test"),
    ("record-parked", {"due_at": INSTANT}, "due_at", NINE),
    ("record-parked", {"timeout": None}, "deadline", datetime(2026, 3, 1, 1, 0, 50, 61, UTC)),
    ("record-parked", {"phase": "running", "parked": None}, "time_left", timedelta(minutes=59)),
    ("record-parked", {"parked.name": "test"}, "runs", ["test"]),
    ("record-parked", {"parked.attempt": 2}, "parked.attempt", 2),
    ("record-parked", {"parked.attempt": 0}, "parked.attempt", 0),
    ("record-parked", {"parked.failure": "timed_out"}, "parked.explanation", "timed_out"),
    ("record-parked", {"parked.failure": None, "parked.explanation": QUIET},
     "parked.explanation", None),
    ("record-parked-in-silence", {"parked.failure": "errored"}, "parked.explanation", "errored"),
    ("record-parked-in-silence", {"parked.explanation": None}, "parked.explanation", "timed_out"),
    ("record-retrying", {"task.triggered.attempt": 3}, "task.triggered.attempt", 3),
    ("record-retrying", {"task.triggered.attempt": 1}, "task.triggered.attempt", 1),
    ("record-retrying", {"task.triggered.attempts": 1}, "task.triggered.attempts", 1),
    ("record-retrying", {"retried": []}, "task.triggered.attempt", 2),
    ("record-skipped", {"retried": [ATTEMPT | {"index": 1}]}, "task.triggered.attempt", 1),
    ("record-skipped", {"retried": [ATTEMPT | {"index": 2}]}, "retried[0].index", 2),
    ("record-skipped", {"retried": [ATTEMPT | {"index": 1}, ATTEMPT], "task.triggered.attempt": 2,
                        "task.triggered.attempts": 2}, "retried[1].index", 0),
    ("record-third", {"retried": [ATTEMPT | {"index": 1}]}, "retried[0].index", 1),
    ("record-scheduled",
     {"runs": [RUN, OTHER], "due_at": None, "retried": [ATTEMPT | {"index": 2}]},
     "retried[0].index", 2),
    ("record-waiting", {"retried": [ATTEMPT]}, "runs", []),
    ("record-retrying", {"task.executors": [FINISHED | {"heard_at": None, "progress": HALF}]},
     "task.executors[0].heard_at", None),
    ("record-retrying", {"task.result": None}, "task.data", freeze({"labels": {"owner": "ben"}})),
    ("record-retrying", {"task.data": {}}, "task.data", freeze({})),
    ("record-asking", {"task.data": {"a": 1}}, "task.data", freeze({"a": 1})),
    ("record-third", {"redrive.sequence_id": "third"}, "redrive", "third"),
    ("record-third", {"redrive.family": "third"}, "redrive", "third"),
    ("record-second", {"redrive.family": "second"}, "redrive", "second"),
    ("record-third", {"redrive.carried": CARRIED[1:]}, "redrive.carried", ["test", "release"]),
    ("record-third", {"redrive.carried": CARRIED[:1]}, "task.triggered.index", 2),
    ("record-third", {"redrive.carried": CARRIED, "task": None}, "redrive.carried",
     ["deploy", "test", "release"]),
    ("record-third", {"redrive": None}, "task.triggered.index", 2),
    ("record-newer", {"redrive": {"carried": CARRIED, "family": "a", "sequence_id": "a"}},
     "redrive.carried", ["deploy", "test", "release"]),
    ("event-SequenceTriggered-1",
     {"redrive": {"carried": CARRIED[:1], "family": "a", "sequence_id": "waiting"}},
     "redrive", "waiting"),
    ("event-SequenceTriggered-1",
     {"redrive": {"carried": CARRIED[:2], "family": "a", "sequence_id": "a"}},
     "redrive.carried", ["deploy", "test"]),
    ("event-2-TaskTriggered-1", {"attempt": 0, "attempts": 0}, "attempt", 0),
    ("event-2-TaskTriggered-1", {"attempt": 3, "attempts": 2}, "attempts", 2),
    ("event-2-TaskScheduled-1", {"attempt": 0}, "attempt", 0),
    ("event-2-TaskFinished-1", {"end": "parked", "explanation": None}, "end", "parked"),
    ("event-2-TaskFinished-1", {"end": "retried", "result": "fail"}, "end", "retried"),
    ("event-2-SequenceParked-1", {"timeout": None}, "deadline",
     datetime(2026, 3, 1, 1, 0, 42, 53, UTC)),
    ("event-2-TaskRetried-1", {"deadline": None}, "deadline", None),
    ("event-2-TaskSkipped-1", {"deadline": None}, "deadline", None),
    ("header-2", {"freezes.qa.cause": "requested"},
     "freezes.qa.window", "Weekend – Wochenende"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "changes", "where", "value"), FAULTS)
def test_what_cannot_be_is_refused(
    name: str, changes: dict[str, Any], where: str, value: Any
) -> None:
    """A phase without what belongs to it, a limit without its deadline, a task out of its order."""
    kind = name.partition("-")[0]
    tree = tree_of(chosen()[name])
    for path, other in changes.items():
        tree = with_value(tree, (kind, *path.split(".")), other)
    error = read_or_refused(chosen()[name], tree)

    assert error is not None
    assert (f"{kind}.{where}", value) == (error.where, error.value)
    assert PREDICATE.match(error.problem)


POSSIBLE: Final[list[tuple[str, dict[str, Any]]]] = [
    ("event-TaskTriggered-1", {"expects": 1}),
    ("event-2-StageFrozen-1", {"cause": "calendar"}),
    ("event-2-StageFrozen-1", {"until": None}),
    ("event-2-StageUnfrozen-1", {"cause": "requested"}),
    ("record-asking", {"task.votes": []}),
    ("record-asking", {"exempted": None}),
    ("record-asking", {"initiators": ["ben"]}),
    ("record-asking", {"initiators": []}),
    ("record-asking", {"task.votes": [VOTE, VOTE | {"voter": "window"}]}),
    ("record-parked", {"phase": "running", "deadline": None, "time_left": None}),
    ("record-parked", {"phase": "pausing", "deadline": None, "time_left": None}),
    ("record-parked", {"deadline": None, "timeout": None}),
    ("record-parked", {"time_left": None}),
    ("record-retrying", {"task.executors": [FINISHED | {"heard_at": None}]}),
    ("record-retrying", {"task.data": None}),
    ("record-retrying", {"task.triggered.attempts": 2}),
    ("record-retrying", {"definition.on_failure": "end"}),
    (
        "record-scheduled",
        {"runs": [RUN, OTHER], "due_at": None, "retried": [ATTEMPT | {"index": 1}]},
    ),
    ("event-2-TaskTriggered-1", {"attempt": 2, "attempts": 2}),
    ("event-2-TaskFinished-1", {"end": "retried", "result": "fail", "explanation": None}),
]


@pytest.mark.parametrize(("name", "changes"), POSSIBLE)
def test_what_is_just_possible_is_read(name: str, changes: dict[str, Any]) -> None:
    """A single source that is expected, a calendar without a name for it, votes that suffice."""
    kind, tree = name.partition("-")[0], tree_of(chosen()[name])
    for path, other in changes.items():
        tree = with_value(tree, (kind, *path.split(".")), other)

    assert read_or_refused(chosen()[name], tree) is None


# ---------------------------------------------------------------- parts that do not fit

ORDER: Final = [
    (record if record["type"] == "forgotten" else record["subject"])["sequence_id"]
    for record in tree_of(WHOLES["project"])["project"]["records"]
]


def of(sequence_id: str, *path: str | int) -> tuple[str | int, ...]:
    """The path to a part of the row of a sequence in the project."""
    return ("project", "records", ORDER.index(sequence_id), *path)


def the_same_as(sequence_id: str, *path: str | int) -> Any:
    """What another row has there."""
    return at(tree_of(WHOLES["project"]), of(sequence_id, *path))


HEAD: Final = ("project", "header")
BETWEEN: Final[list[tuple[dict[tuple[str | int, ...], Any], str]]] = [
    ({(*HEAD, "project"): "other"}, "records[2].subject.project"),
    ({of("finished", "subject", "project"): "other"}, "subject.project"),
    ({(*HEAD, "ledger", "serial"): 60}, "records[0].remembered.number"),
    ({of("finished", "serial"): 68}, "serial"),
    ({of("old", "remembered", "number"): [0, 0]}, "records[0].remembered.number"),
    ({of("old", "remembered", "number"): [67, 1]}, "records[1].remembered.number"),
    ({of("older", "sequence_id"): "old"}, "records[1].sequence_id"),
    ({of("old", "sequence_id"): "finished"}, "sequence_id"),
    ({of("finished", "subject", "sequence_id"): "timed out"}, "sequence_id"),
    (
        {
            of("finished", "accepted_serial"): the_same_as("timed out", "accepted_serial"),
            of("finished", "serial"): the_same_as("timed out", "serial"),
        },
        "accepted_serial",
    ),
    ({of("pausing", "place"): the_same_as("running", "place")}, "place"),
    (
        {of("finished", "runs", 0, "task_id"): the_same_as("timed out", "runs", 0, "task_id")},
        "task_id",
    ),
    (
        {
            of("finished", "runs", 0, "task_id"): the_same_as(
                "running", "task", "triggered", "task_id"
            )
        },
        "task_id",
    ),
    ({(*HEAD, "ledger", "serial"): 0, (*HEAD, "ledger", "at"): None}, "header"),
    *[
        (
            {(*HEAD, "ledger", "serial"): 0, (*HEAD, "ledger", "at"): None, (*HEAD, none): {}},
            "header",
        )
        for none in ("contexts", "freezes")
    ],
]


@pytest.mark.parametrize(("changes", "where"), BETWEEN)
def test_parts_that_do_not_belong_together_are_refused(
    changes: dict[tuple[str | int, ...], Any], where: str
) -> None:
    """Another project's row, a row of a later commit, one id, place or task in two rows."""
    tree = tree_of(WHOLES["project"])
    for path, value in changes.items():
        tree = with_value(tree, path, value)
    error = read_or_refused(WHOLES["project"], tree)

    assert error is not None
    assert error.where.endswith(where)
    assert error.where.startswith(("records[", "header"))
    assert PREDICATE.match(error.problem)
    assert error.value is not None


def row(sequence_id: str) -> Any:
    """A row of the second story."""
    return story_2.STATE.sequences[sequence_id]


def redriving(of: str, **changes: Any) -> Any:
    """A row that redrives, changed in what it says of that."""
    return attrs.evolve(row(of), redrive=attrs.evolve(row(of).redrive, **changes))


def born_again(sequence_id: str, **changes: Any) -> Any:
    """A row with another subject."""
    record = row(sequence_id)
    return attrs.evolve(record, subject=attrs.evolve(record.subject, **changes))


ALIVE: Final = attrs.evolve(
    row("newer"), redrive=Redrive("failed", "failed"),
    subject=attrs.evolve(row("newer").subject, context="of failed"),
)  # fmt: skip
NOT_THE_SAME: Final = {"stage": "qa", "sequence": "rollback", "service": "orders", "context": "c"}
FORGOTTEN: Final = z.ForgottenSequence(
    "second", Remembered("of failed", "dev", "delivery", "orders", (9, 0))
)
FAMILIES: Final[list[tuple[list[Any], str, Any]]] = [
    *[
        ([born_again("failed", **{part: other}), row("second")],
         "records[1].redrive.sequence_id", "failed")
        for part, other in NOT_THE_SAME.items()
    ],
    ([row("third"), FORGOTTEN], "records[0].redrive.sequence_id", "second"),
    ([row("second"), redriving("third", family="other")], "records[1].redrive.family", "other"),
    ([row("failed"), redriving("third", family="x", sequence_id="failed")],
     "records[1].redrive.family", "x"),
    ([ALIVE, row("third")], "records[0].phase", "waiting"),
    ([row("third"), ALIVE], "records[1].phase", "waiting"),
    ([row("third"), attrs.evolve(ALIVE, redrive=None,
                                 subject=attrs.evolve(ALIVE.subject, sequence_id="failed"))],
     "records[1].phase", "waiting"),
]  # fmt: skip


@pytest.mark.parametrize(("records", "where", "value"), FAMILIES)
def test_rows_of_a_family_that_do_not_belong_together_are_refused(
    records: list[Any], where: str, value: Any
) -> None:
    """A redrive of something else, two first ones, and a live one that was redriven (R41)."""
    header = attrs.evolve(header_of(story_2.STATE), contexts={}, freezes={})
    with pytest.raises(DecodeError) as caught:
        z.restore_project(header, records)

    assert (where, value) == (caught.value.where, caught.value.value)
    assert PREDICATE.match(caught.value.problem)


@pytest.mark.parametrize(
    "records", [["third"], ["third", "failed"], ["second", "third"], ["third", "second", "failed"]]
)
def test_a_family_need_not_be_complete(records: list[str]) -> None:
    """What a row of it names may be gone."""
    header = attrs.evolve(header_of(story_2.STATE), contexts={}, freezes={})
    project = z.restore_project(header, map(row, records))

    assert set(records) == set(project.sequences)


RETRIED: Final = row("retrying").retried[0]


@pytest.mark.parametrize(
    "records",
    [
        [attrs.evolve(row("retrying"), retried=(RETRIED, RETRIED))],
        [row("retrying"), attrs.evolve(row("backing off"), retried=(RETRIED,))],
        [row("retrying"), attrs.evolve(row("second"), retried=(RETRIED,))],
        [row("parked"), attrs.evolve(row("parked in silence"), parked=row("parked").parked)],
    ],
)
def test_a_run_that_does_not_count_is_that_of_one_row_all_the_same(records: list[Any]) -> None:
    """An id of a task run that was retried, or is parked, leads to its sequence."""
    header = attrs.evolve(header_of(story_2.STATE), contexts={}, freezes={})
    with pytest.raises(DecodeError, match=r"^records\[\d\]\.task_id: must be that of one record"):
        z.restore_project(header, records)


def test_rows_may_come_in_any_order() -> None:
    """A database returns them as it likes; the state is the same."""
    for records in (rows().values(), reversed(rows().values())):
        restored = z.restore_project(HEADER, records)

        assert STATE == restored
        assert STATE.index == restored.index


def test_a_lost_row_that_is_only_remembered_is_no_fault() -> None:
    """What no other part names cannot be missed: a store must not lose rows."""
    few = [row for known, row in rows().items() if known != "old"]

    assert STATE != z.restore_project(HEADER, few)


def test_values_are_checked_as_well_as_bytes() -> None:
    """An adapter that hands over the rows of two projects hears of it."""
    with pytest.raises(DecodeError, match=r"^records\[1\].sequence_id: must be that of one"):
        z.restore_project(HEADER, [rows()["held"]] * 2)
