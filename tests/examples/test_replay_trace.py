"""The replay of a recorded run: agreement, differences, files that cannot be used."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from examples.replay_trace import main

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
BOOKSHOP = DATA / "bookshop.yaml"
PROMOTION = DATA / "recorded-promotion.json"
EVALUATION = DATA / "recorded-evaluation.json"

Event = dict[str, Any]
Replay = Callable[[list[Event]], int]


def recorded(path: Path) -> list[Event]:
    """The events of a recording, newest first."""
    events: list[Event] = json.loads(path.read_text("utf-8"))["events"]
    return events


def only(events: list[Event], kind: str) -> Event:
    """The one event of a type."""
    (found,) = [event for event in events if event["type"] == f"sh.keptn.event.{kind}"]
    return found


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    """Replay events that were changed; return the exit status."""

    def run(events: list[Event]) -> int:
        trace = tmp_path / "trace.json"
        trace.write_text(json.dumps({"events": events}), "utf-8")
        return main(["--shipyard", str(BOOKSHOP), str(trace)])

    return run


@pytest.mark.parametrize("path", [PROMOTION, EVALUATION], ids=lambda path: path.stem)
def test_a_recording_is_decided_alike(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Everything the recorded controller sent is decided here, and nothing else."""
    assert 0 == main(["--shipyard", str(BOOKSHOP), str(path)])

    out = capsys.readouterr().out
    number = sum(event["source"] == "shipyard-controller" for event in recorded(path))
    assert f"All {number} events of the recorded control plane were decided alike." in out
    assert number == out.count("as recorded")


def test_a_line_for_every_event(capsys: pytest.CaptureFixture[str]) -> None:
    """What came in with its outcome, what went out at its instant, and what is none of ours."""
    main(["--shipyard", str(BOOKSHOP), str(PROMOTION)])

    lines = [line.split(maxsplit=3) for line in capsys.readouterr().out.splitlines()]
    assert ["08:00:00.100", "in", "dev.delivery.triggered", "applied, from keptn-cli"] in lines
    assert ["08:00:39.870", "out", "test.triggered", "as recorded"] in lines  # delayed by 30s
    assert ["08:00:43.900", "in", "get-sli.finished", "none of ours"] in lines
    assert ["08:01:20.000", "out", "prod.delivery.started", "ours alone"] in lines


def test_labels_empty_texts_and_noise_make_no_difference(replay: Replay) -> None:
    """Nor do events of other programs, nor what is empty on either side."""
    events = recorded(PROMOTION)
    for event in events:
        event["data"]["labels"] = {"of": event["id"]}
        if event["source"] == "shipyard-controller":
            event["data"]["test"] = {**event["data"].get("test", {}), "note": ""}
            event["data"] = {k: v for k, v in event["data"].items() if v not in ("", {"note": ""})}
    events.append({"type": "x", "time": "2026-02-11T08:01:00+01:00", "source": ["odd"]})

    assert 0 == replay(events)


def test_events_are_taken_by_time_and_those_of_one_instant_as_listed(replay: Replay) -> None:
    """Newest first: a finish that is listed after the starts would be over without the second."""
    events = recorded(PROMOTION)
    assert 0 == replay(sorted(events, key=lambda event: str(event["type"])))

    starts = [event for event in events if event["type"].endswith(".test.started")]
    (first,) = [event for event in events if event["type"].endswith(".test.finished")][1:]
    for event in [*starts, first]:
        event["time"] = "2026-02-11T08:00:41.100Z"
    assert 0 == replay(events)
    assert 1 == replay(events[::-1])


CHANGES: dict[str, tuple[str, Callable[[Event], object], str]] = {
    "result": (
        "dev.delivery.finished",
        lambda event: event["data"].update(result="pass"),
        '-    "result": "pass"|+    "result": "warning"|dev.delivery.finished differs:',
    ),
    "status": (
        "prod.delivery.finished",
        lambda event: event["data"].update(status="succeeded"),
        '-    "status": "succeeded"|+    "status": "errored"',
    ),
    "input": (
        "test.triggered",
        lambda event: event["data"].pop("configurationChange"),
        '+    "configurationChange": {|test.triggered differs:',
    ),
    "order of a list": (
        "release.triggered",
        lambda event: event["data"]["test"]["logs"].reverse(),
        "release.triggered differs:",
    ),
    "null": (
        "release.triggered",
        lambda event: event["data"].pop("release"),
        '+    "release": null',
    ),
    "scalar": (
        "test.triggered",
        lambda event: event["data"]["test"].update(suites=[True]),
        "-        true",
    ),
    "project": (
        "dev.delivery.finished",
        lambda event: event["data"].update(project="other"),
        '-    "project": "other"',
    ),
    "stage": (
        "test.triggered",
        lambda event: event["data"].update(stage="prod"),
        "test.triggered was recorded, but not decided:|was decided, but not recorded:",
    ),
    "service": (
        "rollback.triggered",
        lambda event: event["data"].update(service="cart"),
        "rollback.triggered was recorded, but not decided:|NOT RECORDED",
    ),
    "type": (
        "prod.rollback.finished",
        lambda event: event.update(type="sh.keptn.event.prod.undo.finished"),
        "prod.undo.finished was recorded|prod.rollback.finished was decided",
    ),
    "context": (
        "prod.rollback.finished",
        lambda event: event.update(shkeptncontext="other"),
        "prod.rollback.finished was recorded|prod.rollback.finished was decided",
    ),
    "a report": (
        "release.finished",
        lambda event: event["data"].update(status="succeeded", result="pass"),
        "prod.rollback.triggered was recorded, but not decided:|unchanged (unknown_task)",
    ),
    "a trigger": (
        "dev.delivery.triggered",
        lambda event: event.update(type="sh.keptn.event.qa.delivery.triggered"),
        "rejected (unknown_stage)|qa.delivery.finished was decided, but not recorded:",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_difference_is_found_and_shown(
    what: str, replay: Replay, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 1, and a diff says what was recorded and what was decided."""
    kind, change, shown = CHANGES[what]
    events = recorded(PROMOTION)
    change(only(events, kind))

    assert 1 == replay(events)
    out = capsys.readouterr().out
    assert [] == [part for part in shown.split("|") if part not in out]
    assert out.splitlines()[-1].startswith("Differences: ")


def test_an_event_that_was_not_recorded_is_a_difference(replay: Replay) -> None:
    """It is no matter whether one is missing here or there."""
    events = recorded(PROMOTION)
    events.remove(only(events, "prod.rollback.triggered"))

    assert 1 == replay(events)


def test_a_time_limit_of_the_recorded_one_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where that Keptn waited longer for a start, ``--reaction`` says so."""
    trace = tmp_path / "slow.json"
    text = EVALUATION.read_text("utf-8")
    trace.write_text(text.replace("T07:00:0", "T07:04:0").replace("T07:04:00.1", "T07:00:00.1"))
    arguments = ["--shipyard", str(BOOKSHOP), str(trace)]

    assert 1 == main(arguments)
    assert "07:03:00.100  out  evaluation.finished" in capsys.readouterr().out
    assert 0 == main([*arguments, "--reaction", "10m"])


def as_text(event: Event) -> str:
    """A recording of one event."""
    return json.dumps([event])


TRIGGER = {
    "specversion": "1.0", "id": "s", "source": "cli", "time": "2026-02-11T08:00:00Z",
    "type": "sh.keptn.event.dev.delivery.triggered", "data": {"project": "bookshop"},
}  # fmt: skip
REPORT = TRIGGER | {"source": "shipyard-controller", "type": "sh.keptn.event.deployment.triggered"}
BAD = {
    "no JSON": ("{", "JSON: must be well-formed"),
    "no UTF-8": (b"\xff\xfe\x00", "JSON: must be well-formed"),
    "NaN": ('[{"data": NaN}]', "NaN is no JSON"),
    "depth": ("[" * 100_000, "nested too deep"),
    "digits": ("9" * 5_000, "JSON: must be well-formed"),
    "no events": ('{"items": []}', "events: must be a list of CloudEvents, got None"),
    "a number": ("7", "events: must be a list"),
    "nothing in it": ("[]", "events: must hold triggers of exactly one project"),
    "no event": ("[7]", "events[0]: must be a CloudEvent with a type"),
    "no type": (as_text({"type": 7}), "events[0]: must be a CloudEvent with a type"),
    "no time": (as_text({"type": "x"}), "events[0].time: must be a time with its zone"),
    "no zone": (as_text(TRIGGER | {"time": "2026-02-11T08:00:00"}), "events[0].time: must be"),
    "a far time": (as_text(TRIGGER | {"time": "0001-01-01T00:00:00+23:00"}), "events[0].time"),
    "no instant": (as_text(TRIGGER | {"time": "9999-02-11T08:00:00Z"}), "now: must be before"),
    "no project": (as_text(TRIGGER | {"data": {}}), "data.project: must be named"),
    "two projects": (
        json.dumps([TRIGGER, TRIGGER | {"data": {"project": "b"}}]), "got 'b, bookshop'",
    ),
    "a bad trigger": (as_text(TRIGGER | {"id": None}), "event None: id: must be"),
    "bad data": (as_text(TRIGGER | {"data": "x", "id": "é"}), r"event \u00e9: data: must be"),
    "a bad report": (
        json.dumps([TRIGGER, REPORT, REPORT | {
            "triggeredid": "s", "type": "sh.keptn.event.deployment.started", "source": "é",
        }]), "event s: source: must be 1 to 200 printable ASCII",
    ),
    "bad data of the controller": (
        json.dumps([TRIGGER, REPORT | {"data": [1]}]), "data of event s: must be an object",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_recording_that_cannot_be_used(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit status is 2, and one plain sentence says which file and what is wrong."""
    text, problem = BAD[what]
    trace = tmp_path / "trace.json"
    trace.write_bytes(text if isinstance(text, bytes) else text.encode())

    assert 2 == main(["--shipyard", str(BOOKSHOP), str(trace)])
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"replay_trace: {trace}: ")
    assert problem in err
    assert 1 == err.count("\n")
    assert err.isascii()


def test_a_file_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Nor is a shipyard that is none, or a limit that is none, a reason for a traceback."""
    assert 2 == main(["--shipyard", str(BOOKSHOP), "nowhere.json"])
    assert 2 == main(["--shipyard", "nowhere.yaml", str(PROMOTION)])
    assert 2 == main(["--shipyard", str(PROMOTION), str(PROMOTION)])
    assert 2 == main(["--shipyard", str(ROOT), str(PROMOTION)])
    for wrong in (["--reaction", "-1m"], ["--reaction", "soon"], []):
        with pytest.raises(SystemExit, match="2"):
            main(["--shipyard", str(BOOKSHOP), *wrong])
    err = capsys.readouterr().err

    assert "nowhere.json: No such file or directory" in err
    assert "nowhere.yaml: No such file or directory" in err
    assert "Traceback" not in err


def test_it_is_a_program() -> None:
    """It runs as a file, as its first lines say."""
    program = [sys.executable, "examples/replay_trace.py", "--shipyard", BOOKSHOP, EVALUATION]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False)

    assert (0, "") == (done.returncode, done.stderr)
