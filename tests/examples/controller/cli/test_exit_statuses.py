"""How the command line ends: one exit status and one sentence for whatever went wrong."""

from __future__ import annotations

import json
import os
import sys
from io import BytesIO, TextIOWrapper

import httpx
import pytest

from tests.examples.controller.cli.command_line import CommandLine
from tests.examples.controller.cli.fake_api import Fault

SECRET = "-".join(("a", "token"))
GET = "get sequence -p sockshop"
ANSWERS: dict[str, tuple[Fault, int]] = {
    "400": (httpx.Response(400, json={"code": 400, "message": "No."}), 1),
    "404": (httpx.Response(404, json={"code": 404, "message": "No."}), 1),
    "405": (httpx.Response(405, text="No."), 1),
    "409": (httpx.Response(409, json={"code": 409, "message": "No."}), 1),
    "413": (httpx.Response(413, json={"code": 413, "message": None}), 1),
    "401": (httpx.Response(401, json={"code": 401, "message": "No."}), 4),
    "403": (httpx.Response(403), 4),
    "302": (httpx.Response(302, headers={"location": "elsewhere"}), 3),
    "500": (httpx.Response(500, text="<html>"), 3),
    "503": (httpx.Response(503, json={"code": 503, "message": "No."}), 3),
    "no JSON": (httpx.Response(200, text="<html>"), 3),
    "a list": (httpx.Response(200, json=[]), 3),
    "another form": (httpx.Response(200, json={"states": [1]}), 3),
    "an error of another form": (httpx.Response(400, json=["No."]), 1),
    "refused": (httpx.ConnectError("[Errno 111] Connection refused"), 3),
    "no connection in time": (httpx.ConnectTimeout(""), 3),
}
USAGES = {
    "no verb": "",
    "an unknown verb": "fly",
    "half a verb": "trigger",
    "a missing option": "pause sequence",
    "an unknown option": "get project --now",
    "a wrong choice": "get sequence --state flying",
    "a page of nothing": "get sequence --page-size 0",
    "wrong labels": "trigger delivery -p p --service s --image i --labels a",
    "two tags": "trigger delivery -p p --service s --image i:1 --tag 2",
    "wrong data": "trigger sequence n -p p --service s --stage t --data []",
    "data that is no JSON": "trigger sequence n -p p --service s --stage t --data {",
    "data that is not there": "trigger sequence n -p p --service s --stage t --data @nowhere",
    "a file that is not there": "create project p --shipyard nowhere",
    "an event that is no JSON": "send event --file /dev/null",
    "nothing to explain": "explain",
    "two things to explain": "explain a -c b",
    "a token with a line break": "--token 'a\nb' auth",
    "an empty name": "get project ''",
}


@pytest.mark.parametrize("case", ANSWERS)
def test_an_answer_has_its_exit_status(run: CommandLine, case: str) -> None:
    """What the controller answers, or that it does not, decides about the exit status."""
    fault, status = ANSWERS[case]
    run.api.faults = [fault]

    ran = run(GET)

    assert (status, "", 1) == (ran.status, ran.out, ran.err.count("\n"))
    assert ran.err.startswith("sequencectl-cli: ")


@pytest.mark.parametrize("case", USAGES)
def test_wrong_usage_has_the_exit_status_2(run: CommandLine, case: str) -> None:
    """What makes no sense is not sent, and stdout stays empty."""
    ran = run(USAGES[case])

    assert (2 if case != "an empty name" else 1, "", []) == (ran.status, ran.out, run.api.asked)
    assert ran.err


def test_the_exit_status_of_a_wrong_token_is_4(run: CommandLine) -> None:
    """The sentence is the controller's own."""
    run.api.token = SECRET

    assert ("", "sequencectl-cli: The token is wrong.\n") == (run("auth").out, run("auth").err)
    assert [4, 4, 0] == [
        run(f"{token}auth").status for token in ("", "--token x ", f"--token {SECRET} ")
    ]


def test_the_token_may_be_in_the_environment(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the endpoint nor the token has to be typed each time."""
    run.api.token = SECRET
    monkeypatch.setenv("SEQUENCECTL_TOKEN", SECRET)
    monkeypatch.setenv("SEQUENCECTL_ENDPOINT", "http://controller.example:8080/")

    ran = run("auth")

    assert ["The controller at http://controller.example:8080 takes the token."] == ran.lines


def test_an_endpoint_that_is_none_is_said_to_be_none(run: CommandLine) -> None:
    """An address that nobody can read is reported in a sentence, and not as a traceback."""
    run.transport = httpx.HTTPTransport()

    ran = [run(f"--endpoint {endpoint} auth") for endpoint in ("nonsense", "'http://['", "ftp://x")]

    assert [3, 3, 3] == [each.status for each in ran]
    assert [1, 1, 1] == [each.err.count("\n") for each in ran]


@pytest.mark.parametrize("verb", ["get project", "auth", "get sequence", "status"])
def test_json_is_all_there_is_on_stdout(run: CommandLine, verb: str) -> None:
    """With --output json, before or after the verb, stdout is one JSON object."""
    before, after = run(f"--output json {verb}"), run(f"{verb} --output json")

    assert isinstance(json.loads(before.out), dict)
    assert before == after
    assert "" == after.err


def test_of_a_trigger_json_has_the_context(run: CommandLine) -> None:
    """A script reads the context and nothing else."""
    ran = run("trigger delivery -p sockshop --service carts --image carts:1 --output json")

    assert {"keptnContext": "00000000-0000-0000-0000-000000000001"} == json.loads(ran.out)


def test_a_refusal_leaves_the_json_empty(run: CommandLine) -> None:
    """The sentence goes to stderr, whatever the output is."""
    ran = run("get project unknown --output json")

    assert (1, "", "sequencectl-cli: There is no project unknown.\n") == (
        ran.status,
        ran.out,
        ran.err,
    )


def test_an_output_in_ascii_is_no_reason_to_fail(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the output cannot encode is written out."""
    run.api.world.project("käse", "carts")
    memory = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(memory, encoding="ascii"))

    status = run("get project").status

    assert (0, True) == (status, b"k\\xe4se" in memory.getvalue())


def test_no_output_at_all_is_no_reason_to_fail(
    run: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program whose stdout was closed from the start does its work."""
    monkeypatch.setattr(sys, "stdout", None)

    status = run("create project podtato --shipyard examples/demo/sockshop.yaml").status

    assert (0, True) == (status, "podtato" in run.api.world.projects)


def test_a_reader_that_is_gone_ends_it(run: CommandLine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Like any program in a pipe, it ends in silence with the status 141."""
    read, write = os.pipe()
    os.close(read)
    monkeypatch.setattr(sys, "stdout", os.fdopen(write, "w", encoding="utf-8"))

    ran = run("get project")
    sys.stdout.close()

    assert (141, "") == (ran.status, ran.err)


def test_ctrl_c_ends_it(run: CommandLine) -> None:
    """Whoever interrupts it sees no traceback."""

    def interrupt(_: httpx.Request) -> httpx.Response:
        raise KeyboardInterrupt

    run.transport = httpx.MockTransport(interrupt)

    assert 130 == run("auth").status
