"""Keptn's CloudEvents: what is read, what is written, and that nothing hostile gets through."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sequencectl import (
    Event,
    InvalidValue,
    Phase,
    Rejected,
    RejectedCode,
    TriggerSequence,
    freeze,
    thaw,
)
from sequencectl import commands as c
from sequencectl import events as e
from sequencectl.cloudevents import (
    from_cloudevent,
    project_of,
    refusal,
    state_word,
    to_cloudevent,
)
from sequencectl.outcomes import Result, Status
from sequencectl.testing.strategies import payloads
from tests.properties.test_naive_model import walk
from tests.properties.twin import Twin
from tests.properties.worlds import WORLDS
from tests.support import Host, instant

WORLD = {"dev": {"delivery": ["deploy", "test"]}, "prod": {"delivery": {
    "tasks": ["release"], "triggeredOn": ["dev.delivery.finished"],
}}}  # fmt: skip
SCOPE = {"project": "sockshop", "stage": "dev", "service": "carts"}


def trigger(**changes: Any) -> dict[str, Any]:
    """A trigger as Keptn's API sends it, with other attributes; None leaves one out."""
    return changed(
        {
            "specversion": "1.0",
            "id": "s1",
            "source": "https://example.org/api",
            "type": "sh.keptn.event.dev.delivery.triggered",
            "time": "2026-01-01T09:00:00.000Z",
            "shkeptncontext": "c1",
            "shkeptnspecversion": "0.2.4",
            "gitcommitid": "64fd7e0",
            "data": {**SCOPE, "labels": {"build": "7"}, "configurationChange": {"values": {}}},
        },
        changes,
    )


def finish(**changes: Any) -> dict[str, Any]:
    """An executor's finish, with other attributes; None leaves one out."""
    return changed(
        {
            "specversion": "1.0",
            "id": "r1",
            "source": "helm",
            "type": "sh.keptn.event.deploy.finished",
            "triggeredid": "t1",
            "shkeptncontext": "c1",
            "data": {**SCOPE, "result": "pass", "status": "succeeded", "deploy": {"uri": "x"}},
        },
        changes,
    )


def changed(event: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """An event with other attributes; None leaves one out."""
    return {key: value for key, value in {**event, **changes}.items() if value is not None}


def heard(**changes: Any) -> c.ReportTaskFinished:
    """What is read of a finish with such attributes."""
    command = from_cloudevent(finish(**changes))
    assert isinstance(command, c.ReportTaskFinished)
    return command


def sent(event: Event) -> dict[str, Any]:
    """The CloudEvent of an event that has one."""
    written = to_cloudevent(event, source="here")
    assert written is not None
    return written


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


CYCLE: dict[str, Any] = {}
CYCLE["again"] = CYCLE
BOMB: Any = [0]
for _ in range(100):
    BOMB = [BOMB] * 100
UNUSABLE = {
    "NaN": {"deploy": float("nan")},
    "infinity": {"deploy": [1, float("-inf")]},
    "cycle": CYCLE,
    "depth": {"deploy": nested(250)},
    "great depth": {"deploy": nested(100_000)},
    "values": {"deploy": BOMB},
    "surrogate": {"deploy": "\ud800"},
    "surrogate in message": {"message": "\ud800"},
    "key": {1: "one"},
    "type": {"deploy": object()},
    "digits": {"deploy": 10**5000},
    "list": ["result"],
    "text": '{"result": "pass"}',
    "message": {"result": "pass", "message": ["no", "text"]},
}
NOT_OURS: list[object] = [
    None, 7, "", "com.example.thing", "sh.keptn.log.error", "sh.keptn.events.problem",
    " sh.keptn.event.dev.delivery.triggered", "sh.keptn.event.dev.delivery.triggered\n",
    *[f"sh.keptn.event.{what}" for what in [
        "triggered", "deploy.triggered", "deploy.changed", "deploy.status", "deploy.status-changed",
        "status.changed", "dev.delivery.started", "dev.delivery.status.changed",
        "dev.delivery.finished", "dev.delivery.paused", "dev.delivery.waiting",
        "dev.delivery.other.triggered", "get-sli.started", "get-sli.status.changed",
        "get-sli.finished", "webhook.finished", "problem.open", "service.create.finished",
        "service.create.status.changed",
    ]],
]  # fmt: skip
MALFORMED: list[tuple[Any, str]] = [
    (trigger(specversion=1.0), "specversion"),
    (trigger(id=""), "id"),
    (trigger(id="é"), "id"),
    (trigger(shkeptncontext=7), "shkeptncontext"),
    (trigger(shkeptncontext="x" * 201), "shkeptncontext"),
    (trigger(gitcommitid=["a"]), "gitcommitid"),
    *[(trigger(data={"service": odd}), "data.service") for odd in (7, {"a": 1}, "x" * 201, False)],
    (trigger(data={"a": {"b": object()}}), "data.a.b"),
    (trigger(data=[1]), "data"),
    (trigger(type="sh.keptn.event..delivery.triggered"), "type"),
    (trigger(type="sh.keptn.event.dev..triggered"), "type"),
    (trigger(type="sh.keptn.event.dév.delivery.triggered"), "type"),
    (trigger(type=f"sh.keptn.event.dev.{'x' * 64}.triggered"), "type"),
    (finish(specversion=None), "specversion"),
    (finish(id=None), "id"),
    (finish(id=""), "id"),
    (finish(source=None), "source"),
    (finish(source=["helm"]), "source"),
    (finish(triggeredid=None), "triggeredid"),
    (finish(triggeredid=""), "triggeredid"),
    (finish(triggeredid={}), "triggeredid"),
    (finish(type="sh.keptn.event..finished"), "type"),
    (finish(type="sh.keptn.event.deploy.started", id=None), "id"),
    (finish(type="sh.keptn.event.deploy.started", triggeredid=7), "triggeredid"),
]


class TestReading:
    def test_a_trigger_becomes_a_command(self) -> None:
        """Stage and sequence come from the type, ids and revision from the envelope (R8)."""
        expected = TriggerSequence(
            "s1",
            stage="dev",
            sequence="delivery",
            service="carts",
            context="c1",
            data={**SCOPE, "labels": {"build": "7"}, "configurationChange": {"values": {}}},
            revision="64fd7e0",
        )

        assert expected == from_cloudevent(trigger())

    @pytest.mark.parametrize("missing", ["", None])
    def test_what_a_trigger_may_leave_out(self, missing: str | None) -> None:
        """Without context it is its own, and an empty text is how Go leaves something out."""
        data = {"service": missing, "x": ""}
        event = trigger(shkeptncontext=missing, gitcommitid=missing, data=data)
        expected = TriggerSequence("s1", stage="dev", sequence="delivery", data=data)

        assert expected == from_cloudevent(event)
        assert TriggerSequence("s1", stage="dev", sequence="delivery") == from_cloudevent(
            trigger(shkeptncontext=missing, gitcommitid=missing, data=None)
        )

    def test_a_start_becomes_a_report_whatever_its_data(self) -> None:
        """Of a start only the envelope counts; its id makes it safe to send again (R11)."""
        event = finish(type="sh.keptn.event.deploy.started", data=["no", "object"])

        assert c.ReportTaskStarted("t1", source="helm", report_id="r1") == from_cloudevent(event)

    def test_a_finish_is_split_into_verdict_and_data(self) -> None:
        """Result, status and message are fields; the scope is no executor's to say (R14)."""
        data = {**SCOPE, "stage": "prod", "result": "warning", "status": "succeeded"}
        rest = {"message": "slow", "labels": {"a": "b"}, "deploy": {"uri": ["x"]}}
        expected = c.ReportTaskFinished(
            "t1",
            source="helm",
            result="warning",
            status="succeeded",
            message="slow",
            data={"labels": {"a": "b"}, "deploy": {"uri": ["x"]}},
            report_id="r1",
        )

        assert expected == heard(data=data | rest)

    @pytest.mark.parametrize("gone", [None, ""])
    @pytest.mark.parametrize(
        ("result", "status", "expected"),
        [
            ("pass", "succeeded", ("pass", "succeeded")),
            ("warning", "succeeded", ("warning", "succeeded")),
            ("fail", "succeeded", ("fail", "succeeded")),
            ("pass", "errored", ("fail", "errored")),
            ("warning", "aborted", ("fail", "aborted")),
            ("pass", "unknown", ("fail", "unknown")),
            ("pass", "-", ("pass", "succeeded")),
            ("warning", "-", ("warning", "succeeded")),
            ("fail", "-", ("fail", "succeeded")),
            ("-", "succeeded", ("pass", "succeeded")),
            ("-", "errored", ("fail", "errored")),
            ("-", "-", ("fail", "unknown")),
            ("failed", "succeeded", ("fail", "succeeded")),
            ("failed", "-", ("fail", "unknown")),
            ("pass", "done", ("fail", "unknown")),
            ("-", "done", ("fail", "unknown")),
            (7, "succeeded", ("fail", "succeeded")),
            (["pass"], "-", ("fail", "unknown")),
            ("pass", {"a": 1}, ("fail", "unknown")),
            (True, False, ("fail", "unknown")),
        ],
    )
    def test_a_verdict_is_completed(
        self, result: object, status: object, expected: tuple[str, str], gone: str | None
    ) -> None:
        """A missing word is taken from the other one, an unknown word is a failure (R12)."""
        said = {"result": result, "status": status}
        data = {key: gone if word == "-" else word for key, word in said.items()}
        present = {key: value for key, value in data.items() if value is not None}

        for given_data in (data, present):
            report = heard(data={**SCOPE, **given_data})
            assert expected == (report.result.value, report.status.value)

    @pytest.mark.parametrize(
        ("said", "where", "words"),
        [
            ({"result": "failed"}, "data.result", "pass, warning, fail, got 'failed'"),
            ({"result": "Pass", "status": "errored"}, "data.result", "fail, got 'Pass'"),
            ({"result": 7, "status": "done"}, "data.result", "fail, got 7"),
            ({"result": {"a": [1]}}, "data.result", "fail, got 'an object'"),
            ({"result": ["pass"]}, "data.result", "fail, got 'a list'"),
            (
                {"result": "pass", "status": "done"},
                "data.status",
                "succeeded, errored, aborted, unknown, got 'done'",
            ),
            ({"status": False}, "data.status", "unknown, got False"),
        ],
    )
    def test_a_word_that_is_unknown_is_shown(
        self, said: dict[str, object], where: str, words: str
    ) -> None:
        """The message of the failure has it and what is permitted, then what the executor said."""
        message = heard(data={**SCOPE, **said, "message": "helm is done"}).message

        assert message.startswith(f"{where}: must be one of ")
        assert message.endswith(f"{words}; helm is done")
        assert heard(data={**SCOPE, **said}).message + "; helm is done" == message

        with pytest.raises(InvalidValue, match=re.escape(words)) as caught:
            from_cloudevent(finish(data={**SCOPE, **said}), strict=True)

        assert where == caught.value.where

    @pytest.mark.parametrize("what", [what for what in UNUSABLE if what != "values"])
    def test_strictness_is_about_words_alone(self, what: str) -> None:
        """A finish whose data cannot be used is no less a finish (R33)."""
        event = finish(data=UNUSABLE[what])

        assert from_cloudevent(event) == from_cloudevent(event, strict=True)

    def test_a_finish_without_data_is_a_failure(self) -> None:
        """Nothing said is no success."""
        report = heard(data=None)

        assert (Result.FAIL, Status.UNKNOWN) == (report.result, report.status)

    @pytest.mark.parametrize("what", UNUSABLE)
    def test_a_finish_that_cannot_be_used_is_not_lost(self, what: str) -> None:
        """It counts as errored, has no data, and says what is wrong (R33)."""
        report = heard(data=UNUSABLE[what])

        assert (Result.FAIL, Status.ERRORED, freeze({})) == (
            report.result,
            report.status,
            report.data,
        )
        assert report.message.startswith("The result cannot be used: data")
        assert ("t1", "helm", "r1") == (report.task_id, report.source, report.report_id)

    def test_a_finish_that_cannot_be_used_ends_its_sequence(self) -> None:
        """The plane hears of it as a failure, at once, instead of waiting for a time limit."""
        host = Host(WORLD)
        host.trigger("s1")
        host.tell(heard(triggeredid=host.task_id("s1"), data={"deploy": float("nan")}))
        ended = host.record("s1")

        assert (Phase.FINISHED, Result.FAIL) == (ended.phase, ended.result)
        assert "data.deploy: must be a finite number" in sent(host.events[-1])["data"]["message"]

    def test_a_message_of_broken_text_is_still_a_message(self) -> None:
        """What a hostile value calls itself cannot break the sentence about it."""

        class Hostile:
            def __repr__(self) -> str:
                return "\udc80"

        assert heard(data={"deploy": Hostile()}).message.endswith(", got ?")

    @pytest.mark.parametrize("what", [what for what in UNUSABLE if "message" not in what])
    def test_a_trigger_that_cannot_be_used_is_refused(self, what: str) -> None:
        """There is nothing to lose yet: the sender is told, with the path."""
        with pytest.raises(InvalidValue) as caught:
            from_cloudevent(trigger(data=UNUSABLE[what]))

        assert caught.value.where.startswith("data")

    @pytest.mark.parametrize("kind", NOT_OURS)
    def test_what_is_not_ours_is_left_alone(self, kind: object) -> None:
        """Other types, and what services say to each other, give no command and no error."""
        event = finish(id=None, specversion="0.3", triggeredid=None, data=7) | {"type": kind}

        assert from_cloudevent(event) is None

    def test_a_task_may_have_the_name_of_a_conversation(self) -> None:
        """A host whose shipyard has such a task says so, and its reports are heard."""
        event = finish(type="sh.keptn.event.webhook.finished")

        assert heard() == from_cloudevent(event, conversations={"get-sli"})

    @pytest.mark.parametrize(("event", "where"), MALFORMED)
    def test_a_malformed_envelope_is_one_typed_error(self, event: Any, where: str) -> None:
        """The error names the attribute in the CloudEvent's own words."""
        with pytest.raises(InvalidValue) as caught:
            from_cloudevent(event)

        assert where == caught.value.where
        assert str(caught.value).startswith(f"{where}: must be")

    @pytest.mark.parametrize(
        ("event", "said"),
        [
            ([], "event: must be a CloudEvent (a mapping), got []"),
            (trigger(specversion=None), "specversion: must be '1.0', got None"),
            (trigger(specversion="0.3"), "specversion: must be '1.0', got '0.3'"),
            (trigger(id=None), "id: must be 1 to 200 printable ASCII characters, got None"),
            (trigger(id=7), "id: must be 1 to 200 printable ASCII characters, got 7"),
            (
                finish(type="sh.keptn.event.a b.finished"),
                "type: must be 1 to 63 letters, digits, '-' or '_', got 'a b'",
            ),
            (
                trigger(data={"a": {1}}),
                "data.a: must be JSON: an object, array, text, number or null, got {1}",
            ),
        ],
    )
    def test_the_error_says_what_would_be_permitted(self, event: Any, said: str) -> None:
        """Somebody has to find the program that sent it: attribute, rule and value are told."""
        with pytest.raises(InvalidValue) as caught:
            from_cloudevent(event)

        assert said == str(caught.value)

    def test_a_message_that_is_no_text_is_shown(self) -> None:
        """The finish that takes its place says which value could not be used."""
        actual = heard(data={"result": "pass", "message": ["no"]}).message

        assert "The result cannot be used: data.message: must be a text, got ('no',)" == actual


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.text(st.characters(categories=["Cs"]), max_size=2),
    st.binary(max_size=3),
    st.sampled_from(["", "1.0", "pass", "succeeded", "x" * 300, [], {}, [{}], object(), {1: 2}]),
    st.sampled_from([odd for what, odd in UNUSABLE.items() if what != "values"]),  # a second each
    payloads(),
)
TYPES = st.from_regex(
    r"\Ash\.keptn\.event(\.(dev|a b|é||get-sli|delivery)){1,3}"
    r"\.(triggered|started|status\.changed|finished)\Z"
)
ATTRIBUTES = ["specversion", "id", "source", "triggeredid", "shkeptncontext", "gitcommitid"]
FIELDS = ["service", "result", "status", "message", "percent", "labels", "deploy"]


def read_or_refused(event: dict[str, Any]) -> object:
    """The command of an event, or the text of the one typed error."""
    try:
        return from_cloudevent(event)
    except InvalidValue as error:
        return str(error)


class TestHostility:
    @settings(max_examples=300)
    @given(
        st.sampled_from(
            [
                trigger(),
                finish(),
                finish(type="sh.keptn.event.deploy.started"),
                finish(type="sh.keptn.event.deploy.status.changed"),
            ]
        ),
        st.dictionaries(st.sampled_from(FIELDS), ODD, min_size=1, max_size=2),
        st.none() | TYPES,
        st.none()
        | st.dictionaries(st.sampled_from([*ATTRIBUTES, "type", "data"]), ODD, max_size=2),
    )
    def test_nothing_but_the_typed_error_comes_out(
        self, event: dict[str, Any], data: Any, kind: str | None, changes: dict[str, Any] | None
    ) -> None:
        """Whatever the mapping: a command, nothing, or an `InvalidValue` that can be printed."""
        named = {} if kind is None else {"type": kind}
        hostile = event | {"data": event["data"] | data} | named | (changes or {})

        found = read_or_refused(hostile)
        assert found is None or isinstance(found, c.TriggerSequence | c.Report | str)
        project = project_of(hostile)
        assert project is None or isinstance(project, str)

    @given(st.dictionaries(st.text() | st.integers() | st.sampled_from(ATTRIBUTES), ODD))
    def test_a_mapping_of_anything_is_none_of_ours(self, event: dict[Any, Any]) -> None:
        """Without a type of ours nothing is read, and nothing raised."""
        assert from_cloudevent(event) is None

    @given(ODD | st.dictionaries(st.sampled_from(FIELDS) | st.text(), ODD))
    def test_no_finish_is_lost(self, data: object) -> None:
        """As long as the envelope is sound, any data makes a finish that the plane can count."""
        host = Host(WORLD)
        host.trigger("s1")

        host.tell(heard(triggeredid=host.task_id("s1"), data=data))
        assert "TaskFinished" in host.said

    @pytest.mark.parametrize(
        ("event", "expected"),
        [
            (trigger(), "sockshop"),
            ({"data": {"project": "a b"}}, "a b"),
            ({"data": {"project": ""}}, None),
            ({"data": {"project": 7}}, None),
            ({"data": {"project": "é"}}, None),
            ({"data": {"project": "x" * 201}}, None),
            ({"data": {}}, None),
            ({"data": [1]}, None),
            ({}, None),
            ([], None),
        ],
    )
    def test_the_project_is_in_the_data(self, event: object, expected: str | None) -> None:
        """It is returned if a project may be called so."""
        assert expected == project_of(event)


def told() -> Host:
    """A delivery of carts in dev with a commit and labels, of which the first task is triggered."""
    host = Host(WORLD)
    host.trigger("s1", context="c1", revision="64fd7e0", data={"labels": {"build": "7"}})
    return host


def envelope(kind: str, at: str, data: Mapping[str, Any], **more: str) -> dict[str, Any]:
    """What a CloudEvent about that delivery looks like, its id left out."""
    return {
        "specversion": "1.0",
        "source": "here",
        "type": f"sh.keptn.event.{kind}",
        "time": f"2026-01-01T09:{at}Z",
        "datacontenttype": "application/json",
        "shkeptncontext": "c1",
        "shkeptnspecversion": "0.2.4",
        "gitcommitid": "64fd7e0",
        **more,
        "data": {**SCOPE, **data},
    }


def written(host: Host) -> list[dict[str, Any]]:
    """What the last command of a host publishes."""
    assert host.last is not None
    events = [to_cloudevent(event, source="here") for event in host.last.events]
    return [event for event in events if event is not None]


def shown(host: Host) -> list[dict[str, Any]]:
    """The same without ids."""
    return [{key: event[key] for key in event if key != "id"} for event in written(host)]


class TestWriting:
    def test_a_delivery_in_all_its_events(self) -> None:
        """A host's own trigger is not echoed, a follow-up goes out; a task's id is its event's."""
        host = told()
        labels = {"labels": {"build": "7"}}
        result = {"result": "pass", "status": "succeeded"}
        started = envelope("dev.delivery.started", "00:00.000", {}, triggeredid="s1")
        deploy = envelope("deploy.triggered", "00:00.000", {**labels, "deploy": None})
        assert [started, deploy] == shown(host)
        assert [host.task_id("s1")] == [event["id"] for event in written(host)[1:]]

        host.at(1.5).finish("s1", data={"deploy": {"uri": "x"}})
        test = {**labels, **result, "deploy": {"uri": "x"}, "test": None}
        assert [envelope("test.triggered", "00:01.500", test)] == shown(host)

        host.at(2).finish("s1", message="fine")
        follow_up = written(host)[1]["id"]
        over = {**labels, **result, "message": "fine"}
        begun = {**labels, "stage": "prod", "deploy": {"uri": "x"}}
        prod, at = {"stage": "prod"}, "00:02.000"
        assert [
            envelope("dev.delivery.finished", at, over, triggeredid="s1"),
            envelope("prod.delivery.triggered", at, begun),
            envelope("prod.delivery.started", at, prod, triggeredid=follow_up),
            envelope("release.triggered", at, {**begun, "release": None}),
        ] == shown(host)
        assert Phase.RUNNING is host.phase(follow_up)

    def test_a_pause_and_a_resume(self) -> None:
        """Both are told once, about the sequence; that it is drained has no form in Keptn."""
        host = told()
        host.pause("c1")
        assert [envelope("dev.delivery.paused", "00:00.000", {}, triggeredid="s1")] == shown(host)

        host.finish("s1")
        assert [] == shown(host)

        host.resume("c1")
        assert ["dev.delivery.resumed", "test.triggered"] == [
            event["type"].removeprefix("sh.keptn.event.") for event in written(host)
        ]

    def test_a_task_that_runs_out_of_time_is_finished_for_all_who_wait(self) -> None:
        """It is closed by a finish of its own, then its sequence ends (R24, R27, R28)."""
        host = told()
        host.until(180)
        message = "Nobody reacted to task deploy in stage dev within 3m0s; it was terminated."
        verdict = {"result": "fail", "status": "errored", "message": message}
        task_id = host.of(e.TaskTriggered)[0].task_id
        labels = {"labels": {"build": "7"}}

        assert [
            envelope("deploy.finished", "03:00.000", verdict, triggeredid=task_id),
            envelope("dev.delivery.finished", "03:00.000", verdict | labels, triggeredid="s1"),
        ] == shown(host)

    def test_an_abandoned_task_is_named_by_the_end(self) -> None:
        """A force, and the total limit, name the task that nobody waits for any more (R23)."""
        host = told()
        task_id = host.task_id("s1")
        host.abort("c1", force=True, actor="ann")
        verdict = {"result": "fail", "status": "aborted", "labels": {"build": "7"}}
        message = "Sequence delivery in stage dev was aborted by ann."
        about = {"triggeredid": "s1", "abandonedtask": task_id}

        assert [
            envelope("dev.delivery.finished", "00:00.000", {**verdict, "message": message}, **about)
        ] == shown(host)

    def test_every_end_has_result_and_status(self) -> None:
        """Whatever ends a sequence, Keptn hears a finish with the words of R24."""
        subject = told().events[0].subject
        about: Any = {"serial": 9, "at": instant(0), "subject": subject, "message": "why"}
        about |= {"labels": freeze({"build": "7"})}
        late = told()
        late.until(180)
        explanation = late.of(e.TaskTimedOut)[0].explanation
        aborted = e.SequenceAborted(**about, control=e.Control(), cause=e.Cause.REQUESTED)
        finished = e.SequenceFinished(**about, result=Result.WARNING, status=Status.SUCCEEDED)
        endings: list[tuple[e.Ending, str, str]] = [
            (finished, "warning", "succeeded"),
            (e.SequenceTimedOut(**about, explanation=explanation), "fail", "errored"),
            (aborted, "fail", "aborted"),
            (e.SequenceSuperseded(**about, superseded_by="s2"), "fail", "aborted"),
            (e.SequenceExpired(**about, explanation=explanation), "fail", "aborted"),
        ]

        for event, result, status in endings:
            data = {"result": result, "status": status, "message": "why", "labels": {"build": "7"}}
            expected = envelope("dev.delivery.finished", "00:00.000", data, triggeredid="s1")
            assert expected == {key: sent(event)[key] for key in sent(event) if key != "id"}

    def test_two_sequences_driven_alone_share_no_id(self) -> None:
        """Each numbers its events from 1, and yet no two CloudEvents have the same id."""
        ids = []
        for sequence_id in ("s1", "s2"):
            host = Host(WORLD)
            host.trigger(sequence_id)
            ids += [sent(event)["id"] for event in host.events[1:]]

        assert 4 == len(set(ids))

    def test_an_id_is_the_same_in_every_version(self) -> None:
        """What an older version emitted and a newer one emits again is one event to all."""
        actual = sent(told().events[1])["id"]

        assert "72c27510-76fe-93d2-a195-fc5573976917" == actual

    def test_time_is_written_in_utc(self) -> None:
        """With milliseconds and a Z, whatever zone an instant is in."""
        zone = timezone(timedelta(hours=5, minutes=30))
        now = datetime(2026, 1, 1, 1, 2, 3, 456_789, tzinfo=zone)

        assert refused(now=now)["time"] == "2025-12-31T19:32:03.456Z"
        assert sent(attrs.evolve(told().events[1], at=now))["time"] == "2025-12-31T19:32:03.456Z"

    @pytest.mark.skipif(not hasattr(time, "tzset"), reason="Windows has no such setting")
    def test_time_is_written_in_utc_wherever_the_host_is(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The zone of the machine is nobody's business."""
        with monkeypatch.context() as patch:
            patch.setenv("TZ", "IST-5:30")
            time.tzset()
            actual = sent(told().events[1])["time"]
        time.tzset()

        assert "2026-01-01T09:00:00.000Z" == actual

    def test_the_scope_wins_and_what_is_empty_is_left_out(self) -> None:
        """Whatever the payload says, an event is about its subject (R14)."""
        host = Host({"dev": {"delivery": ["deploy"]}})
        host.trigger("s1")
        task = attrs.evolve(host.events[-1], input=freeze({"project": "x", "service": "y"}))
        host.finish("s1")

        assert SCOPE == sent(task)["data"]
        assert {**SCOPE, "result": "pass", "status": "succeeded"} == sent(host.events[-1])["data"]

    @pytest.mark.parametrize("source", ["", "é", "x" * 201, 7, None])
    def test_a_source_must_be_one_that_can_be_read(self, source: Any) -> None:
        """Our own events must be valid, and readable by ourselves."""
        said = f"source: must be 1 to 200 printable ASCII characters, got {source!r:.80}"
        with pytest.raises(InvalidValue) as caught:
            to_cloudevent(told().events[1], source=source)

        assert str(caught.value).startswith(said)

    def test_only_events_can_be_written(self) -> None:
        """A command, say, is a mistake of the program."""
        said = r"^event: must be one of the events of sequencectl, got CheckDeadlines\(limit=500\)$"
        with pytest.raises(InvalidValue, match=said):
            to_cloudevent(c.CheckDeadlines(), source="here")  # type: ignore[arg-type]


def refused(
    command: TriggerSequence | None = None,
    code: RejectedCode = RejectedCode.UNKNOWN_STAGE,
    now: datetime = instant(0),  # noqa: B008 - an instant never changes
) -> dict[str, Any]:
    """What is said of a trigger that was refused."""
    if command is None:
        read = from_cloudevent(trigger())
        assert isinstance(read, TriggerSequence)
        command = read
    about: Any = {"project": "sockshop", "source": "here", "now": now}
    return refusal(command, Rejected(code, "No such stage."), **about)


class TestRefusal:
    def test_who_triggered_is_told_why_it_does_not_run(self) -> None:
        """A finish, errored and failed, with the sentence of the rejection (R8)."""
        verdict = {"result": "fail", "status": "errored", "message": "No such stage."}
        data = {**verdict, "labels": {"build": "7"}}
        expected = envelope("dev.delivery.finished", "00:00.000", data, triggeredid="s1")

        assert expected | {"id": refused()["id"]} == refused()
        assert is_valid(refused())

    def test_a_refusal_has_one_id_at_any_time_and_another_has_another(self) -> None:
        """A trigger that is delivered twice is refused twice, with one answer."""
        other = TriggerSequence("s1", stage="dev", sequence="delivery", data={"labels": 7})

        assert "f56cd00e-a663-d1b1-c5a6-938394eb0d16" == refused()["id"]
        assert refused()["id"] == refused(now=instant(99))["id"]
        assert refused()["id"] != refused(code=RejectedCode.QUEUE_FULL)["id"]
        assert refused()["id"] != refused(other)["id"]
        assert "labels" not in refused(other)["data"]

    def test_a_conflict_ends_nobody_elses_sequence(self) -> None:
        """The id is that of another sequence, which goes on: the answer does not name it."""
        assert "triggeredid" not in refused(code=RejectedCode.ID_CONFLICT)

    def test_a_naive_instant_is_a_mistake(self) -> None:
        """As everywhere."""
        with pytest.raises(InvalidValue, match="must be aware"):
            refused(now=datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_the_words_of_states() -> None:
    """What Keptn's bridge and command line show for each phase."""
    expected = {
        "waiting": {"WAITING"},
        "paused": {"HELD", "PAUSING", "PAUSED"},
        "started": {"RUNNING", "PARKED"},
        "finished": {"FINISHED"},
        "timedOut": {"TIMED_OUT", "EXPIRED"},
        "aborted": {"ABORTING", "ABORTED", "SUPERSEDED"},
    }

    found: dict[str, set[str]] = {}
    for phase in Phase:
        found.setdefault(state_word(phase), set()).add(phase.name)
    assert expected == found


# ---------------------------------------------------------------- every event that can be reached

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
TYPE = re.compile(r"sh\.keptn\.event\.([\w-]+\.)?[\w-]+\.[a-z]+")
SILENT = {
    "TaskScheduled", "TaskStartReported", "TaskProgressReported", "TaskFinishReported",
    "SequenceParked", "TaskRetried", "TaskSkipped", "SequenceDrained", "SequenceExempted",
    "SequenceAbortRequested", "ContextPaused", "ContextResumed", "StageFrozen", "StageUnfrozen",
    "FollowUpRefused", "SequencesForgotten",
}  # fmt: skip


def is_valid(event: dict[str, Any]) -> bool:
    """Assert what CloudEvents 1.0 and Keptn's specification say of any event."""
    for name, value in event.items():
        assert re.fullmatch("[a-z0-9]{1,20}", name)
        assert name == "data" or (isinstance(value, str) and value)
    assert {"id", "source", "shkeptncontext", "data"} <= event.keys()
    assert event["specversion"] == "1.0"
    assert TYPE.fullmatch(event["type"])
    assert TIME.fullmatch(event["time"])
    assert ("triggeredid" in event) is not event["type"].endswith(".triggered")
    assert {"project", "stage", "service"} <= event["data"].keys()
    assert event == json.loads(json.dumps(event, allow_nan=False))
    return True


def a_walk(name: str, seed: int) -> Twin:
    """What a long walk in this world comes to."""
    twin = Twin(WORLDS[name])
    walk(twin, random.Random(f"{name} {seed}"), steps=120)
    return twin


@pytest.mark.parametrize("name", WORLDS)
def test_every_event_of_a_walk_is_written_well(name: str) -> None:
    """Each is valid, has an id of its own, is the same at each emission, and ends what it ends."""
    twin = a_walk(name, 0)
    pairs = [(event, to_cloudevent(event, source="here")) for event in twin.events]
    out = [(event, cloud) for event, cloud in pairs if cloud is not None]

    assert all(is_valid(cloud) for _, cloud in out)
    assert len(out) == len({cloud["id"] for _, cloud in out})
    assert pairs == [(event, to_cloudevent(event, source="here")) for event in twin.events]
    for event, cloud in pairs:
        is_hosts = isinstance(event, e.SequenceTriggered) and event.parent is None
        is_reported = isinstance(event, e.TaskFinished) and event.explanation is None
        is_silent = type(event).__name__ in SILENT or is_hosts or is_reported
        assert is_silent is (cloud is None)
    ends = [pair for pair in out if isinstance(pair[0], e.Ending | e.TaskTimedOut)]
    closed = [getattr(end, "task_id", end.subject.sequence_id) for end, _ in ends]
    abandoned = [getattr(end, "abandoned_task", None) for end, _ in ends]
    assert closed == [cloud["triggeredid"] for _, cloud in ends]
    assert abandoned == [cloud.get("abandonedtask") for _, cloud in ends]


def test_an_echo_of_our_own_stream_changes_nothing() -> None:
    """A host that hears its own events again decides nothing, as long as it remembers their ids."""
    echoes: set[type] = set()
    for name in WORLDS:
        twin = a_walk(name, 9)
        by_hosts = {getattr(command, "sequence_id", None) for command, _ in twin.told}
        for event in twin.events:
            cloud = to_cloudevent(event, source="here")
            command = None if cloud is None else from_cloudevent(cloud)
            known = event.subject.sequence_id
            is_known = twin.state.sequence(known) or twin.state.remembered(known)
            if isinstance(command, TriggerSequence) and (known in by_hosts or not is_known):
                continue  # forgotten, or an id that the walk has used again
            if command is not None:
                decision = twin.plane.decide(twin.state, command, twin.events[-1].at)
                echoes.add(type(command))

                assert () == decision.events
                assert not isinstance(decision.outcome, Rejected)
    assert {TriggerSequence, c.ReportTaskFinished} == echoes


@given(payloads(), payloads(), st.text(st.characters(exclude_categories=["C", "Z"]), max_size=20))
def test_a_task_goes_round(data: dict[str, Any], result: dict[str, Any], service: str) -> None:
    """What a task receives arrives as it was decided, and what is answered comes back whole."""
    host = Host({"dev": {"delivery": ["deploy"]}})
    host.trigger("s1", data=data, service=service)
    task = host.of(e.TaskTriggered)[0]
    asked = json.loads(json.dumps(sent(task)))
    answer = {
        "specversion": "1.0",
        "id": "r1",
        "source": "helm",
        "type": asked["type"].replace("triggered", "finished"),
        "triggeredid": asked["id"],
        "data": {**result, "result": "warning", "message": ""},
    }
    own = {key: value for key, value in result.items() if key not in SCOPE | {"status": 1}}
    expected = task.finished(source="helm", result="warning", data=own, report_id="r1")

    assert task.input == freeze(asked["data"])
    assert thaw(task.input) == asked["data"]
    if "status" not in result:
        assert expected == from_cloudevent(answer)
