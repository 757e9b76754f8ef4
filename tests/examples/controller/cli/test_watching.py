"""``--watch``: what is told while something runs, and how the watching ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import httpx
import pytest

from tests.examples.controller.cli.command_line import CommandLine
from tests.examples.controller.cli.fake_api import Fault

GOLDEN = Path(__file__).parents[2] / "golden"
C = "00000000-0000-0000-0000-000000000001"
WATCH = "trigger delivery -p sockshop --service carts --image carts:1 --watch"


CONTROL = {"stage": "", "actor": "", "reason": "", "requestId": "1"}


def both(first: Callable[[], object], second: Callable[[], object]) -> Callable[[], object]:
    """What does one thing, and another before anybody looks."""
    return lambda: (first(), second())


def test_the_story_of_a_delivery_is_the_golden_one(run: CommandLine) -> None:
    """Each change has its line, until the last sequence of the context is over."""
    api = run.api
    api.script = [
        lambda: api.world.finish(C),
        lambda: api.world.control("sockshop", C, CONTROL | {"state": "pause"}),
        lambda: api.world.control("sockshop", C, CONTROL | {"state": "resume", "requestId": "2"}),
        both(lambda: api.world.finish(C), lambda: api.world.trigger(C, stage="staging")),
        lambda: api.world.finish(C),
        lambda: api.world.finish(C, "warning"),
    ]

    seen = run.transcript(WATCH)

    assert (GOLDEN / "cli-watch.txt").read_text("utf-8").splitlines() == seen.splitlines()


def test_a_watched_sequence_that_fails_has_the_exit_status_5(run: CommandLine) -> None:
    """A build can tell by the exit status how a delivery went."""
    run.api.script = [lambda: run.api.world.finish(C, "fail")]

    ran = run(WATCH)

    said = "The sequence execution has not ended well: dev.delivery (finished, fail)."
    assert (5, f"sequencectl-cli: {said}\n") == (ran.status, ran.err)


def test_an_abort_that_waits_for_its_task_is_not_the_end(run: CommandLine) -> None:
    """Keptn's word `aborted` comes before the task is over."""
    api = run.api
    abort = CONTROL | {"state": "abort", "force": False}
    api.script = [
        lambda: api.world.control("sockshop", C, abort),
        lambda: api.world.finish(C),
    ]

    ran = run(WATCH)

    assert (5, []) == (ran.status, api.script)
    assert "dev.delivery aborted with result fail" in ran.lines[-1]


def test_watching_in_json_prints_the_context_alone(run: CommandLine) -> None:
    """The exit status says the rest."""
    run.api.script = [lambda: run.api.world.finish(C, "fail")]

    ran = run(f"{WATCH} --output json")

    assert (5, {"keptnContext": C}) == (ran.status, json.loads(ran.out))


def test_a_controller_without_a_stream_is_polled(run: CommandLine) -> None:
    """Each look tells what is new."""
    run.api.has_stream = False
    meanwhile = iter([list, finish_one(run), finish_one(run)])
    run.slept = OnSleep(lambda: next(meanwhile)())  # noqa: PLW0108 # the next one each time

    ran = run(WATCH)

    assert (0, [1.0, 1.0, 1.0]) == (ran.status, run.slept)
    assert ran.lines[-1].endswith("delivery finished")


def finish_one(run: CommandLine) -> Callable[[], object]:
    """What finishes a task of the delivery."""
    return lambda: run.api.world.finish(C)


class OnSleep(list[float]):
    """Remembers how long was slept, and lets something happen meanwhile."""

    def __init__(self, happen: Callable[[], object]) -> None:
        super().__init__()
        self.happen = happen

    def append(self, seconds: float) -> None:
        super().append(seconds)
        self.happen()


def test_a_stream_that_breaks_is_taken_up_where_it_was(run: CommandLine) -> None:
    """The last serial goes along; what happened meanwhile is in the next message."""
    api = run.api
    serials: list[str] = []

    def go_on() -> None:
        serials.append(str(api.world.find("sockshop").serial))
        api.script = [lambda: api.world.finish(C)]

    api.script = [lambda: api.world.finish(C)]
    run.slept = OnSleep(go_on)

    ran = run(WATCH)

    assert (0, [None, *serials], [0.2]) == (ran.status, api.followed, run.slept)


def test_a_controller_that_stays_away_ends_the_watching(run: CommandLine) -> None:
    """After some attempts, with ever longer pauses, the exit status is 3."""
    refused: list[Fault] = [httpx.ConnectError("refused")] * 20
    run.api.faults = [None, None, None, *refused]

    ran = run(WATCH)

    assert (3, [0.2, 0.5, 1.0, 2.0, 5.0, 5.0, 5.0, 5.0]) == (ran.status, run.slept)


def test_a_list_is_watched_until_all_of_it_is_over(run: CommandLine) -> None:
    """Without a terminal each change is a line: time, context, status, and where it stands."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    api.script = [
        lambda: api.world.trigger("c2"),
        lambda: api.world.finish("c1"),
        lambda: api.world.finish("c2"),
    ]

    ran = run("get sequence --watch")

    assert [
        "09:01:32 c1 delivery running (dev: started)",
        "09:01:34 c2 delivery running (dev: started)",
        "09:01:37 c1 delivery finished (dev: finished)",
        "09:01:40 c2 delivery finished (dev: finished)",
    ] == ran.lines
    assert 0 == ran.status


def test_what_failed_before_is_not_what_was_watched(run: CommandLine) -> None:
    """Only what was alive while somebody looked decides about the exit status."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    api.world.finish("c1", "fail")
    over = run("get sequence --watch")
    api.world.trigger("c2")
    api.script = [lambda: api.world.finish("c2", "fail")]

    watched = run("get sequence --watch")

    assert (0, 5) == (over.status, watched.status)
    assert "sequencectl-cli: Not ended with pass or warning: c2.\n" == watched.err


def test_what_leaves_a_filtered_list_is_followed_to_its_end(run: CommandLine) -> None:
    """A context that is no longer `started` is looked up by its id."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    run.slept = OnSleep(lambda: api.world.finish("c1"))
    api.has_stream = False

    ran = run("get sequence --state started --watch")

    assert (0, 2) == (ran.status, len(ran.lines))


def test_a_watched_list_in_json_is_printed_at_the_end(run: CommandLine) -> None:
    """One object, when all is over."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    api.script = [lambda: api.world.finish("c1")]

    states = json.loads(run("get sequence --watch --output json").out)["states"]

    assert [("c1", "finished")] == [(s["shkeptncontext"], s["state"]) for s in states]


def test_a_new_context_that_is_not_asked_for_does_not_join(run: CommandLine) -> None:
    """The filters hold while somebody watches."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    other = {"id": "1", "type": "sh.keptn.event.dev.other.triggered", "data": {"service": "carts"}}
    api.script = [
        lambda: api.world.take_trigger(api.world.find("sockshop"), "c2", other),
        lambda: api.world.finish("c1"),
    ]

    ran = run("get sequence --name delivery --watch")

    assert (0, ["c1", "c1"]) == (ran.status, [line.split()[1] for line in ran.lines])


def test_a_list_has_room_for_a_page(run: CommandLine) -> None:
    """What is over makes room for what is new."""
    api = run.api
    api.world.tasks = ["deployment"]
    for context in ("c1", "c2"):
        api.world.trigger(context)
    api.script = [
        lambda: api.world.finish("c1"),
        lambda: api.world.trigger("c3"),
        both(lambda: api.world.finish("c2"), lambda: api.world.finish("c3")),
    ]

    states = json.loads(run("get sequence --page-size 2 --watch --output json").out)["states"]

    assert ["c3", "c2"] == [state["shkeptncontext"] for state in states]


def test_what_failed_and_made_room_is_not_forgotten(run: CommandLine) -> None:
    """The exit status counts what is no longer shown."""
    api = run.api
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    api.script = [
        both(lambda: api.world.finish("c1", "fail"), lambda: api.world.trigger("c2")),
        lambda: api.world.finish("c2"),
    ]

    ran = run("get sequence --page-size 1 --watch --output json")

    assert ["c2"] == [state["shkeptncontext"] for state in json.loads(ran.out)["states"]]
    assert (5, True) == (ran.status, ran.err.endswith(": c1.\n"))


def test_a_controller_that_is_away_for_a_while_is_waited_for(run: CommandLine) -> None:
    """The story goes on where it was."""
    api = run.api
    api.script = [lambda: api.world.finish(C)]
    refused = httpx.ConnectError("refused")
    api.faults = [None, None, None, refused, refused, None, refused, None, None]

    def go_on() -> None:
        api.script = api.script or [lambda: api.world.finish(C)]

    run.slept = OnSleep(go_on)

    ran = run(WATCH)

    assert (0, [0.2, 0.5, 1.0, 0.2]) == (ran.status, run.slept)


class Screen(StringIO):
    """A terminal's memory."""

    def isatty(self) -> bool:
        return True


SCREENS = {
    "wide": ("xterm", "140", "c1       delivery  carts    dev: finished, staging: finished"),
    "narrow": ("xterm", "80", "c1       delivery  carts    staging: finished"),
}


@pytest.mark.parametrize("case", SCREENS)
def test_a_terminal_shows_a_table_that_changes(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """The last frame stays, and the cursor comes back; a narrow terminal shows the essence."""
    term, columns, row = SCREENS[case]
    screen = watched_on(run, monkeypatch, term, columns)

    frames = screen.split("CONTEXT")
    assert len(frames) > 3
    assert row in frames[-1]
    assert screen.rstrip().endswith("\x1b[?25h")


def test_a_terminal_that_can_do_no_more_gets_lines(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One for each change, without a single escape sequence."""
    screen = watched_on(run, monkeypatch, "dumb", "80")

    assert 4 == len(screen.splitlines())
    assert "\x1b" not in screen


def watched_on(run: CommandLine, monkeypatch: pytest.MonkeyPatch, term: str, columns: str) -> str:
    """What a terminal was sent while somebody watched a list."""
    api, screen = run.api, Screen()
    api.world.tasks = ["deployment"]
    api.world.trigger("c1")
    api.script = [
        lambda: api.world.control("sockshop", "c1", CONTROL | {"state": "pause"}),
        both(lambda: api.world.finish("c1"), lambda: api.world.trigger("c1", stage="staging")),
        lambda: api.world.finish("c1"),
    ]
    for name, value in (("TERM", term), ("COLUMNS", columns), ("LINES", "30")):
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdout", screen)
    run("get sequence --watch")
    return screen.getvalue()
