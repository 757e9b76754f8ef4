"""The rules once more, naively: the oracle that the core is compared with after every step.

Written from ``docs/rules.md`` alone, with lists, dicts and loops; whatever is asked is looked for
again in everything there is. Instants and limits are whole seconds; `worlds` has configurations.

Ids that hosts give stand for themselves. A follow-up is called ``f<number>`` here, and a task run
is a sequence and an index: whoever compares writes down in `real_sequences` and `real_tasks` which
real id is which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any, Final

from sequencectl import commands as c

IN_LINE: Final = ("waiting", "held")
HOLDING: Final = ("running", "pausing", "paused", "aborting")
LIVE: Final = IN_LINE + HOLDING
KINDS: Final = ("reaction", "completion", "total", "waiting", "abort_grace", "delay")
WORST: Final = ("pass", "warning", "fail")
About = tuple[str, str, str, str]


@dataclass
class Run:
    """The task in flight, with every report that counted."""

    name: str
    expects: int | list[str] | None
    reaction: int | None
    completion: int | None
    starts: list[str] = field(default_factory=list)
    finishes: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)
    report_ids: list[str | None] = field(default_factory=list)

    def heard(self) -> list[str]:
        return sorted(set(self.starts + self.finishes))

    def is_reacted_to(self) -> bool:
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
    place: int
    lane: str
    depth: int = 0
    phase: str = "waiting"
    runs: list[tuple[str, str]] = field(default_factory=list)
    run: Run | None = None
    due: int | None = None
    clock: int | None = None
    left: int | None = None

    def result(self) -> str:
        if self.phase in {"timed_out", "aborted", "superseded", "expired"}:
            return "fail"
        return max(["pass", *(result for _, result in self.runs)], key=WORST.index)

    def deadlines(self) -> list[tuple[int, str]]:
        run = self.run
        reaction = None if run is None or run.is_reacted_to() else run.reaction
        completion = None if run is None else run.completion
        own = {"waiting": "waiting", "aborting": "abort_grace"}.get(self.phase, "total")
        found = [(reaction, "reaction"), (completion, "completion"), (self.clock, own)]
        found += [(self.due, "delay")] if self.phase == "running" else []
        return [(at, kind) for at, kind in found if at is not None]


class Model:
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.now = 0
        self.last: int | None = None
        self.accepted = 0
        self.sequences: dict[str, Sequence] = {}
        self.pauses: list[tuple[str, str | None]] = []
        self.frozen: set[str] = set()
        self.over: list[str] = []
        self.remembered: list[tuple[str, ...]] = []
        self.requests: list[str] = []
        self.ended: list[Sequence] = []
        self.born: list[Sequence] = []
        self.real_tasks: dict[str, tuple[Sequence, int]] = {}
        self.real_sequences: dict[str, str] = {}

    def look(self) -> dict[str, tuple[str, str, str | None, int]]:
        """Say of everyone: phase, result, the task in flight and how many are over."""
        everyone = [(s, None if s.run is None else s.run.name) for s in self.sequences.values()]
        return {s.id: (s.phase, s.result(), task, len(s.runs)) for s, task in everyone}

    def line(self, lane: str) -> list[str]:
        waiting = [s for s in self.live() if s.lane == lane and s.phase in IN_LINE]
        return [s.id for s in sorted(waiting, key=lambda s: (-s.priority, s.place))]

    def holders(self, lane: str) -> list[str]:
        return [s.id for s in self.live() if s.lane == lane and s.phase in HOLDING]

    def next_deadline(self) -> int | None:
        return min((at for s in self.live() for at, _ in s.deadlines()), default=None)

    def live(self) -> list[Sequence]:
        return [s for s in self.sequences.values() if s.phase in LIVE]

    def of_context(self, context: str, stage: str | None = None) -> list[Sequence]:
        found = [s for s in self.sequences.values() if s.context == context]
        return [s for s in found if stage is None or s.stage == stage]

    def lane(self, stage: str, service: str) -> str:
        return f"{stage}/{service}" if self.config["queues"][stage]["scope"] == "service" else stage

    def after(self, limit: int | None) -> int | None:
        return None if limit is None else self.now + limit

    def apply(self, command: c.Command, now: int) -> str:
        if self.last is not None and 0 < self.last - now <= self.config["clock_skew"]:
            now = self.last
        self.now = now
        self.born = []
        request = getattr(command, "request_id", None)
        if request is not None and request in self.requests:
            return "repeated"
        verb = re.findall("[A-Z][a-z]+", type(command).__name__)[0].lower()
        outcome: str = getattr(self, verb)(command)
        if outcome == "applied":
            self.last = now
            self.finish_step()
            self.requests += [] if request is None else [request]
            while len(self.requests) > self.config["remember_requests"]:
                self.requests.pop(0)
        return outcome

    def finish_step(self) -> None:
        """Follow-ups, then contexts that are over, then admission."""
        ended, self.ended = self.ended, []
        for s in ended:
            if s.phase in {"finished", "timed_out"}:
                self.trigger_follow_ups(s)
        for s in ended:
            if all(other.phase not in LIVE for other in self.of_context(s.context)):
                self.pauses = [scope for scope in self.pauses if scope[0] != s.context]
                self.over = [context for context in self.over if context != s.context]
                self.over.append(s.context)
        while len(self.over) > self.config["retain"]:
            for s in self.of_context(self.over.pop(0)):
                del self.sequences[s.id]
                self.remembered.append((s.id, s.stage, s.service, s.name, s.context))
        while len(self.remembered) > self.config["remember"]:
            self.remembered.pop(0)
        for s in sorted(self.live(), key=lambda s: (-s.priority, s.place)):
            has_room = len(self.holders(s.lane)) < self.config["queues"][s.stage]["limit"]
            if s.phase == "waiting" and s.stage not in self.frozen and has_room:
                s.phase = "running"
                s.clock = self.after(s.definition.get("total", self.config["total"]))
                s.due = self.after(s.definition["tasks"][0].get("delay"))
                self.go_on(s)

    def accept(self, name: str, about: About, definition: Any, priority: int) -> Sequence:
        self.accepted += 1
        s = Sequence(
            name or f"f{self.accepted}", *about, definition, priority, self.accepted,
            self.lane(*about[:2]),
        )  # fmt: skip
        self.sequences[s.id] = s
        self.over = [context for context in self.over if context != s.context]
        s.clock = self.after(definition.get("waiting", self.config["waiting"]))
        self.heed_pauses(s)
        return s

    def go_on(self, s: Sequence) -> None:
        """Trigger the next task if it is due, as one without a delay always is."""
        if s.due is None or s.due <= self.now:
            task = s.definition["tasks"][len(s.runs)]
            reaction = self.after(task.get("reaction", self.config["reaction"]))
            completion = self.after(task.get("completion", self.config["completion"]))
            s.run = Run(task["name"], task.get("expects"), reaction, completion)
            s.due = None

    def end(self, s: Sequence, phase: str) -> None:
        if s.run is not None:
            s.runs.append((s.run.name, "fail"))
        s.phase, s.run, s.due, s.clock, s.left = phase, None, None, None, None
        self.ended.append(s)

    def end_task(self, s: Sequence, run: Run) -> None:
        result = max(run.results, key=WORST.index)
        s.runs.append((run.name, result))
        s.run = None
        if s.phase == "aborting":
            self.end(s, "aborted")
        elif result == "fail" or len(s.runs) == len(s.definition["tasks"]):
            self.end(s, "finished")
        else:
            s.due = self.after(s.definition["tasks"][len(s.runs)].get("delay"))
            s.phase = "running"
            self.heed_pauses(s)
            if s.phase == "running":
                self.go_on(s)

    def trigger(self, command: c.TriggerSequence) -> str:
        name = self.real_sequences.get(command.sequence_id, command.sequence_id)
        about = (command.stage, command.service, command.sequence, command.context)
        known = [(s.id, s.stage, s.service, s.name, s.context) for s in self.sequences.values()]
        for other, *what in known + self.remembered:
            if other == name:
                return "duplicate" if tuple(what) == about else "rejected id_conflict"
        if command.stage not in self.config["stages"]:
            return "rejected unknown_stage"
        evaluation = {"evaluation": {"tasks": [{"name": "evaluation"}]}}
        definition = (evaluation | self.config["stages"][command.stage]).get(command.sequence)
        if definition is None:
            return "rejected unknown_sequence"
        asked = command.priority
        priority = definition.get("priority", 0) if asked is None else asked
        queue = self.config["queues"][command.stage]
        lane = self.lane(command.stage, command.service)
        scopes = [(command.context, None), (command.context, command.stage)]
        held = any(scope in self.pauses for scope in scopes)
        line = [s for s in self.live() if s.lane == lane and s.phase in IN_LINE]
        waits = any(s.phase == "waiting" for s in line)
        has_room = len(self.holders(lane)) < queue["limit"]
        if queue["mode"] == "reject_when_busy" and (waits or not has_room):
            return "rejected stage_busy"
        old = [s for s in line if (s.name, s.service) == (command.sequence, command.service)]
        old = [s for s in old if s.priority <= priority and (s.phase == "held" or not held)]
        old = old if queue["mode"] == "latest_only" else []
        starts = has_room and not waits and not held and command.stage not in self.frozen
        if not starts and len(line) - len(old) >= queue["max_waiting"]:
            return "rejected queue_full"
        for s in old:
            self.end(s, "superseded")
        newcomer = self.accept(name, about, definition, priority)
        newcomer.place = min(s.place for s in [*old, newcomer])
        return "applied"

    def trigger_follow_ups(self, parent: Sequence) -> None:
        found = {f"{task}.result": result for task, result in parent.runs}
        found["result"] = parent.result()
        for stage, definitions in self.config["stages"].items():
            for name, definition in definitions.items():
                matches = False
                for *where, selector in definition.get("on", []):
                    if where == [parent.stage, parent.name] and selector:
                        matches |= all(found.get(x) == result for x, result in selector.items())
                    elif where == [parent.stage, parent.name]:
                        matches |= parent.result() != "fail"
                if matches and parent.depth < self.config["max_depth"]:
                    about = (stage, parent.service, name, parent.context)
                    priority = definition.get("priority", parent.priority)
                    self.born.append(self.accept("", about, definition, priority))
                    self.born[-1].depth = parent.depth + 1

    def report(self, command: c.Report) -> str:
        s, index = self.real_tasks.get(command.task_id, (None, 0))
        if s is None or not any(s is other for other in self.sequences.values()):
            return "unknown_task"
        run = s.run
        if run is None or len(s.runs) != index:
            return "late"
        if command.report_id is not None and command.report_id in run.report_ids:
            return "duplicate"
        heard = run.heard()
        too_many = command.source not in heard and len(heard) >= self.config["max_sources"]
        if too_many and isinstance(command, c.ReportTaskStarted):
            return "too_many_sources"
        run.report_ids.append(command.report_id)
        if isinstance(command, c.ReportTaskStarted):
            run.starts.append(command.source)
            return "applied"
        good = command.status.value == "succeeded" and not too_many
        run.results.append(command.result.value if good else "fail")
        if not too_many:
            run.finishes.append(command.source)
            if run.is_over():
                self.end_task(s, run)
        return "applied"

    def refusal(self, context: str, stage: str | None) -> str:
        """Say what every control of a context is refused for; nothing if it is not."""
        known = self.of_context(context)
        if not any(s.phase in LIVE for s in known):
            return "rejected already_ended" if known else "rejected unknown_context"
        return "" if stage in {None, *self.config["stages"]} else "rejected unknown_stage"

    def pause(self, command: c.PauseSequence | c.ResumeSequence) -> str:
        context, stage = command.context, command.stage
        if refusal := self.refusal(context, stage):
            return refusal
        live = [s for s in self.of_context(context) if s.phase in LIVE]
        in_scope = [s for s in live if stage in {None, s.stage}]
        if in_scope and all(s.phase == "aborting" for s in in_scope):
            return "rejected aborting"
        with_context = stage is not None and (context, None) in self.pauses
        if isinstance(command, c.ResumeSequence):
            inside = [p for p in self.pauses if p[0] == context and stage in {None, p[1]}]
            if with_context or not inside:
                return "rejected paused_with_context" if with_context else "not_paused"
            self.pauses = [scope for scope in self.pauses if scope not in inside]
        else:
            if with_context or (context, stage) in self.pauses:
                return "already_paused"
            self.pauses.append((context, stage))
        for s in live:
            self.heed_pauses(s)
        return "applied"

    resume = pause

    def heed_pauses(self, s: Sequence) -> None:
        """Bring a sequence into the phase that the pauses there are ask for."""
        if (s.context, None) in self.pauses or (s.context, s.stage) in self.pauses:
            if s.phase == "running" and s.run is not None:
                s.phase = "pausing"
            elif s.phase in {"waiting", "running"}:
                s.phase = "held" if s.phase == "waiting" else "paused"
                s.left = None if s.clock is None else max(0, s.clock - self.now)
                s.clock = None
        elif s.phase == "pausing":
            s.phase = "running"
        elif s.phase in {"held", "paused"}:
            s.phase = "waiting" if s.phase == "held" else "running"
            s.clock = self.after(s.left)
            if s.phase == "running":
                self.go_on(s)

    def abort(self, command: c.AbortSequence) -> str:
        if command.context is not None:
            if refusal := self.refusal(command.context, command.stage):
                return refusal
            addressed = self.of_context(command.context, command.stage)
        else:
            name = self.real_sequences.get(str(command.sequence_id), str(command.sequence_id))
            addressed = [s for s in self.sequences.values() if s.id == name]
            if not addressed:
                is_known = any(other == name for other, *_ in self.remembered)
                return "rejected already_ended" if is_known else "rejected unknown_sequence"
        live = [s for s in addressed if s.phase in LIVE]
        if not live:
            return "rejected already_ended" if addressed else "rejected not_reached"
        if not command.force and all(s.phase == "aborting" for s in live):
            return "already_aborting"
        for s in live:
            if command.force or s.run is None:
                self.end(s, "aborted")
            elif s.phase != "aborting":
                s.phase = "aborting"
                s.clock = self.after(self.config["abort_grace"])
        return "applied"

    def freeze(self, command: c.StageControl) -> str:
        if command.stage not in self.config["stages"]:
            return "rejected unknown_stage"
        freezes = isinstance(command, c.FreezeStage)
        if freezes == (command.stage in self.frozen):
            return "already_frozen" if freezes else "not_frozen"
        self.frozen ^= {command.stage}
        return "applied"

    unfreeze = freeze

    def check(self, command: c.CheckDeadlines) -> str:
        for done in range(command.limit):
            everything = [(at, kind, s) for s in self.live() for at, kind in s.deadlines()]
            due = [(at, s.place, KINDS.index(kind)) for at, kind, s in everything if at <= self.now]
            if not due:
                return "applied" if done else "nothing_due"
            _, place, number = min(due)
            s = next(s for s in self.live() if s.place == place)
            if KINDS[number] == "delay":
                self.go_on(s)
            elif s.phase == "aborting":
                self.end(s, "aborted")
            else:
                self.end(s, "expired" if KINDS[number] == "waiting" else "timed_out")
            self.finish_step()
        return "applied"
