"""The set-up of ``dev.py``: what it does first, what it need not do again, and what spoils it.

No virtual environment is made here: the steps are recorded instead of run.
"""

import importlib
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

dev: Any = importlib.import_module("dev")  # Any: it has no annotations, see there
install_step = dev.install_step  # the real one, where a fixture records instead


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A small root with two layers, and the steps of its set-ups, recorded instead of run."""
    (tmp_path / "requirements").mkdir()
    for name in ("pyproject.toml", "requirements/run.txt", "requirements/test.txt"):
        (tmp_path / name).write_text(name)
    programs = tmp_path / ".venv" / "bin"
    monkeypatch.setattr(dev, "ROOT", str(tmp_path))
    monkeypatch.setattr(dev, "VENV", str(tmp_path / ".venv"))
    monkeypatch.setattr(dev, "STAMP", str(tmp_path / ".venv" / "stamp.json"))
    monkeypatch.setattr(dev, "PROGRAMS", str(programs))
    taken: list[str] = []

    def record(command: list[str]) -> None:
        layers = [Path(part).stem for part in command if part.startswith("--requirement=")]
        if "venv" in command:
            assert not programs.exists()
            programs.mkdir(parents=True)
            (programs / "python").touch()
            taken.append("venv")
        elif layers:
            assert {"--require-hashes", "--no-deps"} <= set(command)
            taken.append("layers " + " ".join(layers))
        else:
            assert {"--no-build-isolation", "--no-deps", "--editable"} <= set(command)
            taken.append("package")

    monkeypatch.setattr(dev, "install_step", record)
    return taken


def test_a_second_set_up_does_nothing(steps: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """The first makes everything in order and says so in one line; the second is silent."""
    dev.set_up("test", ("run", "test"))
    first = capfd.readouterr()
    dev.set_up("test", ("run", "test"))
    second = capfd.readouterr()

    assert ["venv", "layers run test", "package"] == steps
    assert ("", "setting up .venv (test) ...\n") == (first.out, first.err)
    assert ("", "") == (second.out, second.err)


def test_another_verb_adds_only_what_it_lacks(steps: list[str]) -> None:
    """Layers that are installed stay, a new one is added, and then both verbs are quick."""
    for layers in (("run",), ("run", "test"), ("run",), ("test",)):
        dev.set_up("any", layers)

    assert ["venv", "layers run", "package", "layers test"] == steps


def test_a_verb_without_the_package_does_not_pass_it_off_as_installed(steps: list[str]) -> None:
    """Where only tools were installed, the package follows with the first verb that needs it."""
    dev.set_up("lock", ("test",))
    dev.set_up("test", ("run", "test"))

    assert ["venv", "layers test", "layers run", "package"] == steps


def test_a_changed_project_file_installs_only_the_package_again(
    steps: list[str], tmp_path: Path
) -> None:
    """What pyproject.toml says is read at installation."""
    dev.set_up("test", ("run",))
    (tmp_path / "pyproject.toml").write_text("changed")
    dev.set_up("test", ("run",))

    assert ["venv", "layers run", "package", "package"] == steps


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("requirements/run.txt", "changed"),
        (".venv/bin/python", None),
        (".venv/stamp.json", None),
        (".venv/stamp.json", "{"),
    ],
)
def test_a_venv_that_is_not_as_it_should_be_is_made_again(
    file: str, text: str | None, steps: list[str], tmp_path: Path
) -> None:
    """A changed layer, a lost interpreter and an interrupted set-up all start from nothing."""
    dev.set_up("test", ("run",))
    path = tmp_path / file
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    dev.set_up("test", ("run",))

    assert ["venv", "layers run", "package"] * 2 == steps


@pytest.mark.parametrize("key", ["home", "python"])
def test_a_moved_folder_or_another_python_makes_the_venv_again(key: str, steps: list[str]) -> None:
    """A .venv serves only where it was made, and only the Python that made it."""
    dev.set_up("test", ("run",))
    stamp = Path(dev.STAMP)
    stamp.write_text(json.dumps(json.loads(stamp.read_text()) | {key: "other"}))
    dev.set_up("test", ("run",))

    assert ["venv", "layers run", "package"] * 2 == steps


def test_a_failing_step_shows_what_it_said_and_leaves_no_stamp(
    steps: list[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The whole output is shown, the status is 3, and the next run starts again."""
    dev.set_up("lint", ("run",))
    capfd.readouterr()
    broken = [sys.executable, "-c", "print('no such version'); raise SystemExit(7)"]
    with monkeypatch.context() as patch:
        patch.setattr(dev, "install_step", lambda _command: install_step(broken))
        patch.setitem(dev.VERBS, "lint", dev.VERBS["lint"]._replace(layers=("run", "test")))
        status = dev.main(["lint"])
    out, err = capfd.readouterr()
    dev.set_up("lint", ("run",))

    assert (3, "") == (status, out)
    assert "no such version" == err.splitlines()[1]
    assert "setting up .venv failed, exit status 7: " in err
    assert ["venv", "layers run", "package"] * 2 == steps


def test_two_set_ups_at_once_take_turns(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The second says that it waits, and when its turn comes there is nothing left to do."""
    waits = threading.Event()
    said = []

    def say(sentence: str) -> None:
        said.append(sentence)
        waits.set()

    monkeypatch.setattr(dev, "say", say)
    second = threading.Thread(target=dev.set_up, args=("test", ("run",)))

    with dev.only_one():
        second.start()
        assert waits.wait(timeout=60)
        assert [] == steps
    second.join(timeout=60)

    assert ["waiting for another dev.py to set up .venv ...", "setting up .venv (test) ..."] == said
    assert ["venv", "layers run", "package"] == steps
