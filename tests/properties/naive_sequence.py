"""What the naive model knows of one sequence, of its task in flight and of a freeze."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

WORST: Final = ("pass", "warning", "fail")


class Vote(NamedTuple):
    """What one voter said about an approval, once."""

    voter: str
    source: str
    result: str
    status: str
    message: str


class Freeze(NamedTuple):
    """Since when and until when a stage is frozen, why, in which window, and by whom."""

    since: int
    until: int | None
    cause: str
    window: str
    actor: str


class Over(NamedTuple):
    """How a task was over; `message` is None where the rules do not say what it is."""

    sequence: str
    task: str
    result: str
    status: str
    message: str | None
    expired: bool


@dataclass
class Run:
    """The task in flight, with every report that counted."""

    name: str
    expects: int | list[str] | None
    reaction: int | None
    completion: int | None
    approval: dict[str, Any] | None
    starts: list[str] = field(default_factory=list)
    finishes: list[str] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    report_ids: list[str] = field(default_factory=list)

    def heard(self) -> list[str]:
        return sorted(set(self.starts + self.finishes))

    def standing(self) -> list[Vote]:
        """Return the last vote of every voter, in the order in which they were cast."""
        last = {vote.voter: number for number, vote in enumerate(self.votes)}
        return [self.votes[number] for number in sorted(last.values())]

    def side(self, *, approves: bool) -> list[Vote]:
        return [vote for vote in self.standing() if (vote.result != "fail") == approves]

    def is_approved_by_expiry(self) -> bool:
        consents = self.approval is not None and self.approval["on_expiry"] == "approve"
        return consents and not self.side(approves=False)

    def is_reacted_to(self) -> bool:
        if self.approval is not None:
            return len(self.starts) + len(self.votes) > 0
        if isinstance(self.expects, list):
            return set(self.expects) <= set(self.heard())
        return len(self.heard()) >= (self.expects or 1)

    def is_over(self) -> bool:
        if self.expects is None:
            idle = [x for x in self.heard() if self.starts.count(x) <= self.finishes.count(x)]
            return len(self.finishes) > 0 and idle == self.heard()
        if isinstance(self.expects, list):
            return set(self.expects) <= set(self.finishes)
        return len(set(self.finishes)) >= self.expects


@dataclass
class Sequence:
    id: str
    stage: str
    service: str
    name: str
    context: str
    definition: dict[str, Any]
    priority: int
    accepted: int
    place: int
    lane: str
    initiators: list[str]
    depth: int = 0
    phase: str = "waiting"
    status: str = "succeeded"
    runs: list[tuple[str, str]] = field(default_factory=list)
    run: Run | None = None
    due: int | None = None
    clock: int | None = None
    left: int | None = None
    exempted_by: str | None = None
    superseded_by: str | None = None
    abandoned: int | None = None

    def result(self) -> str:
        if self.phase in {"timed_out", "aborted", "superseded", "expired"}:
            return "fail"
        return max(["pass", *(result for _, result in self.runs)], key=WORST.index)

    def is_open(self) -> bool:
        """Whether an approval is in flight."""
        return self.run is not None and self.run.approval is not None

    def deadlines(self) -> list[tuple[int, str]]:
        run = self.run
        reaction = None if run is None or run.is_reacted_to() else run.reaction
        completion = None if run is None else run.completion
        own = {"waiting": "waiting", "aborting": "abort_grace"}.get(self.phase, "total")
        found = [(reaction, "reaction"), (completion, "completion"), (self.clock, own)]
        found += [(self.due, "delay")] if self.phase == "running" else []
        return [(at, kind) for at, kind in found if at is not None]
