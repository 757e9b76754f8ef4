"""The budget of layers, tried on a made-up project of one rule and two layers."""

from pathlib import Path

import pytest

from tests.defects.budget import main
from tests.defects.layers import PYTEST, Layer

LANE = "LIMIT = 1\nNAME = 'dev'\n"
ASK = "from sequencectl.lane import LIMIT, NAME; "
LIMITS = Layer("limits", "", commands=(("-I", "-c", ASK + "assert LIMIT == 1"),))
NAMES = Layer("names", "", commands=(("-I", "-c", ASK + "assert NAME == 'dev'"),))
BOTH = Layer("names", "", commands=(*NAMES.commands, *LIMITS.commands))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A tree with a defect for each of the two layers."""
    folder = tmp_path / "tests" / "defects"
    files = {
        tmp_path / "src/sequencectl/__init__.py": "",
        tmp_path / "src/sequencectl/lane.py": LANE,
        folder / "two.toml": defect("two may run", "LIMIT = 1", "LIMIT = 2", "limits"),
        folder / "other.toml": defect("another name", "'dev'", "'prod'", "names"),
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def defect(title: str, old: str, new: str, only: str) -> str:
    """The text of a defect's file."""
    fields = {
        "rule": "R1", "title": title, "file": "src/sequencectl/lane.py", "old": old, "new": new,
        "run": ["-c", "0"], "only": only,
    }  # fmt: skip
    return "".join(f"{key} = {value!r}\n".replace('"', "'''") for key, value in fields.items())


def last_lines(out: str, number: int) -> list[list[str]]:
    """The words of the last lines that have any."""
    return [line.split() for line in out.splitlines() if line.strip()][-number:]


def test_exactly_the_diagonal_is_caught(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The unchanged tree passes, each defect is caught by its layer alone; the tree stays."""
    status = main([], root=root, layers=[LIMITS, NAMES])

    rows = last_lines(capsys.readouterr().out, 2)
    assert [["limits", "-", "caught", "-"], ["names", "-", "-", "caught"]] == rows
    assert 0 == status
    assert LANE == (root / "src/sequencectl/lane.py").read_text(encoding="utf-8")


def test_two_runs_for_each_layer_may_do(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its own defect, and those of all others at once."""
    status = main(["--together"], root=root, layers=[LIMITS, NAMES])

    assert 0 == status
    rows = last_lines(capsys.readouterr().out, 2)
    assert [["limits", "caught", "-"], ["names", "caught", "-"]] == rows


@pytest.mark.parametrize("options", [[], ["--together"], ["limits"]])
def test_a_defect_that_two_layers_catch_is_told(
    options: list[str], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It does not speak for its layer, since another one would do."""
    status = main(options, root=root, layers=[LIMITS, BOTH])

    assert 1 == status
    tree = "all the others at once" if "--together" in options else "two"
    assert f"names on {tree}: caught" in capsys.readouterr().out or options == ["limits"]


def test_a_defect_that_its_layer_misses_is_told(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """So is a layer of pytest that collects nothing: that shows nothing."""
    blind = Layer("limits", "", commands=(("-c", "0"),))
    empty = Layer("names", "", commands=((*PYTEST, "src"),))

    status = main([], root=root, layers=[blind, empty])

    out = capsys.readouterr().out
    assert 1 == status
    assert "limits on two: -" in out
    assert "names on the unchanged tree: ?" in out


def test_an_unknown_layer_is_a_usage_error(root: Path) -> None:
    """Only layers that have a defect can be named."""
    with pytest.raises(SystemExit) as caught:
        main(["none"], root=root, layers=[LIMITS])

    assert 2 == caught.value.code
