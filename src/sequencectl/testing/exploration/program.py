"""A counterexample as a Python program: it runs as it is and asserts what failed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from itertools import accumulate
from operator import attrgetter
from typing import Any, Final, final

import attrs

from sequencectl.control_plane import ControlPlane
from sequencectl.payload import FrozenMap, thaw
from sequencectl.shipyard import Shipyard
from sequencectl.shipyard.definitions import SequenceDefinition, TaskDefinition
from sequencectl.testing.exploration.alphabet import PROJECT, START, Alphabet, Move
from sequencectl.testing.exploration.ends import Ends
from sequencectl.testing.exploration.transition import Invariant, Transition, name_of

_INDENT: Final = "    "


@final
class Program:
    """Writes one program: the planes, the commands with their instants, and what must hold then."""

    def __init__(self, planes: Sequence[ControlPlane], moves: Sequence[Move]) -> None:
        self._planes = planes
        self._moves = moves
        self._imports = {("datetime", "datetime"), ("datetime", "timedelta")}
        self._missing: dict[str, str] = {}

    def breaking(self, invariant: Invariant) -> str:
        """Return the program that calls an invariant with the last decision."""
        name = self._named(invariant)
        seen = self._named(Transition)
        return self._whole(
            *self._decided(self._moves),
            f"problem = {name}({seen}(decider, before, command, now, decision))",
            f'assert not problem, f"{name}: {{problem}}"',
        )

    def raising(self) -> str:
        """Return the program whose last decision raises an error."""
        *before, last = self._moves
        decider = self._decider(len(before))
        at = f"start + timedelta(seconds={_after(last.at - last.behind)})"
        return self._whole(
            *self._decided(before),
            "try:",
            f"{_INDENT}{decider}.decide(state, {self._value(last.command)}, {at})",
            "except Exception as error:",
            f'{_INDENT}raise AssertionError(f"decisions_never_raise: {{error!r}}") from error',
        )

    def ending(self, ends: Ends, alphabet: Alphabet) -> str:
        """Return the program that follows one way from the last state and looks who never ends."""
        name = self._named(ends)
        decider = self._decider(len(self._moves))
        now = f"start + timedelta(seconds={_after(self._moves[-1].at)})"
        return self._whole(
            *self._decided(self._moves),
            f"alphabet = {self._rows(alphabet)}",
            f"problem = {name}({decider}, alphabet, state, {now})",
            f'assert not problem, f"{name}: {{problem}}"',
        )

    def _decided(self, moves: Sequence[Move]) -> list[str]:
        """Return the rows that decide the commands of these moves, one after the other."""
        rows = []
        for number, move in enumerate(moves):
            if move.command is not None:
                told = f"{_after(move.at - move.behind)}, {self._decider(number)}"
                rows.append(f"{_INDENT}({told}, {self._value(move.command)}),")
        return [
            f"state, start = plane.initial({PROJECT!r}), datetime.fromisoformat({str(START)!r})",
            "for seconds, decider, command in [",
            *rows,
            "]:",
            f"{_INDENT}before, now = state, start + timedelta(seconds=seconds)",
            f"{_INDENT}decision = decider.decide(before, command, now)",
            f"{_INDENT}state = decision.state",
        ]

    def _decider(self, number: int) -> str:
        """Return the name of the plane that decides after so many moves."""
        is_changed = any(move.letter == "change" for move in self._moves[:number])
        return "changed" if is_changed else "plane"

    def _whole(self, *rows: str) -> str:
        """Return all of it, with the imports and the planes first."""
        plane, *changed = self._planes
        made = [f"plane = {self._rows(plane)}"]
        if self._decider(len(self._moves)) == "changed":
            self._imports.add(("attrs", "evolve"))
            policy = self._value(changed[0].queueing)
            made.append(f"changed = evolve(plane, queueing={policy})")
        modules = sorted({module for module, _ in self._imports})
        imports = [
            f"from {module} import {', '.join(sorted(n for m, n in self._imports if m == module))}"
            for module in modules
        ]
        missing = [f"# Put {name} here: it is {what}." for name, what in self._missing.items()]
        return "\n".join([*imports, "", *missing, *made, *rows])

    # ------------------------------------------------------------------ values

    def _named(self, named: type | Callable[..., Any]) -> str:
        """Return the name of a class or function; import it, or say that it must be put there."""
        name, module = named.__name__, named.__module__
        packages = accumulate(module.split("."), lambda outer, inner: f"{outer}.{inner}")
        for package in packages if module != "__main__" else ():
            if getattr(sys.modules.get(package), name, None) is named:
                self._imports.add((package, name))
                return name
        self._missing[name] = "the invariant that breaks"
        return name

    def _calendar(self, calendar: Callable[..., Any]) -> str:
        """Return the name of a calendar; one that cannot be imported is asked for."""
        name = name_of(calendar)
        if name.isidentifier() and self._named(calendar) not in self._missing:
            return name
        name = name if name.isidentifier() else "calendar"
        self._missing[name] = "the calendar of the plane"
        return name

    def _value(self, value: Any) -> str:
        """Return the Python that makes a value."""
        match value:
            case Enum():
                return repr(value.value)
            case timedelta():
                return repr(value).removeprefix("datetime.")
            case datetime():
                return f"datetime.fromisoformat({str(value)!r})"
            case FrozenMap():
                return repr(thaw(value))
            case frozenset():
                return f"{{{', '.join(sorted(map(self._value, value)))}}}"
            case tuple():
                return f"({''.join(f'{self._value(each)}, ' for each in value).rstrip(' ')})"
            case Shipyard():
                return self._shipyard(value)
            case _ if attrs.has(type(value)):
                return self._call(value)
            case _ if callable(value):
                return self._calendar(value)
            case _:
                return repr(value)

    def _call(self, value: Any) -> str:
        """Return the call that makes one of our values, in one row."""
        return f"{self._named(type(value))}({', '.join(self._arguments(value))})"

    def _rows(self, value: Any) -> str:
        """Return the call that makes one of our values, a row for each argument."""
        rows = [f"{_INDENT}{argument},\n" for argument in self._arguments(value)]
        return f"{self._named(type(value))}(\n{''.join(rows)})"

    def _arguments(self, value: Any) -> Iterator[str]:
        """Yield the arguments that make one of our values, leaving out defaults."""
        is_positional = True
        for field in sorted(attrs.fields(type(value)), key=attrgetter("kw_only")):
            is_positional &= not field.kw_only
            given = getattr(value, field.name)
            if not field.init or _is_default(value, field, given):
                is_positional = False
            else:
                text = self._value(given)
                yield text if is_positional else f"{field.name}={text}"

    def _shipyard(self, shipyard: Shipyard) -> str:
        """Return a shipyard in its short form, with whole definitions where they need more."""
        stages = ", ".join(
            f"{stage.name!r}: {{{', '.join(map(self._sequence, stage.sequences))}}}"
            for stage in shipyard.stages
        )
        name = f", name={shipyard.name!r}" if shipyard.name else ""
        return f"{self._named(Shipyard)}.of({{{stages}}}{name})"

    def _sequence(self, definition: SequenceDefinition) -> str:
        if definition != SequenceDefinition(definition.name, definition.tasks):
            return f"{definition.name!r}: {self._call(definition)}"
        tasks = [
            repr(task.name) if task == TaskDefinition(task.name) else self._call(task)
            for task in definition.tasks
        ]
        return f"{definition.name!r}: [{', '.join(tasks)}]"


def _is_default(value: Any, field: attrs.Attribute[Any], given: Any) -> bool:
    """Return whether a field may be left out: it has its default, or what stands for none."""
    default: Any = field.default
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type] # a class at run time
        default = default.factory()
    if field.name == "context" and given is not None:
        default = getattr(value, "sequence_id", default)
    return given == default or (isinstance(given, FrozenMap) and not given)


def _after(moment: datetime) -> str:
    """Return how many seconds after the start an instant is, to the microsecond."""
    seconds = (moment - START) / timedelta(seconds=1)
    return repr(int(seconds) if seconds.is_integer() else seconds)
