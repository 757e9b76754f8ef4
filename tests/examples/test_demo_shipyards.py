"""A person's own shipyard: where the stories are played, what is said, what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.demo.__main__ import main
from examples.demo.cast import Spot, cast_for
from examples.demo.verdict import verdict
from sequencectl import Shipyard
from tests.examples.performance import SHIPYARDS, failed, play

HEAD = "apiVersion: spec.keptn.sh/0.2.2\nkind: Shipyard\nmetadata: {name: own}\nspec:\n  stages:\n"


def stage(tasks: str) -> str:
    """A shipyard of one stage and one sequence with these tasks."""
    return f"{HEAD}    - {{name: dev, sequences: [{{name: delivery, tasks: {tasks}}}]}}\n"


@pytest.mark.parametrize("path", sorted(SHIPYARDS.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_stories_are_played_on_any_shipyard(path: Path) -> None:
    """Every clause that applies to a shipyard holds there."""
    performance = play(path)

    assert failed(verdict(performance.events, performance.cast)) == []


def cast_of(name: str) -> tuple[Spot, Spot | None, Spot, tuple[Spot, ...], Spot | None]:
    """Where the stories are played on one of the shipyards of these tests."""
    shipyard = Shipyard.from_yaml((SHIPYARDS / f"{name}.yaml").read_bytes())
    cast = cast_for(shipyard, seed=1, is_own=True)
    return cast.start, cast.next, cast.mute, cast.rollbacks, cast.remediation


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "gate",
            (
                Spot("acceptance", "evaluation"),
                None,
                Spot("acceptance", "evaluation", "evaluation"),
                (),
                None,
            ),
        ),
        (
            "two-stages",
            (
                Spot("trial", "delivery"),
                Spot("live", "delivery"),
                Spot("live", "delivery", "deployment"),
                (),
                Spot("live", "remediation", "evaluation"),
            ),
        ),
        (
            "three-stages",
            (
                Spot("build", "delivery"),
                Spot("trial", "delivery"),
                Spot("trial", "delivery", "test"),
                (Spot("trial", "rollback"),),
                None,
            ),
        ),
        (
            "one-task",
            (
                Spot("trial", "ship"),
                Spot("live", "ship"),
                Spot("live", "ship", "ship"),
                (Spot("live", "ship"),),
                Spot("live", "ship", "ship"),
            ),
        ),
    ],
)
def test_the_places_are_read_off_the_shipyard(
    name: str, expected: tuple[Spot, Spot | None, Spot, tuple[Spot, ...], Spot | None]
) -> None:
    """The first sequence of the first stage that has any, what follows it, what is rolled back."""
    assert expected == cast_of(name)


def test_a_first_sequence_that_repeats_itself_is_no_remediation() -> None:
    """What the stories themselves play is not played as a remediation as well."""
    again = {"event": "dev.delivery.finished", "selector": {"match": {"result": "fail"}}}
    tried = {"tasks": ["deploy"], "triggeredOn": [again]}
    cast = cast_for(Shipyard.of({"dev": {"delivery": tried}}), seed=1, is_own=True)

    assert (None, (Spot("dev", "delivery"),)) == (cast.remediation, cast.rollbacks)


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gate", "This shipyard has no rollback: nothing follows when a task has timed out."),
        ("gate", "acceptance.evaluation has only one task: a pause has nothing to hold back."),
        ("gate", "Nothing follows acceptance.evaluation: there is no other stage to queue for."),
        ("two-stages", "This shipyard has no rollback: nothing follows when a task has timed out."),
        (
            "circle",
            "Note: south.turn triggers itself again through north.turn, and no selector ends that.",
        ),
    ],
)
def test_what_a_shipyard_lacks_is_said(name: str, sentence: str) -> None:
    """What cannot be shown is said in a line, once."""
    texts = play(SHIPYARDS / f"{name}.yaml").texts

    assert texts.count(sentence) == 1


def test_a_shipyard_with_a_rollback_says_nothing_of_the_kind() -> None:
    """Where everything can be shown, nothing is said to be missing."""
    texts = play(SHIPYARDS / "three-stages.yaml").texts

    assert [text for text in texts if "no rollback" in text or "only one" in text] == []


def test_the_shipyard_of_a_person_is_played(capsys: pytest.CaptureFixture[str]) -> None:
    """``--shipyard FILE`` plays that file, and its project's name is in the commands."""
    path = SHIPYARDS / "three-stages.yaml"

    status = main(["--plain", "--speed=max", "--shipyard", str(path)])

    assert status == 0
    assert "keptn trigger delivery --project=bookshop --service=carts" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["", "Café", "a" * 200])
def test_a_name_that_no_project_may_have_is_replaced(name: str) -> None:
    """The shipyard's name is the project's where it may be, else it is called demo."""
    stages = Shipyard.of({"dev": None}).stages
    expected = name if name.isascii() and name else "demo"

    assert expected == cast_for(Shipyard(stages, name=name), seed=1, is_own=True).project


BAD: dict[str, tuple[str | bytes, str]] = {
    "no-yaml": ("spec: [", "line 1: shipyard: must be YAML"),
    "empty": ("", "line 1: shipyard: must not be empty, got None"),
    "not-utf-8": (b"\xff", "line 1: shipyard: must be UTF-8, got b'\\xff'"),
    "large": ("a" * 1_100_000, "shipyard: must have at most 1048576 bytes"),
    "wrong-kind": (HEAD.replace("Shipyard", "Ship"), "line 2: kind: "),
    "wrong-version": (HEAD.replace("spec.keptn.sh/0.2.2", "v1"), "line 1: apiVersion: "),
    "duplicate-key": (HEAD + "kind: Shipyard\n", "kind: is a duplicate key"),
    "alias": (HEAD + "    - &a {name: dev}\n    - *a\n", "must not use anchors and aliases"),
    "no-tasks": (stage("[]"), "line 6: spec.stages[0].sequences[0].tasks: must not be empty"),
    "bad-name": (stage("[{name: a b}]"), "tasks[0].name: must be 1 to 63 letters"),
    "wrong-field": (stage("[{name: a, color: red}]"), "color: "),
    "bad-duration": (stage("[{name: a, triggeredAfter: soon}]"), "tasks[0].triggeredAfter: "),
    "no-limit": (stage("[{name: a, timeouts: {completion: null}}]"), ".a.timeouts.completion: "),
    "many-tasks": (stage(f"[{'{name: a}, ' * 101}]"), "must be at most 100 tasks, got 101"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input_exits_2_with_one_sentence(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is no shipyard is refused with one line on stderr, and nothing is played."""
    text, sentence = BAD[name]
    path = tmp_path / f"{name}.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())

    status = main(["--plain", "--speed=max", "--shipyard", str(path)])

    out, err = capsys.readouterr()
    assert (status, out) == (2, "")
    assert err.startswith(f"demo: {path}: ")
    assert sentence in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("", "Is a directory"), ("nowhere", "No such file or directory")]
)
def test_what_cannot_be_read_exits_2(
    name: str, reason: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is missing or a directory is refused with the system's reason."""
    path = tmp_path / name

    status = main(["--shipyard", str(path)])

    assert (2, "", f"demo: {path}: {reason}\n") == (status, *capsys.readouterr())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--speed", "0"],
        ["--speed", "nan"],
        ["--speed", "inf"],
        ["--speed", "-1"],
        ["--speed", "fast"],
        ["--speed", ""],
        ["--seed", "one"],
        ["--spee", "max"],
        ["--shipyard"],
        ["sockshop.yaml"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """What makes no sense is explained on stderr and exits 2."""
    with pytest.raises(SystemExit) as raised:
        main(arguments)

    out, err = capsys.readouterr()
    assert raised.value.code == 2
    assert out == ""
    assert err.splitlines()[-1].startswith("demo: error: ")
