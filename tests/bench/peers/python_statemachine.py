"""`python-statemachine`: an instance of one declared machine per sequence, with guards and actions.

The class is made once, as a host would. Its table has the phases of this delivery alone, 5 of our
11, and one event per command. It does not do: a line, payloads, events as values, old states, time
limits, aborts, follow-ups, several executors, repeated or late reports, or answers with a reason: a
command that does not fit raises `TransitionNotAllowed`.
"""

from __future__ import annotations

from typing import final

from statemachine import State, StateMachine

from tests.bench.peers.delivery import PASS, Peer
from tests.bench.programs import TASKS


class _Machine(StateMachine):
    """The phases of a sequence; what its tasks have said is kept beside the phase."""

    waiting = State(initial=True)
    running = State()
    pausing = State()
    paused = State()
    finished = State(final=True)

    trigger = waiting.to(running, on="ask")
    start = running.to.itself(internal=True) | pausing.to.itself(internal=True)
    finish = (
        running.to(finished, cond="is_last", on="note")
        | running.to.itself(internal=True, on=["note", "ask"])
        | pausing.to(finished, cond="is_last", on="note")
        | pausing.to(paused, on="note")
    )
    pause = running.to(pausing)
    resume = paused.to(running, on="ask") | pausing.to(running)

    def __init__(self) -> None:
        self.triggered: list[str] = []
        self.results: list[str] = []
        super().__init__()

    def is_last(self, result: str) -> bool:
        """Whether a result ends the sequence: it failed, or no task comes after it."""
        return result != PASS or len(self.results) + 1 == len(TASKS)

    def note(self, result: str) -> None:
        """Keep the result of the task in flight."""
        self.results.append(result)

    def ask(self) -> None:
        """Ask for the next task."""
        self.triggered.append(TASKS[len(self.results)])


@final
class _Sequence:
    """The commands of a delivery, as events of a machine."""

    def __init__(self) -> None:
        self._machine = _Machine()
        self.triggered = self._machine.triggered
        self.results = self._machine.results

    @property
    def is_finished(self) -> bool:
        """Whether the machine is in its final state."""
        return self._machine.is_terminated

    def trigger(self) -> None:
        """Leave the line."""
        self._machine.trigger()

    def start(self, _task: str) -> None:
        """Stay in the phase."""
        self._machine.start()

    def finish(self, _task: str, result: str) -> None:
        """Keep the result and go where it leads."""
        self._machine.finish(result=result)

    def pause(self) -> None:
        """Wait for the task in flight."""
        self._machine.pause()

    def resume(self) -> None:
        """Go on."""
        self._machine.resume()


PEER = Peer(
    "python-statemachine, an instance each",
    "python-statemachine",
    _Sequence,
    "phases only: no line, payload, events as values, time limits, abort or old states",
)
