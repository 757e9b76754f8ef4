"""What a host might send next: mostly sensible, now and then nonsense.

Whoever draws is given as a function that picks one of some options, so that a seeded walk and a
Hypothesis machine make the same kind of commands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from sequencectl import commands as c
from tests.properties.naive import IN_LINE, LIVE
from tests.properties.naive_sequence import Vote
from tests.properties.twin import Twin
from tests.properties.worlds import SECOND, at

Pick = Callable[[Sequence[Any]], Any]
REASONS = ["", "", "", "yes", "no", "x" * 100, "x" * 101, "é" * 51]
PEOPLE = ["ann", "bob", "cid", "dan", "eve"]
DATA = [
    None,
    None,
    {"image": {"tag": "1", "name": "carts"}, "labels": {"by": "a"}},
    {"image": {"tag": "2"}, "log": ["x"]},
    {"labels": {"by": "b", "c": "d"}, "log": ["y"], "message": "no", "image": {"tag": None}},
]


def known_ids(twin: Twin) -> list[str]:
    """Return the last few ids that the project may know."""
    model = twin.model
    called = [*(known for known, *_ in model.remembered), *model.sequences]
    hosts = [known for known in called if known not in model.real_sequences.values()]
    return hosts[-6:] + [*model.real_sequences][-4:]


def next_trigger(twin: Twin, pick: Pick) -> c.Command:
    """Trigger something new; now and then again, elsewhere, or what there is not."""
    model, stages = twin.model, twin.config["stages"]
    known = pick([f"s{len(twin.script)}"] * 30 + known_ids(twin))
    same = model.sequences.get(twin.name(known))
    if same is not None and pick([True, False]):
        return c.TriggerSequence(
            known, stage=same.stage, sequence=same.name, service=same.service, context=same.context
        )
    stage = pick([*stages] * 12 + ["nowhere"])
    sequence = pick([*stages.get(stage, ())] * 8 + ["evaluation", "nothing"])
    service = pick(["carts", "orders"])
    contexts = [None, None, None, "c1", "c2", *(s.context for s in model.live())]
    if model.live() and pick([True, False]):
        alike = pick(model.live() + [s for s in model.live() if s.is_open()] * 3)
        stage, sequence, service = alike.stage, alike.name, alike.service
        contexts = [None, "c1", *[context for context, _ in model.pauses] * 3]
    return c.TriggerSequence(
        known,
        stage=stage,
        sequence=sequence,
        service=service,
        context=pick(twin.config["contexts"] or contexts),
        priority=pick([None, None, None, 0, 1, 4]),
        data=pick(DATA),
        actor=pick(["ann", "ann", "bob", "bob", "cid", ""]),
    )


def next_report(twin: Twin, pick: Pick) -> c.Command:
    """Report on a task in flight; now and then on one that is over, or that never was."""
    runs = twin.model.real_tasks
    in_flight = running(twin)
    some = [*[*runs][-4:], "task-0"]
    if in_flight and pick([True] * 9 + [False]):
        some = in_flight
    elif pick([True, True, False]):
        return next_trigger(twin, pick)
    task = pick(some)
    s, *_ = runs.get(task, (None, 0, 0))
    at_work = [] if s is None or s.run is None else s.run.at_work()
    about: dict[str, Any] = {
        "source": pick(["a", "b", "a", "b", "c", "d", *at_work * 3]),
        "report_id": pick([None, None, None, "r1", "r2", "r3"]),
    }
    if s is not None and s.run is not None and s.run.approval is not None:
        return next_vote(s.run.votes, task, about, pick)
    is_watched = s is not None and s.run is not None and s.run.silence is not None
    if pick([False, is_watched, True]):
        return c.ReportTaskStarted(task, **about)
    fails = twin.config["fails"]
    return c.ReportTaskFinished(
        task,
        result=pick(["pass", "pass", "pass", "pass", "warning"] + ["fail"] * fails),
        status=pick(["succeeded"] * 9 + ["errored"] * fails + ["unknown", "aborted"][: fails - 1]),
        data=pick(DATA),
        **about,
    )


def running(twin: Twin) -> list[str]:
    """Return the ids of the task runs in flight."""
    runs = [(real, s.run, which) for real, (s, *which) in twin.model.real_tasks.items()]
    return [real for real, run, which in runs if run and which == [run.index, run.attempt]]


def next_progress(twin: Twin, pick: Pick) -> c.Command:
    """Say how far a task is: of those in flight, rather as one that was heard of."""
    runs = twin.model.real_tasks
    task = pick(running(twin) * 4 + [*runs][-2:] + ["task-0"])
    s, *_ = runs.get(task, (None, 0, 0))
    heard = [] if s is None or s.run is None else s.run.heard() + s.run.at_work() * 2
    return c.ReportTaskProgress(
        task,
        source=pick([*heard * 2, "a", "b", "c", "d"]),
        message=pick(REASONS),
        percent=pick([None, 0, 50, 100]),
    )


def next_vote(votes: list[Vote], task: str, about: dict[str, Any], pick: Pick) -> c.Command:
    """Vote, now and then again or the other way; or only start."""
    if pick([False] * 6 + [True]):
        return c.ReportTaskStarted(task, **about)
    result = pick(["pass", "pass", "pass", "warning", "warning", "fail", "fail"])
    actor = pick([*PEOPLE, *PEOPLE, "", ""])
    if votes and pick([True, False, False]):
        last = pick(votes)
        about["source"], actor = last.source, last.voter
        result = pick([result, last.result])
    return c.ReportTaskFinished(
        task,
        actor=actor,
        result=result,
        status=pick(["succeeded"] * 14 + ["errored", "errored", "unknown"]),
        message=pick([*REASONS, "", "", "", "yes", "no"]),
        data=pick([*DATA, {"log": "x" * 200}]),
        **about,
    )


def next_control(twin: Twin, pick: Pick) -> c.Command:
    """Pause, resume or abort: what is live, what is paused, or what is not there."""
    model = twin.model
    about: dict[str, Any] = {"request_id": pick([None] * 6 + ["q1", "q2", "q3", "q4"])}
    kind = pick(["pause"] * 3 + ["resume"] * 3 + ["abort"] * 2)
    if any(s.phase == "held" for s in model.live()) and pick([True, False]):
        kind = "resume"
    if kind == "resume" and model.pauses and pick([True, True, True, False]):
        context, stage = pick(model.pauses)
        return c.ResumeSequence(context, stage=pick([stage, stage, None]), **about)
    live = [s.context for s in model.live() for _ in range(1 if s.run is None else 4)]
    known = [s.context for s in model.sequences.values()][-2:]
    context = pick(live * 3 + [context for context, _ in model.pauses] * 3 + known + ["nobody"])
    stage = pick([None] * 4 + [*twin.config["stages"]] * 2 + ["nowhere"])
    if kind == "pause":
        return c.PauseSequence(context, stage=stage, **about)
    if kind == "resume":
        return c.ResumeSequence(context, stage=stage, **about)
    about["force"] = pick([False, False, True])
    if pick([True, True, False]):
        return c.AbortSequence(context, stage=stage, **about)
    return c.AbortSequence(sequence_id=pick([*known_ids(twin), "nobody"]), **about)


def next_decision(twin: Twin, pick: Pick) -> c.Command:
    """Retry or skip what is parked; now and then what is not, or what is not there."""
    parked = [s for s in twin.model.live() if s.phase == "parked"]
    if not parked and pick([True] * 5 + [False]):
        return next_report(twin, pick)
    about: dict[str, Any] = {"request_id": pick([None] * 6 + ["q1", "q2", "q8"])}
    about["actor"] = pick(PEOPLE)
    model = twin.model
    called = {name: real for real, name in model.real_sequences.items()}
    if pick([True, False]):
        ids = [called.get(s.id, s.id) for s in parked] * 6 + known_ids(twin)[-3:] + ["nobody"]
        about["sequence_id"] = pick(ids)
    else:
        known = [*[s.context for s in model.live()], *[s.context for s in parked] * 6, "nobody"]
        about["context"] = pick(known)
        about["stage"] = pick([None] * 4 + [*twin.config["stages"]] * 2 + ["nowhere"])
    if pick([True, False]):
        return c.RetryTask(**about)
    return c.SkipTask(result=pick(["pass", "pass", "warning", "fail"]), **about)


def next_redrive(twin: Twin, pick: Pick) -> c.Command:
    """Redrive one that failed; now and then one that did not, or as something else, or in part."""
    model = twin.model
    failed = [s for s in model.sequences.values() if s.result() == "fail" and s.phase not in LIVE]
    again = [s for s in model.sequences.values() if s.redrives is not None and s.phase not in LIVE]
    free = [s for s in failed if all(o.first() is not s.first() for o in model.live())]
    others = [*failed, *again * 2, *[*model.sequences.values()][-2:]]
    is_likely = pick([True, True, True, False])
    if not others or (is_likely and not free):
        return next_report(twin, pick)
    old = pick(free if is_likely else others)
    called = {name: real for real, name in model.real_sequences.items()}
    about = {"sequence": old.name, "service": old.service, "context": old.context}
    today = twin.config["stages"].get(old.stage, {}).get(old.name, {"tasks": []})
    names = [task["name"] for task in today["tasks"]]
    changed = pick([{}] * 24 + [{"service": "orders"}, {"context": None}, {"sequence": "nothing"}])
    known = [known for known, *_ in model.remembered]
    return c.TriggerSequence(
        pick([f"s{len(twin.script)}"] * 30 + known_ids(twin)),
        stage=old.stage,
        redrives=pick([called.get(old.id, old.id)] * 24 + ["nobody", *known[-1:]]),
        start_at=pick([None] * 5 + [*names, *names[-1:] * 2, "build"]),
        priority=pick([None, None, None, 0, 1]),
        actor=pick(["ann", "bob", "bob", "cid", "dan", ""]),
        data=pick(DATA),
        **about | changed,
    )


def next_freeze(twin: Twin, pick: Pick) -> c.Command:
    """Freeze a stage, also one that is frozen, until about when others end; or unfreeze one."""
    about = {"request_id": pick([None, None, None, "q1", "q5", "q6"]), "actor": pick(PEOPLE)}
    frozen = sorted(twin.model.freezes)
    if frozen and pick([True, False]):
        return c.UnfreezeStage(pick(frozen), **about)
    stage = pick([*twin.config["stages"]] * 3 + frozen * 2 + ["nowhere"])
    if pick([True, False, False, False]):
        return c.UnfreezeStage(stage, **about)
    ends = [twin.now + seconds * SECOND for seconds in (10, 30, 30, 60, 120)]
    for freeze in twin.model.freezes.values():
        ends += [] if freeze.until is None else [freeze.until, freeze.until + pick([-1, 1])]
    until = pick([None, None, *ends, *ends, twin.now, twin.now + 1, twin.now - SECOND])
    return c.FreezeStage(stage, until=None if until is None else at(until), **about)


def next_exempt(twin: Twin, pick: Pick) -> c.Command:
    """Let one through: rather one that is kept back, or beside another; now and then any other."""
    waiting = [s for s in twin.model.live() if s.phase in IN_LINE]
    kept_back = [s for s in waiting if s.stage in twin.model.freezes]
    again = [s for s in waiting if s.exempted_by is not None]
    lanes = [s.lane for s in again]
    beside = [s for s in waiting if s.lane in lanes and s not in again]
    names = [s.id for s in waiting + kept_back * 3 + again * 2 + beside * 6] * 3
    called = {name: real for real, name in twin.model.real_sequences.items()}
    ids = [called.get(name, name) for name in names] + known_ids(twin)[-3:] + ["nobody"]
    request = pick([None] * 6 + ["q1", "q2", "q7"])
    return c.ExemptSequence(pick(ids), actor=pick([*PEOPLE, ""]), request_id=request)


def next_check(_twin: Twin, pick: Pick) -> c.Command:
    """Check the deadlines, at most so many."""
    return c.CheckDeadlines(limit=pick([500, 500, 1, 2]))


def next_instant(twin: Twin, pick: Pick) -> int:
    """Return an instant: a little later, at an edge or beside it, or behind the last event."""
    now, model = twin.now, twin.model
    deadline = model.next_deadline()
    edges = [deadline, deadline] if deadline is not None else []
    window = next_window(twin) if twin.config["calendar"] and pick([True, False]) else None
    edges += [] if window is None else [window]
    if twin.config["turns"]["progress"] > 1:
        said = [at for s in model.live() if s.run is not None for at in s.run.progress.values()]
        edges += [at + twin.config["progress_every"] * SECOND for at in sorted(said)[-1:]]
    about = [edge + off for edge in edges for off in (-1, 0, 0, 1)]
    on = [now + seconds * SECOND for seconds in (1, 10, 10, 45)]
    later = max(now, pick([now] * 16 + on * 2 + about))
    back = [now - SECOND, now - 300 * SECOND, now - 301 * SECOND] if twin.script else []
    return int(pick([later] * 60 + back + [now + 3_600 * SECOND]))


def next_window(twin: Twin) -> int | None:
    """Return the instant at which a window of the calendar begins next, in whatever stage."""
    starts = (start * SECOND for of in twin.config["calendar"].values() for start, _, _ in of)
    return next((start for start in starts if start > twin.now), None)


NEXT: Mapping[str, Callable[[Twin, Pick], c.Command]] = {
    "trigger": next_trigger,
    "report": next_report,
    "control": next_control,
    "freeze": next_freeze,
    "exempt": next_exempt,
    "check": next_check,
    "decide": next_decision,
    "redrive": next_redrive,
    "progress": next_progress,
}


def next_command(twin: Twin, pick: Pick) -> c.Command:
    """Return the next command, each kind as often as the world says."""
    turns = [kind for kind, number in twin.config["turns"].items() for _ in range(number)]
    return NEXT[pick(turns)](twin, pick)
