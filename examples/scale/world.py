"""What is delivered, and what a seed says of it: which tasks fail, and what people decide then.

Shows: a world whose story does not depend on the clock. An answer is a function of the seed, the
delivery, the task and how often that task was run, so replicas, retries and repeats change nothing.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final, final

import attrs

Json = dict[str, Any]

SHIPYARD: Final = """\
apiVersion: spec.keptn.sh/0.2.2
kind: Shipyard
metadata: {name: scale}
spec:
  stages:
    - name: dev
      sequences:
        - name: delivery
          tasks:
            - {name: build, retry: {times: 1}}
            - {name: test, onFailure: park}
    - name: prod
      sequences:
        - name: delivery
          triggeredOn: [{event: dev.delivery.finished}]
          tasks:
            - {name: approval, approval: {initiator: false}}
            - {name: deployment}
        - name: rollback
          triggeredOn:
            - {event: prod.delivery.finished, selector: {match: {result: fail}}}
          tasks: [{name: undo}]
"""

SERVICES: Final = 4
"""So many services has a project; each has lanes of its own."""

INITIATOR: Final = "dora"
VOTER: Final = "vera"
OPERATOR: Final = "olaf"

FAILS: Final = {"build": 0.15, "test": 0.12, "approval": 0.1, "deployment": 0.08}
"""How often a run of a task comes to fail; of an approval, how often it is rejected."""

REDRIVEN: Final = 0.4
"""So many of the failed deliveries are redriven, once."""

LONGEST: Final = 0.03
"""Work on a task takes up to so many seconds."""


@final
@attrs.frozen
class Delivery:
    """One delivery that a client triggers: its context is the id of its first sequence."""

    project: str
    number: int

    @property
    def context(self) -> str:
        """Its id, by which it is known everywhere."""
        return f"{self.project}-{self.number}"

    @property
    def service(self) -> str:
        """What it delivers."""
        return f"service-{self.number % SERVICES}"

    @property
    def trigger(self) -> Json:
        """The CloudEvent that triggers it: the same one each time it is sent."""
        return {
            "specversion": "1.0",
            "id": self.context,
            "source": "scale",
            "type": "sh.keptn.event.dev.delivery.triggered",
            "shkeptncontext": self.context,
            "actor": INITIATOR,
            "data": {"project": self.project, "stage": "dev", "service": self.service},
        }


@final
@attrs.frozen
class Plan:
    """What a seed says."""

    seed: int

    def result(self, context: str, sequence: Json, task: Json) -> str:
        """Return what a run of a task comes to: pass or fail."""
        name = task["name"]
        drawn = self._draw(_key(context, sequence), name, _run(sequence, task))
        return "fail" if drawn < FAILS.get(name, 0.0) else "pass"

    def work(self, context: str, sequence: Json, task: Json) -> float:
        """Return how many seconds the work on a task takes."""
        return LONGEST * self._draw(_key(context, sequence), task["name"], "work")

    def rescue(self, context: str, sequence: Json, task: Json) -> str:
        """Return what a person does with a parked task: retry, or skip with this result."""
        drawn = self._draw(_key(context, sequence), _run(sequence, task), "rescue")
        return "retry" if drawn < 0.6 else "warning" if drawn < 0.8 else "fail"

    def redrives(self, context: str, sequence: Json) -> bool:
        """Return whether a person redrives a sequence that has failed."""
        if sequence["name"] != "delivery" or sequence["redrives"] is not None:
            return False
        return self._draw(_key(context, sequence), "redrive") < REDRIVEN

    def _draw(self, *about: object) -> float:
        """Return a number from 0 to 1, always the same for the same."""
        text = "\n".join(map(str, (self.seed, *about)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big") / 2**48


def is_failed(sequence: Json) -> bool:
    """Return whether a sequence is over without success."""
    return sequence["endedAt"] is not None and sequence["result"] == "fail"


def _key(context: str, sequence: Json) -> str:
    """Return what a sequence is in the story: ids of follow-ups depend on when they came to be."""
    again = "again" if sequence["redrives"] else "first"
    return "/".join((context, sequence["stage"], sequence["name"], again))


def _run(sequence: Json, task: Json) -> int:
    """Return which run of this task in its sequence it is."""
    named = [each["id"] for each in sequence["tasks"] if each["name"] == task["name"]]
    return named.index(task["id"])
