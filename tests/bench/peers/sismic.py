"""`sismic`: an interpreter of one statechart per sequence, its commands as queued events.

The chart is imported from YAML once. Each delivery makes an interpreter with the default evaluator,
which compiles the snippets of the chart anew: it keeps them for one interpreter only. Requests for
tasks leave it as sent events. It does not do: a line, payloads, events that can be folded, old
states, time limits (the chart has none; sismic could), aborts, follow-ups, several executors,
repeated or late reports, or answers with a reason: an event that does not fit is consumed silently.
"""

from __future__ import annotations

from typing import final

from sismic.interpreter import Interpreter
from sismic.io import import_from_yaml
from sismic.model import Event

from tests.bench.peers.delivery import Peer
from tests.bench.programs import TASKS

_CHART = import_from_yaml("""
statechart:
  name: delivery
  preamble: results = []
  root state:
    name: sequence
    initial: waiting
    states:
      - name: waiting
        transitions:
          - event: trigger
            target: running
            action: send('task_triggered', task=tasks[0])
      - name: running
        transitions:
          - event: start
          - event: pause
            target: pausing
          - event: finish
            guard: event.result == 'pass' and len(results) + 1 < len(tasks)
            action: |
              results.append(event.result)
              send('task_triggered', task=tasks[len(results)])
          - event: finish
            guard: event.result != 'pass' or len(results) + 1 == len(tasks)
            target: finished
            action: results.append(event.result)
      - name: pausing
        transitions:
          - event: start
          - event: resume
            target: running
          - event: finish
            guard: event.result == 'pass' and len(results) + 1 < len(tasks)
            target: paused
            action: results.append(event.result)
          - event: finish
            guard: event.result != 'pass' or len(results) + 1 == len(tasks)
            target: finished
            action: results.append(event.result)
      - name: paused
        transitions:
          - event: resume
            target: running
            action: send('task_triggered', task=tasks[len(results)])
      - name: finished
        type: final
""")


@final
class _Sequence:
    """The commands of a delivery, as events of an interpreter."""

    def __init__(self) -> None:
        self.triggered: list[str] = []
        self._interpreter = Interpreter(_CHART, initial_context={"tasks": TASKS})
        self._interpreter.bind(self._publish)
        self._interpreter.execute()
        self.results: list[str] = self._interpreter.context["results"]

    @property
    def is_finished(self) -> bool:
        """Whether the chart is in its final configuration."""
        return self._interpreter.final

    def trigger(self) -> None:
        """Leave the line."""
        self._interpreter.queue("trigger").execute()

    def start(self, task: str) -> None:
        """Stay in the phase."""
        self._interpreter.queue("start", task=task).execute()

    def finish(self, task: str, result: str) -> None:
        """Keep the result and go where it leads."""
        self._interpreter.queue("finish", task=task, result=result).execute()

    def pause(self) -> None:
        """Wait for the task in flight."""
        self._interpreter.queue("pause").execute()

    def resume(self) -> None:
        """Go on."""
        self._interpreter.queue("resume").execute()

    def _publish(self, event: Event) -> None:
        self.triggered.append(event.task)


PEER = Peer(
    "sismic, an interpreter each",
    "sismic",
    _Sequence,
    "phases only: no line, payload, time limits, abort or old states; its events leave no record",
)
