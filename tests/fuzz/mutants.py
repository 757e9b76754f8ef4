"""Damage by seed: the same seed and index give the same bytes, on every machine and Python.

Theory of operation. Most damage leaves a text that is JSON: the values of a document are known by
where they begin and end, so that changing one is to replace a piece of text. It is done up to three
times, and in half of the mutants bytes are changed as well or alone, as disks, proxies and editors
do. Each mutant has a generator of its own, so that one can be made without those before it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

import attrs

from tests.fuzz.corpus import BY_KEY, BY_TARGET, DOCUMENTS, LARGE, WORDS, Document, Part


@attrs.frozen
class Mutant:
    """A damaged document, and from what it can be made again."""

    seed: int
    index: int
    target: str
    name: str
    data: bytes


class Edit(NamedTuple):
    """A piece of text to replace: what stands from `begin` to `end` becomes `text`."""

    begin: int
    end: int
    text: bytes


Change = Callable[[random.Random, Document], Sequence[Edit]]

ODD: Final = (
    b"null", b"true", b"false", b"0", b"-0", b"-1", b"1.0", b"1e0", b"-0.0", b"1e400", b"1e-400",
    b"9223372036854775807", b"9223372036854775808", b"-9223372036854775809", b"1" + b"0" * 400,
    b"9" * 4300, b"9" * 4301, b"NaN", b"Infinity", b"-Infinity", b'""', b'" "', b'"null"', b'"1"',
    b'"\\ud800"', b'"\\udfff\\ud800"', b'"\\u0000"', b'"\xed\xa0\x80"', b'"\xff"', b'"\x01"',
    b'"' + b"x" * 70 + b'"', b'"' + b"x" * 300 + b'"', '"é"'.encode(), '"\U0001f600"'.encode(),
    b'"2026-01-01T09:00:00.000000Z"', b'"2026-01-01T09:00:00Z"', b'"9999-12-31T23:59:59.999999Z"',
    b'"0001-01-01T00:00:00.000000Z"', b'"10000-01-01T00:00:00.000000Z"', b"[]", b"[null]", b"[[]]",
    b"{}", b'{"":0}', b'{"a":{}}', b'{"\\udc00":0}', b'{"type":"live"}', b'{"schema":2}',
)  # fmt: skip
"""Values that stand where others are expected."""

TOKENS: Final = (
    b"", b"0", b"-", b".", b"e9", b'"', b"\\", b"\\u0000", b"\\ud800", b"{", b"}", b"[", b"]", b",",
    b":", b"null", b"NaN", b"/**/", b"\x00", b"\xff", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\r\n",
)  # fmt: skip
"""What is put between bytes."""

SCHEMAS: Final = (
    b"0", b"1", b"2", b"3", b"1.0", b"-1", b"true", b'"1"', b"null", b"1" + b"0" * 30,
)  # fmt: skip


def mutant(seed: int, index: int) -> Mutant:
    """The mutant with this number of the run with this seed."""
    choice = random.Random(f"{seed} {index}")
    target = choice.choice(list(BY_TARGET))
    documents = LARGE if choice.random() < 0.01 else BY_TARGET[target]
    document = choice.choice(documents)
    return Mutant(seed, index, document.target, document.name, damaged(choice, document))


def damaged(choice: random.Random, document: Document) -> bytes:
    """The text of a document after some damage."""
    data, kind = document.data, choice.random()
    if kind < 0.75:
        edits: list[Edit] = []
        for _ in range(choice.choice((1, 1, 1, 2, 3))):
            edits += choice.choice(CHANGES)(choice, document)
        data = edited(data, edits)
    if kind > 0.65:
        for _ in range(choice.choice((1, 1, 2))):
            data = choice.choice(BLOWS)(choice, data)
    return data


def edited(data: bytes, edits: Sequence[Edit]) -> bytes:
    """A text after these edits; of two that overlap only the first is made."""
    pieces, done = [], 0
    for begin, end, text in sorted(edits):
        if begin >= done:
            pieces += [data[done:begin], text]
            done = end
    return b"".join([*pieces, data[done:]])


# ---------------------------------------------------------------- changes of values


def _some(choice: random.Random, document: Document) -> Part:
    return choice.choice(document.parts)


def _like(choice: random.Random, document: Document, first: bytes) -> Part:
    """A value whose text begins with one of these bytes, if it is soon found."""
    part = _some(choice, document)
    for _ in range(8):
        if document.data[part.begin] in first:
            break
        part = _some(choice, document)
    return part


def odd_value(choice: random.Random, document: Document) -> Sequence[Edit]:
    """Anything odd in place of a value."""
    part = _some(choice, document)
    return [Edit(part.begin, part.end, choice.choice(ODD))]


def value_of_the_same_key(choice: random.Random, document: Document) -> Sequence[Edit]:
    """What stands for the same key in another document, or in another place of this one."""
    part = _some(choice, document)
    return [Edit(part.begin, part.end, choice.choice(BY_KEY.get(part.key, ODD)))]


def value_from_elsewhere(choice: random.Random, document: Document) -> Sequence[Edit]:
    """Any value of any document in place of a value."""
    part, other = _some(choice, document), choice.choice(DOCUMENTS)
    taken = _some(choice, other)
    return [Edit(part.begin, part.end, other.data[taken.begin : taken.end])]


def swapped(choice: random.Random, document: Document) -> Sequence[Edit]:
    """Two values in each other's place."""
    one, other, data = _some(choice, document), _some(choice, document), document.data
    return [
        Edit(one.begin, one.end, data[other.begin : other.end]),
        Edit(other.begin, other.end, data[one.begin : one.end]),
    ]


def another_word(choice: random.Random, document: Document) -> Sequence[Edit]:
    """Another text in place of a text: a word of another enum, another id, or no word at all."""
    part = _like(choice, document, b'"')
    word = document.data[part.begin : part.end]
    spoilt = (word[:-1] + b's"', word.swapcase(), b'" ' + word[1:], word[:-2] + b'"')
    return [Edit(part.begin, part.end, choice.choice((choice.choice(WORDS), *spoilt)))]


def another_number(choice: random.Random, document: Document) -> Sequence[Edit]:
    """Another number in place of a number: its neighbours, another sign, more digits."""
    part = _like(choice, document, b"-0123456789")
    number = document.data[part.begin : part.end]
    others = (b"-" + number, number + b"0", number + b".0", number + b"e0", number + b"0" * 4300)
    small = str(choice.randrange(-2, 70)).encode()
    return [Edit(part.begin, part.end, choice.choice((small, small, *others)))]


def without(choice: random.Random, document: Document) -> Sequence[Edit]:
    """A member of an object, or an entry of an array, is missing."""
    return [_taken_away(document.data, _some(choice, document))]


def _taken_away(data: bytes, part: Part) -> Edit:
    if data[part.end : part.end + 1] == b",":
        return Edit(part.member, part.end + 1, b"")
    is_last = data[part.member - 1 : part.member] == b","
    return Edit(part.member - is_last, part.end, b"")


def twice(choice: random.Random, document: Document) -> Sequence[Edit]:
    """A member or an entry is there twice, the second time perhaps with another value."""
    part, data = _some(choice, document), document.data
    key = data[part.member : part.begin]
    value = choice.choice((data[part.begin : part.end], choice.choice(ODD)))
    return [Edit(part.end, part.end, b"," + key + value)]


def unknown_key(choice: random.Random, document: Document) -> Sequence[Edit]:
    """A member that nobody knows, or that belongs into another object."""
    part = _like(choice, document, b"{")
    key = choice.choice((b'"extra"', b'""', b'"\\ud800"', choice.choice(list(BY_KEY)) or b'"x"'))
    comma = b"" if document.data[part.begin + 1 : part.begin + 2] == b"}" else b","
    at = part.begin + 1
    return [Edit(at, at, key + b":" + choice.choice(BY_KEY.get(key, ODD)) + comma)]


def nested(choice: random.Random, document: Document) -> Sequence[Edit]:
    """A value within many arrays or objects."""
    part, depth = _some(choice, document), choice.choice((1, 2, 90, 195, 201, 400, 990, 1_200))
    before, after = choice.choice(((b"[", b"]"), (b'{"a":', b"}"), (b'[{"":', b"}]")))
    return [
        Edit(part.begin, part.begin, before * depth),
        Edit(part.end, part.end, after * depth),
    ]


def another_schema(choice: random.Random, document: Document) -> Sequence[Edit]:
    """The number of another schema, or none."""
    at = document.data.rfind(b'"schema":') + len(b'"schema":')
    if document.target == "cloudevent" or choice.random() < 0.5:
        return odd_value(choice, document)
    return [Edit(at, len(document.data) - 1, choice.choice(SCHEMAS))]


def respelled(choice: random.Random, document: Document) -> Sequence[Edit]:
    """The same value in other words: spaces, escapes, an exponent."""
    part = _some(choice, document)
    text = document.data[part.begin : part.end]
    if text.startswith(b'"') and choice.random() < 0.7:
        letters = json.loads(text).encode("utf-16-be", "surrogatepass").hex("-", 2).split("-")
        text = b'"' + "".join(f"\\u{letter}" for letter in letters if letter).encode() + b'"'
    return [Edit(part.begin, part.end, choice.choice((b" ", b"\n\t", b"\r")) + text + b" ")]


def moved_to_the_front(choice: random.Random, document: Document) -> Sequence[Edit]:
    """A member, or an entry, before all others."""
    part = _some(choice, document)
    first = part.within + 1
    if part.member <= first:
        return ()
    member = document.data[part.member : part.end]
    return [Edit(first, first, member + b","), _taken_away(document.data, part)]


CHANGES: Final[Sequence[Change]] = (
    odd_value, value_of_the_same_key, value_of_the_same_key, value_from_elsewhere, swapped,
    another_word, another_number, without, twice, unknown_key, nested, another_schema, respelled,
    respelled, moved_to_the_front, moved_to_the_front,
)  # fmt: skip


# ---------------------------------------------------------------- blows that fall anywhere

Blow = Callable[[random.Random, bytes], bytes]


def _span(choice: random.Random, data: bytes) -> tuple[int, int]:
    begin = choice.randrange(len(data) + 1)
    return begin, min(len(data), begin + choice.choice((0, 1, 1, 2, 8, 100)))


def flipped(choice: random.Random, data: bytes) -> bytes:
    """One bit is another."""
    at = choice.randrange(max(len(data), 1))
    return data[:at] + bytes(byte ^ 1 << choice.randrange(8) for byte in data[at : at + 1]) + (
        data[at + 1 :]
    )  # fmt: skip


def cut_off(choice: random.Random, data: bytes) -> bytes:
    """The end is missing."""
    return data[: choice.randrange(len(data) + 1)]


def torn_out(choice: random.Random, data: bytes) -> bytes:
    """A few bytes are missing."""
    begin, end = _span(choice, data)
    return data[:begin] + data[end:]


def doubled(choice: random.Random, data: bytes) -> bytes:
    """A few bytes are there twice, or all of them."""
    begin, end = choice.choice(((0, len(data)), _span(choice, data), _span(choice, data)))
    return data[:end] + data[begin:]


def spliced(choice: random.Random, data: bytes) -> bytes:
    """A few bytes are those of another document."""
    begin, end = _span(choice, data)
    return data[:begin] + choice.choice(DOCUMENTS).data[begin:end] + data[end:]


def token_between(choice: random.Random, data: bytes) -> bytes:
    """Something that means something is put anywhere, or in place of a few bytes."""
    begin, end = _span(choice, data)
    return data[:begin] + choice.choice(TOKENS) + data[choice.choice((begin, end)) :]


def in_another_encoding(choice: random.Random, data: bytes) -> bytes:
    """A byte order mark, UTF-16, UTF-32 or Latin-1, as editors save."""
    encoding = choice.choice(("utf-8-sig", "utf-8-sig", "utf-16", "utf-32-be", "latin-1"))
    return data.decode(errors="replace").encode(encoding, "replace")


BLOWS: Final[Sequence[Blow]] = (
    flipped, flipped, cut_off, torn_out, doubled, spliced, token_between, token_between,
    in_another_encoding,
)  # fmt: skip
