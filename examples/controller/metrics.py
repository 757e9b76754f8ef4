"""What a controller counts, in Prometheus' text format."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sequencectl import Command, CommandRejected, Handled
from sequencectl.outcomes import Unchanged

APPLIED: Final = "applied"
"""The answer to a command that took effect."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_SIZES = (1, 2, 4, 8, 16, 32, 64, 128)


@final
class Metrics:
    """Counters of one controller, in a registry of its own."""

    def __init__(self) -> None:
        self._counted = CollectorRegistry()
        about: dict[str, Any] = {"namespace": "sequencectl", "registry": self._counted}
        self._commands = Counter(
            "commands", "Commands by kind and answer.", ("kind", "answer"), **about
        )
        self._seconds = Histogram(
            "command_seconds", "From request to commit.", ("kind",), buckets=_SECONDS, **about
        )
        self._deciding = Counter(
            "deciding_seconds", "Seconds of the thread that decides.", ("kind", "answer"), **about
        )
        self._batch = Histogram(
            "batch_commands", "Commands that were decided together.", buckets=_SIZES, **about
        )
        self.waiting = Gauge("commands_waiting", "Commands that wait for their answer.", **about)
        self.commits = Counter("commits", "Commits that were written.", **about)
        self.conflicts = Counter(
            "conflicts", "Commits refused since another was first: decided anew.", **about
        )
        self.lock_wait = Histogram(
            "lock_wait_seconds", "Waits for the lock of a project.", buckets=_SECONDS, **about
        )
        self.lock_held = Histogram(
            "lock_held_seconds", "How long a lock was kept.", buckets=_SECONDS, **about
        )
        self.relays = Counter("relays", "Times that events were published together.", **about)
        self.unsent_projects = Gauge(
            "unsent_projects", "Projects with unsent events, at the last look.", **about
        )
        self.listens = Counter(
            "listens", "Times that others were begun to be heard: once, and when it broke.", **about
        )
        self.well = Gauge("well", "1 while the store can be used, else 0.", **about)
        self.published = Counter("events", "Events that were published.", **about)
        self.unsent = Counter("unsent", "Commands whose events have to be sent later.", **about)
        self.checks = Counter("checks", "Checks of deadlines, each when a timer rang.", **about)
        self.streams = Gauge("streams", "Clients that follow a stream.", **about)
        self.messages = Counter("stream_messages", "Messages to clients of streams.", **about)
        self.posts = Counter(
            "webhook_posts", "Posts to webhooks by task and answer.", ("task", "answer"), **about
        )

    def timed(self, command: Command) -> AbstractContextManager[Any]:
        """Measure how long a command takes."""
        return self._seconds.labels(type(command).__name__).time()

    def decided(self, answers: Sequence[tuple[Command, str]], seconds: float) -> None:
        """Count for how long commands with these answers have kept the thread that decides.

        It is shared by those that changed something: what did not costs little beside them.
        """
        self._batch.observe(len(answers))
        sharing = [each for each in answers if each[1] == APPLIED] or answers
        for command, answer in sharing:
            self._deciding.labels(type(command).__name__, answer).inc(seconds / len(sharing))

    def answered(self, command: Command, answer: str) -> None:
        """Count a command by its answer."""
        self._commands.labels(type(command).__name__, answer).inc()

    def refused(self, command: Command, error: Exception) -> None:
        """Count a command that was refused, or failed."""
        self.answered(command, word_of(error))

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self._counted)


def word_of(answer: Handled | Exception) -> str:
    """Return the word that a command is answered with, and counted by; an error's is its name."""
    if isinstance(answer, CommandRejected):
        return answer.code.value
    if isinstance(answer, Exception):
        return type(answer).__name__
    outcome = answer.decision.outcome
    return outcome.code.value if isinstance(outcome, Unchanged) else APPLIED
