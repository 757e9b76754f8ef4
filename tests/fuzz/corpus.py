"""What is damaged: every document of the golden files, and CloudEvents of the same story."""

from __future__ import annotations

import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from typing import Any, Final, NamedTuple

import attrs

from sequencectl import InvalidValue, thaw
from sequencectl import events as e
from sequencectl import serialization as z
from sequencectl.cloudevents import from_cloudevent, project_of, to_cloudevent
from sequencectl.errors import DecodeError
from tests.wire import story_2
from tests.wire.documents import (
    HEADER,
    PARTS,
    WHOLES,
    dump_header,
    dump_plane,
    load_plane,
    rows,
)
from tests.wire.plain import payload
from tests.wire.story import EVENTS, PROJECT
from tests.wire.trees import canonical

Read = Callable[[bytes], Any]


@attrs.frozen
class Target:
    """A kind of document: how it is read, what may refuse it, and what must hold of what comes out.

    `check` is given the bytes and the value that was read; it raises whatever it likes.
    """

    name: str
    read: Read
    refusal: type[Exception]
    check: Callable[[bytes, Any], None]


class Part(NamedTuple):
    """A value within the text of a document.

    It goes from `begin` to `end`; with its key, if it has one, it begins at `member`. The object or
    array that holds it begins at `within`, -1 for the whole document.
    """

    begin: int
    end: int
    key: bytes
    member: int
    within: int


@attrs.frozen
class Document:
    """A whole document and its values."""

    name: str
    target: str
    data: bytes
    parts: tuple[Part, ...]


# ---------------------------------------------------------------- the values in a text

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"]+')


def parts_of(data: bytes) -> tuple[Part, ...]:
    """The values of a JSON text without spaces; of any other text, what looks like values."""
    found: list[Part] = []
    above: list[tuple[int, bytes, int]] = []
    key, member = b"", -1
    for token in _TOKEN.finditer(data):
        word, begin = token.group(), token.start()
        if word in {b"{", b"["}:
            above.append((begin, key, begin if member < 0 else member))
            key, member = b"", -1
        elif word in {b"}", b"]"}:
            if above:
                begin, key, member = above.pop()
                found.append(_part(begin, token.end(), key, member, above))
            key, member = b"", -1
        elif word == b",":
            key, member = b"", -1
        elif word != b":" and data[token.end() : token.end() + 1] == b":":
            key, member = word, begin
        elif word != b":":
            first = begin if member < 0 else member
            found.append(_part(begin, token.end(), key, first, above))
    return tuple(found)


def _part(
    begin: int, end: int, key: bytes, member: int, above: list[tuple[int, bytes, int]]
) -> Part:
    return Part(begin, end, key, member, above[-1][0] if above else -1)


# ---------------------------------------------------------------- documents of ours


def _check(
    data: bytes, value: Any, *, dump: Callable[..., bytes], load: Read, is_project: bool = False
) -> None:
    """Fail unless what was read is written as what it was read from says, and read back equal.

    A reader that coerced, dropped or filled in anything would write something else. What was read
    from an older schema can be written in it.
    """
    said = payload(json.loads(data))
    written = dump(value, schema=said["schema"])
    assert value == load(written)
    says = json.loads(written)
    if is_project:  # it has no order of rows
        for tree in (said, says):
            tree["project"]["records"].sort(key=canonical)
    assert canonical(said) == canonical(says)


def _read_compact(data: bytes) -> Any:
    return z.load_project(zlib.compress(data, 1))


def _check_compact(data: bytes, value: Any) -> None:
    """The same for what is inside of the compact form of a project, which has no order of rows."""
    compact = z.dump_project(value, compact=True)
    assert value == z.load_project(compact)
    said, says = payload(json.loads(data)), json.loads(zlib.decompress(compact))
    assert _in_rows(said) == _in_rows(says)


def _in_rows(tree: Any) -> bytes:
    """The canonical text of such a project with its columns as rows, all of them in order."""
    project = tree["project"]
    columns = project.pop("forgotten")
    rows = [{key: columns[key][at] for key in columns} for at in range(len(columns["sequence_id"]))]
    for row in project["records"]:
        is_forgotten = row["type"] == "forgotten"
        rows.append(
            {"sequence_id": row["sequence_id"], **row["remembered"]} if is_forgotten else row
        )
    for row in rows:
        row["context"] = row.get("context") or row.get("sequence_id")
    return canonical({**tree, "project": {**project, "records": sorted(rows, key=canonical)}})


def _check_header(data: bytes, value: Any) -> None:
    said = payload(json.loads(data))
    try:
        written = dump_header(value, schema=said["schema"])
    except DecodeError:
        return  # a header is written of a project: this one is none by itself
    assert value == z.load_header(written)
    assert canonical(said) == written


def _documents(kind: str, dump: Callable[..., bytes], load: Read, **more: Any) -> Target:
    return Target(kind, load, DecodeError, partial(_check, dump=dump, load=load, **more))


# ---------------------------------------------------------------- CloudEvents


def read_cloudevent(data: bytes) -> Any:
    """What a host does with the body of a message."""
    event = json.loads(data)
    project_of(event)
    return from_cloudevent(event)


def _check_command(_data: bytes, command: Any) -> None:
    """Fail unless what a CloudEvent stands for can be stored as any command."""
    if command is not None:
        assert command == z.load_command(z.dump_command(command))


def cloudevents() -> Iterator[dict[str, Any]]:
    """What is published for the story's events, and what executors and an API would send."""
    for event in (*EVENTS, *story_2.EVENTS):
        published = to_cloudevent(event, source="sequencectl")
        if published is not None:
            yield published
        sent = {
            "specversion": "1.0",
            "id": f"of {event.serial}",
            "source": "helm",
            "shkeptncontext": event.subject.context,
            "gitcommitid": "64fd7e0",
        }
        scope = {"project": PROJECT, "stage": "dev", "service": "carts"}
        match event:
            case e.SequenceTriggered():
                data = {**thaw(event.data), **scope, "message": "go"}
                yield {**sent, "type": "sh.keptn.event.dev.delivery.triggered", "data": data}
            case e.TaskTriggered():
                about = {"type": f"sh.keptn.event.{event.task}.started", "data": scope}
                yield {**sent, **about, "triggeredid": event.task_id}
            case e.TaskFinishReported():
                verdict = {"result": event.result.value, "status": event.status.value}
                data = {**thaw(event.data), **scope, **verdict, "message": event.message}
                about = {"type": f"sh.keptn.event.{event.task}.finished", "data": data}
                about |= {"actor": event.actor} if event.actor else {}
                yield {**sent, **about, "triggeredid": event.task_id}
            case _:
                pass


# ---------------------------------------------------------------- all of them

TARGETS: Final[Mapping[str, Target]] = {
    target.name: target
    for target in (
        _documents("record", z.dump_record, z.load_record),
        Target("header", z.load_header, DecodeError, _check_header),
        _documents("project", z.dump_project, z.load_project, is_project=True),
        _documents("event", z.dump_event, z.load_event),
        _documents("events", z.dump_events, z.load_events),
        _documents("command", z.dump_command, z.load_command),
        _documents("outcome", z.dump_outcome, z.load_outcome),
        _documents("plane", dump_plane, load_plane),
        Target("compact", _read_compact, DecodeError, _check_compact),
        Target("cloudevent", read_cloudevent, InvalidValue, _check_command),
    )
}


def _texts() -> Iterator[tuple[str, bytes]]:
    """The documents by name; their names begin with the kind."""
    for name, document in {**PARTS, "header": WHOLES["header"], "header-2": NEWER}.items():
        yield name, document.dump(document.value)
        if document.since == 1:
            yield f"{name}-of-schema-1", document.dump(document.value, schema=1)
    for at in range(0, len(EVENTS), 2):
        yield f"events-{at}", z.dump_events(EVENTS[at : at + 2])
        yield f"events-{at}-of-schema-1", z.dump_events(EVENTS[at : at + 2], schema=1)
    for (name, row), (_, other) in pairwise(rows().items()):
        project = z.restore_project(HEADER, (row, other))
        yield f"project-{name}", z.dump_project(project)
        yield f"project-{name}-of-schema-1", z.dump_project(project, schema=1)
    for (name, row), (_, other) in pairwise(rows(story_2.STATE).items()):
        yield f"project-{name}", z.dump_project(z.restore_project(NEWER.value, (row, other)))
    for name, known in COMPACT.items():
        project = z.restore_project(HEADER, [rows()[each] for each in known])
        yield f"compact-{name}", zlib.decompress(z.dump_project(project, compact=True))
    for number, event in enumerate(cloudevents()):
        yield f"cloudevent-{event['type']}-{number}", canonical(event)


COMPACT: Final = {
    "both": ("old", "older"),
    "one": ("older", "finished"),
    "none": ("held", "running"),
}
NEWER: Final = WHOLES["header-2"]


def _read(name: str, data: bytes) -> Document:
    return Document(name, name.partition("-")[0], data, parts_of(data))


DOCUMENTS: Final = tuple(_read(name, data) for name, data in _texts())
"""The documents that are damaged; few of them have more than a few thousand bytes."""

LARGE: Final = tuple(_read(name, one.dump(one.value)) for name, one in WHOLES.items())
"""The documents that hold the whole story, for now and then."""

_by_target: defaultdict[str, list[Document]] = defaultdict(list)
_by_key: defaultdict[bytes, set[bytes]] = defaultdict(set)
for _document in DOCUMENTS:
    _by_target[_document.target].append(_document)
    for _found in _document.parts:
        _by_key[_found.key].add(_document.data[_found.begin : _found.end])

BY_TARGET: Final[Mapping[str, list[Document]]] = dict(_by_target)
BY_KEY: Final = {key: sorted(texts) for key, texts in sorted(_by_key.items())}
"""What stands for a key somewhere, by the key with its quotes; for none, what stands in arrays."""

WORDS: Final = sorted(
    {
        text
        for texts in _by_key.values()
        for text in texts
        if text.startswith(b'"') and len(text) < 40
    }
)
"""The short texts: words of enums, names, ids, instants."""
