"""What a host might send next: mostly sensible, now and then nonsense.

Whoever draws is given as a function that picks one of some options, so that a seeded walk and a
Hypothesis machine make the same kind of commands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sequencectl import commands as c
from tests.properties.twin import Twin

Pick = Callable[[Sequence[Any]], Any]
DATA = [None, None, {"image": {"tag": "1", "name": "carts"}}, {"image": {"tag": "2"}, "log": ["x"]}]


def known_ids(twin: Twin) -> list[str]:
    """Return the last few ids that the project may know."""
    model = twin.model
    called = [*(known for known, *_ in model.remembered), *model.sequences]
    hosts = [known for known in called if known not in model.real_sequences.values()]
    return hosts[-6:] + [*model.real_sequences][-4:]


def next_trigger(twin: Twin, pick: Pick) -> c.Command:
    """Trigger something new; now and then again, elsewhere, or what there is not."""
    model, stages = twin.model, twin.config["stages"]
    known = pick([f"s{len(twin.told)}"] * 30 + known_ids(twin))
    same = model.sequences.get(twin.name(known))
    if same is not None and pick([True, False]):
        return c.TriggerSequence(
            known, stage=same.stage, sequence=same.name, service=same.service, context=same.context
        )
    stage = pick([*stages] * 12 + ["nowhere"])
    return c.TriggerSequence(
        known,
        stage=stage,
        sequence=pick([*stages.get(stage, ())] * 8 + ["evaluation", "nothing"]),
        service=pick(["carts", "orders"]),
        context=pick([None, None, None, "c1", "c2", *(s.context for s in model.live())]),
        priority=pick([None, None, None, 0, 1, 4]),
        data=pick(DATA),
    )


def next_report(twin: Twin, pick: Pick) -> c.Command:
    """Report on a task in flight; now and then on one that is over, or that never was."""
    runs = twin.model.real_tasks
    in_flight = [real for real, (s, at) in runs.items() if s.run is not None and len(s.runs) == at]
    some = [*[*runs][-4:], "task-0"]
    if in_flight and pick([True] * 9 + [False]):
        some = in_flight
    elif pick([True, True, False]):
        return next_trigger(twin, pick)
    about: dict[str, Any] = {
        "source": pick(["a", "b", "a", "b", "c", "d"]),
        "report_id": pick([None, None, None, "r1", "r2", "r3"]),
    }
    if pick([False, False, True]):
        return c.ReportTaskStarted(pick(some), **about)
    return c.ReportTaskFinished(
        pick(some),
        result=pick(["pass", "pass", "pass", "pass", "warning", "fail"]),
        status=pick(["succeeded"] * 9 + ["errored"]),
        data=pick(DATA),
        **about,
    )


def next_control(twin: Twin, pick: Pick) -> c.Command:
    """Pause, resume or abort: what is live, what is paused, or what is not there."""
    model = twin.model
    about: dict[str, Any] = {"request_id": pick([None] * 6 + ["q1", "q2", "q3", "q4"])}
    kind = pick(["pause", "pause", "pause", "resume", "resume", "resume", "abort", "abort"])
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


def next_freeze(twin: Twin, pick: Pick) -> c.Command:
    """Freeze a stage, or rather unfreeze one."""
    request = pick([None, None, None, "q1", "q5", "q6"])
    frozen = sorted(twin.model.frozen)
    if frozen and pick([True, True, False]):
        return c.UnfreezeStage(pick(frozen), request_id=request)
    kind: type[c.StageControl] = pick([c.FreezeStage, c.FreezeStage, c.UnfreezeStage])
    return kind(pick([*twin.config["stages"]] * 3 + ["nowhere"]), request_id=request)


def next_check(_twin: Twin, pick: Pick) -> c.Command:
    """Check the deadlines, at most so many."""
    return c.CheckDeadlines(limit=pick([500, 500, 1, 2]))


def next_instant(twin: Twin, pick: Pick) -> int:
    """Return an instant: a little later, about the next deadline, or behind the last event."""
    now, deadline = twin.now, twin.model.next_deadline()
    about = [] if deadline is None else [deadline - 1, deadline, deadline, deadline + 1]
    later = max(now, pick([now] * 8 + [now + 1, now + 10, now + 10, now + 45] + about))
    back = [now - 1, now - 300, now - 301] if twin.told else []
    return int(pick([later] * 60 + back + [now + 3_600]))


NEXT: Sequence[Callable[[Twin, Pick], c.Command]] = (
    [next_trigger] * 5 + [next_report] * 9 + [next_control] * 5 + [next_freeze] + [next_check] * 2
)
