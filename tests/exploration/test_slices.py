"""The rules hold in every state of small worlds; ``python3 dev.py explore`` sees them all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest

from sequencectl.testing.exploration import Exploration
from tests.exploration.__main__ import FIGURES, entry, main
from tests.exploration.slices import SLICES

STATES, BY_A_CALENDAR = 90, 150  # it takes some moves until a calendar has opened and closed


@pytest.mark.parametrize("name", SLICES)
def test_no_rule_is_broken_in_a_small_world(name: str) -> None:
    """The states that are reached first, of the slice and of one with one sequence less."""
    most = STATES if SLICES[name].alphabet.period is None else BY_A_CALENDAR
    fewer = SLICES[name].fewer.explore(limit=most)
    found = SLICES[name].explore(limit=most)

    assert fewer.states <= found.states
    assert fewer.is_complete or fewer.states == most


def test_every_slice_has_its_figures() -> None:
    """What `dev.py explore` compares with names every slice and nothing else, deep ones too."""
    figures = tomllib.loads(FIGURES.read_text(encoding="utf-8"))
    deep = figures.pop("deep")

    assert list(SLICES) == list(figures) == list(deep)


@pytest.mark.parametrize("name", SLICES)
def test_a_deep_slice_has_more(name: str) -> None:
    """Where not all of the letters stay, there are more sequences, or more executors."""
    usual, deep = SLICES[name].alphabet, SLICES[name].deep.alphabet

    assert (usual.most, usual.executors) < (deep.most, deep.executors)


def test_the_command_line_compares_figures(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other figures than those that are committed give status 1, and so does a search cut short."""
    name, figures = "two executors, any", tmp_path / "figures.toml"
    whole = Exploration(states=9, transitions=20, diameter=3)
    part = attrs.evolve(whole, is_complete=False)
    found = iter([whole, whole, whole, part])
    monkeypatch.setattr("tests.exploration.slices.Slice.explore", lambda *_, **__: next(found))
    figures.write_text(f"{entry(name, whole)}\n[deep]\n{entry(name, whole)}")

    statuses = [
        main([name], figures=figures), main([name]), main(["--deep", name], figures=figures),
        main(["--limit=9", name], figures=figures),
    ]  # fmt: skip

    out = capsys.readouterr().out.splitlines()
    assert [0, 1, 0, 1] == statuses
    assert '"two executors, any" = { states = 9, transitions = 20, diameter = 3 }' in out[0]
    assert [False, True, False, False] == ["figures.toml says" in line for line in out]
    assert [False, False, False, True] == ["BOUND REACHED" in line for line in out]
    with pytest.raises(SystemExit):
        main(["no such slice"])
