"""The command line of the schedules: what it prints, and when it fails."""

from __future__ import annotations

import sys

import pytest

from sequencectl.testing.simulation.schedules import Explored
from tests.exploration.test_progress import Terminal
from tests.simulation import __main__ as command_line
from tests.simulation.small_worlds import QUICK

SMALL = {name: QUICK[name] for name in ("two commands", "a task, one error")}


def test_every_world_has_a_row(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was found is printed; on a terminal a row shows which world is searched."""
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setattr(command_line, "WORLDS", SMALL)

    assert 0 == command_line.main()

    assert [
        "two commands: 111 states, 62 schedules", "a task, one error: 105 states, 95 schedules",
    ] == capsys.readouterr().out.splitlines()[:-1]  # fmt: skip
    assert "[##########----------] a task, one error: 105 states, 0 waiting" in stream.getvalue()


def test_a_world_that_is_not_whole_fails(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that came to its limit has not shown that every promise is kept."""
    part = Explored(states=9, schedules=3, longest=2, is_complete=False)
    monkeypatch.setattr(command_line, "WORLDS", SMALL)
    monkeypatch.setattr(command_line, "explore", lambda *_, **__: part)

    assert 1 == command_line.main()

    assert "two commands: there are more states than the limit" in capsys.readouterr().out
