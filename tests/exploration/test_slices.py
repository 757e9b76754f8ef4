"""The rules hold in every state of small worlds; ``python3 dev.py explore`` sees them all."""

from __future__ import annotations

import tomllib
from pathlib import Path

import attrs
import pytest

from sequencectl.testing.exploration import Exploration
from tests.exploration.__main__ import FIGURES, entry, main
from tests.exploration.slices import SLICES

STATES, BY_A_CALENDAR = 90, 150


@pytest.mark.parametrize("name", SLICES)
def test_no_rule_is_broken_in_a_small_world(name: str) -> None:
    """The states that are reached first; `dev.py explore` goes on to all of them."""
    found = SLICES[name].explore(limit=STATES)

    assert found.is_complete or found.states == STATES


WITH_A_CALENDAR = [name for name, each in SLICES.items() if each.alphabet.period is not None]


@pytest.mark.parametrize("name", [*[*SLICES][:4], *WITH_A_CALENDAR])
def test_one_sequence_less_is_a_smaller_world(name: str) -> None:
    """It has no more states than the slice, as far as both are explored.

    Of a calendar more is seen: it takes some moves until it has opened and closed.
    """
    most = BY_A_CALENDAR if name in WITH_A_CALENDAR else STATES
    fewer = SLICES[name].fewer.explore(limit=most)

    assert fewer.states <= SLICES[name].explore(limit=most).states
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
