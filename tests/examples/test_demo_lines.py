"""The plain view: a fixed format, compared line by line with a golden transcript."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import get_args

import pytest

from examples.demo.__main__ import main
from examples.demo.plain import event_line
from examples.demo.view import BEGIN, Clause, clock, verdict_lines
from sequencectl import (
    AbortSequence,
    Bounds,
    CheckDeadlines,
    Command,
    ControlPlane,
    Event,
    FreezeStage,
    PauseSequence,
    QueuePolicy,
    ResumeSequence,
    Shipyard,
    TaskTriggered,
    TimeoutPolicy,
    TriggerSequence,
    UnfreezeStage,
)
from tests.examples.performance import default_performance

GOLDEN = Path(__file__).parent / "golden" / "demo.txt"
REWRITE = (
    "\nThe demo's transcript has changed. If every difference is meant, write it anew:"
    "\n  python3 dev.py demo --plain --speed max > tests/examples/golden/demo.txt\n"
)


def test_the_transcript_is_the_golden_one(capsys: pytest.CaptureFixture[str]) -> None:
    """The default performance is printed line by line as in golden/demo.txt."""
    status = main(["--plain", "--speed", "max"])

    out = capsys.readouterr().out
    assert GOLDEN.read_text("utf-8").splitlines() == out.splitlines(), REWRITE
    assert status == 0


def test_the_golden_transcript_has_the_lines_of_the_proposal() -> None:
    """What the command line prints is what the proposal shows, to the last blank."""
    lines = GOLDEN.read_text("utf-8").splitlines()
    context = default_performance().cast.contexts[3]

    said = [line for line in lines if line.startswith("> ") or " - keptn " in line]
    resume = f"keptn resume sequence --keptn-context={context}"
    assert [
        f"09:18:57 - keptn pause sequence --keptn-context={context}",
        "> The current sequence execution is paused. ",
        f"> To resume the sequence execution, execute: {resume}",
        f"09:20:27 - {resume}",
        "> The sequence execution resumes. ",
        f"09:20:37 - keptn abort sequence --keptn-context={context}",
        "> The sequence execution is aborted. ",
    ] == said[-7:]


def test_every_event_has_one_line_in_the_golden_transcript() -> None:
    """A pipe sees every event, in the order of the serials."""
    lines = GOLDEN.read_text("utf-8").splitlines()
    names = {kind.__name__ for kind in get_args(Event)}

    shown = [line.split()[1:3] for line in lines if len(line.split()) > 2 and line[2:3] == ":"]
    events = [(serial, name) for serial, name in shown if name in names]
    assert events == [(str(e.serial), type(e).__name__) for e in default_performance().events]


def rare_events() -> list[Event]:
    """Events that the stories do not bring about, from a plane made for them."""
    again = {"tasks": ["deploy"], "triggeredOn": ["dev.again.finished"]}
    plane = ControlPlane(
        Shipyard.of({"dev": {"delivery": ["deploy"], "again": again}}),
        timeouts=TimeoutPolicy(total="10m", waiting="5m"),
        queueing=QueuePolicy(mode="latest_only"),
        bounds=Bounds(retain=0, max_depth=1),
    )
    state, events = plane.initial("rare"), list[Event]()

    def tell(command: Command, minute: int) -> None:
        nonlocal state
        decision = plane.decide(state, command, BEGIN + timedelta(minutes=minute))
        decision.raise_if_rejected()
        state = decision.state
        events.extend(decision.events)

    def trigger(name: str, sequence: str = "delivery") -> TriggerSequence:
        return TriggerSequence(name, stage="dev", sequence=sequence, service="carts")

    tell(FreezeStage("dev", actor="ann", reason="holidays"), 0)
    tell(trigger("one"), 0)
    tell(trigger("two"), 1)
    tell(PauseSequence("two"), 2)
    tell(ResumeSequence("two", actor="bob"), 3)
    tell(CheckDeadlines(), 7)
    tell(UnfreezeStage("dev"), 8)
    tell(trigger("three"), 8)
    tell(AbortSequence("three", force=True, actor="ann"), 9)
    tell(trigger("four", "again"), 9)
    for _ in range(2):
        task = [event for event in events if isinstance(event, TaskTriggered)][-1]
        tell(task.finished(source="helm", result="warning"), 10)
    return events


def test_rare_events_have_their_line_as_well() -> None:
    """Freezes, limits, supersession and forgetting are told in one line each."""
    lines = [event_line(event, {"one": "0.1", "two": "0.2"}) for event in rare_events()]
    start = "dev        delivery    carts"

    assert [
        "09:01:30    1 StageFrozen            dev        -           -     -       "
        "by ann (holidays)",
        f"09:01:30    2 SequenceTriggered      {start} 0.1     "
        "place 2, priority 0, to be started by 09:06:30",
    ] == lines[:2]
    rest, refused = "\n".join(lines[2:]), "dev.again would be follow-up 2"
    for text in (
        "SequenceSuperseded     dev        delivery    carts 0.1     A newer delivery",
        "SequenceTriggered      dev        delivery    carts 0.2     place 2, priority 0",
        "SequencePaused         dev        delivery    carts 0.2     4m0s left",
        "SequenceResumed        dev        delivery    carts 0.2     to be over by 09:08:30",
        "could not start within 5m0s",
        "StageUnfrozen          dev        -           -     -\n",
        "SequenceStarted        dev        delivery    carts three   to be over by 09:19:30",
        "SequenceAborted        dev        delivery    carts three   forced, by ann",
        f"FollowUpRefused        dev        again       carts four    {refused}",
        "SequencesForgotten     -          -           -     -       1 sequences of 1 contexts",
    ):
        assert text in rest


def test_the_time_of_day_counts_days() -> None:
    """After the first day the number of days stands before the time."""
    assert "09:01:30" == clock(BEGIN)
    assert "2d+00:00:00" == clock(BEGIN.replace(day=4, hour=0, minute=0, second=0))


def test_the_verdict_counts_what_fails() -> None:
    """The last line of the verdict says how many clauses fail."""
    clauses = [Clause("short", True, "yes"), Clause("longer", False, "no")]

    assert ["# Verdict", "ok   short  yes", "FAIL longer no", "# 1 of 2 clauses fail"] == (
        verdict_lines(clauses)
    )
