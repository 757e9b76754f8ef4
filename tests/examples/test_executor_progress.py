"""What an executor says while it works, and when: on a loop whose time passes by itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

import attrs
import httpx
import pytest

from examples.executor.__main__ import _parser, behaviour_of
from examples.executor.api import Api
from examples.executor.behaviour import Behaviour, Json
from examples.executor.executor import Executor
from tests.examples.controller.api import virtual_time
from tests.examples.controller.cli.fake_api import FakeApi

TASK = "c1-dev-task-1"
EVENT_STREAM = {"content-type": "text/event-stream"}
CARTS = f"deployment of carts in stage dev of sockshop (context c1, task {TASK})"
Sent = tuple[float, str]
Failure = httpx.Response | httpx.TransportError | float | None
USUAL = Behaviour("deployment", "helm", duration=35, message="rolling out")


@attrs.define
class Life:
    """An executor and its controller, and what was sent at which second."""

    api: FakeApi = attrs.field(factory=FakeApi)
    behaviour: Behaviour = USUAL
    sent: list[Sent] = attrs.field(factory=list)
    said: list[str] = attrs.field(factory=list)
    complaints: list[str] = attrs.field(factory=list)
    fail: Callable[[str], Failure] = lambda _: None
    """What happens to a report of this word; so many seconds are how late its answer comes."""

    def live(self, seconds: float = 100) -> list[Sent]:
        """Let the executor look, work and be killed after so long; return what it sent."""
        virtual_time.run(self._live(seconds))
        return self.sent

    async def _live(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        fake = self.api.async_transport()

        async def answer(request: httpx.Request) -> httpx.Response:
            word = ""
            if request.url.path == "/v1/event":
                kind = str(httpx.Response(200, content=request.content).json()["type"])
                word = kind.removeprefix("sh.keptn.event.deployment.")
                self.sent.append((loop.time(), word))
            failure = self.fail(word)
            if isinstance(failure, httpx.TransportError):
                raise failure
            if isinstance(failure, httpx.Response):
                return failure
            await asyncio.sleep(failure or 0)
            return await fake.handle_async_request(request)

        transport = httpx.MockTransport(answer)
        async with Api("http://x", "", transport=transport) as api:
            executor = Executor(
                api, self.behaviour, self.said.append, self.complaints.append, interval=1.0
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await executor.run()


@pytest.fixture
def life() -> Life:
    """A life with a task to work on."""
    made = Life()
    made.api.world.project("sockshop", "carts")
    made.api.world.trigger("c1")
    return made


def changes(*seconds: float) -> list[Sent]:
    """Reports of progress at these seconds."""
    return [(at, "status.changed") for at in seconds]


def test_an_executor_says_how_far_it_is_while_it_works(life: Life) -> None:
    """Every ten seconds between its start and its end, with message and percent."""
    assert [(0, "started"), *changes(10, 20, 30), (35, "finished")] == life.live()

    data = [event["data"] for event in life.api.received[1:-1]]
    assert [28, 57, 85] == [each["percent"] for each in data]
    assert {"rolling out"} == {each["message"] for each in data}
    assert f"at 28 %: {CARTS}, which is ignored" == life.said[1]


def test_each_report_of_progress_is_another_event(life: Life) -> None:
    """Of one source, so that a bus that drops repeats drops none of them; all name their task."""
    life.live()
    events = life.api.received[1:-1]

    assert 3 == len({event["id"] for event in events})
    assert {("helm", TASK, "c1")} == {
        (event["source"], event["triggeredid"], event["shkeptncontext"]) for event in events
    }


@pytest.mark.parametrize(
    ("every", "seconds"), [(5.0, [5, 10, 15, 20, 25, 30]), (17.5, [17.5]), (35.0, []), (0.0, [])]
)
def test_how_often_it_says_so_is_told(life: Life, every: float, seconds: list[float]) -> None:
    """Nothing is said that its end says at the same moment; 0 is never."""
    life.behaviour = attrs.evolve(USUAL, progress=every)

    assert [(0, "started"), *changes(*seconds), (35, "finished")] == life.live()


def test_an_executor_that_is_started_again_says_at_once_that_it_lives(life: Life) -> None:
    """Its start is a repeat, which nobody counts: without more it would be as silent as before."""
    life.live(12)
    life.sent.clear()

    expected = [(0, "started"), *changes(0, 10, 20, 30), (35, "finished")]
    assert expected == life.live()
    assert f"at 0 %: {CARTS}, which is ignored" in life.said


@pytest.mark.parametrize(
    "failure",
    [httpx.ConnectError("refused"), httpx.Response(503, json={"code": 503, "message": "busy"})],
    ids=["away", "busy"],
)
def test_progress_that_is_lost_is_not_sent_again(
    life: Life, failure: httpx.Response | httpx.TransportError
) -> None:
    """The next one says more; the work and its end are not held up."""
    life.fail = lambda word: failure if word == "status.changed" else None

    assert [(0, "started"), *changes(10, 20, 30), (35, "finished")] == life.live()
    assert [] == life.complaints


def test_progress_that_is_refused_is_no_reason_to_stop(life: Life) -> None:
    """It is said on stderr, each time; the task gets its finish."""
    refusal = httpx.Response(400, json={"code": 400, "message": "No."})
    life.fail = lambda word: refusal if word == "status.changed" else None
    life.live()

    assert [f"the report on {CARTS} was refused: No."] * 3 == life.complaints
    assert (35, "finished") == life.sent[-1]


def test_who_waits_for_an_answer_to_progress_finishes_in_time(life: Life) -> None:
    """The request in hand is given up: its end says more."""
    life.fail = lambda word: 3600.0 if word == "status.changed" else None

    assert [(0, "started"), *changes(10), (35, "finished")] == life.live()


def test_one_that_has_died_says_nothing(life: Life) -> None:
    """That is how a limit on its silence finds it."""
    life.behaviour = attrs.evolve(USUAL, never_finishes=True)

    assert [(0, "started")] == life.live()


def test_one_that_is_ended_says_nothing_more(life: Life) -> None:
    """With the work ends what accompanies it."""
    assert [(0, "started"), *changes(10)] == life.live(15)


def test_nothing_is_said_of_a_task_that_is_no_longer_open(life: Life) -> None:
    """Here somebody finishes it between two reports."""
    life.fail = lambda word: life.api.world.finish("c1") if word == "status.changed" else None

    assert [(0, "started"), *changes(10)] == life.live()


def looks(*messages: tuple[float, Json]) -> list[float]:
    """When an executor asks for open tasks that works on c1 and hears these messages in time."""
    life, asked = Life(), list[float]()
    life.api.world.project("sockshop", "carts")
    life.api.world.trigger("c1")

    async def program() -> None:
        loop, fake = asyncio.get_running_loop(), life.api.async_transport()

        async def stream() -> AsyncIterator[bytes]:
            for at, message in messages:
                await asyncio.sleep(at - loop.time())
                yield f"data: {json.dumps(message)}\n\n".encode()
            await asyncio.sleep(3600)

        async def answer(request: httpx.Request) -> httpx.Response:
            if request.url.path.startswith("/v1/stream/"):
                return httpx.Response(200, headers=EVENT_STREAM, content=stream())
            if request.url.path.startswith("/v1/event/triggered/"):
                asked.append(loop.time())
            return await fake.handle_async_request(request)

        async with Api("http://x", "", transport=httpx.MockTransport(answer)) as api:
            behaviour = attrs.evolve(USUAL, duration=1000)
            executor = Executor(api, behaviour, life.said.append, life.complaints.append)
            with suppress(TimeoutError):
                async with asyncio.timeout(4.5):
                    await executor.run()

    virtual_time.run(program())
    return asked


def states(*tasks: tuple[str, str, str | None]) -> Json:
    """A message about tasks: their ids, their names, and when they finished."""
    shown = [{"id": known, "name": name, "finishedAt": at} for known, name, at in tasks]
    return {"states": [{"sequences": [{"tasks": shown}]}]}


@pytest.mark.parametrize(
    ("message", "is_news"),
    [
        pytest.param({"serial": 7}, True, id="the begin of a stream"),
        pytest.param(states(), False, id="nothing"),
        pytest.param(states((TASK, "deployment", None)), False, id="progress of its own task"),
        pytest.param(states(("x", "test", None)), False, id="a task for others"),
        pytest.param(states(("x", "deployment", "now")), False, id="one that is over"),
        pytest.param(states(("x", "deployment", None)), True, id="a new one"),
        pytest.param(states((TASK, "deployment", "now")), True, id="its own is over"),
        pytest.param(
            states(("x", "test", None), ("y", "deployment", None)), True, id="one among others"
        ),
    ],
)
def test_an_executor_looks_when_a_message_has_news_for_it(message: Json, is_news: bool) -> None:
    """Else every executor would look as often as all of them together say how far they are."""
    assert [0.0, *([2.0] if is_news else [])] == looks((2.0, message))


@pytest.mark.parametrize(
    "message", ["a text", None, [7], {"states": 7}, {"states": [{"sequences": [{}]}]}]
)
def test_a_message_of_another_form_is_news(message: Any) -> None:
    """The list says what there is; and the stream is followed on, as the second message shows."""
    assert [0.0, 2.0, 3.0] == looks((2.0, message), (3.0, message))


def test_the_command_line_says_how_often() -> None:
    """Ten seconds, if it says nothing: what a controller hears at most."""
    usual = behaviour_of(_parser().parse_args(["deployment"]))
    often = behaviour_of(_parser().parse_args(["deployment", "--progress", "2.5"]))

    assert (10.0, 2.5) == (usual.progress, often.progress)
