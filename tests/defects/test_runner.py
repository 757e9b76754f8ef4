"""The defect runner, tried on a made-up project that has the library's name and one rule."""

from pathlib import Path

import pytest

from tests.defects.__main__ import main
from tests.defects.runner import MalformedDefectError, read_defect, run_python

MODULE = """\
LIMIT = 1


def may_start(holders):
    return holders < LIMIT
"""
TEST = """\
from sequencectl.lane import may_start


def test_a_full_lane_admits_nobody():
    assert not may_start(1)


def test_an_empty_lane_admits():
    assert may_start(0)
"""
FULL = "tests/test_lane.py::test_a_full_lane_admits_nobody"
EMPTY = "tests/test_lane.py::test_an_empty_lane_admits"
NAIVE_TEST = """\
from sequencectl.lane import may_start


def test_the_naive_model_agrees():
    assert [True, False] == [may_start(0), may_start(1)]
"""
COMPARISON = {"old": "holders < LIMIT", "new": "holders <= LIMIT"}


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tree of the same shape as ours, whose tests need no plugin (they start faster without)."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    files = {
        "src/sequencectl/__init__.py": "",
        "src/sequencectl/lane.py": MODULE,
        "tests/test_lane.py": TEST,
        "tests/properties/test_naive_model.py": NAIVE_TEST,
        "tests/exploration/test_slices.py": NAIVE_TEST,
        "tests/defects/readme.txt": "",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def write_defect(root: Path, name: str, **changes: object) -> Path:
    """A defect that lets one too many into the lane, but for these changes; None drops a key."""
    fields: dict[str, object] = {
        "rule": "R1",
        "title": "one too many",
        "file": "src/sequencectl/lane.py",
        "test": FULL,
        **COMPARISON,
        **changes,
    }
    # What these tests write reads the same in TOML as in Python, but for the two booleans.
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool) else repr(value)}\n"
        for key, value in fields.items()
        if value is not None
    ]
    path = root / "tests" / "defects" / f"{name}.toml"
    path.write_text("".join(lines))
    return path


def test_a_defect_that_fails_its_test_is_caught_and_leaves_the_tree_alone(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A caught defect is one line, the status is 0, and the tree is what it was."""
    write_defect(root, "too_many")

    status = main([], root=root)

    lines = capsys.readouterr().out.splitlines()
    assert 0 == status
    assert lines[0].startswith("caught     R1   one too many (")
    assert ["1 of 1 defects caught"] == lines[1:]
    assert MODULE == (root / "src/sequencectl/lane.py").read_text()


def test_a_defect_counts_as_missed_unless_every_named_test_fails(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A passing test, a second test that passes and a tree that cannot be imported are misses."""
    write_defect(root, "a_passes", test=EMPTY)
    write_defect(root, "b_one_passes", test=[FULL, EMPTY])
    write_defect(root, "c_no_import", old="LIMIT = 1", new="LIMIT = = 1")

    status = main([], root=root)

    out = capsys.readouterr().out
    assert 1 == status
    assert 3 == out.count("NOT CAUGHT")
    assert f"    {EMPTY}: the tests passed" in out
    assert f"    {FULL}: pytest finds no such test: it is gone, or the tree no longer imp" in out
    assert out.endswith("0 of 3 defects caught\n")


def test_a_program_may_catch_what_no_test_does(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It passes on the unchanged tree and fails with the defect; one that fails anyway is told."""
    asked = "from sequencectl.lane import may_start; assert not may_start(1)"
    write_defect(root, "right", test=None, run=["-c", asked])
    write_defect(root, "wrong", test=None, run=["-c", "raise SystemExit(1)"])

    statuses = [main([name], root=root) for name in ("right", "wrong")]

    out = capsys.readouterr().out
    assert [0, 1] == statuses
    assert "1 of 1 defects caught" in out
    assert "-c raise SystemExit(1) fails on the unchanged tree:" in out


def test_nothing_is_seeded_while_the_unchanged_tree_fails(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A test that fails anyway, or that does not exist, says nothing about a defect."""
    write_defect(root, "too_many", test="tests/test_lane.py::test_that_was_renamed")

    status = main([], root=root)

    out = capsys.readouterr().out
    assert 1 == status
    assert out.startswith("the tests do not pass on the unchanged tree:\n")
    assert "CAUGHT" not in out


ORACLES = pytest.mark.parametrize(
    ("flag", "claim", "name"),
    [
        ("--naive", "naive_model", "the naive model"),
        ("--exploration", "exploration", "exploration"),
    ],
)


@ORACLES
def test_an_oracle_is_held_to_what_the_defects_say_of_it(
    root: Path, capsys: pytest.CaptureFixture[str], flag: str, claim: str, name: str
) -> None:
    """A wrong claim of a file gives status 1; with names no least number is asked."""
    write_defect(root, "right", **{claim: True})
    write_defect(root, "wrong", **{claim: False})

    statuses = [main([flag, *names], root=root) for names in (["right"], ["wrong"])]

    out = capsys.readouterr().out
    assert [0, 1] == statuses
    assert out.count("says otherwise") == out.count("wrong.toml says otherwise") == 1
    assert out.endswith(f"1 of 1 defects caught by {name} alone\n")


@ORACLES
def test_an_oracle_must_catch_enough(
    root: Path, capsys: pytest.CaptureFixture[str], flag: str, claim: str, name: str
) -> None:
    """Without names, fewer than ten or fifteen defects caught by it alone give status 1."""
    write_defect(root, "right", **{claim: True})

    status = main([flag], root=root)

    assert 1 == status
    assert f"1 of 1 defects caught by {name} alone" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"old": "holders"}, "old occurs 2 times in src/sequencectl/lane.py, not once"),
        ({"old": "waiting"}, "old occurs 0 times in src/sequencectl/lane.py, not once"),
        ({"file": "src/gone.py"}, "there is no file src/gone.py"),
        ({"title": None}, "missing key title"),
        ({"tset": "x"}, "unknown key tset"),
        ({"rule": 1}, "wrong type or empty: rule"),
        ({"test": [], "naive_model": "yes"}, "wrong type or empty: test, naive_model"),
        ({"new": "holders < LIMIT"}, "old and new are the same"),
        ({"run": ["-c", "0"]}, "either test or run, not both"),
        ({"test": None, "run": "-c"}, "wrong type or empty: run"),
        ({"test": None}, "missing key test"),
        ({"only": 1}, "wrong type or empty: only"),
    ],
)
def test_a_malformed_defect_names_its_file_and_the_mistake(
    root: Path, changes: dict[str, object], problem: str
) -> None:
    """Every mistake in a defect file is one sentence that names the file."""
    path = write_defect(root, "odd", **changes)

    with pytest.raises(MalformedDefectError) as caught:
        read_defect(path, root)

    assert f"odd.toml: {problem}" == str(caught.value)


def test_a_malformed_defect_ends_the_run(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A defect that cannot be run gives status 1, as one that is not caught does."""
    (root / "tests/defects/odd.toml").write_text("rule = ")

    status = main([], root=root)

    assert 1 == status
    assert capsys.readouterr().out.startswith("malformed defect: odd.toml: ")


def test_an_unknown_name_or_an_empty_folder_is_a_usage_error(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What selects no defect gives status 2 and says what there is."""
    empty = main([], root=root)
    write_defect(root, "too_many")
    unknown = main(["R99"], root=root)

    assert (2, 2) == (empty, unknown)
    assert capsys.readouterr().err.splitlines() == [
        "there is no defect in tests/defects",
        "no defect has the name or rule 'R99'; known: ['R1', 'too_many']",
    ]


def test_a_copy_imports_its_own_library(root: Path) -> None:
    """The library of the tree wins over the installed one, which has no module named lane."""
    done = run_python(root, "-c", "import sequencectl.lane as lane; print(lane.__file__)")

    assert str(root / "src" / "sequencectl" / "lane.py") == done.stdout.strip()
