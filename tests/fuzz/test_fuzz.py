"""A small part of what ``python3 dev.py fuzz`` does, and that it can fail."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest

from sequencectl import InvalidValue
from tests.fuzz.__main__ import fuzz, main, measure, replay_line
from tests.fuzz.corpus import DOCUMENTS, LARGE, TARGETS, parts_of
from tests.fuzz.mutants import Edit, Mutant, edited, mutant
from tests.fuzz.ratios import LARGE_ENOUGH, Tracing, memory_ratio, time_ratio
from tests.fuzz.shapes import Shape, shapes
from tests.fuzz.verdicts import DECODED, Verdict, judged

COUNT = 1_500


@pytest.mark.parametrize("seed", [1, 2])
def test_damaged_documents_are_refused_or_come_back_equal(
    seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever was done to them, what comes out is a typed refusal or a value."""
    failures = fuzz(seed, COUNT)

    assert [] == failures
    assert f"all{COUNT:18,} " in capsys.readouterr().out


def test_every_document_is_read_before_it_is_damaged() -> None:
    """What is damaged is sound, so that what is refused is refused for the damage."""
    unread = {
        document.name: document.target
        for document in (*DOCUMENTS, *LARGE)
        if TARGETS[document.target].read(document.data) is None
    }

    assert TARGETS.keys() == {document.target for document in DOCUMENTS}
    assert {"cloudevent"} == set(unread.values())  # Keptn's events that are none of ours


def test_the_same_seed_and_index_give_the_same_bytes() -> None:
    """A mutant can be made again without those before it; others are others."""
    some = [mutant(7, index).data for index in range(50)]

    assert some == [mutant(7, index).data for index in range(50)]
    assert 45 < len({*some, *(mutant(8, index).data for index in range(50))})


def test_the_bytes_of_a_mutant_are_the_same_everywhere() -> None:
    """A line that replays a mutant on one machine replays it on another."""
    made = mutant(1, 0)

    assert ("event-TaskFinishReported-3-of-schema-1", 55) == (
        made.name,
        len(made.data),
    )


@pytest.mark.parametrize("document", [*DOCUMENTS[::7], *LARGE], ids=lambda one: one.name)
def test_the_values_of_a_document_are_found(document: Any) -> None:
    """Each piece of text is the JSON of a value, and the last one is the whole."""
    values = [json.loads(document.data[part.begin : part.end]) for part in document.parts]
    keyed = [part for part in document.parts if part.key]

    assert json.loads(document.data) == values[-1]
    assert all(document.data[part.member :].startswith(part.key + b":") for part in keyed)
    assert {b"{", b"["} >= {
        document.data[part.within : part.within + 1] for part in document.parts[:-1]
    }


def test_what_is_no_json_has_values_all_the_same() -> None:
    """An input of a fuzzer may be anything."""
    assert () == parts_of(b"")
    assert [(0, 1)] == [(part.begin, part.end) for part in parts_of(b"a]}:,")]


def test_of_edits_that_overlap_the_first_is_made() -> None:
    """A value and what is inside of it are not both replaced."""
    edits = [Edit(1, 3, b"x"), Edit(2, 4, b"y"), Edit(4, 4, b"z")]

    assert b"0x3z4" == edited(b"01234", edits)


# ---------------------------------------------------------------- the checks can fail


def raising(_data: bytes) -> Any:
    """A reader that lets through what a part of it raises."""
    raise ValueError("from inside")


def lenient(data: bytes) -> Any:
    """A reader that takes what is not there for a number."""
    return TARGETS["command"].read(data.replace(b'"limit":null', b'"limit":7'))


def found(read: Any, data: bytes = b"{}") -> Verdict:
    """What is said of a reader of commands."""
    made = attrs.evolve(mutant(1, 0), target="command", data=data)
    return judged(made, {"command": attrs.evolve(TARGETS["command"], read=read)})


def test_a_reader_that_raises_anything_else_is_found() -> None:
    """Also a kind of it: an `InvalidValue` is no `DecodeError`."""

    def refusing(_data: bytes) -> Any:
        raise InvalidValue("document", 1, "must be another")

    assert "raises ValueError('from inside')" == found(raising).problem
    assert found(refusing).problem.startswith("raises InvalidValue(")
    assert Verdict(True, "DecodeError") == found(TARGETS["command"].read)


def test_a_reader_that_fills_in_is_found() -> None:
    """What is read must be written as what was there."""
    for schema in (b"1", b"2"):
        data = b'{"command":{"limit":null,"type":"CheckDeadlines"},"schema":%b}' % schema

        assert found(lenient, data).problem.startswith("does not come back equal: AssertionError")
        assert Verdict(True, "DecodeError") == found(TARGETS["command"].read, data)
        assert Verdict(True, DECODED) == found(lenient, data.replace(b"null", b"8"))


def test_a_failure_is_one_line_that_replays_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Seed and index are all it takes."""
    broken = {name: attrs.evolve(one, read=raising) for name, one in TARGETS.items()}
    failures = fuzz(4, 5, broken)

    assert 5 <= len(failures)
    assert failures[0].startswith("python3 dev.py fuzz --seed 4 --index 0: ")
    assert failures[0] == replay_line(mutant(4, 0), "raises ValueError('from inside')")
    assert all(" --index " in line or " mutants " in line for line in failures)
    capsys.readouterr()
    assert 0 == main(["--seed", "4", "--index", "0"])
    assert mutant(4, 0).data.hex() in capsys.readouterr().out


def test_mutants_that_show_nothing_are_a_failure(capsys: pytest.CaptureFixture[str]) -> None:
    """A reader that refuses all is not tested by anything."""

    def closed(_data: bytes) -> Any:
        raise InvalidValue("document", 1, "must be another")

    all_closed = {
        name: attrs.evolve(one, read=closed, refusal=InvalidValue) for name, one in TARGETS.items()
    }
    failures = fuzz(1, 200, all_closed)

    assert TARGETS.keys() == {line.partition(":")[0] for line in failures}
    assert all(line.endswith("mutants are read") for line in failures)


def hungry(data: bytes) -> Any:
    """A reader that keeps far more than it reads."""
    return [json.loads(data), [0] * len(data) * 100]


def slow(data: bytes) -> Any:
    """A reader that reads again and again."""
    return [json.loads(data) for _ in range(30)]


def test_a_reader_that_takes_too_much_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    """In time or in memory; and `json.loads` itself is not found."""
    large = [Shape("text", "command", b'["' + b"a" * LARGE_ENOUGH + b'"]')]
    readers: dict[str, Any] = {"time": slow, "memory": hungry, "": json.loads}
    lines = {
        what: measure(1, 0, large, {"command": attrs.evolve(TARGETS["command"], read=read)})
        for what, read in readers.items()
    }

    assert all(any(f'--shape "text": {what}' in x for x in lines[what]) for what in readers if what)
    assert [] == lines[""]


def test_ratios_are_those_of_the_same_bytes() -> None:
    """A reader that is `json.loads` takes as much as that."""
    data = b"[" + b'"some text",' * 10_000 + b"0]"
    with Tracing():
        memory = memory_ratio(json.loads, data)

    assert 1 == pytest.approx(memory, rel=0.05)
    assert 1 == pytest.approx(time_ratio(json.loads, data), rel=0.9)


def test_no_small_document_takes_much_memory() -> None:
    """The large ones are measured by ``python3 dev.py fuzz``, where nothing else runs."""
    assert [] == measure(1, 60, [])


def is_read(shape: Shape) -> bool:
    """Whether a value comes of a large document."""
    return DECODED == judged(Mutant(0, 0, shape.target, shape.name, shape.data)).outcome


def test_the_large_documents_are_large() -> None:
    """And have names of their own, by which they are measured again."""
    made = list(shapes())

    assert len(made) == len({shape.name for shape in made})
    assert LARGE_ENOUGH < min(len(shape.data) for shape in made)
    assert all(
        is_read(shape) for shape in made if shape.name in {"a header", "a family", "rows that wait"}
    )
