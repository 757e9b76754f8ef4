"""Text from outside can neither command the terminal nor forge a line."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.controller.cli.text import INVISIBLE, clock, created, visible
from tests.examples.controller.cli.command_line import CommandLine

HOSTILE = {
    "markup": "[red]red[/red] [link=file:///etc]x[/link] [/]",
    "an emoji code": ":boom:",
    "an escape": "\x1b[2J\x1b]0;title\x07",
    "a forged line": "carts\nThe sequence execution is aborted.",
    "a return": "carts\rThe sequence execution is aborted.",
    "a separator": "carts\u2028The sequence execution is aborted.",
    "a bidirectional override": "carts\u202egpj.exe",
    "an isolate": "\u2066carts\u2069",
    "a C1 control": "carts\x9b2J",
    "a lone surrogate": "carts\ud800",
    "nothing to see": "carts\u200b",
    "wide": "\uff03" * 40,
    "very long": "c" * 5_000,
}
HARMLESS = ("markup", "an emoji code", "wide", "very long")


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_text_stays_in_its_cell(run: CommandLine, case: str) -> None:
    """Wherever a name is shown, there is as much to see of it as of any other, in one line."""
    world, name = run.api.world, HOSTILE[case]
    world.find("sockshop").services.append(name)
    world.trigger("c1")
    context = world.find("sockshop").contexts["c1"]
    context |= {"service": name, "statusLine": name}
    context["explanations"]["c1-dev"]["text"] = name
    context["logs"] = [{"time": name, "task": name, "message": name}]
    world.find("sockshop").frozen["dev"] = {"actor": name, "reason": name, "since": name}

    shown = {verb: run(verb) for verb in ("get sequence", "get stage -p sockshop", "explain -c c1")}

    assert [2, 3, 2] == [len(ran.out.split("\n")) - 1 for ran in shown.values()]
    for ran in shown.values():
        assert visible(name) in ran.out
        assert ran.out.replace("\n", "").isprintable()


@pytest.mark.parametrize("case", [case for case in HOSTILE if case != "a lone surrogate"])
def test_a_hostile_refusal_is_one_line(run: CommandLine, case: str) -> None:
    """So is the message of an error, on stderr."""
    run.api.faults = [httpx.Response(400, json={"code": 400, "message": HOSTILE[case]})]

    ran = run("auth")

    assert f"sequencectl-cli: {visible(HOSTILE[case])}\n" == ran.err


def test_a_hostile_story_has_as_many_lines_as_any_other(run: CommandLine) -> None:
    """What executors call themselves and say does not change what the other lines are."""
    context = "00000000-0000-0000-0000-000000000001"
    world, name = run.api.world, HOSTILE["a forged line"]
    world.tasks = [name]
    run.api.script = [lambda: world.finish(context)]

    ran = run("trigger delivery -p sockshop --service carts --image carts:1 --watch")

    assert 10 == len(ran.out.split("\n")) - 1
    assert "\nThe sequence execution is aborted." not in ran.out


def test_json_is_ascii(run: CommandLine) -> None:
    """Every other character is escaped: it arrives as it was and does nothing on the way."""
    run.api.world.project("k\u202ese\x9b")

    ran = run("get project --output json")

    names = [project["projectName"] for project in json.loads(ran.out)["projects"]]
    assert ran.out.isascii()
    assert ["sockshop", "k\u202ese\x9b"] == names


@pytest.mark.parametrize("case", HOSTILE)
def test_what_is_harmless_is_shown_as_it_is(case: str) -> None:
    """Only what is not seen as what it is gets written out."""
    assert (case in HARMLESS) == (visible(HOSTILE[case]) == HOSTILE[case])


@given(st.text(st.characters(), max_size=20), st.sampled_from(["utf-8", "ascii", "latin-1"]))
def test_any_text_becomes_one_that_any_output_can_show(text: str, encoding: str) -> None:
    """No text has a control character or a line break left, nor one that cannot be encoded."""
    shown = visible(text, encoding=encoding)

    assert shown.encode(encoding).decode(encoding) == shown
    assert len(shown.splitlines()) <= 1
    assert shown == visible(shown, encoding=encoding)
    assert {"Cc", "Cf", "Cs", "Zl", "Zp"} == INVISIBLE


@pytest.mark.parametrize(
    ("instant", "shown"),
    [
        ("2026-03-02T09:01:30.5Z", "09:01:30"),
        ("2026-03-02T10:01:30+01:00", "09:01:30"),
        ("yesterday", "yesterday"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        (None, ""),
        (17, "17"),
    ],
)
def test_an_instant_that_is_none_is_shown_as_it_is(instant: object, shown: str) -> None:
    """A clock time in UTC, or whatever was sent instead."""
    assert shown == clock(instant)


@pytest.mark.parametrize(
    ("nanoseconds", "shown"),
    [
        ("1772442090500000000", "2026-03-02 09:01:30"),
        ("0", "1970-01-01 00:00:00"),
        ("yesterday", "yesterday"),
        ("9" * 30, "9" * 30),
        ("9" * 5_000, "9" * 5_000),
        (None, ""),
    ],
    ids=lambda each: str(each)[:30],
)
def test_a_creation_that_is_no_instant_is_shown_as_it_is(nanoseconds: object, shown: str) -> None:
    """Its date and UTC time, or whatever was sent instead."""
    assert shown == created(nanoseconds)
