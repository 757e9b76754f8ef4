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
    """How a task run came to its end; `message` is None where the rules do not say what it is.

    `limit` is what ended it, if nobody did, and `silent` who was silent for too long then.
    """

    sequence: str
    task: str
    result: str
    status: str
    message: str | None
    limit: str | None
    silent: list[str]
    end: str


class Done(NamedTuple):
    """A task that counts, with its result; of one that a redrive carries it may be missing."""

    name: str
    result: str | None
    is_skipped: bool = False


class Attempt(NamedTuple):
    """A run that failed and that another followed: of which task, how, and who wanted that."""

    index: int
    failure: str | None
    by_person: bool


class Asked(NamedTuple):
    """What the request to run a task says."""

    sequence: str
    task: str
    index: int
    attempt: int
    attempts: int
    limits: list[int | None]
    input: dict[str, Any]


class Parked(NamedTuple):
    """The failed run that a sequence is parked with, and what it would bring."""

    name: str
    attempt: int
    failure: str | None
    status: str
    limit: str | None
    said: list[dict[str, Any]]


@dataclass
class Run:
    """The task in flight, with every report that counted, and when who was heard of last."""

    name: str
    index: int
    attempt: int
    attempts: int
    expects: int | list[str] | None
    reaction: int | None
    completion: int | None
    silence: int | None
    approval: dict[str, Any] | None
    starts: list[str] = field(default_factory=list)
    finishes: list[str] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    votes: list[Vote] = field(default_factory=list)
    report_ids: list[str] = field(default_factory=list)
    progress: dict[str, int] = field(default_factory=dict)
    last_word: dict[str, int] = field(default_factory=dict)
    said: list[dict[str, Any]] = field(default_factory=list)

    def heard(self) -> list[str]:
        return sorted({*self.starts, *self.finishes, *self.progress})

    def at_work(self) -> list[str]:
        """Return who has started and not finished, of those that the task waits for."""
        if self.expects is None:
            return [x for x in self.heard() if self.starts.count(x) > self.finishes.count(x)]
        found = [x for x in self.heard() if x in self.starts and x not in self.finishes]
        return [x for x in found if isinstance(self.expects, int) or x in self.expects]

    def silences(self) -> list[tuple[int, str]]:
        """Return when who of those at work has been silent for too long."""
        if self.silence is None or self.approval is not None:
            return []
        return sorted((self.last_word[x] + self.silence, x) for x in self.at_work())

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
    data: dict[str, Any]
    depth: int = 0
    phase: str = "waiting"
    status: str = "succeeded"
    redrives: Sequence | None = None
    carried: list[Done] = field(default_factory=list)
    runs: list[Done] = field(default_factory=list)
    retried: list[Attempt] = field(default_factory=list)
    run: Run | None = None
    parked: Parked | None = None
    due: int | None = None
    clock: int | None = None
    left: int | None = None
    exempted_by: str | None = None
    superseded_by: str | None = None
    abandoned: tuple[int, int] | None = None

    def result(self) -> str:
        if self.phase in {"timed_out", "aborted", "superseded", "expired"}:
            return "fail"
        warned = [one.result for one in self.carried if one.result == "warning"]
        found = ["pass", *warned, *(one.result for one in self.runs)]
        return max([result for result in found if result is not None], key=WORST.index)

    def outcomes(self) -> list[Done]:
        """Return what came of its tasks, one by one, those that it carried first."""
        return self.carried + self.runs

    def first(self) -> Sequence:
        """Return the one that its family begins with."""
        return self if self.redrives is None else self.redrives.first()

    def task(self) -> dict[str, Any] | None:
        """Return the definition of the task in flight, parked or next; None if all are over."""
        tasks: list[dict[str, Any]] = self.definition["tasks"]
        return ([*tasks, None])[len(self.outcomes())]

    def attempts(self) -> list[Attempt]:
        """Return the failed attempts at the task in flight, parked or next."""
        return [one for one in self.retried if one.index == len(self.outcomes())]

    def is_by_person(self) -> bool:
        """Whether a person asked for the attempt at the task in flight or next."""
        return any(one.by_person for one in self.attempts()[-1:])

    def parks(self) -> bool:
        """Whether the failure of the task in flight parks it."""
        task = self.task()
        assert task is not None
        is_park = task.get("on_failure", self.definition.get("on_failure")) == "park"
        return is_park and "approval" not in task

    def is_open(self) -> bool:
        """Whether an approval is in flight."""
        return self.run is not None and self.run.approval is not None

    def deadlines(self) -> list[tuple[int, str]]:
        run = self.run
        reaction = None if run is None or run.is_reacted_to() else run.reaction
        completion = None if run is None else run.completion
        silences = [] if run is None else run.silences()
        silence = silences[0][0] if silences else None
        own = {"waiting": "waiting", "aborting": "abort_grace", "parked": "parked"}
        found = [(reaction, "reaction"), (silence, "silence"), (completion, "completion")]
        found += [(self.clock, own.get(self.phase, "total"))]
        found += [(self.due, "delay")] if self.phase == "running" else []
        return [(at, kind) for at, kind in found if at is not None]
