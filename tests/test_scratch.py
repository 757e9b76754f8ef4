"""What is made quickly is what attrs makes, for every class it is used for."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from itertools import product
from typing import Any

import attrs
import pytest

from sequencectl import _index, _making, control_plane, events
from sequencectl._index import Index
from sequencectl._project import fold as project_fold
from sequencectl._scratch import maker_of, scratch_of
from sequencectl._sequence import fold
from sequencectl.control_plane import Decision
from sequencectl.sequence import Executor, LiveSequence, TaskOutcome, TaskRun
from sequencectl.state import Ledger, ProjectState
from tests.support import Host

SCRATCHES: dict[type, Callable[[Any], Any]] = {
    LiveSequence: fold._scratch,
    TaskRun: fold._scratch_run,
    Index: _index._scratch,
    ProjectState: project_fold._scratch,
}
MAKERS: dict[type, Any] = {
    Decision: control_plane._decision,
    Executor: fold._executor,
    Ledger: project_fold._ledger,
    TaskOutcome: fold._task_outcome,
    TaskRun: fold._task_run,
    **{
        getattr(events, name): maker
        for name, maker in vars(_making).items()
        if name[0].isupper() and hasattr(events, name)
    },
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

    for scratch, field in product((SCRATCHES[cls], scratch_of(cls)), attrs.fields(cls)):
        new = scratch(value)
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


@pytest.mark.parametrize("cls", MAKERS, ids=lambda cls: cls.__name__)
def test_a_maker_makes_what_the_class_makes(cls: type) -> None:
    """By place and by name, with everything given and with nothing that has a default."""
    fields = attrs.fields(cls)
    given = {field.name: f"the {field.name}" for field in fields}
    needed = {name: given[name] for name in given if getattr(fields, name).default is attrs.NOTHING}

    for make in (MAKERS[cls], maker_of(cls)):
        made = [make(**given), make(*given.values()), make(**needed), make(*needed.values())]

        assert [cls(**given)] * 2 + [cls(**needed)] * 2 == made
        assert {cls} == {type(value) for value in made}
        with pytest.raises(TypeError, match=r"missing|unexpected"):
            make(**{**needed, "another": 1})
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(made[0], fields[0].name, "another")


def test_what_a_maker_made_can_be_copied_and_pickled() -> None:
    """Nothing tells how a value was made."""
    event = _making.SequencePaused(1, None, None)  # type: ignore[arg-type] # any value will do
    again = pickle.loads(pickle.dumps(event))  # noqa: S301 - we wrote it ourselves

    assert event == copy.copy(event) == copy.deepcopy(event) == again


def test_every_event_that_a_decision_makes_often_has_a_maker() -> None:
    """The names in `_making` are those of events, so that either can be imported in its place."""
    names = {name for name in vars(_making) if name[0].isupper() and name != "Final"}

    assert names
    assert all(MAKERS[getattr(events, name)] is getattr(_making, name) for name in names)


@pytest.mark.parametrize(
    "more",
    [
        {"factory": list},
        {"converter": int},
        {"validator": attrs.validators.instance_of(int)},
        {"converter": int, "validator": attrs.validators.instance_of(int)},
        {"default": 0, "init": False},
    ],
)
def test_what_attrs_does_with_a_value_no_maker_does(more: Any) -> None:
    """A class that has more to do than to set its fields has none: that shows at once."""
    cls = attrs.make_class("Busy", {"plain": attrs.field(), "busy": attrs.field(**more)})
    with pytest.raises(AssertionError):
        maker_of(cls)
