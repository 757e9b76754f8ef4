"""What the mutation runner says of what mutmut noted."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutation.__main__ import (
    ROOT,
    TESTS,
    Result,
    file_of,
    is_enough,
    is_sql_in_other_letters,
    main,
    read_result,
    reasons,
    settings,
)


def test_the_table_names_modules_and_tests_that_there_are() -> None:
    """A module that was renamed is not passed over in silence."""
    tests = {test for named in TESTS.values() for test in named}

    assert [] == [name for name in TESTS if not (ROOT / file_of(name)).is_file()]
    assert [] == [test for test in tests if not (ROOT / test).is_file()]


def test_the_ratio_counts_what_no_test_reaches_as_unnoticed() -> None:
    """Killed ÷ (killed + survived + no test); a mutant that never ends counts for nothing."""
    statuses = {"a": 1, "b": 1, "c": 3, "d": 0, "e": 33, "f": 36}
    result = read_result("payload", {"exit_code_by_key": statuses})

    assert 3 / 5 == result.ratio
    assert ["d", "e"] == result.survivors()
    assert result.is_complete
    assert "payload         60.0%   3 killed, 1 survived, 1 no test, 1 status 36" == str(result)
    assert not read_result("x", {"exit_code_by_key": {"a": None}}).is_complete
    assert 1 == read_result("x", {"exit_code_by_key": {}}).ratio


@pytest.mark.parametrize(
    ("noticed", "is_well"),
    [
        pytest.param({"payload": 95, "machine": 95}, True, id="each just enough"),
        pytest.param({"payload": 100, "machine": 94}, False, id="one of the library below"),
        pytest.param({"payload": 95, "examples/a": 85, "examples/b": 95}, True, id="together"),
        pytest.param({"payload": 95, "examples/a": 84, "examples/b": 95}, False, id="not together"),
        pytest.param({"payload": 100, "examples/a": 89}, False, id="examples apart"),
    ],
)
def test_each_module_of_the_library_must_be_tested_well_and_the_examples_together(
    noticed: dict[str, int], *, is_well: bool
) -> None:
    """A hundred mutants each: 95 in every module of the library, 90 on average in the examples."""
    results = [
        Result(
            module, {f"{module}.{n}": "killed" if n < killed else "survived" for n in range(100)}
        )
        for module, killed in noticed.items()
    ]

    assert is_well is is_enough(results)


def test_what_survives_has_a_reason_by_its_change() -> None:
    """The number of a mutant changes with the code around it, its change does not."""
    known, signs = reasons(), {"- ", "+ "}

    assert known.keys() <= TESTS.keys()
    assert all(
        change.startswith("- ") and reason and {line[:2] for line in change.splitlines()} <= signs
        for changes in known.values()
        for change, reason in changes.items()
    )


@pytest.mark.parametrize(
    ("was", "now", "is_well"),
    [
        ('"SELECT x FROM t", (1,)', '"select x from t", (1,)', True),
        ('"SELECT x FROM t", (1,)', '"SELECT x FROM t", (2,)', False),
        ('{"state": x}', '{"STATE": x}', False),
    ],
)
def test_a_statement_of_sql_is_the_same_in_other_letters(
    was: str, now: str, *, is_well: bool
) -> None:
    """Nobody has to list these one by one; a key of a mapping is another one."""
    assert is_well is is_sql_in_other_letters(f"- {was}\n+ {now}")


def test_a_reason_is_about_code_that_there_is() -> None:
    """Where the code of a survivor was changed, its reason is looked at again."""
    stale = []
    for module, changes in reasons().items():
        source = "".join((ROOT / file_of(module)).read_text("utf-8").split())
        for change in changes:
            was = [line[2:] for line in change.splitlines() if line.startswith("- ")]
            if any("".join(line.split()).rstrip(",") not in source for line in was):
                stale.append((module, was[0]))

    assert [] == stale


def test_a_module_is_told_to_mutmut_below_what_holds_for_all() -> None:
    """The section for mutmut is the last of its file, so that lines may be added to it."""
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    sections = [line for line in project.splitlines() if line.startswith("[")]

    assert "[tool.mutmut]" == sections[-1]
    assert settings("payload", ("tests/test_payload.py",)).splitlines() == [
        'only_mutate = ["src/sequencectl/payload.py"]',
        'pytest_add_cli_args_test_selection = ["tests/test_payload.py"]',
        "debug = true",
    ]
    assert 'only_mutate = ["examples/stores/errors.py"]' in settings("examples/stores/errors", ())


def test_a_module_that_is_not_in_the_table_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the answer names those that are."""
    with pytest.raises(SystemExit) as caught:
        main(["nothing"], root=tmp_path)

    assert 2 == caught.value.code
    assert "no such module in the table: nothing" in capsys.readouterr().err
