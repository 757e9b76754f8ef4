"""Webhooks: what is posted, when it is posted again, and when no more."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import httpx
import pytest

from examples.controller.__main__ import main
from examples.controller.app import Controller
from examples.controller.metrics import Metrics
from examples.controller.settings import Settings
from examples.controller.webhooks import (
    AT_ONCE,
    LONGEST,
    LOOK,
    SHORTEST,
    Receivers,
    Webhooks,
    pause_after,
    signed,
)
from examples.stores.errors import StoreUnusable
from sequencectl import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ControlPlane,
    InvalidValue,
    OpenTask,
    ProjectState,
    QueuePolicy,
    ReportTaskFinished,
    Shipyard,
    TimeoutPolicy,
    TriggerSequence,
    UnknownProject,
)
from sequencectl.cloudevents import to_cloudevent
from sequencectl.testing import ManualClock

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - that of the specification
DEPLOY = "http://deployer/tasks"
TEST = "http://tester/tasks"
RECEIVERS = Receivers.of([f"deploy={DEPLOY}", f"test={TEST}"], SECRET)
UNUSABLE = StoreUnusable(Path("sequences.db"), "the disk is full")
TAKEN, BROKEN = httpx.Response(204), httpx.Response(500)

Answer = httpx.Response | Exception | None
"""What a receiver does with a post; None: nothing at all."""


@attrs.define
class Stage:
    """A project, what its tasks are posted to, and pauses that end only when they are ended."""

    receivers: Receivers = RECEIVERS
    answers: dict[str, list[Answer]] = attrs.field(factory=dict)
    """What the next posts to a URL are answered; then every post is taken."""
    posts: list[httpx.Request] = attrs.field(factory=list)
    under_way: int = 0
    wrong: Exception | None = None
    """What goes wrong with the next look."""
    looks: int = 0
    claim: bool | Exception = True
    """Whether this replica is the one that posts, or what is said instead."""
    claims: int = 0
    clock: ManualClock = attrs.field(factory=ManualClock)
    metrics: Metrics = attrs.field(factory=Metrics)
    pauses: list[tuple[float, asyncio.Future[None]]] = attrs.field(factory=list)
    plane: ControlPlane = attrs.field(init=False)
    state: ProjectState = attrs.field(init=False)
    webhooks: Webhooks = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        tasks = {"dev": {"delivery": ["deploy", "test", "watch"]}}
        self.plane = ControlPlane(
            Shipyard.of(tasks),
            timeouts=TimeoutPolicy(reaction="3m"),
            queueing=QueuePolicy(limit=1_000),
        )
        self.state = self.plane.initial("p")
        self.restart()

    def restart(self) -> None:
        """Begin with webhooks that remember nothing."""
        self.webhooks = Webhooks(
            self.receivers,
            self.open_tasks,
            self.projects,
            self.metrics,
            claim=self.claimed,
            source="the-controller",
            clock=self.clock,
            transport=httpx.MockTransport(self.answer),
            sleep=self.sleep,
        )

    async def projects(self) -> list[str]:
        """The one project."""
        return ["p"]

    def play(self, act: Callable[[], Awaitable[object]]) -> None:
        """Let the webhooks work beside an act."""

        async def perform() -> None:
            await self.webhooks.start()
            await self.rest()
            try:
                await act()
                await self.rest()
            finally:
                await self.webhooks.close()
            assert {asyncio.current_task()} == asyncio.all_tasks()

        asyncio.run(perform())

    async def rest(self) -> None:
        """Let everybody do what they can."""
        for _ in range(100):
            await asyncio.sleep(0)

    async def sleep(self, seconds: float) -> None:
        """Pause until somebody ends the pause."""
        self.pauses.append((seconds, asyncio.get_running_loop().create_future()))
        await self.pauses[-1][1]

    async def wake(self, seconds: float) -> None:
        """End all pauses of a length."""
        for length, pause in self.pauses:
            if length == seconds and not pause.done():
                pause.set_result(None)
        await self.rest()

    async def claimed(self, project: str) -> bool:
        """Say whose the project is."""
        assert "p" == project
        self.claims += 1
        if isinstance(self.claim, Exception):
            raise self.claim
        return self.claim

    async def open_tasks(self, project: str) -> tuple[OpenTask, ...]:
        """Return the open tasks, unless something goes wrong."""
        assert "p" == project
        self.looks += 1
        await asyncio.sleep(0)
        wrong, self.wrong = self.wrong, None
        if wrong is not None:
            raise wrong
        return self.plane.open_tasks(self.state)

    async def answer(self, request: httpx.Request) -> httpx.Response:
        """Be all receivers."""
        assert "POST" == request.method
        self.posts.append(request)
        self.under_way += 1
        try:
            script = self.answers.get(str(request.url))
            answer = script.pop(0) if script else TAKEN
            if answer is None:
                await asyncio.Event().wait()
            if isinstance(answer, Exception):
                raise answer
            assert isinstance(answer, httpx.Response)
            return answer
        finally:
            self.under_way -= 1

    async def do(self, command: Command, *, is_told: bool = True) -> None:
        """Decide a command, and tell the webhooks unless that is missed."""
        decision = self.plane.decide(self.state, command, self.clock.now())
        decision.raise_if_rejected()
        self.state = decision.state
        if is_told:
            self.webhooks.changed("p")
        await self.rest()

    async def trigger(self, context: str = "c1") -> None:
        """Trigger a delivery."""
        await self.do(delivery(context))

    async def finish(self, source: str = "deployer") -> None:
        """Finish the only open task."""
        await self.do(finish(self.task, source))

    @property
    def task(self) -> OpenTask:
        """The only open task."""
        (task,) = self.plane.open_tasks(self.state)
        return task

    @property
    def urls(self) -> list[str]:
        """Where was posted to, in order."""
        return [str(post.url) for post in self.posts]

    @property
    def slept(self) -> list[float]:
        """The pauses between attempts, in order."""
        return [seconds for seconds, _ in self.pauses if seconds != LOOK]

    def counted(self) -> dict[tuple[str, str], float]:
        """How many posts were counted, by task and answer."""
        return {
            (sample.labels["task"], sample.labels["answer"]): sample.value
            for metric in self.metrics.posts.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }


def delivery(context: str) -> TriggerSequence:
    """A delivery of carts into dev."""
    return TriggerSequence(context, stage="dev", sequence="delivery", service="carts")


def finish(task: OpenTask, source: str = "deployer") -> ReportTaskFinished:
    """The end of a task."""
    return ReportTaskFinished(task.triggered.task_id, source=source, result="pass")


def test_an_open_task_is_posted_once_to_the_receiver_of_its_name() -> None:
    """The body is its CloudEvent; what follows from its end goes to another, or to nobody."""
    stage = Stage()

    async def act() -> None:
        await stage.trigger()
        event = to_cloudevent(stage.task.triggered, source="the-controller")
        assert event == json.loads(stage.posts[0].content)
        await stage.wake(LOOK)
        await stage.finish()
        await stage.finish("tester")

    stage.play(act)

    assert [DEPLOY, TEST] == stage.urls
    assert [] == stage.slept
    assert {("deploy", "taken"): 1, ("test", "taken"): 1} == stage.counted()


def test_a_post_is_signed_in_the_form_of_standard_webhooks() -> None:
    """Its id is that of the task, its timestamp that of the attempt; a repeat differs in that."""
    stage = Stage(answers={DEPLOY: [BROKEN]})
    ids = []

    async def act() -> None:
        await stage.trigger()
        ids.append(stage.task.triggered.task_id)
        stage.clock.advance("2m")
        await stage.wake(SHORTEST)

    stage.play(act)

    first, second = stage.posts
    begin = int(ManualClock().now().timestamp())
    assert ids * 2 == [post.headers["webhook-id"] for post in stage.posts]
    assert first.content == second.content
    times = [int(post.headers["webhook-timestamp"]) for post in stage.posts]
    assert [begin, begin + 120] == times
    for post in stage.posts:
        at = datetime.fromtimestamp(int(post.headers["webhook-timestamp"]), UTC)
        made = signed(ids[0], at, post.content, RECEIVERS.key)
        assert made.items() <= dict(post.headers).items()


def test_a_signature_is_that_of_the_example_of_the_specification() -> None:
    """Which other libraries are tested with."""
    at = datetime.fromtimestamp(1614265330, UTC) + timedelta(milliseconds=999)

    headers = signed("msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}', RECEIVERS.key)

    assert {
        "content-type": "application/cloudevents+json",
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    } == headers


FAILURES: list[Answer] = [
    BROKEN,
    httpx.Response(302, headers={"location": TEST}),
    httpx.Response(404),
    httpx.ConnectError("refused"),
    httpx.ReadTimeout("silence"),
    httpx.RemoteProtocolError("no HTTP"),
]


def test_a_post_that_is_not_taken_is_made_again_with_growing_pauses() -> None:
    """Whatever else than a 2xx comes, or nothing; no redirect is followed."""
    stage = Stage(answers={DEPLOY: list(FAILURES)})

    async def act() -> None:
        await stage.trigger()
        for _ in FAILURES:
            await stage.wake(stage.slept[-1])

    stage.play(act)

    assert [DEPLOY] * 7 == stage.urls
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0] == stage.slept
    assert {("deploy", "taken"): 1, ("deploy", "refused"): 3, ("deploy", "lost"): 3} == (
        stage.counted()
    )


def test_a_pause_is_never_longer_than_the_longest() -> None:
    """However often a receiver has failed."""
    assert (SHORTEST, LONGEST, LONGEST) == (pause_after(1), pause_after(8), pause_after(10_000))


Way = Callable[[Stage], Awaitable[None]]


async def _time_out(stage: Stage) -> None:
    stage.clock.advance("4m")
    await stage.do(CheckDeadlines())


async def _abort(stage: Stage) -> None:
    await stage.do(AbortSequence("c1", force=True))


WAYS: dict[str, Way] = {"finished": Stage.finish, "timed out": _time_out, "aborted": _abort}


@pytest.mark.parametrize("case", WAYS)
@pytest.mark.parametrize("answer", [BROKEN, None], ids=["between posts", "during a post"])
def test_posting_ends_when_the_task_is_over(case: str, answer: Answer) -> None:
    """Between two attempts as well as during one, whatever ended it."""
    stage = Stage(answers={DEPLOY: [answer]})

    async def act() -> None:
        await stage.trigger()
        await WAYS[case](stage)
        assert 0 == stage.under_way
        await stage.wake(SHORTEST)
        await stage.wake(LOOK)

    stage.play(act)

    assert [DEPLOY] == [url for url in stage.urls if url != TEST]


def test_a_change_nobody_has_heard_of_is_seen_after_a_while() -> None:
    """The beginning of a task as well as its end: the open tasks are the truth."""
    stage = Stage(answers={DEPLOY: [BROKEN]})

    async def act() -> None:
        await stage.do(delivery("c1"), is_told=False)
        assert [] == stage.posts
        await stage.wake(LOOK)
        assert [DEPLOY] == stage.urls
        await stage.do(finish(stage.task), is_told=False)
        await stage.wake(LOOK)
        await stage.wake(SHORTEST)

    stage.play(act)

    assert [DEPLOY, TEST] == stage.urls


@pytest.mark.parametrize("wrong", [UNUSABLE, UnknownProject("p")])
def test_a_look_that_fails_is_made_again(wrong: Exception) -> None:
    """A store that cannot be used for a moment ends nothing for good."""
    stage = Stage(wrong=wrong)

    async def act() -> None:
        await stage.do(delivery("c1"), is_told=False)
        await stage.wake(LOOK)

    stage.play(act)

    assert [DEPLOY] == stage.urls


def test_a_store_that_cannot_be_used_stops_no_posts() -> None:
    """What was open goes on being posted; a project that is gone has nothing open."""
    stage = Stage(answers={DEPLOY: [BROKEN, BROKEN]})

    async def act() -> None:
        await stage.trigger()
        stage.wrong = UNUSABLE
        await stage.wake(LOOK)
        await stage.wake(SHORTEST)
        assert [DEPLOY, DEPLOY] == stage.urls
        stage.wrong = UnknownProject("p")
        await stage.wake(LOOK)
        await stage.wake(2 * SHORTEST)

    stage.play(act)

    assert [DEPLOY, DEPLOY] == stage.urls


def test_after_a_restart_what_is_open_is_posted_again() -> None:
    """Under the same id, whether it was taken before or not."""
    stage = Stage()

    async def nothing() -> None:
        return

    stage.play(stage.trigger)
    stage.restart()
    stage.play(nothing)

    first, second = (post.headers["webhook-id"] for post in stage.posts)
    assert first == second


def test_a_dead_receiver_holds_up_nobody_else() -> None:
    """So many posts to it are under way at once and no more, while another gets its own."""
    dead: list[Answer] = [None] * 100
    stage = Stage(answers={DEPLOY: dead})

    async def act() -> None:
        for number in range(20):
            await stage.trigger(f"c{number}")
        assert AT_ONCE == stage.under_way
        await stage.do(finish(stage.plane.open_tasks(stage.state)[-1]))

    stage.play(act)

    assert [DEPLOY] * AT_ONCE + [TEST] == stage.urls
    assert 0 == stage.under_way


def test_a_receiver_that_fails_is_posted_other_tasks_meanwhile() -> None:
    """Whoever pauses between two attempts takes no place."""
    broken: list[Answer] = [BROKEN] * 20
    stage = Stage(answers={DEPLOY: broken})

    async def act() -> None:
        for number in range(20):
            await stage.trigger(f"c{number}")

    stage.play(act)

    assert [DEPLOY] * 20 == stage.urls


def test_a_post_has_so_many_seconds_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that goes on saying a little, and never all, is as good as dead."""
    stage = Stage(answers={DEPLOY: [None]})
    monkeypatch.setattr("examples.controller.webhooks.TIMEOUT", 0.0)

    async def act() -> None:
        await stage.trigger()
        await stage.wake(SHORTEST)

    stage.play(act)

    assert [SHORTEST] == stage.slept[:1]
    assert ("deploy", "lost") in stage.counted()


class Unread(httpx.AsyncByteStream):
    """A body that nobody may read."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        raise AssertionError("it is read")


def test_the_answer_of_a_receiver_is_not_read() -> None:
    """It may go on for ever: its status says everything."""
    stage = Stage(answers={DEPLOY: [httpx.Response(200, stream=Unread())]})

    stage.play(stage.trigger)

    assert {("deploy", "taken"): 1} == stage.counted()


def test_without_receivers_nothing_runs() -> None:
    """No task, no look, no client."""
    stage = Stage(receivers=Receivers())

    async def act() -> None:
        await stage.trigger()
        assert {asyncio.current_task()} == asyncio.all_tasks()

    stage.play(act)

    assert (0, [], []) == (stage.looks, stage.posts, stage.pauses)


@pytest.mark.parametrize(
    "pairs",
    [
        ["deploy"], ["=http://x"], ["deploy=x"], ["deploy=ftp://x"], ["deploy=http://"],
        ["deploy=http://[::1"], ["de.ploy=http://x"], ["deploy=http://x", "deploy=http://y"],
    ],
)  # fmt: skip
def test_a_receiver_that_makes_no_sense_is_refused(pairs: list[str]) -> None:
    """The error shows the last one."""
    with pytest.raises(InvalidValue) as caught:
        Receivers.of(pairs, SECRET)

    assert ("webhook", pairs[-1]) == (caught.value.where, caught.value.value)


NO_KEY = "must be whsec_ and 24 to 64 random bytes in base64"


def test_receivers_are_read_with_their_key() -> None:
    """A URL may have an equals sign, and is http or https."""
    urls = {"deploy": "https://x.invalid/a?b=c", "test": "http://[::1]:8080/x"}
    key = base64.b64decode(SECRET.removeprefix("whsec_"))

    assert Receivers(urls, key) == Receivers.of([f"{k}={url}" for k, url in urls.items()], SECRET)


@pytest.mark.parametrize(
    ("pairs", "secret", "problem"),
    [
        (["deploy"], SECRET, "must be TASK=URL with an http or https URL"),
        (["deploy=http://x", "deploy=http://y"], SECRET, "must be the only one of task deploy"),
        (["deploy=http://x"], f"{SECRET[:-1]}!", NO_KEY),
        (["deploy=http://x"], f"{SECRET}\n", NO_KEY),
    ],
    ids=["no URL", "twice", "no base64", "a line end"],
)  # fmt: skip
def test_what_is_wrong_with_a_receiver_is_said_in_a_sentence(
    pairs: list[str], secret: str, problem: str
) -> None:
    """No byte that is none of base64 is passed over."""
    with pytest.raises(InvalidValue) as caught:
        Receivers.of(pairs, secret)

    assert problem == caught.value.problem


SHORT = "whsec_c2hvcnQ="
LONG = "whsec_" + "A" * 88


@pytest.mark.parametrize("secret", ["", SECRET[6:], "whsec_", "whsec_???", SHORT, LONG, "whsec_é"])
def test_a_secret_that_is_none_is_refused_and_not_shown(secret: str) -> None:
    """Only who posts needs one."""
    with pytest.raises(InvalidValue) as caught:
        Receivers.of([f"deploy={DEPLOY}"], secret)

    assert "SEQUENCECTL_WEBHOOK_SECRET" == caught.value.where
    assert f"'{len(secret)} characters'" in str(caught.value)
    assert Receivers() == Receivers.of([], secret)


# ---------------------------------------------------------------- several replicas


def test_who_has_no_claim_posts_nothing_until_it_has_one() -> None:
    """It is asked for again at each look, and only where there is something to post."""
    stage = Stage(claim=False)
    claims = []

    async def act() -> None:
        claims.append(stage.claims)
        await stage.trigger()
        await stage.wake(LOOK)
        assert [] == stage.urls
        claims.append(stage.claims)
        stage.claim = True
        await stage.wake(LOOK)

    stage.play(act)

    assert ([0, 2], [DEPLOY]) == (claims, stage.urls)


@pytest.mark.parametrize("answer", [False, UNUSABLE], ids=["another one's", "nobody knows"])
def test_who_has_lost_its_claim_stops_posting(answer: bool | Exception) -> None:
    """Also between two attempts; with a claim again it begins anew, as after a restart."""
    stage = Stage(answers={DEPLOY: [BROKEN]})

    async def act() -> None:
        await stage.trigger()
        stage.claim = answer
        await stage.wake(LOOK)
        await stage.wake(SHORTEST)
        assert [DEPLOY] == stage.urls
        stage.claim = True
        await stage.wake(LOOK)

    stage.play(act)

    assert [DEPLOY] * 2 == stage.urls


WRONG_USAGE = {
    "no URL": ("deploy", SECRET, "'deploy'"),
    "no secret": (f"deploy={DEPLOY}", "", "SEQUENCECTL_WEBHOOK_SECRET"),
}


@pytest.mark.parametrize("case", WRONG_USAGE)
def test_wrong_receivers_are_wrong_usage(
    case: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The controller does not start with them: the last line says what is wrong."""
    webhook, secret, named = WRONG_USAGE[case]
    monkeypatch.setenv("SEQUENCECTL_WEBHOOK_SECRET", secret)
    no_folder = tmp_path / "file"
    no_folder.touch()

    with pytest.raises(SystemExit) as ended:
        main([f"--data={no_folder}", f"--webhook={webhook}"])

    assert 2 == ended.value.code
    assert named in capsys.readouterr().err.splitlines()[-1]


def test_the_key_is_in_no_representation() -> None:
    """A log with the settings in it gives nothing away."""
    assert "key" not in repr(RECEIVERS)


def test_a_controller_that_is_left_posts_no_more(tmp_path: Path) -> None:
    """Its webhooks end before its host, which they ask."""

    async def perform() -> tuple[int, int]:
        async with Controller(Settings(data=tmp_path, receivers=RECEIVERS)) as controller:
            await controller.host.at_rest()
            during = len(asyncio.all_tasks())
        return during, len(asyncio.all_tasks())

    assert (3, 1) == asyncio.run(perform())
