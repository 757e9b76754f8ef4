"""What a document says after a failure: attempts, progress, parking, skipped tasks, redrives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import Document
from examples.controller.storage.redrives import has_failed
from examples.controller.storage.states import detail_of, outcome_of, state_of
from sequencectl import EndedSequence, LiveSequence, Result, TimeoutPolicy
from tests.examples.controller.storage.folding import folded
from tests.support import Host, instant

Act = Callable[[Host], object]
RETRY = {"times": 2, "backoff": "10s", "on": ["fail", "errored", "timed_out"]}
DEPLOY = {"name": "deploy", "retry": RETRY, "onFailure": "park"}
WORLD = {
    "dev": {
        "delivery": {"tasks": ["build", DEPLOY, {"name": "test", "onFailure": "park"}]},
        "plain": {"tasks": ["build", "test"]},
    },
    "prod": {"delivery": {"tasks": ["deploy"], "triggeredOn": ["dev.delivery.finished"]}},
}
LIMITS = TimeoutPolicy(
    reaction="1m", completion="10m", silence="2m", total="15m", parked="20m", abort_grace="1m"
)


def at(seconds: int) -> str:
    """An instant as a document has it: so many seconds after the begin."""
    return f"2026-01-01T09:{seconds // 60:02}:{seconds % 60:02}.000Z"


def host_after(*acts: Act) -> Host:
    """A host on which the delivery a of context c was triggered, and then this was done."""
    host = Host(WORLD, timeouts=LIMITS)
    host.trigger("a", context="c")
    for act in acts:
        act(host)
    return host


def told(*acts: Act, known: str = "a") -> Document:
    """A sequence of context c, as its document has it."""
    sequences = folded(host_after(*acts).events)["c"]["sequences"]
    return next(each for each in sequences if each["id"] == known)


def finish(seconds: int, result: str = "pass", **more: Any) -> Act:
    """Finish the task in flight of a."""
    return lambda host: host.at(seconds).finish("a", result, **more)


def built(host: Host) -> None:
    """The first task is over."""
    host.at(1).finish("a")


def parked(host: Host) -> None:
    """All three runs of the second task have failed, after 2, 12 and 22 seconds."""
    built(host)
    for seconds in (2, 12, 22):
        host.until(seconds)
        host.at(seconds).finish("a", "fail", message=f"at {seconds}")


# ---------------------------------------------------------------- one sequence


def test_each_run_of_a_task_is_told_with_its_number_and_what_came_of_it() -> None:
    """Three attempts at a task, of which the last one parks the sequence."""
    sequence = told(parked)
    runs = [
        tuple(run[key] for key in ("name", "index", "attempt", "attempts", "end", "message"))
        for run in sequence["tasks"]
    ]

    assert runs == [
        ("build", 0, 1, 1, "over", ""),
        ("deploy", 1, 1, 3, "retried", "at 2"),
        ("deploy", 1, 2, 3, "retried", "at 12"),
        ("deploy", 1, 3, 3, "parked", "at 22"),
    ]
    assert ("parked", None, None) == tuple(sequence[key] for key in ("phase", "result", "dueAt"))


def test_what_is_parked_is_told_with_its_task_and_until_when() -> None:
    """And nothing of it stays when it is over."""
    shown = [told(parked)["parked"], told(parked, lambda host: host.until(1222))]
    task = told(parked)["tasks"][-1]["id"]

    assert {
        "taskId": task, "task": "deploy", "at": at(22), "until": at(1222), "message": "at 22",
    } == shown[0]  # fmt: skip
    assert (None, "finished", "fail", "over") == (
        shown[1]["parked"], shown[1]["phase"], shown[1]["result"], shown[1]["tasks"][-1]["end"],
    )  # fmt: skip


def test_a_run_that_ran_out_of_time_says_why_and_is_followed_by_another() -> None:
    """Its limit is told in a sentence."""
    *_, run, following = told(built, lambda host: (host.until(61), host.until(71)))["tasks"]

    assert ("fail", "retried") == (run["result"], run["end"])
    assert run["timedOut"].startswith("Nobody reacted to task deploy")
    assert (None, 2, at(71)) == (following["end"], following["attempt"], following["triggeredAt"])


def test_another_run_is_due_when_its_backoff_is_over() -> None:
    """As a task is that waits for its delay."""
    assert at(12) == told(built, finish(2, "fail"))["dueAt"]


def test_a_skipped_task_has_the_result_that_was_said_and_who_said_it() -> None:
    """Why it had failed stays there."""
    sequence = told(parked, lambda host: host.at(30).skip("a", "warning", actor="eve", reason="ok"))
    *_, skipped, following = sequence["tasks"]

    assert ("warning", "over", "at 22", {"at": at(30), "actor": "eve", "reason": "ok"}) == (
        skipped["result"], skipped["end"], skipped["message"], skipped["skipped"],
    )  # fmt: skip
    assert ("running", None, "test", 2) == (
        sequence["phase"], sequence["parked"], following["name"], following["index"],
    )  # fmt: skip


def test_a_task_that_a_person_has_run_again_is_told_as_one_more() -> None:
    """The run it was parked with is one that another followed."""
    sequence = told(parked, lambda host: host.at(30).retry("a"))
    *_, run, following = sequence["tasks"]

    assert ("retried", 4, 4, None) == (
        run["end"], following["attempt"], following["attempts"], sequence["parked"],
    )  # fmt: skip


def test_who_retried_and_who_skipped_is_kept_among_the_controls() -> None:
    """In the order in which it happened."""
    host = host_after(
        parked,
        lambda host: host.at(30).retry("a", actor="bob", reason="the disk is back"),
        finish(31, "fail"),
        lambda host: host.at(40).skip("a", actor="eve"),
    )
    keys = ("kind", "stage", "sequence", "at", "actor", "reason")

    assert [
        ("retry", "dev", "a", at(30), "bob", "the disk is back"),
        ("skip", "dev", "a", at(40), "eve", ""),
    ] == [tuple(each[key] for key in keys) for each in folded(host.events)["c"]["controls"]]


def test_the_last_progress_of_each_source_is_told() -> None:
    """What one says takes the place of what it said before; a run begins without any."""
    sequence = told(
        lambda host: host.at(1).progress("a", "x", percent=10, message="pods"),
        lambda host: host.at(2).progress("a", "y"),
        lambda host: host.at(12).progress("a", "x", percent=40),
    )
    (run,) = sequence["tasks"]

    assert run["progress"] == [
        {"source": "x", "percent": 40, "message": "", "at": at(12)},
        {"source": "y", "percent": None, "message": "", "at": at(2)},
    ]
    assert [] == run["executors"]


@pytest.mark.parametrize(
    ("acts", "phase", "line", "pauses"),
    [
        pytest.param([parked, lambda host: host.at(30).pause("c")], "parked", "delivery paused",
                     [{"from": at(30), "to": None}], id="parked, then paused"),
        pytest.param(
            [parked, lambda host: (host.at(30).pause("c"), host.at(40).resume("c"))],
            "parked", "delivery parked", [{"from": at(30), "to": at(40)}], id="resumed"),
        pytest.param(
            [parked, lambda host: (host.at(30).pause("c"), host.at(40).retry("a"))],
            "paused", "delivery paused", [{"from": at(30), "to": None}], id="retried meanwhile"),
        pytest.param(
            [parked, lambda host: (host.at(30).pause("c"), host.at(40).skip("a"))],
            "paused", "delivery paused", [{"from": at(30), "to": None}], id="skipped meanwhile"),
        pytest.param([parked, lambda host: (host.at(30).pause("c"), host.at(40).abort("c"))],
                     "aborted", "delivery aborted", [{"from": at(30), "to": at(40)}], id="aborted"),
        pytest.param(
            [lambda host: host.trigger("b", sequence="plain", context="d"), parked],
            "parked", "delivery parked", [], id="never paused"),
    ],
)  # fmt: skip
def test_a_pause_of_what_is_parked_is_one_pause(
    acts: list[Act], phase: str, line: str, pauses: list[Document]
) -> None:
    """It stays parked; what is retried or skipped meanwhile goes on in that same pause."""
    document = folded(host_after(*acts).events)["c"]
    (sequence,) = document["sequences"]

    assert (phase, line, pauses) == (
        sequence["phase"], state_of(document, {})["statusLine"], sequence["pauses"],
    )  # fmt: skip


# ---------------------------------------------------------------- redrives


def failed(host: Host) -> None:
    """The delivery a has failed in its last task, after a task that was carried with a warning."""
    built(host)
    host.at(2).finish("a", "warning")
    host.at(3).finish("a", "fail")
    host.at(4).skip("a", "fail")


def test_a_redrive_and_what_it_redrives_name_each_other() -> None:
    """And the new one has what it does not run."""
    acts = (failed, lambda host: host.at(5).redrive("a", "b"))
    old, new = (told(*acts, known=known) for known in ("a", "b"))

    assert ("b", None) == (old["redrivenBy"], old["redrives"])
    assert (None, "a") == (new["redrivenBy"], new["redrives"])
    assert new["carried"] == [
        {"name": "build", "result": "pass"}, {"name": "deploy", "result": "warning"},
    ]  # fmt: skip
    assert [("test", 2)] == [(run["name"], run["index"]) for run in new["tasks"]]


def test_what_is_redriven_again_names_the_last_one() -> None:
    """A start in the middle may pass tasks that were never run."""
    acts = (
        failed,
        lambda host: host.at(5).redrive("a", "b"),
        lambda host: host.at(6).abort("c", force=True),
        lambda host: host.at(7).redrive("a", "d", start_at="test"),
    )

    assert ("d", None) == tuple(told(*acts, known=known)["redrivenBy"] for known in ("a", "b"))


def test_a_redrive_of_what_the_journal_does_not_have_is_told_all_the_same() -> None:
    """The document of its context begins with it."""
    host = host_after(failed)
    before = len(host.events)
    host.redrive("a", "b")
    document = folded(host.events[before:])["c"]

    assert [("b", "a")] == [(each["id"], each["redrives"]) for each in document["sequences"]]


@pytest.mark.parametrize("actor", ["", "ada", "bob"])
def test_a_redrive_stands_in_the_history_without_an_actor(actor: str) -> None:
    """Those who may not approve it are known, and not which of them has redriven it."""
    host = Host(WORLD, timeouts=LIMITS)
    first = host.trigger("a", context="c", actor="ada").events[0]
    host.finish("a", "fail")
    second = host.redrive("a", "b", actor=actor).events[0]

    assert ["ada", None] == [(history_of(each) or {}).get("actor") for each in (first, second)]


# ---------------------------------------------------------------- whatever happens


def acts() -> st.SearchStrategy[Act]:
    """Something that is done to context c, at an instant that is not before."""
    results = st.sampled_from(["pass", "warning", "fail"])
    kinds: list[st.SearchStrategy[Any]] = [
        st.tuples(st.just("finish"), results), st.tuples(st.just("skip"), results),
        st.sampled_from([
            ("finish", "fail"), ("start",), ("progress",), ("retry",), ("pause",), ("resume",),
            ("abort",), ("force",), ("redrive",), ("redrive", "deploy"),
        ]),
        st.tuples(st.just("wait"), st.sampled_from([5, 11, 65, 1300])),
    ]  # fmt: skip
    return st.one_of(*kinds).map(lambda about: lambda host: do(host, *about))


def do(host: Host, kind: str, *more: Any) -> None:
    """Do something to the newest sequence of context c."""
    record = host.state.of_context("c")[-1]
    known = record.sequence_id
    if kind == "wait":
        host.now = host.now + (instant(more[0]) - instant(0))
        host.check()
    elif kind in {"pause", "resume", "abort", "force"}:
        control = {"force": host.abort}.get(kind) or getattr(host, kind)
        control("c", **({"force": True} if kind == "force" else {}))
    elif kind == "redrive":
        host.redrive(known, **({"start_at": more[0]} if more else {}))
    elif kind in {"retry", "skip"} or record.task_ids:
        getattr(host, kind)(known, *more)


@given(st.lists(acts(), max_size=25))
def test_a_document_says_of_failures_what_the_library_says(done: list[Act]) -> None:
    """Parking, attempts, skipped tasks, progress and redrives are those of the records."""
    host = host_after(*done)
    document = folded(host.events)["c"]
    view = host.plane.delivery(host.state, "c")

    assert view.status_line == state_of(document, {})["statusLine"]
    for record, told in zip(host.state.of_context("c"), document["sequences"], strict=True):
        assert said_of(record) == said_by(told)


def said_by(told: Document) -> Document:
    """What a sequence of a document says of failures, in the words of `said_of`."""
    ends: dict[str | None, list[Document]] = {}
    for run in told["tasks"]:
        ends.setdefault(run["end"], []).append(run)
    return {
        "phase": told["phase"],
        "retried": [run["id"] for run in ends.get("retried", ())],
        "runs": [
            (run["id"], run["result"].replace("abandoned", "fail"), run["skipped"] is not None)
            for run in ends.get("over", ())
        ],
        "parked": [told["parked"]["taskId"]] if told["parked"] else [],
        "parked runs": [run["id"] for run in ends.get("parked", ())],
        "in flight": [
            (run["id"], run["attempt"], run["attempts"],
             [(each["source"], each["percent"]) for each in run["progress"]])
            for run in ends.get(None, ())
        ],
        "redrives": told["redrives"],
        "carried": [(each["name"], each["result"]) for each in told["carried"]],
    }  # fmt: skip


def said_of(record: LiveSequence | EndedSequence) -> Document:
    """What the record of a sequence says of failures."""
    live = record if isinstance(record, LiveSequence) else None
    parked, task = (None, None) if live is None else (live.parked, live.task)
    carried = () if record.redrive is None else record.redrive.carried
    return {
        "phase": record.phase.value,
        "retried": [attempt.task_id for attempt in record.retried],
        "runs": [(run.task_id, run.result.value, run.is_skipped) for run in record.runs],
        "parked": [parked.task_id] if parked else [],
        "parked runs": [parked.task_id] if parked else [],
        "in flight": [
            (task.task_id, task.triggered.attempt, task.triggered.attempts,
             [(each.source, each.progress.percent) for each in task.executors if each.progress])
        ] if task else [],
        "redrives": None if record.redrive is None else record.redrive.sequence_id,
        "carried": [(each.name, each.result and each.result.value) for each in carried],
    }  # fmt: skip


@given(st.lists(acts(), max_size=25))
def test_an_explanation_has_the_id_of_what_redrives_its_sequence(done: list[Act]) -> None:
    """Of the one that does so now; if there is none, the id that the next one would have."""
    host = host_after(*done)
    document, records = folded(host.events)["c"], host.state.of_context("c")
    shown = detail_of(document, host.plane, host.state)["explanations"]
    now = {
        record.redrive.sequence_id: record.sequence_id
        for record in records
        if record.redrive is not None and not record.phase.has_ended
    }

    assert {known: why["redriveId"] for known, why in shown.items()} == {
        record.sequence_id: now.get(record.sequence_id, host.state.redrive_id(record.sequence_id))
        for record in records
    }


@given(st.lists(acts(), max_size=25))
def test_what_the_controls_of_one_sequence_would_get_is_shown_with_it(done: list[Act]) -> None:
    """Of those that are over, too: they are redriven."""
    host = host_after(*done)
    document, records = folded(host.events)["c"], host.state.of_context("c")
    shown = detail_of(document, host.plane, host.state, actor="eve")["explanations"]
    names = ("exempt", "retry", "skip", "redrive")

    for record in records:
        permitted = host.plane.permitted(host.state, record.sequence_id, actor="eve")
        expected = {name: outcome_of(permitted[name]) for name in names}
        assert expected == shown[record.sequence_id]["permitted"]


@given(st.lists(acts(), max_size=25))
def test_of_a_family_the_last_one_that_has_ended_is_the_one_to_redrive(done: list[Act]) -> None:
    """If it has failed."""
    host = host_after(*done)
    records = host.state.of_context("c")
    ended = [each for each in records if each.phase.has_ended and each.stage == "dev"]

    assert [each for each in ended[-1:] if each.result is Result.FAIL] == [
        each for each in records if each.stage == "dev" and has_failed(host.state, each)
    ]
