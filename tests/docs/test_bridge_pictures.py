"""The pictures of the Bridge's page are always there, with a browser and without one."""

import re
import sys
from pathlib import Path

import pytest

from docs import bridge_pictures, bridge_scene
from sequencectl import Phase
from sequencectl.events import TaskFinishReported, TaskTimedOut

PAGE = Path(bridge_pictures.__file__).with_name("bridge.md")


def test_the_page_shows_each_picture() -> None:
    """What is made is shown once, under a name that fits a screenshot and a timeline."""
    shown = re.findall(r"\(_build/pictures/([\w-]+)\.\*\)", PAGE.read_text(encoding="utf-8"))

    assert list(bridge_pictures.CONTEXTS) == shown


def test_there_are_timelines_where_there_is_no_browser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is lacking is one line on stderr, and every picture is a timeline; old ones go."""
    monkeypatch.setattr(bridge_pictures, "CHROMIUM", str(tmp_path / "none"))
    monkeypatch.setattr(bridge_pictures, "BRIDGE", PAGE)
    target = tmp_path / "pictures"
    target.mkdir()
    (target / "bridge-older.svg").write_bytes(b"old")

    bridge_pictures.make_pictures(target)

    expected = {f"{name}.svg" for name in bridge_pictures.CONTEXTS}
    assert expected == {path.name for path in target.iterdir()}
    assert 1 == len(capsys.readouterr().err.splitlines())


def test_a_browser_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The build goes on with timelines when the screenshots fail, whatever they fail for."""
    monkeypatch.delenv("SEQUENCECTL_DOCS_PICTURES", raising=False)
    monkeypatch.setattr(bridge_pictures, "CHROMIUM", sys.executable)
    monkeypatch.setattr(bridge_pictures, "BRIDGE", PAGE)
    monkeypatch.setattr(bridge_pictures, "find_spec", lambda _name: True)
    monkeypatch.setattr(bridge_pictures, "LONGEST", 0.01)

    bridge_pictures.make_pictures(tmp_path / "pictures")

    found = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {f"{name}.svg" for name in bridge_pictures.CONTEXTS} == found
    assert "it took more than 0 s" in capsys.readouterr().err


def test_timelines_are_made_the_same_each_time(tmp_path: Path) -> None:
    """The scene is decided in virtual time: no clock is in the pictures."""
    once, again = tmp_path / "once", tmp_path / "again"
    for target in (once, again):
        target.mkdir()
        bridge_pictures.draw(target)

    pictures = {path.name: path.read_bytes() for path in once.iterdir()}
    assert pictures == {path.name: path.read_bytes() for path in again.iterdir()}


def test_the_scene_tells_the_three_stories_and_an_approval() -> None:
    """One delivery waits for another, a task times out, one delivery is paused, one aborting.

    Of two who must approve one does and one does not.
    """
    decided = bridge_scene.Decided()
    bridge_scene.play(decided)

    phases = {context: decided.phase(context) for context in bridge_scene.LIVE}
    timed_out = [e.subject.context for e in decided.events if isinstance(e, TaskTimedOut)]
    assert {
        bridge_scene.FIRST: Phase.RUNNING,
        bridge_scene.SECOND: Phase.WAITING,
        bridge_scene.PAUSED: Phase.PAUSED,
        bridge_scene.ABORTED: Phase.ABORTING,
        bridge_scene.ASKED: Phase.RUNNING,
    } == phases
    votes = [e for e in decided.events if isinstance(e, TaskFinishReported) and e.actor]
    assert [("ann", "fail"), ("bob", "pass")] == [(e.voter, e.result.value) for e in votes]
    assert [bridge_scene.PROBLEM] == timed_out
