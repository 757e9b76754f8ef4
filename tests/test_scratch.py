"""Scratch copies do what `attrs.evolve` does, for every class they are used for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest

from sequencectl import _fold, _index, state
from sequencectl._index import Index
from sequencectl._scratch import scratch_of
from sequencectl.sequence import LiveSequence, TaskRun
from sequencectl.state import ProjectState
from tests.support import Host

SCRATCHES: dict[type, Callable[[Any], Any]] = {
    LiveSequence: _fold._scratch,
    TaskRun: _fold._scratch_run,
    Index: _index._scratch,
    ProjectState: state._scratch,
}


def values() -> dict[type, Any]:
    """A value of each class, as a project has them."""
    host = Host({"dev": {"delivery": ["deploy", "test"]}})
    host.trigger("a")
    host.start("a")
    record = host.state.live("a")
    assert record is not None
    return {
        LiveSequence: record,
        TaskRun: record.task,
        Index: host.state.index,
        ProjectState: host.state,
    }


@pytest.mark.parametrize("cls", SCRATCHES, ids=lambda cls: cls.__name__)
def test_a_scratch_copy_is_what_evolve_makes(cls: type) -> None:
    """Whichever field is set, the value has it, the others are kept, the old one is as it was."""
    value = values()[cls]
    before = {field.name: getattr(value, field.name) for field in attrs.fields(cls)}

    for field in attrs.fields(cls):
        new = SCRATCHES[cls](value)
        setattr(new, field.name, "another")
        new.__class__ = cls
        assert type(new) is cls
        assert repr(attrs.evolve(value, **{field.alias: "another"})) == repr(new)
        for name, kept in before.items():
            assert getattr(new, name) is ("another" if name == field.name else kept)

    assert before == {field.name: getattr(value, field.name) for field in attrs.fields(cls)}


@pytest.mark.parametrize("cls", SCRATCHES, ids=lambda cls: cls.__name__)
def test_what_was_a_scratch_copy_is_frozen(cls: type) -> None:
    """In the end it is a value like any other: it can be compared and not be changed."""
    value = values()[cls]
    new = SCRATCHES[cls](value)
    new.__class__ = cls

    assert value == new
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(new, attrs.fields(cls)[0].name, "another")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        delattr(new, attrs.fields(cls)[0].name)


def test_a_class_with_weak_references_cannot_have_scratch_copies() -> None:
    """Its objects cannot change class: that shows as soon as one is made, not later."""

    @attrs.frozen
    class Referenced:
        field: int = 0

    new = scratch_of(Referenced)(Referenced())

    with pytest.raises(TypeError, match="object layout differs"):
        new.__class__ = Referenced
