"""`Automat`: a typed machine per sequence, its commands as inputs that call a core object.

The machine's type is built once; each delivery makes a core and a machine around it. Automat has no
guards: what follows a result is decided by the core, which says so by a second input. It does not
do: a line, payloads, events as values, old states, time limits, aborts, follow-ups, several
executors, repeated or late reports, or answers with a reason: an input that does not fit raises
`NoTransition`.
"""

from __future__ import annotations

from typing import Protocol, final

from automat import TypeMachineBuilder

from tests.bench.peers.delivery import PASS, Peer
from tests.bench.programs import TASKS


@final
class _Core:
    """What the machine works on: what was asked for and what came back."""

    def __init__(self) -> None:
        self.triggered: list[str] = []
        self.results: list[str] = []
        self.is_finished = False


class _Inputs(Protocol):
    """The commands, and the two ways a task that is over can lead."""

    def trigger(self) -> None:
        """Begin."""

    def start(self, task: str) -> None:
        """Somebody works on the task in flight."""

    def finish(self, task: str, result: str) -> None:
        """The task in flight is over."""

    def pause(self) -> None:
        """Ask for no further task."""

    def resume(self) -> None:
        """Go on."""

    def go_on(self) -> None:
        """Another task follows."""

    def end(self) -> None:
        """No task follows."""


_BUILDER = TypeMachineBuilder(_Inputs, _Core)
_WAITING = _BUILDER.state("waiting")
_RUNNING = _BUILDER.state("running")
_RAN = _BUILDER.state("ran")
_PAUSING = _BUILDER.state("pausing")
_DRAINING = _BUILDER.state("draining")
_PAUSED = _BUILDER.state("paused")
_FINISHED = _BUILDER.state("finished")

_RUNNING.upon(_Inputs.start).loop().returns(None)
_PAUSING.upon(_Inputs.start).loop().returns(None)
_RUNNING.upon(_Inputs.pause).to(_PAUSING).returns(None)
_PAUSING.upon(_Inputs.resume).to(_RUNNING).returns(None)
_DRAINING.upon(_Inputs.go_on).to(_PAUSED).returns(None)


@_WAITING.upon(_Inputs.trigger).to(_RUNNING)
@_RAN.upon(_Inputs.go_on).to(_RUNNING)
@_PAUSED.upon(_Inputs.resume).to(_RUNNING)
def _ask(_inputs: _Inputs, core: _Core) -> None:
    core.triggered.append(TASKS[len(core.results)])


@_RUNNING.upon(_Inputs.finish).to(_RAN)
@_PAUSING.upon(_Inputs.finish).to(_DRAINING)
def _note(inputs: _Inputs, core: _Core, _task: str, result: str) -> None:
    core.results.append(result)
    if result == PASS and len(core.results) < len(TASKS):
        inputs.go_on()
    else:
        inputs.end()


@_RAN.upon(_Inputs.end).to(_FINISHED)
@_DRAINING.upon(_Inputs.end).to(_FINISHED)
def _end(_inputs: _Inputs, core: _Core) -> None:
    core.is_finished = True


_MACHINE = _BUILDER.build()


@final
class _Sequence:
    """The commands of a delivery, as inputs of a machine."""

    def __init__(self) -> None:
        self._core = _Core()
        machine = _MACHINE(self._core)
        self.triggered, self.results = self._core.triggered, self._core.results
        self.trigger, self.start, self.finish = machine.trigger, machine.start, machine.finish
        self.pause, self.resume = machine.pause, machine.resume

    @property
    def is_finished(self) -> bool:
        """Whether the core was told so."""
        return self._core.is_finished


PEER = Peer(
    "Automat, a typed machine each",
    "automat",
    _Sequence,
    "phases only: no line, payload, events as values, time limits, abort or old states",
)
