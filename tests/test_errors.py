"""The exceptions: what they show and how they are related."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from sequencectl import errors
from sequencectl.commands import CommandRejected, PauseSequence
from sequencectl.errors import (
    DefinitionError,
    DurationError,
    IllegalTransition,
    InvalidValue,
    PayloadError,
    PolicyError,
    ReplayError,
    SequencectlError,
    UnknownContext,
    UnknownSequence,
    required,
    shown,
)
from sequencectl.outcomes import RejectedCode


def drawn_tree() -> dict[str, str]:
    """The tree in the module's docstring: every class with the one it hangs on."""
    assert errors.__doc__ is not None
    parents: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    for line in errors.__doc__.splitlines():
        if found := re.match(r"([ │├└─]+)([A-Z][A-Za-z]+)(?:$|  | \()", line):
            depth, name = len(found[1]), found[2]
            above = [entry for entry in above if entry[0] < depth]
            parents[name] = above[-1][1] if above else ""
            above.append((depth, name))
    return parents


def kinds_of(kind: type[SequencectlError]) -> Iterator[type[SequencectlError]]:
    """The class and all below it that belong to the library itself."""
    module = kind.__module__
    if module.startswith("sequencectl.") and not module.startswith("sequencectl.testing"):
        yield kind
    for below in kind.__subclasses__():
        yield from kinds_of(below)


def test_the_drawn_tree_is_the_real_one() -> None:
    """Every error of the library is in the docstring, under the class it inherits from."""
    classes = list(kinds_of(SequencectlError))
    actual = {
        kind.__name__: "" if kind is SequencectlError else kind.__mro__[1].__name__
        for kind in classes
    }

    assert drawn_tree() == actual
    assert len(actual) >= 11


def test_what_is_also_a_built_in_error_is_drawn_so() -> None:
    """A host may catch a wrong value as ValueError and an unknown id as LookupError."""
    drawn = dict(re.findall(r"([A-Z]\w+) \(also a (\w+)\)", errors.__doc__ or ""))

    assert drawn == {
        "InvalidValue": "ValueError",
        "UnknownSequence": "LookupError",
        "UnknownProject": "LookupError",
    }
    assert issubclass(InvalidValue, ValueError)
    assert issubclass(UnknownSequence, LookupError)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (InvalidValue("limit", -1, "must be positive"), "limit: must be positive, got -1"),
        (DurationError("5", "needs a unit"), "duration: needs a unit, got '5'"),
        (PayloadError("data.a[0]", {1}, "must be JSON"), "data.a[0]: must be JSON, got {1}"),
        (PolicyError("reaction", "0s", "must last"), "reaction: must last, got '0s'"),
        (DefinitionError("spec", None, "must be a mapping"), "spec: must be a mapping, got None"),
        (
            DefinitionError("spec.stages", [], "must not be empty", line=7),
            "line 7: spec.stages: must not be empty, got []",
        ),
        (
            IllegalTransition("finished", "TaskTriggered"),
            "TaskTriggered is not possible in phase finished",
        ),
        (ReplayError("serial 5 does not follow 3"), "serial 5 does not follow 3"),
        (UnknownSequence("shop", "s 1"), "project 'shop' knows no sequence 's 1'"),
        (UnknownContext("shop", "c 1"), "project 'shop' knows no context 'c 1'"),
    ],
)
def test_each_error_shows_the_offending_value(error: SequencectlError, message: str) -> None:
    """The sentence alone tells a person what was wrong and with what."""
    actual = str(error)

    assert message == actual


def test_errors_carry_their_data() -> None:
    """A program needs no parsing: everything in the sentence is an attribute as well."""
    value = InvalidValue("limit", -1, "must be positive")
    definition = DefinitionError("spec.stages", [], "must not be empty", line=7)
    transition = IllegalTransition("finished", "TaskTriggered")
    unknown = UnknownContext("shop", "c1")
    command = PauseSequence("c1")
    rejected = CommandRejected(RejectedCode.UNKNOWN_CONTEXT, "Nobody knows c1.", command)

    assert (value.where, value.value, value.problem) == ("limit", -1, "must be positive")
    assert (
        definition.where,
        definition.value,
        definition.problem,
        definition.line,
    ) == ("spec.stages", [], "must not be empty", 7)
    assert DefinitionError("spec", None, "is missing").line is None
    assert (transition.phase, transition.event) == ("finished", "TaskTriggered")
    assert (unknown.project, unknown.context, unknown.sequence_id) == ("shop", "c1", "c1")
    assert (RejectedCode.UNKNOWN_CONTEXT, "Nobody knows c1.", command) == (
        rejected.code,
        rejected.message,
        rejected.command,
    )
    assert str(rejected) == "Nobody knows c1."


class Endless:
    def __repr__(self) -> str:
        return repr(self)


class Broken:
    def __repr__(self) -> str:
        raise OSError("no")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("short", "'short'"),
        ("x" * 78, repr("x" * 78)),
        ("x" * 79, f"'{'x' * 79}… (81 characters)"),
        ("line\nbreak", "'line\\nbreak'"),
        (list(range(100)), f"{repr(list(range(100)))[:80]}… (390 characters)"),
        (Broken(), "<Broken: repr raised OSError>"),
        (Endless(), "<Endless: repr raised RecursionError>"),
        ([10**5000], "<list: repr raised ValueError>"),
    ],
)
def test_a_value_is_shown_on_one_short_line(value: Any, text: str) -> None:
    """However large or broken the value is, the message stays readable."""
    actual = shown(value)

    assert text == actual


@attrs.frozen
class Box:
    """Something with a part that must be a text."""

    label: str = attrs.field(validator=required(str))


def test_a_required_type_is_checked_by_name() -> None:
    """The error names the field and the type, and shows what was given."""
    assert Box("a").label == "a"
    with pytest.raises(InvalidValue, match=r"^label: must be a str, got 5$") as caught:
        Box(5)  # type: ignore[arg-type] # the mistake under test
    assert ("label", 5) == (caught.value.where, caught.value.value)
