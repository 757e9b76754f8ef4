"""The routes of deliveries: what is listed, what a control asks for, what is streamed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

import httpx
import pytest

from examples.controller.api import sequences
from tests.examples.controller.served import Served


def control(served: Served, context: str, **body: Any) -> httpx.Response:
    """Send a control of a delivery."""
    return served.ask("POST", f"/v1/sequence/shop/{context}/control", json=body)


def detail(served: Served, context: str) -> dict[str, Any]:
    """How a delivery stands, with its controls and explanations."""
    return served.get(f"/v1/sequence/shop/{context}")


def listed(served: Served, **query: str) -> list[str]:
    """The contexts that a list has."""
    answer = served.get("/v1/sequence/shop", **query)
    found = [state["shkeptncontext"] for state in answer["states"]]
    assert len(found) == min(answer["totalCount"], answer["pageSize"])
    return found


def trigger_three(served: Served) -> None:
    """Have a delivery in flight, one behind it, and one in another stage."""
    served.trigger("c1")
    served.trigger("c2", service="orders")
    served.trigger("c3", stage="prod")


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A controller with three deliveries, for tests that change nothing."""
    with Served(tmp_path_factory.mktemp("three")) as served:
        served.create()
        trigger_three(served)
        yield served


# ---------------------------------------------------------------- lists


@pytest.mark.parametrize(
    ("query", "contexts"),
    [
        pytest.param({}, ["c3", "c2", "c1"], id="all, the newest first"),
        pytest.param({"service": "carts"}, ["c3", "c1"], id="service"),
        pytest.param({"service": ""}, ["c3", "c2", "c1"], id="an empty filter"),
        pytest.param({"name": "delivery"}, ["c3", "c2", "c1"], id="name"),
        pytest.param({"name": "other"}, [], id="another name"),
        pytest.param({"state": "waiting"}, ["c2"], id="state"),
        pytest.param({"state": "started", "service": "carts"}, ["c3", "c1"], id="both"),
        pytest.param({"stage": "prod"}, ["c3"], id="stage"),
        pytest.param({"keptnContext": "c1"}, ["c1"], id="one context"),
        pytest.param({"keptnContext": "c1,c3,,none"}, ["c3", "c1"], id="contexts"),
        pytest.param({"unheard": "of"}, ["c3", "c2", "c1"], id="what is no filter"),
    ],
)
def test_a_list_has_what_every_filter_lets_through(
    three: Served, query: dict[str, str], contexts: list[str]
) -> None:
    """With its state, as one that is asked for by itself."""
    assert contexts == listed(three, **query)


def test_instants_bound_a_list(three: Served) -> None:
    """Both ends are left out."""
    first, _, third = (detail(three, context)["time"] for context in ("c1", "c2", "c3"))

    assert ["c2"] == listed(three, fromTime=first, beforeTime=third)
    assert ["c3", "c2"] == listed(three, fromTime=first)
    assert ["c2", "c1"] == listed(three, beforeTime=third)


def test_a_list_is_read_page_by_page(three: Served) -> None:
    """Each says how many there are in all, and where the next one begins."""
    page = {"pageSize": "2"}
    first = three.get("/v1/sequence/shop", **page)
    second = three.get("/v1/sequence/shop", **page, nextPageKey=str(first["nextPageKey"]))

    assert [["c3", "c2"], ["c1"]] == [
        [state["shkeptncontext"] for state in each["states"]] for each in (first, second)
    ]
    assert [(3, 2, True), (3, 2, False)] == [
        (each["totalCount"], each["pageSize"], bool(each["nextPageKey"]))
        for each in (first, second)
    ]


def test_a_list_shows_a_delivery_as_it_is_shown_by_itself(served: Served) -> None:
    """With what is permitted; one that is over has nothing permitted."""
    trigger_three(served)
    control(served, "c1", state="abort", force=True)
    states = served.get("/v1/sequence/shop")["states"]
    alone = [detail(served, state["shkeptncontext"]) for state in states]

    assert [{key: each[key] for key in states[0]} for each in alone] == states
    assert [True, True, False] == [bool(each["permitted"]) for each in states]


def test_the_library_is_not_asked_about_deliveries_that_are_over(served: Served) -> None:
    """A list of them is read from the journal alone."""
    served.trigger("c1")
    control(served, "c1", state="abort", force=True)

    async def never(*_: object) -> None:
        raise AssertionError("asked")

    served.controller.host.ask = never  # type: ignore[method-assign] # a fake of the library

    assert ["c1"] == listed(served)


# ---------------------------------------------------------------- one delivery


@pytest.mark.parametrize(
    ("method", "path", "message"),
    [
        ("GET", "/v1/sequence/shop/none", "project 'shop' knows no context 'none'"),
        ("GET", "/v1/sequence/nobody", "nobody"),
        ("GET", "/v1/sequence/nobody/c1", "nobody"),
        ("POST", "/v1/sequence/nobody/c1/control", "nobody"),
        ("POST", "/v1/sequence/shop/none/control", "none"),
        ("GET", "/v1/stream/nobody", "nobody"),
    ],
)
def test_what_nobody_knows_is_not_found(
    served: Served, method: str, path: str, message: str
) -> None:
    """And the sentence names it."""
    body = {"json": {"state": "pause"}} if method == "POST" else {}
    answer = served.ask(method, path, **body)

    assert 404 == answer.status_code
    assert message in answer.json()["message"]


def test_a_delivery_is_explained_with_its_controls(served: Served) -> None:
    """By the library, sequence by sequence."""
    trigger_three(served)
    control(served, "c2", state="pause", actor="bob", reason="lunch")
    shown = detail(served, "c2")
    (sequence,) = shown["sequences"]
    explanation = shown["explanations"][sequence["id"]]

    assert [("pause", "bob", "lunch")] == [
        (each["kind"], each["actor"], each["reason"]) for each in shown["controls"]
    ]
    assert ("held", "bob") == (explanation["phase"], explanation["pause"]["actor"])
    assert "applied" == shown["permitted"]["resume"]["outcome"]


def test_a_delivery_has_what_was_logged_about_it(served: Served) -> None:
    """And not what was logged about another."""
    served.trigger("c1")
    for context in ("c1", "c2"):
        entry = {"message": f"of {context}", "shkeptncontext": context}
        served.ask("POST", "/v1/log", json={"logs": [entry]}).raise_for_status()

    assert ["of c1"] == [each["message"] for each in detail(served, "c1")["logs"]]


def test_a_context_may_have_slashes(served: Served) -> None:
    """It is whatever its trigger said; the rest of the path is what is asked for."""
    served.trigger("a/b")

    assert "a/b" == detail(served, "a/b")["shkeptncontext"]
    assert "applied" == control(served, "a/b", state="pause").json()["outcome"]
    assert "paused" == detail(served, "a/b")["state"]


# ---------------------------------------------------------------- controls


@pytest.mark.parametrize(
    ("body", "kind", "scope"),
    [
        pytest.param({"state": "pause"}, "pause", None, id="pause"),
        pytest.param({"state": "pause", "stage": ""}, "pause", None, id="Keptn's empty stage"),
        pytest.param({"state": "pause", "stage": None}, "pause", None, id="a stage of null"),
        pytest.param({"state": "pause", "stage": "dev"}, "pause", "dev", id="pause of a stage"),
        pytest.param({"state": "abort"}, "abort", "dev", id="abort"),
        pytest.param({"state": "abort", "stage": "dev"}, "abort", "dev", id="abort of a stage"),
        pytest.param({"state": "abort", "force": False}, "abort", "dev", id="no force"),
        pytest.param({"state": "abort", "force": True}, "force", "dev", id="force"),
        pytest.param({"state": "abort", "sequenceId": "c1"}, "abort", "dev", id="of a sequence"),
        pytest.param({"state": "abort", "sequenceId": ""}, "abort", "dev", id="of no sequence"),
    ],
)
def test_a_control_is_done_in_its_scope(
    served: Served, body: dict[str, Any], kind: str, scope: str | None
) -> None:
    """And kept, with who asked for it and why."""
    served.trigger("c1")
    answer = control(served, "c1", **body, actor="bob", reason="lunch")
    (told,) = detail(served, "c1")["controls"]

    assert (200, "applied") == (answer.status_code, answer.json()["outcome"])
    assert (kind, scope, "bob", "lunch") == (
        told["kind"], told["stage"], told["actor"], told["reason"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        pytest.param({"state": "pause"}, "The pause waits for task deployment", id="pause"),
        pytest.param({"state": "abort"}, "The abort waits for task deployment", id="abort"),
        pytest.param({"state": "abort", "force": True}, "", id="force"),
    ],
)
def test_a_control_says_what_it_waits_for(served: Served, body: dict[str, Any], said: str) -> None:
    """A task in flight; nothing if force ended it."""
    served.trigger("c1")
    message = control(served, "c1", **body).json()["message"]

    assert said == message[: len(said) or None]


@pytest.mark.parametrize("stage", ["", "dev"])
def test_a_resume_takes_back_a_pause_of_its_scope(served: Served, stage: str) -> None:
    """By whom and why is kept too."""
    served.trigger("c1")
    control(served, "c1", state="pause", stage=stage)
    answer = control(served, "c1", state="resume", stage=stage, actor="eve", reason="ready")
    told = detail(served, "c1")["controls"][-1]

    assert {"outcome": "applied", "message": ""} == answer.json()
    assert ("resume", stage or None, "eve", "ready") == (
        told["kind"], told["stage"], told["actor"], told["reason"],
    )  # fmt: skip


@pytest.mark.parametrize("word", ["pause", "resume", "abort"])
def test_a_control_with_a_request_id_is_done_once(served: Served, word: str) -> None:
    """Who sends it again learns that it was done, whatever happened since."""
    served.trigger("c1")
    if word == "resume":
        control(served, "c1", state="pause")
    answers = [control(served, "c1", state=word, requestId="r1")]
    if word != "abort":
        control(served, "c1", state="pause" if word == "resume" else "resume")
    answers.append(control(served, "c1", state=word, requestId="r1"))

    assert ["applied", "repeated"] == [each.json()["outcome"] for each in answers]


def test_an_abort_of_a_sequence_leaves_the_others_of_its_delivery(served: Served) -> None:
    """It is addressed by its own id, whatever delivery the path names."""
    served.trigger("c1")
    about = {"id": "second", "shkeptncontext": "c1"}
    scope = {"project": "shop", "stage": "prod", "service": "carts"}
    served.event("prod.delivery.triggered", scope, **about).raise_for_status()
    control(served, "c1", state="abort", sequenceId="second", force=True)

    assert {"c1": "running", "second": "aborted"} == {
        each["id"]: each["phase"] for each in detail(served, "c1")["sequences"]
    }


def test_an_abort_of_a_stage_leaves_those_of_its_delivery_elsewhere(served: Served) -> None:
    """They go on."""
    served.trigger("c1")
    scope = {"project": "shop", "stage": "prod", "service": "carts"}
    about = {"id": "second", "shkeptncontext": "c1"}
    served.event("prod.delivery.triggered", scope, **about).raise_for_status()
    control(served, "c1", state="abort", stage="dev", force=True)

    assert {"c1": "aborted", "second": "running"} == {
        each["id"]: each["phase"] for each in detail(served, "c1")["sequences"]
    }


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param({}, "state: must be a text, got None", id="no state"),
        pytest.param({"state": "stop"}, "state: must be one of pause, resume, abort, got 'stop'",
                     id="no control"),
        pytest.param({"state": "pause", "force": True},
                     "force, sequenceId: belong to an abort, not to a pause",
                     id="force of a pause"),
        pytest.param({"state": "resume", "sequenceId": "c1"},
                     "force, sequenceId: belong to an abort, not to a resume",
                     id="a resume of a sequence"),
        pytest.param({"state": "pause", "unheard": 1}, "'unheard': no such field, got 1",
                     id="a field that there is not"),
        pytest.param({"state": "pause", "stage": 1}, "stage: must be a text, got 1", id="stage"),
        pytest.param({"state": "abort", "force": 1}, "force: must be true or false, got 1",
                     id="force"),
    ],
)  # fmt: skip
def test_a_control_that_cannot_be_read_changes_nothing(
    served: Served, body: Mapping[str, Any], message: str
) -> None:
    """It is answered with what is wrong, in a sentence."""
    served.trigger("c1")
    before = detail(served, "c1")
    answer = control(served, "c1", **body)

    assert (400, message) == (answer.status_code, answer.json()["message"])
    assert before == detail(served, "c1")


def test_a_context_that_is_no_id_is_refused(served: Served) -> None:
    """Before anybody is asked about it."""
    answer = served.ask("GET", "/v1/sequence/shop/%C3%A9")

    assert 400 == answer.status_code
    assert answer.json()["message"].startswith("keptnContext: must be ")


# ---------------------------------------------------------------- the stream


def streamed(served: Served, *, since: str = "") -> tuple[dict[str, str], dict[str, str]]:
    """The headers of a stream and its first message, after which all streams are closed."""
    path, sent = "/v1/stream/shop", asyncio.Queue[MutableMapping[str, Any]]()
    headers = [(b"host", b"127.0.0.1"), *([(b"last-event-id", since.encode())] if since else [])]
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "path": path,
        "raw_path": path.encode(), "query_string": b"", "headers": headers, "root_path": "",
    }  # fmt: skip

    async def silence() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async def program() -> tuple[MutableMapping[str, Any], bytes]:
        app = served.controller.app
        asking = asyncio.ensure_future(app(scope, silence, sent.put))
        asking.add_done_callback(lambda _: [sent.put_nowait({"body": b""}) for _ in range(2)])
        begin, message = await sent.get(), await sent.get()
        await served.controller.broadcaster.close()
        await asking
        return begin, message["body"]

    begin, text = served.run(program())
    lines = text.decode().removesuffix("\n\n").split("\n")
    return (
        {name.decode(): value.decode() for name, value in begin["headers"]},
        dict(line.split(": ", 1) for line in lines),  # type: ignore[misc] # two parts each
    )


def test_a_stream_begins_with_where_it_is(three: Served) -> None:
    """Nothing between keeps it back: no cache, no proxy."""
    headers, message = streamed(three)
    serial = detail(three, "c3")["serial"]

    assert "text/event-stream" == headers["content-type"].split(";")[0]
    assert ("no-store", "no") == (headers["cache-control"], headers["x-accel-buffering"])
    assert (str(serial), "hello") == (message["id"], message["event"])


def test_a_client_that_comes_back_gets_what_it_missed(three: Served) -> None:
    """As the list shows it, and how the stages stand."""
    seen = detail(three, "c1")["serial"]
    _, message = streamed(three, since=str(seen))
    data = json.loads(message["data"])
    states = three.get("/v1/sequence/shop", keptnContext="c2,c3")["states"]

    assert ("changed", "shop") == (message["event"], data["project"])
    assert ["c2", "c3"] == [state["shkeptncontext"] for state in data["states"]]
    assert states == data["states"][::-1]
    assert [("dev", 1), ("prod", 0)] == [
        (stage["stageName"], stage["waiting"]) for stage in data["stages"]
    ]


@pytest.mark.parametrize(
    ("since", "event", "has_states"),
    [
        pytest.param("0", "changed", True, id="of the beginning"),
        pytest.param("all", "changed", False, id="up to date"),
        pytest.param("1000000", "reset", False, id="of another history"),
    ],
)
def test_a_serial_that_makes_no_sense_is_told(
    three: Served, since: str, event: str, *, has_states: bool
) -> None:
    """Whoever says it loads everything again."""
    newest = str(detail(three, "c3")["serial"])
    _, message = streamed(three, since=newest if since == "all" else since)

    assert (event, has_states) == (
        message["event"], bool(json.loads(message["data"]).get("states")),
    )  # fmt: skip


def test_who_missed_changes_of_too_many_deliveries_loads_them_again(
    three: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is as many as may be is told; one more is too many."""
    events = []
    for most in (3, 2):
        monkeypatch.setattr(sequences, "MOST_CHANGED", most)
        events.append(streamed(three, since="0")[1]["event"])

    assert ["changed", "reset"] == events
