"""Following what the controller streams: one context as a story, or a list of them.

Both end by themselves, when everything they show is over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext, suppress
from typing import Final, final

import attrs
from rich.live import Live
from rich.table import Table

from examples.controller.cli.answers import EndedBadly, Refused, Unreachable
from examples.controller.cli.client import Client, Json
from examples.controller.cli.printing import Printer
from examples.controller.cli.story import Story, has_gone_well, is_over, latest, verdict
from examples.controller.cli.stream import Change, changes
from examples.controller.cli.text import clock

HEADINGS: Final = ("CONTEXT", "SEQUENCE", "SERVICE", "STAGES", "STATUS", "TIME (UTC)")

WIDE: Final = 130
"""A narrower terminal shows the essence of each row: the last stage, the context's beginning."""

SHORT: Final = 8


def rows_of(states: list[Json], *, is_compact: bool = False) -> list[list[str]]:
    """Return the row of each context: what `HEADINGS` says, or the essence of it."""
    return [
        [
            str(state.get("shkeptncontext"))[: SHORT if is_compact else None],
            str(state.get("name")),
            str(state.get("service")),
            ", ".join(_stages(state)[-1:] if is_compact else _stages(state)),
            str(state.get("statusLine") or state.get("state")),
            clock(state.get("time"), with_date=not is_compact),
        ]
        for state in states
    ]


def follow_context(client: Client, project: str, context: str, tell: Callable[[str], None]) -> None:
    """Tell what happens in a context until it is over; raise `EndedBadly` if it went wrong."""
    story = Story()
    for state in _states_of(client, project, context):
        for line in story.lines(state):
            tell(line)
        if is_over(state):
            if not has_gone_well(state):
                raise EndedBadly(verdict(state))
            return


def _states_of(client: Client, project: str, context: str) -> Iterator[Json]:
    path = ("v1", "sequence")
    for change in changes(client, project, lambda: [client.get(*path, project, context)]):
        if context in change.gone:
            raise Refused(f"The controller has forgotten the Keptn context {context}.")
        yield from (state for state in change.states if _key(state) == context)


@final
@attrs.define
class Watch:
    """Shows a list of contexts as it changes, newest first, until all of them are over.

    A new context joins the list; one that is over leaves it when the list is full. `read` reads the
    list as it was asked for, which may leave out what was in it before.
    """

    client: Client
    project: str
    read: Callable[[], list[Json]]
    printer: Printer
    room: int
    is_silent: bool = False
    _shown: dict[str, Json] = attrs.field(factory=dict)
    _watched: set[str] = attrs.field(factory=set)
    _failed: dict[str, bool] = attrs.field(factory=dict)
    _told: dict[str, str] = attrs.field(factory=dict)

    def run(self) -> list[Json]:
        """Show what changes and return the last states; `judge` says how it went."""
        with self._live() as live:
            for change in changes(self.client, self.project, self._read):
                self._take_in(change)
                if live is not None:
                    live.update(self._frame(live.console.width), refresh=True)
                elif not self.is_silent:
                    self._tell()
                if all(map(is_over, self.states)):
                    break
        return self.states

    @property
    def states(self) -> list[Json]:
        """What is shown, newest first."""
        return list(self._shown.values())

    def judge(self) -> None:
        """Raise `EndedBadly` if one of those that were seen alive did not end well."""
        if self._failed:
            raise EndedBadly(f"Not ended with pass or warning: {', '.join(self._failed)}.")

    def _live(self) -> Live | nullcontext[None]:
        if self.is_silent or not self.printer.can_redraw:
            return nullcontext()
        return Live(
            console=self.printer.console(),
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def _frame(self, width: int) -> Table:
        rows = rows_of(self.states, is_compact=width < WIDE)
        return self.printer.grid(HEADINGS, rows)

    def _read(self) -> list[Json]:
        """Read the list again, and what is shown alive and is not in it any more."""
        found = self.read()
        listed = set(map(_key, found))
        live = [key for key, state in self._shown.items() if not is_over(state)]
        if missing := ",".join(key for key in live if key not in listed):
            path = ("v1", "sequence", self.project)
            found += self.client.all("states", *path, keptnContext=missing)
        return found

    def _take_in(self, change: Change) -> None:
        states = {_key(state): state for state in change.states}
        if change.is_whole:
            live = {key for key, state in self._shown.items() if not is_over(state)}
            self._forget(live - states.keys())
        elif not states.keys() <= self._shown.keys():
            states = {key: state for key, state in states.items() if key in self._shown}
            with suppress(Unreachable):  # then a new one comes with its next change
                states = {_key(state): state for state in self.read()} | states
        self._forget(change.gone)
        new = {key: state for key, state in states.items() if key not in self._shown}
        known = {key: state for key, state in states.items() if key in self._shown}
        self._shown = new | self._shown | known
        self._note_failures()
        self._make_room()

    def _forget(self, contexts: Iterable[str]) -> None:
        for context in contexts:
            self._shown.pop(context, None)

    def _note_failures(self) -> None:
        for key, state in self._shown.items():
            if not is_over(state):
                self._watched.add(key)
            elif key in self._watched and not has_gone_well(state):
                self._failed[key] = True

    def _make_room(self) -> None:
        over = [key for key, state in self._shown.items() if is_over(state)]
        for key in reversed(over):
            if len(self._shown) <= self.room:
                return
            del self._shown[key]

    def _tell(self) -> None:
        """Print a line for each context that looks different now, the oldest first."""
        for row, state in zip(rows_of(self.states)[::-1], self.states[::-1], strict=True):
            context, _name, _service, stages, status, _time = row
            draining = ", waits for its task" if state.get("draining") else ""
            text = f"{status} ({stages}){draining}"
            if self._told.get(context) != text:
                self._told[context] = text
                self.printer.line(f"{clock(latest(state))} {context} {text}")


def _stages(state: Json) -> list[str]:
    return [f"{stage.get('name')}: {stage.get('state')}" for stage in state.get("stages") or ()]


def _key(state: Json) -> str:
    return str(state.get("shkeptncontext"))
