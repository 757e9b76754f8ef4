"""Schema 2 beside schema 1: what is new is put in, taken out, or refused, never lost (R34–R42)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Final, get_args

import attrs
import pytest
from hypothesis import given, settings

import sequencectl as s
from sequencectl import events as e
from sequencectl import serialization as z
from sequencectl._wire import schema_2
from sequencectl._wire.grammar import TYPE, tag
from sequencectl._wire.schema_2 import FORMS, HEADER, TAGS, Form
from sequencectl.errors import DecodeError, InvalidValue
from sequencectl.events import TaskEnd
from sequencectl.shipyard.definitions import Failure
from sequencectl.testing.strategies import histories
from tests.wire.documents import HEADER as HEADER_1
from tests.wire.documents import PARTS, WHOLES, Document, chosen, stored_plane
from tests.wire.grammars import TODAY, difference, misfit, parts, recorded
from tests.wire.older import read_again
from tests.wire.story import EVENTS
from tests.wire.trees import Path, at, canonical, is_free, paths, tree_of, with_value

ONE: Final = recorded(1)
NEW: Final = difference(ONE, TODAY)
NOTHING: Final = Form()


# ---------------------------------------------------------------- nothing is left out


def declared(cls: str, form: Form) -> Iterator[tuple[str, str] | str]:
    """The fields and words that a form adds to a class of schema 1 and to those below it.

    A class or an enum that is below, and of which the form says nothing, has nothing new.
    """
    fields, new = ONE.classes[cls], {*form.new, *form.dropped}
    assert form.words.keys() | form.one.keys() | form.many.keys() <= fields.keys()
    assert new == TODAY.classes[cls].keys() - fields.keys(), cls
    yield from ((cls, field) for field in new)
    for field, kind in fields.items():
        for word in parts(kind.strip("[]{}").rpartition(": ")[2].replace(", ...", ""), " | "):
            if word in ONE.classes:
                inner = form.one.get(field) or form.many.get(field) or NOTHING
                yield from declared(word, inner)
            elif word in NEW_WORDS:
                assert NEW_WORDS[word] == set(form.words.get(field, ())), (cls, field)
                yield word


NEW_WORDS: Final = {
    name: {word for other, word in NEW.words if other == name} for name, _ in NEW.words
}


def test_the_way_up_and_down_knows_all_that_differs() -> None:
    """Derived from the grammars: a field that is added to a class must be added to its form."""
    tags = [tag for name in ("record", "event", "command") for tag in parts(ONE.words[name], " | ")]
    forms = {"Header": HEADER, **{tag: FORMS.get(tag, NOTHING) for tag in tags}}
    found = {each for name, form in forms.items() for each in declared(name, form)}

    assert FORMS.keys() <= set(tags)
    assert NEW.fields | {"Cause", "DeadlineKind", "Phase"} == found
    assert TAGS == {word for name, word in NEW.words if name in {"event", "command"}}
    assert {
        ("Cause", "calendar"), ("Cause", "freeze_over"), ("Phase", "parked"),
        ("DeadlineKind", "silence"), ("DeadlineKind", "parked"),
    } == {word for word in NEW.words if word[1] not in TAGS}  # fmt: skip
    assert {*BELOW_NEW_KEYS, *TAGS, *OF_NEW_KINDS} == NEW.classes


BELOW_NEW_KEYS: Final = {
    "Approval", "Vote", "Retry", "Redrive", "Carried", "FailedAttempt", "ParkedTask", "Progress",
}  # fmt: skip
"""The classes whose objects stand under keys that schema 1 does not have."""

OF_NEW_KINDS: Final = {
    "Plane", "Shipyard", "StageDefinition", "TimeoutPolicy", "QueuePolicy", "Bounds",
    "Applied", "Unchanged", "Rejected",
}  # fmt: skip
"""The classes whose objects stand in planes and outcomes, which schema 1 does not have."""


def parts_of(value: Any) -> Iterator[Any]:
    """A value and all below it."""
    yield value
    if attrs.has(type(value)):
        inner = [getattr(value, field.name) for field in attrs.fields(type(value))]
    elif isinstance(value, Mapping):
        inner = list(value.values())
    else:
        inner = list(value) if isinstance(value, tuple) else []
    for part in inner:
        yield from parts_of(part)


def said(value: Any) -> Iterator[Any]:
    """What of the differences a value has: its class, fields that are not as by default, words."""
    if isinstance(value, Enum):
        yield type(value).__name__, value.value
    elif attrs.has(type(value)):
        name = tag(type(value))
        yield name
        for field in attrs.fields(type(value)):
            if getattr(value, field.name) != field.default:
                yield name, field.name


ALL: Final = chosen()


def test_the_golden_files_of_schema_2_have_all_that_is_new() -> None:
    """Every field with another value than schema 1 stands for, every class, every word."""
    wholes = (
        stored_plane(one.value) if "plane" in name else one.value for name, one in ALL.items()
    )
    values = [part for whole in wholes for part in parts_of(whole)]
    found = {each for value in values for each in said(value)}
    kinds = (s.OnExpiry, s.Newcomer, s.OnFailure, Failure, TaskEnd)
    words = {(kind.__name__, word.value) for kind in kinds for word in kind}

    assert NEW.fields | NEW.classes <= found
    assert words | {each for each in NEW.words if each[1] not in TAGS} <= found


@pytest.mark.parametrize("schema", [1, 2])
def test_what_is_written_is_what_the_grammar_says(schema: int) -> None:
    """Of the files of a schema, by a reader that knows nothing but the printed grammar."""
    by = {1: ONE, 2: TODAY}[schema]
    for name, document in chosen(schema).items():
        kind, tree = kind_and_tree(name, document, schema)

        assert None is misfit(tree, kind, by), name


# ---------------------------------------------------------------- nothing is lost


def kind_and_tree(name: str, document: Document, schema: int) -> tuple[str, Any]:
    """The kind of a document, and what it says in a schema."""
    kind = name.partition("-")[0]
    return kind, tree_of(document._replace(dump=lambda x: document.dump(x, schema=schema)))[kind]


def has(tree: Any, path: Path) -> bool:
    """Whether a tree has anything at a path."""
    try:
        at(tree, path)
    except (KeyError, IndexError, TypeError):
        return False
    return True


def spelled(path: Path) -> str:
    """A path as errors write it, as far as the names of the stories go."""
    steps = (f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)
    return "".join(steps).removeprefix(".")


OLD_PARTS: Final = {
    name: one for name, one in chosen(1).items() if name not in {"project", "events"}
}


@pytest.mark.parametrize("name", OLD_PARTS)
def test_each_new_key_is_refused_where_schema_1_has_none(name: str) -> None:
    """Down, unless it says what its absence says, or may be dropped; up, whatever it says. The path
    leads to it.
    """
    document = OLD_PARTS[name]
    kind, old = kind_and_tree(name, document, 1)
    _, new = kind_and_tree(name, document._replace(value=read_again(document.value)), 2)
    added = [path for path in paths(new) if not has(old, path)]
    for path in added:
        for other in ("x", [1], {"a": 1}, 2):
            if path[-2:] == ("task", "data"):
                merged = with_value(old, ("data",), other)
                assert merged == schema_2.down(kind, with_value(new, path, other))
            elif path[-1] in {"heard_at", "next_task"}:
                assert old == schema_2.down(kind, with_value(new, path, other))
            else:
                with pytest.raises(InvalidValue, match="as long as schema 1 is written") as caught:
                    schema_2.down(kind, with_value(new, path, other))
                assert (spelled(path), other) == (caught.value.where, caught.value.value)

            with pytest.raises(InvalidValue, match="must not be in a document of schema 1") as up:
                schema_2.up(kind, with_value(old, path, other))
            assert (spelled(path), other) == (up.value.where, up.value.value)

    assert new == schema_2.up(kind, copy.deepcopy(old))
    assert old == schema_2.down(kind, copy.deepcopy(new))
    assert bool(added) is (old != new)


@pytest.mark.parametrize("word", ["calendar", "freeze_over"])
@pytest.mark.parametrize("name", ["event-ContextResumed-1", "event-SequenceAborted-1"])
def test_a_cause_that_schema_1_does_not_know_is_refused(name: str, word: str) -> None:
    """No decision gives such a cause there, but a value may have it."""
    document = PARTS[name]
    value = attrs.evolve(document.value, cause=e.Cause(word))
    old = document.dump(document.value, schema=1)
    before = f'"cause":"{document.value.cause.value}"'.encode()

    assert value == z.load_event(z.dump_event(value))
    with pytest.raises(InvalidValue, match=r"^event\.cause: must be left out as long as") as caught:
        z.dump_event(value, schema=1)
    assert word == caught.value.value
    with pytest.raises(DecodeError, match=r"^event\.cause: must not be in a document of schema 1"):
        z.load_event(old.replace(before, f'"cause":"{word}"'.encode()))


WORDS: Final = [
    ("record-waiting", "phase", "parked"),
    ("record-expired", "phase", "parked"),
    *[
        (name, "explanation.kind", word)
        for name in (
            "record-expired", "event-TaskTimedOut-1", "event-SequenceTimedOut-1",
            "event-SequenceExpired-1",
        )
        for word in ("silence", "parked")
    ],
]  # fmt: skip


@pytest.mark.parametrize(("name", "where", "word"), WORDS)
def test_a_word_that_schema_1_does_not_know_is_refused(name: str, where: str, word: str) -> None:
    """Wherever such a word may stand, in both directions."""
    kind, old = kind_and_tree(name, PARTS[name], 1)
    _, new = kind_and_tree(name, PARTS[name], 2)
    path = tuple(where.split("."))
    for change, tree in ((schema_2.up, old), (schema_2.down, new)):
        with pytest.raises(InvalidValue, match="schema 1") as caught:
            change(kind, with_value(tree, path, word))

        assert (where, word) == (caught.value.where, caught.value.value)


WITHOUT_A_KIND: Final = [
    *[f"command-2-{kind}-1" for kind in ("ExemptSequence", "ReportTaskProgress")],
    *[f"command-2-{kind}-1" for kind in ("RetryTask", "SkipTask")],
    *[f"event-2-{kind}-1" for kind in ("SequenceExempted", "TaskProgressReported")],
    *[f"event-2-{kind}-1" for kind in ("SequenceParked", "TaskRetried", "TaskSkipped")],
]


@pytest.mark.parametrize("name", WITHOUT_A_KIND)
def test_what_schema_1_has_no_kind_for_is_refused(name: str) -> None:
    """An exemption, or what follows a failure, is neither written nor read there."""
    document, kind = PARTS[name], name.partition("-")[0]
    tag = type(document.value).__name__
    with pytest.raises(InvalidValue, match="must be left out as long as schema 1") as caught:
        document.dump(document.value, schema=1)
    assert (f"{kind}.type", tag) == (caught.value.where, caught.value.value)

    newer = document.dump(document.value)
    with pytest.raises(DecodeError, match="must not be in a document of schema 1") as refused:
        document.load(newer.replace(b'"schema":2', b'"schema":1'))
    assert (f"{kind}.type", tag) == (refused.value.where, refused.value.value)


HELD: Final = [
    ("header-2", "header.freezes.prod.until", "2026-03-01T01:00:16.000027Z"),
    ("record-asking", "record.initiators", ["Anna Å", "ben"]),
    ("record-newer", "record.definition.tasks[0].approval", {
        "approve": 2, "initiator": False, "newcomer": "supersede", "on_expiry": "approve",
        "reject": 3,
    }),
    ("project-2", "project.header.freezes.prod.until", "2026-03-01T01:00:16.000027Z"),
    ("events-2", "events[0].initiators", ["Anna Å", "ben"]),
    ("event-2-TaskFinishReported-1", "event.actor", "Chloé"),
    ("event-2-StageFrozen-1", "event.until", "2026-03-01T01:00:16.000027Z"),
    ("command-2-TriggerSequence-1", "command.actor", "Anna Å"),
    ("command-2-ReportTaskFinished-1", "command.actor", "Chloé"),
    ("command-2-FreezeStage-1", "command.until", "2026-02-28T23:59:50.000000Z"),
    ("record-backing-off", "record.retried", [
        {"by_person": False, "failure": "timed_out", "index": 0,
         "task_id": "9636d772-22d4-a9d8-0b45-f896aa5baf06"},
    ]),
    ("record-undecided", "record.explanation.kind", "parked"),
    ("event-2-TaskTriggered-1", "event.approval", {
        "approve": 2, "initiator": False, "newcomer": "supersede", "on_expiry": "approve",
        "reject": 3,
    }),
    ("event-2-TaskScheduled-1", "event.attempt", 2),
    ("event-2-TaskTimedOut-1", "event.end", "retried"),
    ("command-2-TriggerSequence-2", "command.redrives", "c1"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "where", "value"), HELD)
def test_a_writer_held_at_1_says_what_it_cannot_write(name: str, where: str, value: Any) -> None:
    """The path begins as that of a reader's error does, and the value is shown as it is written."""
    document = {**PARTS, **WHOLES}[name]
    with pytest.raises(InvalidValue, match="which has no form for it") as caught:
        document.dump(document.value, schema=1)

    assert not isinstance(caught.value, DecodeError)
    assert (where, value) == (caught.value.where, caught.value.value)


def test_a_path_says_in_which_row_of_a_project_it_is() -> None:
    """In both directions, counted from zero as the reader counts."""
    header = attrs.evolve(HEADER_1, contexts={}, freezes={})
    held, newer = PARTS["record-held"].value, PARTS["record-newer"].value
    project = z.restore_project(header, [held, newer])
    where = "project.records[1].definition.tasks[0].approval"
    with pytest.raises(InvalidValue, match="as long as schema 1 is written") as caught:
        z.dump_project(project, schema=1)
    with pytest.raises(DecodeError, match="must not be in a document of schema 1") as refused:
        z.load_project(
            z.dump_project(project)
            .replace(b'"schema":2}', b'"schema":1}')
            .replace(b'"approval":null,', b"")
            .replace(b'"exempted":null,', b"")
            .replace(b'"initiators":[],', b"")
            .replace(b'"on_failure":"end",', b"")
            .replace(b'"on_failure":null,', b"")
            .replace(b'"parked":null,', b"")
            .replace(b'"redrive":null,', b"")
            .replace(b'"retried":[],', b"")
            .replace(b'"retry":null,', b"")
        )

    assert where == caught.value.where == refused.value.where


def test_a_task_named_approval_of_schema_1_is_none() -> None:
    """Nobody voted on it when it was stored: it is over when its executors have finished (R34)."""
    task = s.TaskDefinition("approval", properties={"approval": True})
    definition = s.SequenceDefinition("delivery", (task,))
    accepted = attrs.evolve(EVENTS[0], definition=definition)
    old = z.dump_event(accepted, schema=1)
    named = old.replace(b'"name":"approval",', b'"name":"approval","approval":null,')

    assert b'"approval":{"approval":true}' not in old
    assert accepted == z.load_event(old)
    with pytest.raises(DecodeError, match=r"^event\.definition\.tasks\[0\]\.approval: must not be"):
        z.load_event(named)


def check_held(kind: str, dump: Any, load: Any, value: Any) -> bool:
    """Fail unless a value comes back from schema 1 as it was; return False if it is refused."""
    try:
        data = dump(value, schema=1)
    except InvalidValue:
        return False
    document = Document(value, lambda given: dump(given, schema=1), load)
    assert None is misfit(tree_of(document)[kind], kind, ONE)
    assert read_again(value) == load(data)
    return True


@settings(max_examples=100)
@given(histories(most=12))
def test_what_goes_down_comes_up_again(decisions: tuple[s.Decision, ...]) -> None:
    """Whatever is decided: schema 1 has all of it, to the letter of its grammar, or refuses it."""
    for decision in decisions:
        for event in decision.events:
            check_held("event", z.dump_event, z.load_event, event)
        check_held("project", z.dump_project, z.load_project, decision.state)
        check_held("command", z.dump_command, z.load_command, decision.command)


def test_of_the_stories_only_the_second_is_refused() -> None:
    """The check above can tell."""
    old = {name: one for name, one in PARTS.items() if one.since == 1}
    newer = {name: one for name, one in PARTS.items() if one.since == 2}
    answers = [
        [check_held(name.partition("-")[0], *one[1:3], one[0]) for name, one in some.items()]
        for some in (old, newer)
    ]

    assert all(answers[0])
    assert len(answers[1]) > 2 * sum(answers[1])


@pytest.mark.parametrize("tree", [None, [], 1, "x", {}, {TYPE: None}, {TYPE: []}, {TYPE: "x"}])
@pytest.mark.parametrize("kind", ["record", "header", "event", "command"])
def test_what_is_none_of_ours_is_left_to_the_reader(kind: str, tree: Any) -> None:
    """It knows better what is wrong, and where."""
    assert tree == schema_2.up(kind, copy.deepcopy(tree))
    with pytest.raises(DecodeError, match=f"^{kind}"):
        getattr(z, f"load_{kind}")(canonical({kind: tree, "schema": 1}))


def test_parts_that_are_malformed_are_left_to_the_reader() -> None:
    """Wherever an object of schema 1 has others below it."""
    for name, document in OLD_PARTS.items():
        kind, old = kind_and_tree(name, document, 1)
        for path in paths(old):
            if isinstance(at(old, path), dict | list) and path and not is_free(path[:-1]):
                changed = with_value(old, path, True)
                error = error_of(document, {kind: changed, "schema": 1})
                assert error is not None
                assert error.where.startswith(kind), path
                assert "which it is not" not in error.problem


def error_of(document: Document, tree: Any) -> DecodeError | None:
    """What reading a tree raises."""
    try:
        document.load(canonical(tree))
    except DecodeError as error:
        return error
    return None


def test_every_event_has_its_form_by_its_own_name() -> None:
    """A form that is named after nothing would never be used."""
    known = {tag(cls) for union in (z.StoredRecord, s.Event, s.Command) for cls in get_args(union)}

    assert FORMS.keys() | TAGS <= known
