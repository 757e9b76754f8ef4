"""What is made quickly is what attrs makes, for every class it is used for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from itertools import product
from typing import Any

import attrs
import pytest

from sequencectl import _index
from sequencectl._index import Index
from sequencectl._project import fold as project_fold
from sequencectl._scratch import scratch_of
from sequencectl._sequence import fold
from sequencectl.sequence import LiveSequence
from sequencectl.state import ProjectState
from sequencectl.task_run import TaskRun
from tests.support import Host

SCRATCHES: dict[type, Callable[[Any], Any]] = {
    LiveSequence: fold._scratch,
    TaskRun: fold._scratch_run,
    Index: _index._scratch,
    ProjectState: project_fold._scratch,
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


def parts_of(value: Any) -> list[Any]:
    """What a value has in its fields, whatever its repr and its equality leave out."""
    return [getattr(value, field.name) for field in attrs.fields(type(value))]


@pytest.mark.parametrize("cls", SCRATCHES, ids=lambda cls: cls.__name__)
def test_a_scratch_copy_is_what_evolve_makes(cls: type) -> None:
    """Whichever field is set, the value has it, the others are kept, the old one is as it was."""
    value = values()[cls]
    before = {field.name: getattr(value, field.name) for field in attrs.fields(cls)}

    for scratch, field in product((SCRATCHES[cls], scratch_of(cls)), attrs.fields(cls)):
        new = scratch(value)
        setattr(new, field.name, "another")
        new.__class__ = cls
        assert type(new) is cls
        evolved = attrs.evolve(value, **{field.alias: "another"})
        assert parts_of(evolved) == parts_of(new)
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


def test_an_assignment_to_a_scratch_copy_takes_the_fast_path() -> None:
    """Python specializes it to the store of a slot, which it does for plain attributes alone."""
    program = (
        "import dis\n"
        "from sequencectl._sequence.fold import _scratch_run as copy\n"
        "from sequencectl.task_run import TaskRun\n"
        "run = TaskRun(None)\n"
        "for _ in range(100): copy(run)\n"
        "stores = [each.opname for each in dis.get_instructions(copy, adaptive=True)\n"
        "          if each.opname.startswith('STORE_ATTR')]\n"
        "print(len(stores), *sorted(set(stores)))"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert f"{len(attrs.fields(TaskRun))} STORE_ATTR_SLOT" == done.stdout.strip()
