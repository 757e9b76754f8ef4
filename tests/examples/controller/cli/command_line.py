"""Runs the command line against the fake controller, without a network, a clock or sleep."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import count

import attrs
import httpx
import pytest

from examples.controller.cli.__main__ import main
from examples.controller.cli.session import Surroundings
from tests.examples.controller.cli.fake_api import FakeApi
from tests.examples.controller.cli.fake_world import BEGIN


@attrs.frozen
class Ran:
    """How a run ended, and what it printed."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """The lines on stdout."""
        return self.out.splitlines()


def _ids() -> Iterator[str]:
    return (f"00000000-0000-0000-0000-{number:012}" for number in count(1))


@attrs.define
class CommandLine:
    """A user at a terminal without one: pipes."""

    capture: pytest.CaptureFixture[str]
    api: FakeApi = attrs.field(factory=FakeApi)
    slept: list[float] = attrs.field(factory=list)
    ids: Iterator[str] = attrs.field(factory=_ids)
    transport: httpx.BaseTransport | None = None
    now: Callable[[], datetime] = lambda: BEGIN

    def __call__(self, line: str) -> Ran:
        """Run the verb of this line."""
        around = Surroundings(
            transport=self.transport or self.api.transport(),
            sleep=self.sleep,
            now=self.now,
            new_id=lambda: next(self.ids),
            user=lambda: "alice",
        )
        status = main(shlex.split(line), around=around)
        return Ran(status, *self.capture.readouterr())

    def sleep(self, seconds: float) -> None:
        """Remember how long, and let nobody wait for ever."""
        self.slept.append(seconds)
        assert len(self.slept) < 100

    def transcript(self, *lines: str) -> str:
        """Run the verbs of all lines, and return what a user sees."""
        return "".join(self._shown(line) for line in lines)

    def _shown(self, line: str) -> str:
        if line.startswith("#"):
            return f"{line}\n"
        ran = self(line)
        status = f"[exit status {ran.status}]\n" if ran.status else ""
        return f"$ sequencectl-cli {line}\n{ran.out}{ran.err}{status}"
