"""Large documents that are as dear to read as their author could make them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

import attrs

from sequencectl import serialization as z
from sequencectl.state import Remembered
from tests.bench.crowd import crowd, uuid_name
from tests.fuzz.corpus import BY_TARGET, DOCUMENTS, LARGE, Document, read_cloudevent
from tests.fuzz.mutants import damaged
from tests.wire.documents import HEADER, PARTS, dump_header

SIZE: Final = 150_000
"""About so many bytes a shape has: enough for constants not to count."""


END: Final = b',"schema":%d}' % z.SCHEMA


class Shape(NamedTuple):
    """A large document, and by which target it is read."""

    name: str
    target: str
    data: bytes


def many(entry: bytes, size: int) -> bytes:
    """An array of so many bytes of one entry again and again."""
    return b"[" + b",".join([entry] * (size // (len(entry) + 1))) + b"]"


def object_of(value: bytes, size: int) -> bytes:
    """An object of many keys that differ."""
    count = size // (len(value) + 10)
    return b"{" + b",".join(b'"%06d":%b' % (number, value) for number in range(count)) + b"}"


def text(letters: bytes, size: int) -> bytes:
    """A text of the same letters again and again."""
    return b'"' + letters * (size // len(letters)) + b'"'


def deep(depth: int) -> bytes:
    """One value within so many arrays."""
    return b"[" * depth + b"]" * depth


VALUES: Final[Mapping[str, Callable[[int], bytes]]] = {
    "zeros": lambda size: many(b"0", size),
    "nulls": lambda size: many(b"null", size),
    "booleans": lambda size: many(b"true", size),
    "empty texts": lambda size: many(b'""', size),
    "short texts": lambda size: many(b'"a"', size),
    "short odd texts": lambda size: many('"é"'.encode(), size),
    "empty arrays": lambda size: many(b"[]", size),
    "empty objects": lambda size: many(b"{}", size),
    "objects of one": lambda size: many(b'{"a":0}', size),
    "objects of three": lambda size: many(b'{"a":0,"b":"","c":[]}', size),
    "floats": lambda size: many(b"0.1", size),
    "short floats": lambda size: many(b"1e5", size),
    "integers of 4 300 digits": lambda size: many(b"9" * 4_300, size),
    "deep arrays": lambda size: many(deep(190), size),
    "deep objects": lambda size: many(b'{"":' * 190 + b"0" + b"}" * 190, size),
    "keys": lambda size: object_of(b"0", size),
    "keys of objects": lambda size: object_of(b"{}", size),
    "one key twice": lambda size: object_of(b"0", size)[:-1] + b',"000007":0}',
    "a long key": lambda size: b"{" + text(b"a", size) + b":0}",
    "a long text": lambda size: text(b"a", size),
    "a text of é": lambda size: text("é".encode(), size),
    "a text of smileys": lambda size: text("\U0001f600".encode(), size),
    "a text of escapes": lambda size: text(b"\\u0000", size),
    "a text of quotes": lambda size: text(b'\\"', size),
    "a text of pairs": lambda size: text(b"\\ud83d\\ude00", size),
    "a surrogate at the end": lambda size: text("é".encode(), size)[:-1] + b'\\ud800"',
    "NaN at the end": lambda size: many(b"0", size)[:-1] + b",NaN]",
    "too deep at the end": lambda size: many(b"0", size)[:-1] + b"," + deep(300) + b"]",
    "far too deep": lambda size: deep(size // 2),
    "cut off": lambda size: many(b"{}", size)[:-1],
}
"""Values by name, of about as many bytes as they are told."""


def _golden(name: str, schema: int = z.SCHEMA) -> bytes:
    document = PARTS[name]
    return document.dump(document.value, schema=schema)


def _put(name: str, old: bytes, new: bytes) -> bytes:
    data = _golden(name)
    assert old in data, (name, old)
    return data.replace(old, new, 1)


def _around(before: bytes, entries: Iterator[bytes], after: bytes) -> bytes:
    return before + b",".join(entries) + after


def _inner(data: bytes, kind: bytes) -> bytes:
    """What a document of a kind holds, without the document around it."""
    return data[len(kind) + 4 : -len(END)]


def _typed(size: int) -> Iterator[Shape]:
    """Documents of ours with as many small parts of one kind as go into them."""
    thawed = _inner(_golden("event-StageUnfrozen-1"), b"event")
    events = many(thawed, size)
    yield Shape("small events", "events", b'{"events":' + events + END)
    yield Shape("a bad event last", "events", b'{"events":' + events[:-1] + b",1]" + END)
    rich = _inner(_golden("event-TaskTriggered-1"), b"event")
    yield Shape("rich events", "events", b'{"events":' + many(rich, size) + END)
    for name in ("StageUnfrozen", "SequenceTriggered"):
        older = many(_inner(_golden(f"event-{name}-1", schema=1), b"event"), size)
        data = b'{"events":' + older + b',"schema":1}'
        yield Shape(f"{name} of schema 1", "events", data)
    attempt = b'{"by_person":false,"failure":null,"index":0,"task_id":"t"}'
    retried = b'"retried":' + many(attempt, size)
    yield Shape("attempts", "record", _put("record-scheduled", b'"retried":[]', retried))
    carried = b'{"carried":%b,"family":"a","sequence_id":"a"}' % many(
        b'{"name":"deploy","result":null}', size
    )
    data = _put("record-waiting", b'"redrive":null', b'"redrive":' + carried)
    yield Shape("carried tasks", "record", data)
    on = many(b'"timed_out"', size)
    data = _put("record-retrying", b'"on":["fail","timed_out"]', b'"on":' + on)
    yield Shape("kinds of failure", "record", data)
    old, ids = b'"sequence_ids":["old","older","oldest"]', b'"sequence_ids":'
    for name, entry in {"short": b'"a"', "odd": '"é"'.encode(), "empty": b'""'}.items():
        data = _put("event-SequencesForgotten-1", old, ids + many(entry, size))
        yield Shape(f"forgotten ids, {name}", "event", data)
    for name, value in VALUES.items():
        data = _put("command-TriggerSequence-2", b'"data":{}', b'"data":{"a":%b}' % value(size))
        yield Shape(f"data: {name}", "command", data)
    for field in (b"message", b"source", b"at"):
        for name in ("a long text", "a text of é", "a text of escapes", "a surrogate at the end"):
            key = b'"' + field + b'":'
            data = _golden("event-TaskFinishReported-1")
            begin = data.index(key) + len(key)
            end = data.index(b'"', begin + 1) + 1
            data = data[:begin] + VALUES[name](size) + data[end:]
            yield Shape(f"{field.decode()}: {name}", "event", data)


def _projects(size: int) -> Iterator[Shape]:
    """Projects of as many small rows as go into them, which are read, and a header."""
    waiting = crowd(size // 1_200, lanes=2, name=uuid_name)
    yield Shape("rows that wait", "project", z.dump_project(waiting))
    ledger = attrs.evolve(HEADER.ledger, serial=size)
    rows = (
        z.ForgottenSequence(f"x{at}", Remembered("c", "dev", "delivery", "carts", (at, 0)))
        for at in range(1, size // 150)
    )
    head = attrs.evolve(HEADER, ledger=ledger)
    yield Shape("forgotten rows", "project", z.dump_project(z.restore_project(head, rows)))
    yield Shape("a family", "project", z.dump_project(z.restore_project(head, _family(size))))
    paused = HEADER.contexts["of waiting"]
    contexts = {f"c{number}": paused for number in range(size // 200)}
    yield Shape("a header", "header", dump_header(attrs.evolve(HEADER, contexts=contexts)))


def _family(size: int) -> Iterator[z.StoredRecord]:
    """Sequences that failed, each of which redrives the one before."""
    first = PARTS["record-failed"].value
    yield first
    old, second = first.sequence_id, PARTS["record-second"].value
    for at in range(1, size // 1_000):
        record = attrs.evolve(
            second,
            subject=attrs.evolve(second.subject, sequence_id=f"x{at}"),
            redrive=attrs.evolve(second.redrive, sequence_id=old),
            **dict.fromkeys(("place", "accepted_serial", "serial"), first.serial + at),
            runs=(),
            retried=(),
        )
        yield record
        old = record.sequence_id


def _hollow(size: int) -> Iterator[Shape]:
    """What is refused at once, after all of it was parsed."""
    for name in ("zeros", "empty arrays", "empty objects", "objects of one", "keys", "a text of é"):
        value = VALUES[name](size)
        yield Shape(f"alone: {name}", "record", value)
        yield Shape(f"for a record: {name}", "record", b'{"record":' + value + END)
        old = _golden("record-held", schema=1)
        begin = old.index(b'"tasks":') + len(b'"tasks":')
        end = old.index(b"]", begin) + 1
        data = old[:begin] + value + old[end:]
        yield Shape(f"for tasks of schema 1: {name}", "record", data)
        data = _put("record-running", b'"depth":0', b'"depth":%b' % value)
        yield Shape(f"for a number: {name}", "record", data)
        data = _put("record-waiting", b'"retried":[]', b'"retried":' + value)
        yield Shape(f"for attempts: {name}", "record", data)
    unknown = object_of(b"0", size)[1:-1] + b',"depth":0'
    yield Shape("unknown keys", "record", _put("record-running", b'"depth":0', unknown))


def _heard(size: int) -> Iterator[Shape]:
    """CloudEvents with large data: a trigger and a finish."""
    for word in ("triggered", "finished"):
        small = next(one for one in BY_TARGET["cloudevent"] if _says(one, word))
        for name in ("zeros", "empty objects", "keys", "a text of é", "far too deep"):
            value = b'"data":{"large":' + VALUES[name](size) + b","
            data = small.data.replace(b'"data":{', value, 1)
            yield Shape(f"CloudEvent {word}: {name}", "cloudevent", data)


def _says(document: Document, word: str) -> bool:
    """Whether a CloudEvent is of ours, says this word, and has data."""
    is_ours = read_cloudevent(document.data) is not None
    return is_ours and b'"data":{' in document.data and f".{word}-" in document.name


def _anywhere(size: int, count: int = 40) -> Iterator[Shape]:
    """Large values wherever a document may hold any."""
    choice = random.Random("large values")
    for number in range(count):
        document = choice.choice(DOCUMENTS)
        part, name = choice.choice(document.parts), choice.choice(list(VALUES))
        data = document.data[: part.begin] + VALUES[name](size) + document.data[part.end :]
        yield Shape(f"{number}: {name} in {document.name}", document.target, data)


def _repeated(size: int, count: int = 10) -> Iterator[Shape]:
    """Lists of events, some of them damaged."""
    choice = random.Random("damaged lists")
    whole = next(one for one in LARGE if one.name == "events")
    for number in range(count):
        spoilt = damaged(choice, Document(whole.name, whole.target, whole.data, whole.parts))
        inside = whole.data[len(b'{"events":[') : -len(b"]" + END)]
        times = b",".join([inside] * (size // len(inside)))
        data = b'{"events":[' + times + b"," + spoilt[len(b'{"events":[') :]
        yield Shape(f"damaged list {number}", "events", data)


def _planes(size: int) -> Iterator[Shape]:
    """Planes of as many small parts of one kind as go into them."""
    name, stage = "plane-ControlPlane-1", b'{"name":"dev","sequences":['
    stages = b",".join(b'{"name":"s%d","sequences":[]}' % at for at in range(size // 34))
    yield Shape("stages", "plane", _put(name, stage, stages + b"," + stage))
    task = _golden(name).partition(b'"tasks":[')[2].partition(b'},{"approval"')[0] + b"},"
    bounds = _put(name, b'"tasks":100}', b'"tasks":%d}' % size)
    data = bounds.replace(b'"tasks":[', b'"tasks":[' + task * (size // len(task)), 1)
    yield Shape("tasks", "plane", data)
    limits = object_of(b'{"completion":1,"reaction":null,"silence":"inherit"}', size)
    yield Shape("limits by name", "plane", _put(name, b'"tasks":{}', b'"tasks":' + limits))
    policy = _golden(name).partition(b'"queueing":')[2].partition(b',"shipyard"')[0]
    policies = b'"stages":' + object_of(policy, size)
    yield Shape("policies by stage", "plane", _put(name, b'"stages":{}', policies))
    deep = policy
    while len(deep) < size:
        deep = policy.replace(b'"stages":{}', b'"stages":{"a":' + deep + b"}")
    yield Shape("a policy in a policy", "plane", _put(name, policy, deep))


def shapes(size: int = SIZE) -> Iterator[Shape]:
    """All of them."""
    for some in (_typed, _projects, _planes, _hollow, _heard, _anywhere, _repeated):
        yield from some(size)
