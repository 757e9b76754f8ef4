"""Every command in every phase, as the table at the end of ``docs/rules.md`` says (R25)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ExemptSequence,
    FreezeStage,
    LiveSequence,
    PauseSequence,
    Phase,
    QueuePolicy,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    ResumeSequence,
    RetryTask,
    SkipTask,
    TimeoutPolicy,
    TriggerSequence,
    UnfreezeStage,
)
from tests.support import Host, word

RULES: Final = Path(__file__).parents[1] / "docs" / "rules.md"
YEARS: Final = 10 * 365 * 86_400


def read_table() -> list[tuple[str, str, str]]:
    """The cells of the table as (command, column, what is written there)."""
    lines = RULES.read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    header, _, *body = rows[next(at for at, row in enumerate(rows) if row[0] == "command") :]
    return [
        (row[0], column, cell)
        for row in body
        for column, cell in zip(header[1:], row[1:], strict=True)
    ]


CELLS: Final = read_table()


def stood_in(column: str) -> Host:
    """A host in which sequence `c` of context `ctx` is in this phase, one way for each.

    Nothing else is live but, for one that stands or stood in line, the holder of the lane: it is
    paused with nothing in flight, so that it has no deadline.
    """
    first: dict[str, object] = {"name": "build", "approval": column == "APPROVAL"}
    if column == "PARKED":
        first["onFailure"] = "park"
    host = Host(
        {"dev": {"delivery": [first, "test", {"name": "release", "triggeredAfter": "10s"}]}},
        timeouts=TimeoutPolicy(
            reaction="100s", completion="200s", total="300s", waiting="100s", abort_grace="50s"
        ),
        queueing=QueuePolicy(mode="latest_only"),
    )
    if column in {"WAITING", "HELD", "SUPERSEDED", "EXPIRED"}:
        host.trigger("holder")
        host.pause("holder")
        host.finish("holder")
    host.at(1).trigger("c", context="ctx")
    match column:
        case "HELD":
            host.pause("ctx")
        case "SCHEDULED":
            host.finish("c")
            host.finish("c")
        case "PARKED":
            host.finish("c", "fail")
        case "PAUSING":
            host.pause("ctx")
        case "PAUSED":
            host.pause("ctx")
            host.finish("c")
        case "ABORTING":
            host.abort("ctx")
        case "FINISHED":
            host.finish("c", "fail")
        case "TIMED_OUT":
            host.until(101)
        case "ABORTED":
            host.finish("c")
            host.abort("ctx", force=True)
        case "SUPERSEDED":
            host.trigger("newer")
            host.abort("newer")
        case "EXPIRED":
            host.until(101)
    assert standing(host) == column
    return host


def standing(host: Host) -> str:
    """The column that `c` is in."""
    record = host.record("c")
    if record.phase is not Phase.RUNNING or not isinstance(record, LiveSequence):
        return record.phase.name
    if record.task is None:
        return "SCHEDULED"
    return "RUNNING" if record.task.triggered.approval is None else "APPROVAL"


def the_trigger(service: str) -> Command:
    """The command that triggered `c`, or the same for another service."""
    return TriggerSequence("c", stage="dev", sequence="delivery", service=service, context="ctx")


def task_id(host: Host) -> str:
    """The task in flight, else the one that was last over, else one that nobody knows."""
    record = host.record("c")
    return host.task_id("c") if record.task_ids else "none"


def due(host: Host) -> Command:
    """A check at the next deadline; years later if there is none."""
    host.now = host.state.next_deadline or host.at(YEARS).now
    return CheckDeadlines()


COMMANDS: Final[dict[str, Callable[[Host], Command]]] = {
    "trigger, same again": lambda _: the_trigger("carts"),
    "trigger, other service": lambda _: the_trigger("orders"),
    "redrive": lambda _: TriggerSequence(
        "again", stage="dev", sequence="delivery", service="carts", context="ctx", redrives="c"
    ),
    "start": lambda host: ReportTaskStarted(task_id(host), source="x"),
    "progress": lambda host: ReportTaskProgress(task_id(host), source="x", percent=50),
    "finish with pass": lambda host: ReportTaskFinished(task_id(host), source="x", result="pass"),
    "finish with fail": lambda host: ReportTaskFinished(task_id(host), source="x", result="fail"),
    "pause": lambda _: PauseSequence("ctx"),
    "pause the stage": lambda _: PauseSequence("ctx", stage="dev"),
    "resume": lambda _: ResumeSequence("ctx"),
    "resume the stage": lambda _: ResumeSequence("ctx", stage="dev"),
    "abort": lambda _: AbortSequence("ctx"),
    "abort with force": lambda _: AbortSequence("ctx", force=True),
    "retry": lambda _: RetryTask("ctx"),
    "skip with pass": lambda _: SkipTask("ctx", result="pass"),
    "skip with fail": lambda _: SkipTask("ctx", result="fail"),
    "exempt": lambda _: ExemptSequence("c"),
    "freeze": lambda _: FreezeStage("dev"),
    "unfreeze": lambda _: UnfreezeStage("dev"),
    "check, not due": lambda _: CheckDeadlines(),
    "check, due": due,
}


def test_the_table_has_every_command_and_every_phase() -> None:
    """The table is complete: each command once, each phase once, and three kinds of RUNNING."""
    commands, columns = [name for name, _, _ in CELLS[::14]], [name for _, name, _ in CELLS[:14]]

    assert commands == list(COMMANDS)
    assert sorted(columns) == sorted([*(phase.name for phase in Phase), "SCHEDULED", "APPROVAL"])
    assert len(CELLS) == 21 * 14


@pytest.mark.parametrize(("command", "column", "cell"), CELLS)
def test_a_cell_of_the_table(command: str, column: str, cell: str) -> None:
    """A command in a phase has the outcome, the code and the next phase of its cell (R25)."""
    host = stood_in(column)
    expected, _, leads_to = cell.partition(" → ")

    decision = host.tell(COMMANDS[command](host))

    assert (host.code, standing(host)) == (expected, leads_to or column)
    if expected != "applied":
        assert decision.events == ()
        assert decision.state is decision.before


CONTROLS: Final = {
    "pause": "pause", "resume": "resume", "abort": "abort", "force": "abort with force",
    "exempt": "exempt", "retry": "retry", "skip": "skip with pass", "redrive": "redrive",
}  # fmt: skip


@pytest.mark.parametrize("column", [column for _, column, _ in CELLS[:14]])
def test_permitted_is_a_column_of_the_table(column: str) -> None:
    """What each control of a sequence would get in a phase is what its cell says (R25, R32).

    A vote is there only while an approval is open.
    """
    host = stood_in(column)
    cells = {name: cell.partition(" → ")[0] for name, at, cell in CELLS if at == column}
    offered = CONTROLS | ({"vote": "finish with pass"} if column == "APPROVAL" else {})

    permitted = host.plane.permitted(host.state, "c")

    expected = {name: cells[command] for name, command in offered.items()}
    assert expected == {name: word(outcome) for name, outcome in permitted.items()}
