"""The rules once more, naively: the oracle that the core is compared with after every step.

Written from ``docs/rules.md`` alone, with lists, dicts and loops; whatever is asked is looked for
again in everything there is. Instants are whole microseconds; the limits and the windows of the
configurations in `worlds` are whole seconds.

Ids that hosts give stand for themselves. A follow-up is called ``f<number>`` here, and a task run
is a sequence, an index and an attempt: whoever compares writes down in `real_sequences` and
`real_tasks` which real id is which.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final

from sequencectl import commands as c
from sequencectl import thaw
from tests.properties.naive_sequence import (
    WORST,
    Asked,
    Attempt,
    Done,
    Freeze,
    Over,
    Parked,
    Run,
    Sequence,
    Vote,
)
from tests.properties.worlds import SECOND, micros

IN_LINE: Final = ("waiting", "held")
HOLDING: Final = ("running", "parked", "pausing", "paused", "aborting")
LIVE: Final = IN_LINE + HOLDING
KINDS: Final = (
    "reaction",
    "silence",
    "completion",
    "total",
    "parked",
    "waiting",
    "abort_grace",
    "delay",
)
LONGEST: Final = 36_500 * 24 * 3_600
KIND_OF: Final = {"succeeded": "fail", "errored": "errored", "unknown": "errored"}
NO_ANSWER: Final = "the calendar cannot answer"
About = tuple[str, str, str, str]


class Model:
    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.now = 0
        self.last: int | None = None
        self.accepted = 0
        self.sequences: dict[str, Sequence] = {}
        self.pauses: list[tuple[str, str | None]] = []
        self.freezes: dict[str, Freeze] = {}
        self.over: list[str] = []
        self.remembered: list[tuple[str, ...]] = []
        self.requests: list[str] = []
        self.ended: list[Sequence] = []
        self.born: list[Sequence] = []
        self.asked: list[Asked] = []
        self.tasks_over: list[Over] = []
        self.skipped: list[tuple[str, str, str]] = []
        self.real_tasks: dict[str, tuple[Sequence, int, int]] = {}
        self.real_sequences: dict[str, str] = {}

    def look(self) -> dict[str, tuple[Any, ...]]:
        """Say of everyone: how it stands, what is in flight, what is over, what stands, and why."""
        return {
            s.id: (
                s.phase, s.result(), s.status, s.runs, s.retried,
                None if s.redrives is None else (s.redrives.id, s.first().id, s.carried),
                None if s.run is None else (s.run.name, s.run.standing(), s.run.progress),
                None if s.parked is None else s.parked[:5],
                s.phase in {"held", "pausing", "paused", "parked"} and self.is_covered(s),
                s.due if s.phase in HOLDING else None, s.clock,
                s.left if s.phase in {"held", "paused", "parked"} else None,
                sorted(s.initiators), s.exempted_by, s.superseded_by, s.abandoned,
            )
            for s in self.sequences.values()
        }  # fmt: skip

    def line(self, lane: str) -> list[str]:
        waiting = [s for s in self.live() if s.lane == lane and s.phase in IN_LINE]
        return [s.id for s in sorted(waiting, key=lambda s: (-s.priority, s.place))]

    def holders(self, lane: str) -> list[str]:
        return [s.id for s in self.live() if s.lane == lane and s.phase in HOLDING]

    def next_deadline(self) -> int | None:
        ends = [freeze.until for freeze in self.freezes.values() if freeze.until is not None]
        return min([*ends, *(at for s in self.live() for at, _ in s.deadlines())], default=None)

    def live(self) -> list[Sequence]:
        return [s for s in self.sequences.values() if s.phase in LIVE]

    def of_context(self, context: str, stage: str | None = None) -> list[Sequence]:
        found = [s for s in self.sequences.values() if s.context == context]
        return [s for s in found if stage is None or s.stage == stage]

    def lane(self, stage: str, service: str) -> str:
        return f"{stage}/{service}" if self.config["queues"][stage]["scope"] == "service" else stage

    def has_room(self, stage: str, lane: str) -> bool:
        return len(self.holders(lane)) < int(self.config["queues"][stage]["limit"])

    def after(self, limit: int | None) -> int | None:
        return None if limit is None else self.now + limit * SECOND

    def ask(self, stage: str) -> tuple[bool, int | None, str]:
        """Ask the calendar: whether the stage is open, else until when it is closed, and why."""
        for start, end, name in self.config["calendar"].get(stage, []):
            if start * SECOND <= self.now and (end is None or self.now < end * SECOND):
                is_sane = end is not None and not name.startswith("!")
                return False, end * SECOND if end is not None and is_sane else None, name
        return True, None, ""

    def is_closed(self, stage: str) -> bool:
        return stage in self.freezes or not self.ask(stage)[0]

    def apply(self, command: c.Command, now: int) -> str:
        if self.last is not None and 0 < self.last - now <= self.config["clock_skew"] * SECOND:
            now = self.last
        self.now = now
        self.born, self.asked, self.tasks_over, self.skipped = [], [], [], []
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
        for s in self.ended:  # which grows where a follow-up supersedes an open approval
            if s.phase in {"finished", "timed_out"}:
                self.trigger_follow_ups(s)
        self.leave_contexts()
        while (s := self.next_to_start()) is not None:
            s.phase = "running"
            s.clock = self.after(s.definition.get("total", self.config["total"]))
            s.due = self.delay(s)
            self.go_on(s)
            self.leave_contexts()

    def leave_contexts(self) -> None:
        ended, self.ended = self.ended, []
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

    def next_to_start(self) -> Sequence | None:
        """Return who starts next; freeze the stages that the calendar closes before somebody."""
        for s in sorted(self.live(), key=lambda s: (-s.priority, s.place)):
            if s.phase != "waiting" or not self.has_room(s.stage, s.lane):
                continue
            if s.exempted_by is not None:
                return s
            is_open, until, name = self.ask(s.stage)
            if s.stage not in self.freezes and is_open:
                return s
            if s.stage not in self.freezes:
                self.freezes[s.stage] = Freeze(self.now, until, "calendar", name, "")
        return None

    def delay(self, s: Sequence) -> int | None:
        """Return when the next task is due, if this is the end of the one before."""
        return self.after((s.task() or {}).get("delay"))

    def accept(
        self,
        name: str,
        about: About,
        definition: Any,
        priority: int,
        *,
        initiators: list[str],
        data: dict[str, Any],
    ) -> Sequence:
        self.accepted += 1
        s = Sequence(
            name or f"f{self.accepted}", *about, definition, priority, self.accepted,
            self.accepted, self.lane(*about[:2]), initiators, data,
        )  # fmt: skip
        self.sequences[s.id] = s
        self.over = [context for context in self.over if context != s.context]
        s.clock = self.after(definition.get("waiting", self.config["waiting"]))
        self.heed_pauses(s)
        return s

    def newcomer(self, s: Sequence) -> Sequence | None:
        """Return who voids an approval of a sequence: the first in line of those that may."""
        about = (s.stage, s.service, s.name)
        waiting = [o for o in self.live() if o.phase == "waiting" and o.accepted > s.accepted]
        newer = [o for o in waiting if (o.stage, o.service, o.name) == about]
        newer = [o for o in newer if o.priority >= s.priority and o.redrives is None]
        return min(newer, key=lambda o: (-o.priority, o.place), default=None)

    def yield_to_newcomers(self) -> None:
        """Void each open approval that yields to somebody in line."""
        for s in self.live():
            approval = None if s.run is None else s.run.approval
            if s.phase == "running" and approval and approval["newcomer"] == "supersede":
                self.supersede(s, self.newcomer(s))

    def supersede(self, s: Sequence, newcomer: Sequence | None) -> None:
        if newcomer is not None:
            s.superseded_by = newcomer.id
            self.end(s, "superseded")

    def go_on(self, s: Sequence) -> None:
        """Trigger the next task if it is due, as one without a delay always is."""
        if s.due is not None and s.due > self.now:
            return
        task = s.task()
        assert task is not None
        approval = task.get("approval")
        if s.clock is not None and s.clock <= self.now:
            self.end(s, "timed_out")
        elif approval and approval["newcomer"] == "supersede" and self.newcomer(s) is not None:
            self.supersede(s, self.newcomer(s))
        else:
            self.ask_for(s, task)

    def ask_for(self, s: Sequence, task: dict[str, Any]) -> None:
        """Trigger a task."""
        approval, name, index = task.get("approval"), task["name"], len(s.outcomes())
        default = {} if approval else {x: self.config[x] for x in ("reaction", "silence")}
        default["completion"] = self.config["completion"]
        limits = default | self.config["tasks"].get(name, {}) | task
        reaction, completion = limits.get("reaction"), limits["completion"]
        silence = None if approval else limits["silence"]
        attempt = 1 + len(s.attempts())
        most = attempt if s.is_by_person() else max(attempt, self.most_attempts(task))
        times = (self.after(reaction), self.after(completion))
        silent = None if silence is None else silence * SECOND
        s.run = Run(name, index, attempt, most, task.get("expects"), *times, silent, approval)
        s.due = None
        given = {name: None} | s.data | ({"message": ""} if "message" in s.data else {})
        given |= {"project": "sockshop", "stage": s.stage, "service": s.service}
        said = [reaction, completion, silence]
        self.asked.append(Asked(s.id, name, index, attempt, most, said, given))

    def most_attempts(self, task: dict[str, Any]) -> int:
        """Return how many runs of a task there may be without a person."""
        times: int = task.get("retry", {"times": 0})["times"]
        return min(1 + times, self.config["attempts"])

    def end(self, s: Sequence, phase: str) -> None:
        if s.run is not None:
            s.abandoned = (s.run.index, s.run.attempt)
            said = s.run.said if phase == "timed_out" else []
            self.take_in(s, Done(s.run.name, "fail"), "aborted", said)
        if s.parked is not None:
            self.take_in(s, Done(s.parked.name, "fail"), s.parked.status, s.parked.said)
        if phase != "finished":
            s.status = "errored" if phase == "timed_out" else "aborted"
        s.phase, s.run, s.parked = phase, None, None
        s.due, s.clock, s.left = None, None, None
        self.ended.append(s)

    def take_in(self, s: Sequence, done: Done, status: str, said: list[dict[str, Any]]) -> None:
        """Let a task count, with what was said about it."""
        for data in said:
            s.data = merge(s.data, data)
        s.data = s.data | {"result": done.result, "status": status}
        s.status = status
        s.runs.append(done)

    def end_task(
        self,
        s: Sequence,
        result: str,
        status: str,
        message: str | None,
        *,
        limit: str | None = None,
    ) -> None:
        """End the task in flight, in time or, without a message, by a limit."""
        run, task, silent = s.run, s.task(), []
        assert run is not None
        assert task is not None
        is_timed_out = limit is not None and message is None
        if limit == "silence":
            silent = [source for at, source in run.silences() if at == run.silences()[0][0]]
        failure = "timed_out" if is_timed_out else KIND_OF.get(status)
        may_go_on = result == "fail" and s.phase != "aborting"
        is_retried = may_go_on and run.attempt < run.attempts and failure in task["retry"]["on"]
        is_parked = may_go_on and not is_retried and s.parks()
        what = "retried" if is_retried else "parked" if is_parked else "over"
        self.tasks_over.append(Over(s.id, run.name, result, status, message, limit, silent, what))
        s.run = None
        if is_retried:
            s.retried.append(Attempt(run.index, failure, by_person=False))
            retry = task["retry"]
            backoff = retry["backoff"] * retry["factor"] ** (run.attempt - 1)
            s.due = self.after(min(backoff, LONGEST)) if backoff else None
            self.go_on_if_allowed(s)
        elif is_parked:
            s.parked = Parked(run.name, run.attempt, failure, status, limit, run.said)
            s.phase = "parked"
            s.left = None if s.clock is None else max(0, s.clock - self.now)
            s.clock = self.after(self.config["parked"])
        else:
            self.take_in(s, Done(run.name, result), status, run.said)
            if s.phase == "aborting":
                self.end(s, "aborted")
            elif is_timed_out:
                self.end(s, "timed_out")
            else:
                self.go_on_after(s)

    def go_on_after(self, s: Sequence) -> None:
        """Go on after a task that counts."""
        if s.runs[-1].result == "fail" or s.task() is None:
            self.end(s, "finished")
        else:
            s.due = self.delay(s)
            self.go_on_if_allowed(s)

    def go_on_if_allowed(self, s: Sequence) -> None:
        s.phase = "running"
        self.heed_pauses(s)
        if s.phase == "running":
            self.go_on(s)

    def end_approval(self, s: Sequence, votes: list[Vote], *, expired: bool = False) -> None:
        """End an approval with the votes of the side that wins."""
        result = max(["pass", *(vote.result for vote in votes)], key=WORST.index)
        errors = [vote.status for vote in votes if vote.status != "succeeded"]
        reasons = [vote.message for vote in votes if vote.message]
        status, reason = [*errors, "succeeded"][0], ["", *reasons][-1]
        self.end_task(s, result, status, reason, limit="completion" if expired else None)

    def trigger(self, command: c.TriggerSequence) -> str:
        name = self.real_sequences.get(command.sequence_id, command.sequence_id)
        about = (command.stage, command.service, command.sequence, command.context)
        known = [(s.id, s.stage, s.service, s.name, s.context) for s in self.sequences.values()]
        for other, *what in known + self.remembered:
            if other == name:
                return "duplicate" if tuple(what) == about else "rejected id_conflict"
        if command.stage not in self.config["stages"]:
            return "rejected unknown_stage"
        definition = self.definitions(command.stage).get(command.sequence)
        if definition is None:
            return "rejected unknown_sequence"
        if not command.actor and self.must_be_signed(command.stage, command.sequence):
            return "rejected no_actor"
        old_one = self.called(command.redrives) if command.redrives is not None else []
        carried: list[Done] = []
        if command.redrives is not None:
            refusal = self.refuse_redrive(about, old_one)
            start = None if refusal else self.start_of(command, old_one[0], definition["tasks"])
            if refusal or start is None:
                return refusal or "rejected unknown_task"
            names = [task["name"] for task in definition["tasks"]]
            carried = [self.carry(old_one[0], names[: at + 1]) for at in range(start)]
            for task, one in zip(definition["tasks"], carried, strict=False):
                if "approval" in task and one.result not in {"pass", "warning"}:
                    return "rejected not_approved"
        asked = command.priority
        priority = definition.get("priority", 0) if asked is None else asked
        queue = self.config["queues"][command.stage]
        lane = self.lane(command.stage, command.service)
        scopes = [(command.context, None), (command.context, command.stage)]
        held = any(scope in self.pauses for scope in scopes)
        line = [s for s in self.live() if s.lane == lane and s.phase in IN_LINE]
        has_room = self.has_room(command.stage, lane)
        waiting = [s for s in line if s.phase == "waiting"]
        if queue["mode"] == "reject_when_busy" and (waiting or not has_room):
            return "rejected stage_busy"
        old = [s for s in line if (s.name, s.service) == (command.sequence, command.service)]
        old = [s for s in old if s.priority <= priority and (s.phase == "held" or not held)]
        old = [s for s in old if s.exempted_by is None]
        old = old if queue["mode"] == "latest_only" and command.redrives is None else []
        starts = has_room and not held and not self.is_closed(command.stage)
        starts = starts and all(s in old for s in waiting)
        if not starts and len(line) - len(old) >= queue["max_waiting"]:
            return "rejected queue_full"
        for s in old:
            s.superseded_by = name
            self.end(s, "superseded")
        barred = {actor for s in old_one for actor in s.initiators} | {command.actor}
        initiators, data = sorted(barred - {""}), thaw(command.data)
        newcomer = self.accept(name, about, definition, priority, initiators=initiators, data=data)
        newcomer.place = min(s.place for s in [*old, newcomer])
        newcomer.redrives, newcomer.carried = [*old_one, None][0], carried
        self.yield_to_newcomers()
        return "applied"

    def refuse_redrive(self, about: About, found: list[Sequence]) -> str:
        """Say why nobody may redrive a sequence now; nothing if that may be."""
        if not found:
            return "rejected unknown_sequence"
        old = found[0]
        if (old.stage, old.service, old.name, old.context) != about:
            return "rejected id_conflict"
        if old.phase in LIVE:
            return "rejected not_ended"
        if old.result() != "fail":
            return "rejected not_failed"
        is_redriven = any(s.first() is old.first() for s in self.live())
        return "rejected already_redriven" if is_redriven else ""

    def start_of(
        self, command: c.TriggerSequence, old: Sequence, tasks: list[dict[str, Any]]
    ) -> int | None:
        """Return the position of the task that a redrive begins with; None if there is none."""
        outcomes, names = old.outcomes(), [task["name"] for task in tasks]
        failed = [at for at, one in enumerate(outcomes) if one.result not in {"pass", "warning"}]
        at = [*failed, len(outcomes)][0]
        known = [one.name for one in outcomes] + [task["name"] for task in [old.task()] if task]
        wanted = command.start_at or [*known, None][at]
        if wanted is None:  # all were run: it goes on where today's definition is longer
            return at if at < len(names) else None
        if wanted not in names:
            return None
        is_in_place = command.start_at is None and names[at : at + 1] == [wanted]
        return at if is_in_place else names.index(wanted)

    def carry(self, old: Sequence, names: list[str]) -> Done:
        """Return what an old sequence had for the last of these tasks, which is not run again."""
        outcomes, index, name = old.outcomes(), len(names) - 1, names[-1]
        alike = [one.result for one in outcomes if one.name == name]
        if index < len(outcomes) and outcomes[index].name == name:
            alike = [outcomes[index].result] * names.count(name)
        known = [result for result in alike if result is not None]
        is_known = len(known) == len(alike) >= names.count(name)
        return Done(name, max(known, key=WORST.index) if is_known else None)

    def definitions(self, stage: str) -> dict[str, Any]:
        return {"evaluation": {"tasks": [{"name": "evaluation"}]}} | self.config["stages"][stage]

    def must_be_signed(self, stage: str, name: str) -> bool:
        """Whether a sequence, or one that it leads to, bars who triggered it from an approval."""
        reached = [(stage, name)]
        for known in reached:  # which grows
            for other, definitions in self.config["stages"].items():
                for follower, definition in definitions.items():
                    names = [(before, sequence) for before, sequence, _ in definition.get("on", [])]
                    if known in names and (other, follower) not in reached:
                        reached.append((other, follower))
        everything = [self.definitions(stage)[name] for stage, name in reached]
        approvals = [task.get("approval") for one in everything for task in one["tasks"]]
        return any(approval and not approval["initiator"] for approval in approvals)

    def trigger_follow_ups(self, parent: Sequence) -> None:
        ran = [one for one in parent.outcomes() if one.result is not None]
        found = {f"{one.name}.result": one.result for one in ran}
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
                    own = ("result", "status", "message")
                    data = {key: value for key, value in parent.data.items() if key not in own}
                    born = self.accept(
                        "", about, definition, priority, initiators=parent.initiators, data=data
                    )
                    born.depth = parent.depth + 1
                    self.born.append(born)
                    self.yield_to_newcomers()

    def report(self, command: c.Report) -> str:
        s, *which = self.real_tasks.get(command.task_id, (None, 0, 0))
        if s is None or not any(s is other for other in self.sequences.values()):
            return "unknown_task"
        run = s.run
        if run is None or which != [run.index, run.attempt]:
            return "late"
        heard = run.starts if run.approval is not None else run.heard()
        unknown = command.source not in heard and len(heard) >= self.config["max_sources"]
        if isinstance(command, c.ReportTaskProgress):
            return self.progress(run, command, unknown=unknown)
        given = [] if command.report_id is None else [command.report_id]
        if given and given[0] in run.report_ids:
            return "duplicate"
        if run.approval is not None and isinstance(command, c.ReportTaskFinished):
            return self.vote(s, run, run.approval, command, given)
        if run.approval is not None and command.source in run.starts:
            return "duplicate"
        is_full = len(given) > 0 and len(run.report_ids) >= self.config["max_reports"]
        if isinstance(command, c.ReportTaskStarted):
            if unknown or is_full:
                return "too_many_sources" if unknown else "too_many_reports"
            run.report_ids += given
            run.starts.append(command.source)
            run.last_word[command.source] = self.now
            return "applied"
        data = thaw(command.data)
        size = len(json.dumps(data, separators=(",", ":"))) if data else 0
        too_large = len(command.message.encode()) + size > self.config["payload_size"]
        run.report_ids += [] if is_full else given
        is_over_bound = unknown or is_full or too_large
        if is_over_bound:
            run.results.append(("fail", "errored"))
        elif command.status.value == "succeeded":
            run.results.append((command.result.value, "succeeded"))
        else:
            run.results.append(("fail", command.status.value))
        run.said += [] if is_over_bound else [data]
        if not unknown:
            run.finishes.append(command.source)
            run.last_word[command.source] = self.now
            if run.is_over():
                statuses = [status for _, status in run.results if status != "succeeded"]
                result = max((result for result, _ in run.results), key=WORST.index)
                self.end_task(s, result, [*statuses, "succeeded"][0], None)
        return "applied"

    def progress(self, run: Run, command: c.ReportTaskProgress, *, unknown: bool) -> str:
        """Count a sign of life, unless there is something against it."""
        source = command.source
        if len(command.message.encode()) > self.config["payload_size"]:
            return "rejected payload_too_large"
        if unknown:
            return "too_many_sources"
        if run.approval is not None:
            if source in run.starts:
                return "duplicate"
            run.starts.append(source)
        elif source in run.progress:
            passed = self.now - run.progress[source]
            if 0 <= passed < self.config["progress_every"] * SECOND:
                return "too_soon"
        run.progress[source] = run.last_word[source] = self.now
        return "applied"

    def vote(
        self, s: Sequence, run: Run, approval: Any, command: c.ReportTaskFinished, given: list[str]
    ) -> str:
        """Count a vote, unless there is something against it; decide if it is enough."""
        voter = command.actor or command.source
        voters = {vote.voter for vote in run.votes}
        result = command.result.value if command.status.value == "succeeded" else "fail"
        if len(command.message.encode()) > self.config["payload_size"]:
            return "rejected payload_too_large"
        if given and len(run.report_ids) >= self.config["max_reports"]:
            return "too_many_reports"
        if voter not in voters and len(voters) >= self.config["max_sources"]:
            return "too_many_sources"
        if not approval["initiator"] and not command.actor:
            return "rejected no_actor"
        if not approval["initiator"] and voter in s.initiators:
            return "rejected own_approval"
        if any((vote.voter, vote.result) == (voter, result) for vote in run.standing()):
            return "already_voted"
        status = command.status.value
        run.votes.append(Vote(voter, command.source, result, status, command.message))
        run.report_ids += given
        for approves, needed in ((True, approval["approve"]), (False, approval["reject"])):
            if s.run is run and len(run.side(approves=approves)) >= needed:
                self.end_approval(s, run.side(approves=approves))
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
        paused = [s for s in live if s.phase == "paused"]
        for s in live:
            self.heed_pauses(s)
        for s in paused:
            if s.phase == "running":
                self.go_on(s)
        self.yield_to_newcomers()
        return "applied"

    resume = pause

    def is_covered(self, s: Sequence) -> bool:
        return (s.context, None) in self.pauses or (s.context, s.stage) in self.pauses

    def heed_pauses(self, s: Sequence) -> None:
        """Bring a sequence into the phase that the pauses there are ask for."""
        if self.is_covered(s):
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
            s.clock = None if s.left is None else self.now + s.left

    def addressed(
        self, command: c.AbortSequence | c.RetryTask | c.SkipTask
    ) -> tuple[str, list[Sequence]]:
        """Return who is live of those that a control addresses, or what it is refused for."""
        if command.context is not None:
            if refusal := self.refusal(command.context, command.stage):
                return refusal, []
            addressed = self.of_context(command.context, command.stage)
        else:
            addressed = self.called(str(command.sequence_id))
            if not addressed:
                return self.nobody(str(command.sequence_id)), []
        live = [s for s in addressed if s.phase in LIVE]
        if not live:
            return "rejected already_ended" if addressed else "rejected not_reached", []
        return "", live

    def abort(self, command: c.AbortSequence) -> str:
        refusal, live = self.addressed(command)
        if refusal:
            return refusal
        if not command.force and all(s.phase == "aborting" for s in live):
            return "already_aborting"
        for s in live:
            if command.force or s.run is None or s.is_open():
                self.end(s, "aborted")
            elif s.phase != "aborting":
                s.phase = "aborting"
                s.clock = self.after(self.config["abort_grace"])
        return "applied"

    def retry(self, command: c.RetryTask | c.SkipTask) -> str:
        refusal, live = self.addressed(command)
        if refusal:
            return refusal
        parked = [s for s in live if s.phase == "parked"]
        if not parked:
            return "not_parked"
        if isinstance(command, c.RetryTask):
            parked = [s for s in parked if 1 + len(s.attempts()) < self.config["attempts"]]
            if not parked:
                return "rejected too_many_attempts"
        for s in parked:
            run, s.parked = s.parked, None
            assert run is not None
            s.phase = "running"
            s.clock = None if s.left is None else self.now + s.left
            if isinstance(command, c.RetryTask):
                s.retried.append(Attempt(len(s.outcomes()), run.failure, by_person=True))
                s.due = None
                self.go_on_if_allowed(s)
            else:
                result = command.result.value
                self.skipped.append((s.id, run.name, result))
                self.take_in(s, Done(run.name, result, is_skipped=True), "succeeded", [])
                self.go_on_after(s)
        return "applied"

    skip = retry

    def called(self, real_id: str) -> list[Sequence]:
        name = self.real_sequences.get(real_id, real_id)
        return [s for s in self.sequences.values() if s.id == name]

    def nobody(self, real_id: str) -> str:
        """Say why a control of a sequence that is not there is refused."""
        name = self.real_sequences.get(real_id, real_id)
        is_known = any(other == name for other, *_ in self.remembered)
        return "rejected already_ended" if is_known else "rejected unknown_sequence"

    def exempt(self, command: c.ExemptSequence) -> str:
        found = self.called(command.sequence_id)
        if not found:
            return self.nobody(command.sequence_id)
        s = found[0]
        if s.phase not in IN_LINE:
            return "already_started" if s.phase in LIVE else "rejected already_ended"
        if s.exempted_by is not None:
            return "already_exempt"
        s.exempted_by = command.actor
        return "applied"

    def freeze(self, command: c.FreezeStage) -> str:
        until = None if command.until is None else micros(command.until)
        if command.stage not in self.config["stages"]:
            return "rejected unknown_stage"
        if until is not None and until <= self.now:
            return "rejected in_the_past"
        old, since = self.freezes.get(command.stage), self.now
        if old is not None and old.cause == "requested":
            if old.until is None or (until is not None and until <= old.until):
                return "already_frozen"
            since = old.since
        self.freezes[command.stage] = Freeze(since, until, "requested", "", command.actor)
        return "applied"

    def unfreeze(self, command: c.UnfreezeStage) -> str:
        if command.stage not in self.config["stages"]:
            return "rejected unknown_stage"
        if command.stage not in self.freezes:
            return "not_frozen"
        old = self.freezes[command.stage]
        is_open, until, window = self.ask(command.stage)
        if old.cause == "requested" or is_open:
            del self.freezes[command.stage]
        elif window.startswith("!"):
            return NO_ANSWER
        elif (until, window) == (old.until, old.window):
            return "rejected closed_by_calendar"
        else:
            actor = command.actor
            self.freezes[command.stage] = Freeze(old.since, until, "calendar", window, actor)
        return "applied"

    def check(self, command: c.CheckDeadlines) -> str:
        for done in range(command.limit):
            untils = [(freeze.until, stage) for stage, freeze in self.freezes.items()]
            ends = [(at, 0, stage, 0) for at, stage in untils if at is not None]
            for s in self.live():
                ends += [(at, 1, s.place, KINDS.index(kind)) for at, kind in s.deadlines()]
            due = [one for one in ends if one[0] <= self.now]
            if not due:
                return "applied" if done else "nothing_due"
            _, _, what, number = min(due)
            if isinstance(what, str):
                del self.freezes[what]
            else:
                self.fall_due(next(s for s in self.live() if s.place == what), KINDS[number])
            self.finish_step()
        return "applied"

    def fall_due(self, s: Sequence, kind: str) -> None:
        """Do to a sequence what a deadline says."""
        run = s.run
        if kind == "delay":
            self.go_on(s)
        elif kind == "completion" and run is not None and run.is_approved_by_expiry():
            self.end_approval(s, run.standing(), expired=True)
        elif kind in {"reaction", "silence", "completion"}:
            self.end_task(s, "fail", "errored", None, limit=kind)
        elif s.phase == "aborting":
            self.end(s, "aborted")
        elif kind == "parked" and s.parked is not None:
            self.end(s, "finished" if s.parked.limit is None else "timed_out")
        else:
            self.end(s, "expired" if kind == "waiting" else "timed_out")


def merge(old: Any, new: Any) -> Any:
    """Return what becomes of a value when another comes after it."""
    if isinstance(old, dict) and isinstance(new, dict):
        return old | {key: merge(old.get(key), value) for key, value in new.items()}
    if isinstance(old, list) and isinstance(new, list):
        return new + old
    return old if new is None else new
