"""What a controller counts, in Prometheus' text format."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from sequencectl import Command, CommandRejected

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


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

    def decided(self, command: Command, answer: str, seconds: float) -> None:
        """Count for how long a command with this answer has kept the thread that decides."""
        self._deciding.labels(type(command).__name__, answer).inc(seconds)

    def answered(self, command: Command, answer: str) -> None:
        """Count a command by its answer."""
        self._commands.labels(type(command).__name__, answer).inc()

    def refused(self, command: Command, error: Exception) -> None:
        """Count a command that was refused, or failed."""
        self.answered(command, word_of(error))

    def text(self) -> bytes:
        """Return everything in the text format."""
        return generate_latest(self._counted)


def word_of(error: Exception) -> str:
    """Return the answer that a command which met an error is counted by."""
    return error.code.value if isinstance(error, CommandRejected) else type(error).__name__
