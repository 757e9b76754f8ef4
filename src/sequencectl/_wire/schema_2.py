"""The way between schema 1 and schema 2, the schema of what people decide and of what follows a
failure (R34 to R42).

Schema 2 has more keys, kinds of events and commands, and words of enums; what schema 1 has did not
change. So the way up puts each new key at what it means that schema 1 does not have it. The way
down takes it away again if it still says that, and refuses everything else: a vote that an older
reader did not see would be a vote that was lost.

Two keys are taken away whatever they say. When an executor was heard of is asked by a limit on
silence alone, and a task that has one has no form in schema 1. Which task came next when a sequence
ended is what a redrive looks for by name; without it, it takes the task at that position. Besides,
what a task in flight has brought stands beside the data of its sequence in schema 2, and in it in
schema 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final, TypeAlias, final

import attrs

from sequencectl._wire.grammar import TYPE, Json
from sequencectl.errors import InvalidValue
from sequencectl.payload import path_to


@final
@attrs.frozen
class Form:
    """What schema 2 has beyond schema 1 in the objects of one class, and in those below them.

    `new` has the new keys, each with what it is in a document of schema 1. `dropped` has new keys
    that are null there, and are left out whatever they say. `words` has the texts that a key of
    schema 1 may hold since. Under the keys of `one` stands another such object, or null, and under
    those of `many` an array of them, or an object that has them by name.
    """

    new: Mapping[str, Json] = attrs.field(factory=dict)
    dropped: tuple[str, ...] = ()
    words: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    one: Mapping[str, Form] = attrs.field(factory=dict)
    many: Mapping[str, Form] = attrs.field(factory=dict)
    added: Mapping[str, Json] = attrs.field(init=False)
    """All keys that schema 1 does not have, each with what it is in a document of schema 1."""

    below: frozenset[str] = attrs.field(init=False)
    """The keys under which such objects stand."""

    @added.default
    def _added(self) -> Mapping[str, Json]:
        return {**self.new, **dict.fromkeys(self.dropped)}

    @below.default
    def _below(self) -> frozenset[str]:
        return frozenset((*self.one, *self.many))


# A task that is named approval in schema 1 is a task like others: nobody votes on it (R34).
_TASK: Final = Form(
    {"approval": None, "retry": None, "on_failure": None},
    one={"timeouts": Form({"silence": "inherit"})},
)
_DEFINITION: Final = Form({"on_failure": "end"}, many={"tasks": _TASK})
_TRIGGERED: Final = Form({"approval": None, "silence_timeout": None, "attempt": 1, "attempts": 1})
_EXECUTOR: Final = Form({"progress": None}, dropped=("heard_at",))
_RUN: Final = Form(
    {"votes": []}, dropped=("data",), one={"triggered": _TRIGGERED}, many={"executors": _EXECUTOR}
)
_OUTCOME: Final = Form({"is_skipped": False})
_EXPLAINED: Final = {"explanation": Form(words={"kind": ("silence", "parked")})}
_FREEZE: Final = Form({"until": None, "cause": "requested", "window": ""})
_CAUSE: Final = Form(words={"cause": ("calendar", "freeze_over")})
_KEPT: Final[Mapping[str, Json]] = {
    "initiators": [], "exempted": None, "redrive": None, "retried": [],
}  # fmt: skip
_PHASE: Final = {"phase": ("parked",)}

HEADER: Final = Form(many={"freezes": _FREEZE})
"""The form of a header."""

FORMS: Final[Mapping[str, Form]] = {
    "live": Form(
        {**_KEPT, "parked": None},
        words=_PHASE,
        one={"definition": _DEFINITION, "task": _RUN},
        many={"runs": _OUTCOME},
    ),
    "ended": Form(
        _KEPT, dropped=("next_task",), words=_PHASE, one=_EXPLAINED, many={"runs": _OUTCOME}
    ),
    "SequenceTriggered": Form({"initiators": [], "redrive": None}, one={"definition": _DEFINITION}),
    "TaskScheduled": Form({"attempt": 1}),
    "TaskTriggered": _TRIGGERED,
    "TaskFinishReported": Form({"actor": ""}),
    "TaskFinished": Form({"explanation": None, "end": "over"}),
    "TaskTimedOut": Form({"end": "over"}, one=_EXPLAINED),
    "SequenceTimedOut": Form(one=_EXPLAINED),
    "SequenceExpired": Form(one=_EXPLAINED),
    "ContextResumed": _CAUSE,
    "SequenceAborted": _CAUSE,
    "SequenceSuperseded": Form({"abandoned_task": None}),
    "StageFrozen": _FREEZE,
    "StageUnfrozen": Form({"cause": "requested"}),
    "TriggerSequence": Form({"actor": "", "redrives": None, "start_at": None}),
    "ReportTaskFinished": Form({"actor": ""}),
    "FreezeStage": Form({"until": None}),
}
"""The forms of records, events and commands by their tags; what is missing did not change."""

TAGS: Final = frozenset(
    {
        "SequenceExempted", "TaskProgressReported", "SequenceParked", "TaskRetried", "TaskSkipped",
        "ExemptSequence", "ReportTaskProgress", "RetryTask", "SkipTask",
    }
)  # fmt: skip
"""The tags that schema 1 does not have."""

_Change: TypeAlias = Callable[[Form, dict[str, Json]], None]

_ABSENT: Final = "must not be in a document of schema 1"
_NO_FORM: Final = "must be left out as long as schema 1 is written, which has no form for it"


def _put(form: Form, tree: dict[str, Json]) -> None:
    """Put the new keys into one object; refuse what no writer of schema 1 can have written."""
    if not tree.keys().isdisjoint(form.added):
        key = next(key for key in form.added if key in tree)
        raise InvalidValue(key, tree[key], _ABSENT)
    tree.update(form.added)
    if form.words:
        _refuse_words(form, tree, _ABSENT)


def _take(form: Form, tree: dict[str, Json]) -> None:
    """Take the new keys out of one object; refuse what they say if schema 1 cannot."""
    for key, before in form.new.items():
        value = tree.pop(key)
        if value != before:
            raise InvalidValue(key, value, _NO_FORM)
    for key in form.dropped:
        del tree[key]
    _refuse_words(form, tree, _NO_FORM)


def _take_in(record: dict[str, Json]) -> None:
    """Make what the task in flight has brought the data of its sequence, as in schema 1 (R14)."""
    run = record["task"]
    if isinstance(run, dict) and run["data"] is not None:
        record["data"] = run["data"]


def _refuse_words(form: Form, tree: dict[str, Json], problem: str) -> None:
    for key, words in form.words.items():
        if tree.get(key) in words:
            raise InvalidValue(key, tree[key], problem)


def _change_all(form: Form, tree: dict[str, Json], change: _Change) -> None:
    """Change an object and all below it; a reader refuses what should be an object and is not."""
    change(form, tree)
    if form.below.isdisjoint(tree):
        return
    for key, inner in form.one.items():
        _change_parts(inner, [(key, tree.get(key))], change)
    for key, inner in form.many.items():
        _change_parts(inner, _parts_of(tree.get(key)), change, key)


def _change_parts(
    form: Form, parts: Iterable[tuple[int | str, Json]], change: _Change, where: str = ""
) -> None:
    for at, part in parts:
        if isinstance(part, dict):
            try:
                _change_all(form, part, change)
            except InvalidValue as error:
                raise _below(path_to(where, at), error) from None


def _below(where: str, error: InvalidValue) -> InvalidValue:
    """Return the error with its path below the path `where`, which only errors need."""
    return InvalidValue(f"{where}.{error.where}", error.value, error.problem)


def _parts_of(tree: Json) -> Iterable[tuple[int | str, Json]]:
    match tree:
        case dict():
            return tree.items()
        case list():
            return enumerate(tree)
        case _:
            return ()


def _converted(kind: str, tree: Json, change: _Change, problem: str) -> Json:
    if not isinstance(tree, dict):
        return tree  # a reader refuses it
    tag = tree.get(TYPE)
    if kind == "header":
        _change_all(HEADER, tree, change)
    elif isinstance(tag, str) and tag in TAGS:
        raise InvalidValue(TYPE, tag, problem)
    elif isinstance(tag, str) and tag in FORMS:
        _change_all(FORMS[tag], tree, change)
    return tree


def up(kind: str, tree: Json) -> Json:
    """Return the tree of a record, header, event or command of schema 1 as schema 2 has it.

    Raises `InvalidValue` for what schema 1 does not have. What is malformed otherwise stays so.
    """
    return _converted(kind, tree, _put, _ABSENT)


def down(kind: str, tree: Json) -> Json:
    """Return the tree of a record, header, event or command of schema 2 as schema 1 has it.

    Raises `InvalidValue` for the first part that schema 1 has no form for.
    """
    if isinstance(tree, dict) and tree.get(TYPE) == "live":
        _take_in(tree)
    return _converted(kind, tree, _take, _NO_FORM)
