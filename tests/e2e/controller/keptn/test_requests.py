"""What goes out, byte for byte, what is asked first, and how errors come back."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from tests.e2e.controller.keptn import command_line, models
from tests.e2e.controller.keptn.client import Failed, Keptn
from tests.e2e.controller.keptn.go import decoded
from tests.e2e.controller.keptn.world import DEPLOYMENT, IMAGE, TEST, project
from tests.e2e.controller.process import Controller


def test_every_request_is_that_of_a_go_program(keptn: Keptn) -> None:
    """Its headers, on a GET as well; a body that is nil is none."""
    keptn.metadata()
    keptn.authenticate()
    got, posted = keptn.http.seen
    headers = {name.lower(): value for name, value in got.headers.items()}

    assert {
        "host": f"127.0.0.1:{got.url.port}",
        "user-agent": "Go-http-client/1.1",
        "content-type": "application/json",
        "x-token": keptn.http.seen[0].headers["x-token"],
        "accept-encoding": "gzip",
        "connection": "keep-alive",
    } == headers
    assert "/api/v1/metadata" == got.url.path
    assert (b"", "0") == (posted.content, posted.headers["content-length"])


def test_a_trigger_is_sent_as_the_command_line_sends_it(keptn: Keptn) -> None:
    """No context, a zero time, no content type, data by name; it is answered with a context."""
    project(keptn, "byte")
    context = command_line.trigger_delivery(keptn, "byte", "carts", IMAGE)
    event = keptn.http.seen[-1]
    known = json.loads(event.content)["id"]
    expected = (
        '{"data":{"configurationChange":{"values":{"image":"docker.io/keptnexamples/carts:0.11.1"}},'
        '"deployment":{"deploymentURIsLocal":null,"deploymentstrategy":""},'
        '"project":"byte","service":"carts","stage":"dev"},'
        f'"id":"{known}",'
        '"source":"https://github.com/keptn/keptn/cli#configuration-change","specversion":"1.0",'
        '"time":"0001-01-01T00:00:00Z","type":"sh.keptn.event.dev.delivery.triggered"}'
    )

    assert ("/api/v1/event", expected) == (event.url.path, event.content.decode())
    assert context


def test_labels_may_be_null(keptn: Keptn) -> None:
    """So ``trigger sequence`` sends them without the option."""
    project(keptn, "unlabelled")
    context = command_line.trigger_sequence(keptn, "delivery", "unlabelled", "carts", "dev", a=1)
    body = json.loads(keptn.http.seen[-1].content)
    [event] = keptn.open_triggered(DEPLOYMENT, project="unlabelled")

    assert {"labels": None, "a": 1} == {name: body["data"][name] for name in ("labels", "a")}
    assert context == event["shkeptncontext"]
    assert 1 == event["data"]["a"]


def test_labels_come_with_the_task(keptn: Keptn) -> None:
    """As a mapping of texts, into which every service decodes them."""
    project(keptn, "labelled")
    labels = {"build": "17"}
    command_line.trigger_delivery(keptn, "labelled", "carts", IMAGE, labels=labels)
    [event] = keptn.open_triggered(DEPLOYMENT, project="labelled")
    data = decoded(models.EVENT_DATA, json.dumps(event["data"]).encode())

    assert labels == data["labels"]
    assert ("labelled", "dev", "carts") == (data["project"], data["stage"], data["service"])


def test_metadata_is_what_the_command_line_follows(keptn: Keptn) -> None:
    """No Git repository is needed, and the version is the one that it does not warn of."""
    metadata = keptn.metadata()

    assert metadata["automaticprovisioning"] is True
    assert "1.4.5" == metadata["keptnversion"]
    assert "" == command_line.version_warning(keptn)


def test_authentication_is_answered_with_an_object(keptn: Keptn) -> None:
    """Into which a context could be decoded; there is none."""
    assert {"keptnContext": None} == keptn.authenticate()


TRIGGER = "sh.keptn.event.dev.delivery.triggered"
ERRORS: dict[str, tuple[int, Callable[[Keptn], object]]] = {
    "a project nobody has": (404, lambda keptn: keptn.project("nobody")),
    "its stages": (404, lambda keptn: keptn.stages("nobody")),
    "its services": (404, lambda keptn: keptn.services("nobody", "dev")),
    "its end": (404, lambda keptn: keptn.delete_project("nobody")),
    "its update": (404, lambda keptn: keptn.update_project("nobody")),
    "its deliveries": (404, lambda keptn: keptn.control("nobody", "c1", "pause")),
    "its evaluation": (404, lambda keptn: keptn.trigger_evaluation("nobody", "dev", "carts", {})),
    "a name with a blank": (400, lambda keptn: keptn.create_project("a b", "c3BlYzogMQ==")),
    "no shipyard": (400, lambda keptn: keptn.create_project("none", None)),
    "no event": (400, lambda keptn: keptn.send_event({"type": TRIGGER})),
    "an unknown integration": (404, lambda keptn: keptn.ping("nobody")),
    "its farewell": (404, lambda keptn: keptn.unregister("nobody")),
    "its subscription": (404, lambda keptn: keptn.subscribe("nobody", {"event": TEST})),
    "a registration without a name": (400, lambda keptn: keptn.register({"id": ""})),
    "a log without a text": (400, lambda keptn: keptn.log([{"message": 7}])),
    "no route": (404, lambda keptn: keptn.http.get("/v1/nothing")),
    "no method": (405, lambda keptn: keptn.http.delete("/v1/event")),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_has_a_code_and_a_message(keptn: Keptn, case: str) -> None:
    """A whole number and a sentence: what the command line prints."""
    code, ask = ERRORS[case]
    with pytest.raises(Failed) as refused:
        ask(keptn)

    assert code == refused.value.code


def test_who_has_no_token_is_told_so(controller: Controller) -> None:
    """In the same form."""
    stranger = Keptn(controller.url, "wrong")
    with pytest.raises(Failed, match="x-token") as refused:
        stranger.authenticate()
    stranger.close()

    assert 401 == refused.value.code
