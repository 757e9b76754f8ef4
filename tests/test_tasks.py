"""Tasks: inputs, reports, several executors, results and bounds (R9–R14, R33)."""

from typing import Any, Final

import pytest

from sequencectl import (
    Bounds,
    LiveSequence,
    Phase,
    Rejected,
    RejectedCode,
    Result,
    Status,
    TaskTriggered,
    TimeoutPolicy,
    thaw,
)
from sequencectl.events import (
    SequenceAborted,
    SequenceFinished,
    SequenceTimedOut,
    TaskFinished,
    TaskFinishReported,
    TaskStartReported,
    TaskTimedOut,
    derived_id,
)
from sequencectl.outcomes import APPLIED
from tests.support import Host

TWO_TASKS = {"dev": {"delivery": ["deploy", "test"]}}


def one_task(expects: object) -> Host:
    """A host whose delivery has one task that expects these executors, triggered as "a"."""
    host = Host({"dev": {"delivery": [{"name": "deploy", "expects": expects}]}})
    host.trigger("a")
    return host


def test_the_input_of_a_task_is_built_from_everything_before_it() -> None:
    """Trigger data, earlier results, properties, the last result, and the scope last (R14)."""
    tasks = [{"name": "deploy", "properties": {"strategy": "direct"}}, "test"]
    host = Host({"dev": {"delivery": tasks}})
    host.trigger(
        "a",
        data={"labels": {"v": "1"}, "message": "hello", "stage": "forged", "deploy": {"a": 1}},
    )
    host.finish("a", "warning", data={"deploy": {"url": "u"}, "hosts": ["x"], "project": "forged"})

    first, second = (thaw(event.input) for event in host.of(TaskTriggered))
    scope = {"project": "sockshop", "stage": "dev", "service": "carts"}
    assert {
        "labels": {"v": "1"},
        "message": "",
        "deploy": {"a": 1, "strategy": "direct"},
        **scope,
    } == first
    assert {
        "labels": {"v": "1"},
        "message": "",
        "deploy": {"a": 1, "url": "u"},
        "test": None,
        "hosts": ["x"],
        "result": "warning",
        "status": "succeeded",
        **scope,
    } == second


@pytest.mark.parametrize(
    ("task", "data", "own"),
    [
        ("deploy", {}, {"deploy": None}),
        ("deploy", {"deploy": {"a": 1}}, {"deploy": {"a": 1}}),
        ("deploy", {"message": "hello"}, {"deploy": None, "message": ""}),
        ("message", {}, {"message": ""}),
    ],
)
def test_a_task_without_properties_erases_nothing(
    task: str, data: dict[str, object], own: dict[str, object]
) -> None:
    """It finds what the data has under its name, else null; a message is emptied (R14)."""
    host = Host({"dev": {"delivery": [task]}})

    host.trigger("a", data=data)

    scope = {"project": "sockshop", "stage": "dev", "service": "carts"}
    assert {**own, **scope} == thaw(host.of(TaskTriggered)[0].input)


def test_what_is_told_of_a_task_names_it() -> None:
    """Each event has the name of its task; those that make one due have its number too (R9)."""
    host = Host({"dev": {"delivery": ["deploy", {"name": "test", "triggeredAfter": "1m"}]}})
    host.trigger("a")
    host.start("a")
    host.finish("a")
    host.until(60)

    told = [
        (type(event).__name__, event.task, getattr(event, "index", None))
        for event in host.events
        if hasattr(event, "task")
    ]
    assert [
        ("TaskTriggered", "deploy", 0),
        ("TaskStartReported", "deploy", None),
        ("TaskFinishReported", "deploy", None),
        ("TaskFinished", "deploy", None),
        ("TaskScheduled", "test", 1),
        ("TaskTriggered", "test", 1),
    ] == told


def test_the_id_of_a_task_is_derived_from_the_event_that_triggers_it() -> None:
    """Whoever decides or replays it gives it the same id, and no other task has it (R9)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.finish("a")

    made = host.of(TaskTriggered)
    derived = [derived_id("sockshop", event.serial, "task of a") for event in made]
    assert derived == [event.task_id for event in made]


@pytest.mark.parametrize(
    ("data", "expected"),
    [({"labels": {"v": "1"}}, {"v": "1"}), ({"labels": "v"}, {}), ({"labels": None}, {}), ({}, {})],
)
def test_an_end_carries_the_labels_if_they_are_some(
    data: dict[str, object], expected: dict[str, str]
) -> None:
    """Labels are a map by name; anything else under that key is none (R24)."""
    host = Host(TWO_TASKS)
    host.trigger("a", data=data)

    host.finish("a", "fail")

    assert expected == thaw(host.of(SequenceFinished)[0].labels)


@pytest.mark.parametrize(
    ("results", "ended", "sequence_result"),
    [
        (["pass", "pass"], True, Result.PASS),
        (["warning", "pass"], True, Result.WARNING),
        (["fail"], True, Result.FAIL),
        (["pass", "warning"], True, Result.WARNING),
        (["warning"], False, Result.WARNING),
    ],
)
def test_the_worst_result_counts_and_a_failed_task_ends_the_sequence(
    results: list[str], ended: bool, sequence_result: Result
) -> None:
    """A warning goes on, a fail ends, and the sequence is as bad as its worst task (R12)."""
    host = Host(TWO_TASKS)
    host.trigger("a")

    for result in results:
        host.finish("a", result)

    assert (ended, sequence_result) == (host.phase("a").has_ended, host.record("a").result)


@pytest.mark.parametrize("status", ["errored", "aborted", "unknown"])
def test_only_a_succeeded_status_lets_a_pass_stand(status: str) -> None:
    """A pass that errored is a fail, and the sequence tells the status (R12)."""
    host = Host(TWO_TASKS)
    host.trigger("a")

    host.finish("a", "pass", status=status, message="disk full", data={"labels": {"v": "2"}})

    event = host.of(SequenceFinished)[0]
    assert (Result.FAIL, Status(status), "disk full") == (event.result, event.status, event.message)
    assert {"v": "2"} == thaw(event.labels)


def test_counting_per_source_waits_for_everybody_who_started() -> None:
    """Without `expects` a task is over when no source has more starts than finishes (R11)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.start("a", "x")
    host.start("a", "y")
    host.start("a", "x")
    tasks = []
    for source in ("y", "x", "x"):
        host.finish("a", source=source)
        tasks.append(host.task("a"))

    assert ["deploy", "deploy", "test"] == tasks


def test_a_finish_ahead_of_its_start_is_credited() -> None:
    """A start that comes after its finish is not waited for again (R11)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    host.start("a", "slow")
    host.finish("a", source="quick")
    host.start("a", "quick")
    seen = host.task("a")

    host.finish("a", source="slow")

    assert ("deploy", "test") == (seen, host.task("a"))


def test_expecting_a_number_waits_for_that_many_sources() -> None:
    """With a number, one source that finishes twice is still one (R11)."""
    host = one_task(2)
    phases = []
    for source in ("x", "x", "y"):
        host.finish("a", source=source)
        phases.append(host.phase("a"))

    assert [Phase.RUNNING, Phase.RUNNING, Phase.FINISHED] == phases


def test_expecting_sources_waits_for_exactly_those() -> None:
    """With a set, others are heard and count for the result, but nobody waits for them (R11)."""
    host = one_task(["helm", "jmeter"])
    host.start("a", "other")
    host.finish("a", "warning", source="guest")
    phases = []
    for source in ("helm", "jmeter"):
        host.finish("a", source=source)
        phases.append(host.phase("a"))

    assert [Phase.RUNNING, Phase.FINISHED] == phases
    assert Result.WARNING is host.record("a").result


@pytest.mark.parametrize(
    ("expects", "phase"),
    [(None, Phase.RUNNING), (1, Phase.FINISHED), (["helm-service"], Phase.FINISHED)],
)
def test_an_executor_that_started_again_finishes_once_where_it_is_expected(
    expects: object, phase: Phase
) -> None:
    """With `expects` one finish of a source is enough; without, each start wants its own (R11)."""
    host = one_task(expects)
    host.start("a", "helm-service")
    host.start("a", "helm-service")
    host.finish("a", source="helm-service")
    seen = host.phase("a")

    host.finish("a", source="helm-service")

    assert (phase, Phase.FINISHED) == (seen, host.phase("a"))


def test_a_start_after_its_finish_is_not_waited_for_where_it_is_expected() -> None:
    """With `expects` a source that has finished stays finished (R11)."""
    host = one_task(["helm", "jmeter"])
    host.finish("a", source="helm")
    host.start("a", "helm")

    host.finish("a", source="jmeter")

    assert Phase.FINISHED is host.phase("a")


def test_a_report_after_the_end_of_its_sequence_is_late() -> None:
    """Nothing of an ended sequence changes, and whoever reports is told why (R13)."""
    host = one_task(1)
    task = host.of(TaskTriggered)[0]
    host.finish("a")
    ended = host.state

    host.tell(task.finished(source="b", result="fail"))
    finish = host.code
    host.tell(task.started(source="b"))

    assert ("late", "late") == (finish, host.code)
    assert ended is host.state


def test_a_report_id_counts_once_while_its_task_is_in_flight() -> None:
    """The same report twice is a duplicate; after the task it is late (R11, R13)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    task_id = host.task_id("a")
    host.start("a", report_id="r1")
    codes = []
    for act in (
        lambda: host.start("a", report_id="r1"),
        lambda: host.finish("a", report_id="r1"),
        lambda: host.finish("a", report_id="r2"),
    ):
        act()
        codes.append(host.code)
    host.tell(host.of(TaskTriggered)[0].finished(source="x", result="fail", report_id="r2"))
    codes.append(host.code)

    assert ["duplicate", "duplicate", "applied", "late"] == codes
    assert task_id != host.task_id("a")


def test_a_finish_that_is_sent_again_counts_once() -> None:
    """While another executor is awaited, the same finish is a duplicate (R11)."""
    host = one_task(2)
    codes = []
    for report_id in ("r1", "r1", "r2"):
        host.finish("a", report_id=report_id)
        codes.append(host.code)

    assert ["applied", "duplicate", "applied"] == codes
    assert ["r1", "r2"] == [event.report_id for event in host.of(TaskFinishReported)]


def test_reports_for_unknown_tasks_change_nothing() -> None:
    """A report that names no task of a known sequence is told so (R13)."""
    host = Host(TWO_TASKS)
    host.trigger("a")
    event = host.of(TaskTriggered)[0]
    other = Host(TWO_TASKS, project="other")

    other.tell(event.started(source="x"))

    assert "unknown_task" == other.code


@pytest.mark.parametrize("results", [("warning", "pass"), ("pass", "warning")])
def test_the_worst_of_several_executors_is_the_task_s_result(results: tuple[str, str]) -> None:
    """One event says that the task is over, with the worst result and the last message (R12)."""
    host = one_task(2)
    host.finish("a", results[0], source="x", message="slow")
    host.finish("a", results[1], source="y")

    event = host.of(TaskFinished)[0]
    assert (Result.WARNING, Status.SUCCEEDED, "slow") == (event.result, event.status, event.message)


def bounded(**bounds: int) -> Host:
    """A host with these bounds and a delivery "a" in its first task."""
    host = Host(TWO_TASKS, bounds=Bounds(**bounds))
    host.trigger("a")
    return host


@pytest.mark.parametrize(
    ("bounds", "finish", "named"),
    [
        ({"payload_size": 50}, {"data": {"x": "y" * 100}}, "108 bytes, at most 50"),
        ({"payload_size": 50}, {"message": "é" * 50}, "102 bytes, at most 50"),
        ({"payload_depth": 2}, {"data": {"x": {"y": {}}}}, "3 levels, at most 2"),
        ({"input_size": 60}, {"data": {"x": "y" * 100}}, "together have 108 bytes, at most 60"),
    ],
)
def test_a_finish_over_a_bound_counts_as_errored(
    bounds: dict[str, int], finish: dict[str, object], named: str
) -> None:
    """Its data is dropped and the bound is named; nothing hangs and nothing is truncated (R33)."""
    host = bounded(**bounds)

    host.finish("a", **finish)

    event = host.of(TaskFinishReported)[0]
    assert (Result.FAIL, Status.ERRORED, 0) == (event.result, event.status, len(event.data))
    assert named in event.message
    assert Phase.FINISHED is host.phase("a")


def test_what_merges_within_the_bound_is_kept() -> None:
    """The input bound is on what results make together, not on the sum of their sizes (R33)."""
    host = bounded(input_size=108)
    host.start("a", "x")
    host.start("a", "y")
    host.finish("a", source="x", data={"k": "v" * 100})

    host.finish("a", source="y", data={"k": "w" * 100})

    assert "test" == host.task("a")


def test_what_two_executors_make_together_is_bounded() -> None:
    """What a report brought before the task is over counts as well (R33)."""
    host = bounded(input_size=100)
    host.start("a", "y")
    host.finish("a", source="x", data={"k": "v" * 60})

    host.finish("a", source="y", data={"l": "w" * 60})

    event = host.of(TaskFinishReported)[-1]
    assert (Status.ERRORED, 0) == (event.status, len(event.data))


PARTIAL: Final[dict[str, Any]] = {"k": "v", "labels": {"a": "1"}}
ON_FAIL: Final[dict[str, Any]] = {
    "tasks": ["undo"],
    "triggeredOn": [{"event": "dev.delivery.finished", "selector": {"match": {"result": "fail"}}}],
}


def partly_finished(**limits: Any) -> Host:
    """A host in which one of two executors has finished the task in flight of `a`."""
    host = Host(
        {"dev": {"delivery": ["deploy"], "rollback": ON_FAIL}}, timeouts=TimeoutPolicy(**limits)
    )
    host.trigger("a", data={"image": "carts:2"})
    host.start("a", "y")
    host.finish("a", data=PARTIAL)
    return host


def test_what_a_report_brings_stays_with_its_task_until_that_is_over() -> None:
    """The data of the sequence is what tasks that are over have left (R14)."""
    host = partly_finished()
    before = host.record("a")
    host.trigger("b", service="orders")
    host.finish("a", source="y", data={"k": "w"})

    assert isinstance(before, LiveSequence)
    assert before.task is not None
    assert {"image": "carts:2"} == thaw(before.data)
    assert before.task.data == before.data_if_over
    assert {"image": "carts:2", **PARTIAL} == thaw(before.data_if_over)
    assert {"a": "1"} == thaw(host.of(SequenceFinished)[0].labels)


@pytest.mark.parametrize("limits", [{"completion": "10s"}, {"total": "10s"}])
def test_a_task_that_ran_out_of_time_leaves_what_its_reports_brought(
    limits: dict[str, str],
) -> None:
    """Labels and follow-ups have it, be it the time of the task or that of the sequence."""
    host = partly_finished(**limits)
    host.until(10)

    undo = host.of(TaskTriggered)[-1]
    assert ("undo", "v") == (undo.task, undo.input["k"])
    assert {"a": "1"} == thaw(host.of(SequenceTimedOut)[0].labels)


def test_a_task_that_is_abandoned_by_force_leaves_nothing() -> None:
    """Nobody knows what came of it."""
    host = partly_finished()
    host.abort("a", force=True)

    assert {} == thaw(host.of(SequenceAborted)[0].labels)


def test_echoing_executors_cannot_grow_a_list_without_end() -> None:
    """An executor that sends its input back would double every list: the bound ends it (R33)."""
    tasks = [f"t{number}" for number in range(40)]
    host = Host({"dev": {"delivery": tasks}}, bounds=Bounds(input_size=20_000))
    host.trigger("a", data={"hosts": ["example"]})

    while not host.phase("a").has_ended:
        host.finish("a", data=host.of(TaskTriggered)[-1].input)

    assert Result.FAIL is host.record("a").result
    assert len(host.of(TaskTriggered)) < 20


def test_a_trigger_over_a_bound_is_refused() -> None:
    """The data of a trigger is measured in bytes and in levels (R33)."""
    host = Host(TWO_TASKS, bounds=Bounds(payload_size=50, payload_depth=2))
    outcomes = [
        host.trigger("a", data=data).outcome
        for data in ({"x": "y" * 43}, {"x": {"y": {}}}, {"x": {"y": "z" * 36}})
    ]

    assert [
        Rejected(
            RejectedCode.PAYLOAD_TOO_LARGE, "The payload has 51 bytes, at most 50 are accepted."
        ),
        Rejected(RejectedCode.PAYLOAD_TOO_LARGE, "The data has 3 levels, at most 2 are accepted."),
        APPLIED,
    ] == outcomes


def test_one_source_too_many_is_not_counted() -> None:
    """Its start changes nothing, its finish makes the task fail; others are awaited (R33)."""
    host = bounded(sources=1)
    host.start("a", "x")
    host.start("a", "y")
    codes = [host.code]
    host.finish("a", source="y", data={"k": 1})
    codes.append(host.code)
    seen = host.task("a")
    host.finish("a", source="x")

    assert ["too_many_sources", "applied"] == codes
    assert "deploy" == seen
    assert [False, True] == [event.counted for event in host.of(TaskFinishReported)]
    assert (Phase.FINISHED, Result.FAIL) == (host.phase("a"), host.record("a").result)
    assert "More than 1 sources reported on task deploy." == host.record("a").message


def test_as_many_sources_as_there_may_be_are_all_counted() -> None:
    """A source that was heard of is known, however many there are (R33)."""
    host = bounded(sources=1)
    host.start("a", "x")

    host.finish("a", source="x")

    assert ("test", Result.PASS) == (host.task("a"), host.record("a").result)


def test_reports_beyond_their_bound_are_not_remembered() -> None:
    """A start too many changes nothing; a finish too many still ends the task, as errored (R33)."""
    host = bounded(reports=1)
    host.start("a", report_id="r1")
    host.start("a", report_id="r2")
    codes = [host.code]
    host.start("a")
    codes.append(host.code)
    host.finish("a", report_id="r3")
    host.finish("a", report_id="r3")
    codes.append(host.code)

    assert ["too_many_reports", "applied", "applied"] == codes
    assert Result.FAIL is host.record("a").result
    assert ["r1", None] == [event.report_id for event in host.of(TaskStartReported)]


@pytest.mark.parametrize(
    ("expects", "reports", "at", "sentence"),
    [
        (None, [], 180, "Nobody reacted to task deploy in stage dev within 3m0s"),
        (2, ["x"], 180, "Too few reacted to task deploy in stage dev within 3m0s"),
        (["x", "y"], ["x"], 180, "still awaited: x, y;"),
        (None, ["x"], 86_400, "was not over within 24h0m0s (heard of: x); still awaited: x;"),
        (3, ["x", "y", "z"], 86_400, "(heard of: x, y, z); still awaited: 3 more executors;"),
    ],
)
def test_a_task_that_runs_out_of_time_says_why(
    expects: object, reports: list[str], at: int, sentence: str
) -> None:
    """The sentence names the task, the stage, the limit, who was heard of and who was not (R28)."""
    host = one_task(expects)
    for source in reports:
        host.start("a", source)

    host.at(at).check()

    said = str(host.of(TaskTimedOut)[0].explanation)
    assert sentence in said
    assert said == host.record("a").message
    assert Phase.TIMED_OUT is host.phase("a")
