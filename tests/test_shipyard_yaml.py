"""Shipyards as YAML texts, with line numbers."""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sequencectl.durations import parse_duration
from sequencectl.errors import DefinitionError
from sequencectl.payload import thaw
from sequencectl.policies import INHERIT, SequenceTimeouts, TaskTimeouts
from sequencectl.shipyard import Shipyard
from sequencectl.shipyard.definitions import TriggeredOn
from sequencectl.shipyard.yaml import MAX_BYTES, MAX_DEPTH, MAX_NODES
from sequencectl.testing.strategies import payloads
from tests.strategies import json_keys, json_scalars

ROOT = Path(__file__).parent.parent
SOCKSHOP = (ROOT / "examples" / "demo" / "sockshop.yaml").read_text("utf-8")
EXTENDED = (ROOT / "tests" / "data" / "extended.yaml").read_text("utf-8")
SMALL = """\
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata:
  name: small
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - name: test
              properties:
                strategy: direct
"""


def test_the_sockshop_is_what_the_demo_says() -> None:
    """The shipyard of the demo has its three stages, its rollbacks and its remediation."""
    shipyard = Shipyard.from_yaml(SOCKSHOP)
    evaluation = shipyard.stages[2].sequences[2].tasks[2]

    assert shipyard.name == "sockshop"
    assert [(stage.name, [each.name for each in stage.sequences]) for stage in shipyard.stages] == [
        ("dev", ["delivery"]),
        ("staging", ["delivery", "rollback"]),
        ("production", ["delivery", "rollback", "remediation"]),
    ]
    assert [each.definition.name for each in shipyard.follow_ups("staging", "delivery")] == [
        "rollback",
        "delivery",
    ]
    assert (TriggeredOn("production", "remediation", {"evaluation.result": "fail"}),) == (
        shipyard.stages[2].sequences[2].triggered_on
    )
    assert evaluation.triggered_after > timedelta(0)
    assert parse_duration(thaw(evaluation.properties)["timeframe"]) == evaluation.triggered_after
    assert shipyard.findings() == ()


def test_every_permitted_key_is_read() -> None:
    """Keptn's keys, our extensions and x- keys, in block and in flow style."""
    shipyard = Shipyard.from_yaml(EXTENDED)
    sequence = shipyard.stages[2].sequences[0]
    deploy, test, again = sequence.tasks

    assert shipyard.name == "Book shop"
    assert [stage.name for stage in shipyard.stages] == ["empty", "quality-gate", "canary"]
    assert sequence.priority == -3
    assert SequenceTimeouts(total="1h30m", waiting=None) == sequence.timeouts
    assert sequence.triggered_on == (
        TriggeredOn(
            "quality-gate", "evaluation", {"result": "fail", "evaluation.result": "warning"}
        ),
        TriggeredOn("canary", "ship_it"),
    )
    assert TaskTimeouts(reaction="90s", completion=None) == deploy.timeouts
    assert timedelta(seconds=1.5) == deploy.triggered_after
    assert frozenset({"helm-service", "image: scanner"}) == deploy.expects
    assert thaw(deploy.properties) == {
        "strategy": "direct",
        "yes": "on",
        "ratio": 0.5,
        "count": 15,
        "mask": 255,
        "tags": ["a", None, True],
    }
    assert (test.expects, test.timeouts, thaw(test.properties)) == (2, None, {})
    assert (again.expects, again.name) == (None, "test")
    assert INHERIT is SequenceTimeouts().total


@pytest.mark.parametrize(
    "text",
    [
        SMALL.encode(),
        "\ufeff" + SMALL,
        b"\xef\xbb\xbf" + SMALL.encode(),
        SMALL.replace("\n", "\r\n"),
        "---\n" + SMALL + "...\n",
        "%YAML 1.2\n---\n" + SMALL,
        "# first\n\n" + SMALL + "\n# last",
    ],
)
def test_a_text_may_be_written_in_many_ways(text: str | bytes) -> None:
    """Bytes, byte order marks, line ends, comments and document marks make no difference."""
    actual = Shipyard.from_yaml(text)

    assert Shipyard.from_yaml(SMALL) == actual


@given(payloads())
def test_json_is_yaml(properties: dict[str, Any]) -> None:
    """YAML 1.2 contains JSON, escapes and all: the text gives what the mapping gives."""
    task = {"name": "test", "properties": properties}
    stage = {"name": "dev", "sequences": [{"name": "delivery", "tasks": [task]}]}
    mapping = {
        "apiVersion": "spec.keptn.sh/0.2.0",
        "kind": "Shipyard",
        "spec": {"stages": [stage]},
    }
    actual = Shipyard.from_yaml(json.dumps(mapping))

    assert Shipyard.from_mapping(mapping) == actual


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("nULL", "nULL"),
        ("'null'", "null"),
        ("true", True),
        ("FALSE", False),
        ("tRUE", "tRUE"),
        ("yes", "yes"),
        ("off", "off"),
        ("y", "y"),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("012", 12),
        ("0o17", 15),
        ("0O17", "0O17"),
        ("0xfF", 255),
        ("0b1", "0b1"),
        ("1_000", "1_000"),
        ("1:30", "1:30"),
        ("2001-01-01", "2001-01-01"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("5.", 5.0),
        ("-1e3", -1000.0),
        ("1E+2", 100.0),
        (".", "."),
        ("0.2.2", "0.2.2"),
        ("1e", "1e"),
        ("٣", "٣"),
        ('"5"', "5"),
        ("'5'", "5"),
        ('"\\u0041\\n"', "A\n"),
        ("|\n                  text\n", "text\n"),
        (">\n                  one\n                  text\n", "one text\n"),
        ("[1, a]", [1, "a"]),
        ("{a: {b: []}}", {"a": {"b": []}}),
        ("=", "="),
        ("<<", "<<"),
    ],
)
def test_scalars_mean_what_yaml_1_2_says(scalar: str, value: Any) -> None:
    """The core schema and nothing else: no yes and no, no octal by a zero, no dates."""
    shipyard = Shipyard.from_yaml(SMALL.replace("direct", scalar))
    actual = thaw(shipyard.stages[0].sequences[0].tasks[0].properties)

    assert repr({"strategy": value}) == repr(actual)


TASK = "spec.stages[0].sequences[0].tasks[0]"

# what is changed in SMALL, and the line, path, value and problem that must come of it
MISTAKES: list[tuple[str, str, int, str, Any, str]] = [
    ("0.2.2", "0.1.0", 1, "apiVersion", "spec.keptn.sh/0.1.0", "must be 'spec.keptn.sh/0.2.N'"),
    ("kind: Shipyard\n", "", 1, "shipyard", ..., "must have the key 'kind'"),
    (
        "name: small",
        "x-name: small",
        3,
        "metadata",
        {"x-name": "small"},
        "must have the key 'name'",
    ),
    (
        "name: small",
        "title: x\n  name: small",
        4,
        "metadata.title",
        "x",
        "is an unknown key; permitted are name",
    ),
    (
        "name: dev",
        "name: 0.2",
        7,
        "spec.stages[0].name",
        0.2,
        "must be 1 to 63 letters, digits, '-' or '_'",
    ),
    (
        "name: dev",
        "name: a b",
        7,
        "spec.stages[0].name",
        "a b",
        "must be 1 to 63 letters, digits, '-' or '_'",
    ),
    (
        "name: dev",
        "name: dev\n    - name: dev",
        8,
        "spec.stages[1].name",
        "dev",
        "must not occur twice",
    ),
    (
        "name: test",
        "title: test",
        11,
        f"{TASK}.title",
        "test",
        "is an unknown key; permitted are name, triggeredAfter, properties, timeouts, expects, "
        "approval, retry, onFailure",
    ),
    ("name: test", "x-name: test", 11, TASK, ..., "must have the key 'name'"),
    (
        "strategy: direct",
        "strategy: .nan",
        13,
        f"{TASK}.properties.strategy",
        ...,
        "must be a finite number",
    ),
    (
        "strategy: direct",
        "a b: -.inf",
        13,
        f"{TASK}.properties['a b']",
        ...,
        "must be a finite number",
    ),
    (
        "strategy: direct",
        "- [1, .inf]",
        12,
        f"{TASK}.properties",
        ...,
        "must be an object (a mapping)",
    ),
    (
        "strategy: direct",
        "a:\n                - {5: 6}",
        14,
        f"{TASK}.properties.a[0][5]",
        5,
        "must have a text for a key",
    ),
    (
        "strategy: direct",
        "a: b\n              expects: 0",
        14,
        f"{TASK}.expects",
        0,
        "must be an int of at least 1, or a list of the sources that must finish",
    ),
    (
        "properties:",
        "triggeredAfter: 15\n              properties:",
        12,
        f"{TASK}.triggeredAfter",
        15,
        "must be a duration such as '90s'",
    ),
    # what YAML itself forbids, or what is forbidden in YAML
    ("kind: Shipyard", "kind: Shipyard\nkind: Shipyard", 3, "kind", "kind", "is a duplicate key"),
    (
        "strategy: direct",
        "a: 1\n                'a': 2",
        14,
        f"{TASK}.properties.a",
        "a",
        "is a duplicate key",
    ),
    ("name: small", "<<: {name: small}", 4, "metadata", "<<", "must not use merge keys"),
    ("name: small", "name: &a small", 4, "metadata.name", "a", "must not use anchors and aliases"),
    ("name: small", "? &a name\n  : small", 4, "metadata", "a", "must not use anchors and aliases"),
    ("name: small", "name: *a", 4, "metadata.name", "a", "must not use anchors and aliases"),
    (
        "name: small",
        "name: !!str small",
        4,
        "metadata.name",
        "tag:yaml.org,2002:str",
        "must not use tags",
    ),
    ("metadata:", "metadata: !own", 3, "metadata", "!own", "must not use tags"),
    (
        "strategy: direct",
        "? [a]\n                : 1",
        13,
        f"{TASK}.properties",
        "a list or a mapping",
        "must have scalars for keys",
    ),
    (
        "strategy: direct",
        "? {a: 1}\n                : 1",
        13,
        f"{TASK}.properties",
        "a list or a mapping",
        "must have scalars for keys",
    ),
    (
        "name: small",
        "name: [small",
        5,
        "shipyard",
        "spec:",
        "must be YAML (expected ',' or ']', but got ':')",
    ),
    (
        "name: small",
        "name: 'small",
        14,
        "shipyard",
        "",
        "must be YAML (found unexpected end of stream)",
    ),
    (
        "name: small",
        "\tname: small",
        4,
        "shipyard",
        "  \tname: small",
        "must be YAML (found character '\\t' that cannot start any token)",
    ),
    (
        "name: small",
        "name: sm\x07all",
        4,
        "shipyard",
        "  name: sm\x07all",
        "must be YAML (special characters are not allowed)",
    ),
    (
        "name: small",
        "name: %small",
        4,
        "shipyard",
        "  name: %small",
        "must be YAML (found character '%' that cannot start any token)",
    ),
    (
        "name: small",
        "name: a: b",
        4,
        "shipyard",
        "  name: a: b",
        "must be YAML (mapping values are not allowed here)",
    ),
    ("kind: Shipyard", "kind: Shipyard\n---\na: b", 3, "shipyard", "---", "must be one document"),
    (
        "name: small",
        "name: !!own small",
        4,
        "metadata.name",
        "tag:yaml.org,2002:own",
        "must not use tags",
    ),
    (
        "name: small",
        "name: {[a]: b}",
        4,
        "metadata.name",
        "a list or a mapping",
        "must have scalars for keys",
    ),
    (
        "direct",
        '"\\ud83d\\ude00 \\ud83d"',
        13,
        f"{TASK}.properties.strategy",
        "😀 \ud83d",
        "must not hold lone surrogates",
    ),
    ("kind: Shipyard", "kind: Shipyard\n...\na: b", 4, "shipyard", "---", "must be one document"),
]


@pytest.mark.parametrize(("old", "new", "line", "where", "value", "why"), MISTAKES)
def test_a_mistake_has_its_line(
    *, old: str, new: str, line: int, where: str, value: Any, why: str
) -> None:
    """The error has the line of the key or list entry, besides path, value and problem."""
    assert SMALL.count(old) == 1
    with pytest.raises(DefinitionError) as caught:
        Shipyard.from_yaml(SMALL.replace(old, new))

    assert (line, where, why) == (caught.value.line, caught.value.where, caught.value.problem)
    if value is not ...:
        assert value == caught.value.value
    assert str(caught.value).startswith(f"line {line}: {where}: ")


TOO_MANY_BYTES = f"must have at most {MAX_BYTES} bytes"
TOO_DEEP = f"must nest at most {MAX_DEPTH} levels deep"
TOO_MANY = f"must have at most {MAX_NODES} values in all"
BAD_START = "must be YAML (found character '%' that cannot start any token)"
TAG = "!" + "a" * 10_000


@pytest.mark.parametrize(
    ("text", "line", "where", "value", "problem"),
    [
        ("", 1, "shipyard", None, "must not be empty"),
        ("\n\n# nothing\n", 1, "shipyard", None, "must not be empty"),
        (b"", 1, "shipyard", None, "must not be empty"),
        ("\ufeff", 1, "shipyard", None, "must not be empty"),
        ("--- ", 1, "shipyard", None, "must be a mapping"),
        ("text", 1, "shipyard", "text", "must be a mapping"),
        ("\n\n- a\n", 3, "shipyard", ["a"], "must be a mapping"),
        ("&a text", 1, "shipyard", "a", "must not use anchors and aliases"),
        (b"kind: Shipyard\nname: \xff", 2, "shipyard", b"\xff", "must be UTF-8"),
        (b"\n\xe2\x82\n", 2, "shipyard", b"\xe2\x82", "must be UTF-8"),
        (SMALL.encode("utf-16"), 1, "shipyard", b"\xff", "must be UTF-8"),
        ("kind: \ud800", 1, "shipyard", b"\xed", "must be UTF-8"),
        (SMALL + " " * MAX_BYTES, None, "shipyard", len(SMALL) + MAX_BYTES, TOO_MANY_BYTES),
        (
            SMALL.encode() + b" " * MAX_BYTES,
            None,
            "shipyard",
            len(SMALL) + MAX_BYTES,
            TOO_MANY_BYTES,
        ),
        ("é" * (MAX_BYTES // 2 + 1), None, "shipyard", MAX_BYTES + 2, TOO_MANY_BYTES),
        ("a\n" + "[" * MAX_BYTES, None, "shipyard", MAX_BYTES + 2, TOO_MANY_BYTES),
        ("[" * (MAX_BYTES - 1), 1, "[0]" * MAX_DEPTH, MAX_DEPTH + 1, TOO_DEEP),
        ("{a: " * 1_000, 1, "a" + ".a" * (MAX_DEPTH - 1), MAX_DEPTH + 1, TOO_DEEP),
        ("- " * 1_000, 1, "[0]" * MAX_DEPTH, MAX_DEPTH + 1, TOO_DEEP),
        ("- a\n" * MAX_NODES, MAX_NODES, f"[{MAX_NODES - 1}]", MAX_NODES + 1, TOO_MANY),
        ("kind:\n  !" + "a" * (MAX_BYTES - 9), 2, "shipyard", ..., "must not use tags"),
        (f"\nkind: {TAG}\nname: x\n", 2, "shipyard", TAG, "must not use tags"),
        (f"kind: {'a' * 20_000}", 1, "shipyard", ..., "must have the key 'apiVersion'"),
        ("\ufeffa: %b\nc: d", 1, "shipyard", "a: %b", BAD_START),
        ("a: %b\ufeff", 1, "shipyard", "a: %b\ufeff", BAD_START),
        ("a: b\rc: %d", 2, "shipyard", ..., BAD_START),
        (
            "\na: \x07\nb: c\n",
            2,
            "shipyard",
            "a: \x07",
            "must be YAML (special characters are not allowed)",
        ),
        (None, None, "shipyard", None, "must be a text"),
        (["kind: Shipyard"], None, "shipyard", ["kind: Shipyard"], "must be a text"),
    ],
)
def test_what_is_no_shipyard_at_all_is_refused(
    *, text: Any, line: int | None, where: str, value: Any, problem: str
) -> None:
    """Nothing, garbage and too much of anything give the same error; the size is checked first."""
    with pytest.raises(DefinitionError) as caught:
        Shipyard.from_yaml(text)

    assert (line, where, problem) == (caught.value.line, caught.value.where, caught.value.problem)
    if value is not ...:
        assert value == caught.value.value


def test_an_error_of_python_has_the_line_up_to_which_all_was_well() -> None:
    """What the parser did not see coming is told in the words of Python."""
    with pytest.raises(OverflowError) as said:
        chr(0xFFFFFFFF)
    with pytest.raises(DefinitionError) as caught:
        Shipyard.from_yaml(SMALL.replace("name: small", 'name: "\\UFFFFFFFF"'))

    assert caught.value.line == 4
    assert caught.value.value == '  name: "\\UFFFFFFFF"'
    assert f"must be YAML ({said.value})" == caught.value.problem


def test_a_whole_shipyard_of_many_stages_is_read() -> None:
    """Thousands of tasks fit within the bounds."""
    head, stage = SMALL.split("    - name: dev\n")
    text = head + "".join(f"    - name: s{number}\n{stage}" for number in range(500))
    shipyard = Shipyard.from_yaml(text)

    assert len(shipyard.stages) == 500


def nested(levels: int) -> str:
    """The small shipyard with lists so deep in its properties."""
    return SMALL.replace("direct", "[" * levels + "]" * levels)


def test_nesting_has_a_limit_below_that_of_the_stack() -> None:
    """Up to the limit everything is read; one level more is refused."""
    above = 9

    assert (
        MAX_DEPTH - above
        == Shipyard.from_yaml(nested(MAX_DEPTH - above))
        .stages[0]
        .sequences[0]
        .tasks[0]
        .properties.depth
        - 1
    )
    with pytest.raises(DefinitionError, match="at most 64 levels") as caught:
        Shipyard.from_yaml(nested(MAX_DEPTH - above + 1))
    assert caught.value.line == 13


def only_definition_errors(text: str | bytes) -> None:
    """Read a text that may be anything."""
    line: int | None = 1
    try:
        Shipyard.from_yaml(text)
    except DefinitionError as error:
        line = error.line
    assert line is None or 1 <= line <= len(text) + 1


YAML_SIGNS = "ab:-[]{}?|>&*!%@#'\"\\ \n\t,.<01xU~=\r\x85\u2028\ufeff\x00"


@given(
    st.one_of(st.text(), st.binary(), st.text(YAML_SIGNS, max_size=40), st.text(st.characters()))
)
def test_any_text_gives_a_shipyard_or_the_one_error(text: str | bytes) -> None:
    """Nothing but a DefinitionError comes out, whatever goes in."""
    only_definition_errors(text)


@given(st.data())
def test_any_change_of_a_good_text_gives_a_shipyard_or_the_one_error(data: st.DataObject) -> None:
    """A part cut out, doubled or replaced somewhere is never more than a DefinitionError."""
    text = data.draw(st.sampled_from([SMALL, EXTENDED]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = min(start + data.draw(st.integers(0, 30)), len(text))
        new = data.draw(st.one_of(st.text(YAML_SIGNS, max_size=4), st.just(text[start:end] * 2)))
        text = text[:start] + new + text[end:]

    only_definition_errors(text)


@given(st.dictionaries(json_keys(), json_scalars(), max_size=4), st.integers(0, 8))
def test_a_strange_mapping_in_any_place_gives_the_one_error(
    strange: dict[str, Any], place: int
) -> None:
    """Every value of a good text may be replaced by something else."""
    lines = SMALL.splitlines()
    at = [number for number, line in enumerate(lines) if ":" in line][place]
    lines[at] = lines[at].partition(":")[0] + ": " + json.dumps(strange)

    only_definition_errors("\n".join(lines))


def test_without_ruamel_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever installed no extra learns which one to install."""
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    monkeypatch.delitem(sys.modules, "sequencectl.shipyard.yaml")
    monkeypatch.delattr("sequencectl.shipyard.yaml")

    with pytest.raises(ModuleNotFoundError, match=r"install 'sequencectl\[yaml\]'") as caught:
        Shipyard.from_yaml(SMALL)
    assert caught.value.name == "ruamel.yaml"
