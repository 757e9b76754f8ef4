"""The executor itself: it looks which tasks are open and works on all of them at once.

The list of open tasks is the only truth. What is in it and not known yet is begun; what is no
longer in it is dropped, whoever ended it. A stream, if there is one, only says when to look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, final

import attrs

from examples.executor.api import Api, Away, Refused, pause_after
from examples.executor.behaviour import (
    Behaviour,
    Json,
    described,
    finished,
    progressed,
    started,
)

LOOK: Final = 5.0
"""So many seconds lie between two looks, if no stream says that something has changed."""

APPLIED: Final = "applied"


@attrs.define(eq=False)
class Job:
    """Work on one task; nobody stops it any more once it reports its end."""

    task: Json
    project: str
    number: int
    is_ending: bool = False
    runner: asyncio.Task[None] | None = None

    @property
    def is_live(self) -> bool:
        """Whether it still works."""
        return self.runner is not None and not self.runner.done()


@final
@attrs.define(eq=False)
class Executor:
    """Works on the open tasks of one name in these projects, or in all there are."""

    api: Api
    behaviour: Behaviour
    say: Callable[[str], None]
    complain: Callable[[str], None]
    projects: tuple[str, ...] = ()
    interval: float | None = None
    """So many seconds lie between two looks, and no stream is followed; None: follow streams."""
    is_once: bool = False
    _found: set[str] = attrs.field(factory=set)
    """The projects it was told that are there."""
    _jobs: dict[str, Job] = attrs.field(factory=dict)
    _count: int = 0
    _done: int = 0
    _listeners: dict[str, asyncio.Task[None]] = attrs.field(factory=dict)
    _wake: asyncio.Event = attrs.field(factory=asyncio.Event)

    async def run(self) -> None:
        """Look and work without end, or until all is done if it is to be done once.

        Waits for a controller that gives no answer; raises `Refused` if one says no to a look.
        """
        failures = 0
        try:
            while True:
                try:
                    await self.look()
                except Away as error:
                    failures += 1
                    if failures == 1:
                        self.complain(f"the controller gives no list: {error}; trying again")
                    await self.api.sleep(pause_after(failures))
                    continue
                if failures:
                    self.complain("the controller answers again")
                    failures = 0
                if self.is_once and self._done and not self._jobs:
                    return
                await self._rest()
        finally:
            await self.stop()

    async def look(self) -> None:
        """Begin what is open and unknown, drop what is no longer open."""
        for project in set(self.projects) - self._found:
            await self.api.find(project)
            self._found.add(project)
        projects = self.projects or tuple(await self.api.projects())
        found: dict[str, Job] = {}
        for project in projects:
            for task in await self.api.open_tasks(self.behaviour.event_type, project):
                found[str(task.get("id"))] = Job(task, project, 0)
        for task_id in self._jobs.keys() - found.keys():
            await self._drop(task_id)
        for task_id, job in found.items():
            if task_id not in self._jobs:
                self._begin(task_id, job)
        self._listen(projects)

    async def settle(self) -> None:
        """Wait until all work is done."""
        await asyncio.gather(*(job.runner for job in self._jobs.values() if job.runner))

    async def stop(self) -> None:
        """Stop all work at once."""
        runners = [job.runner for job in self._jobs.values() if job.runner is not None]
        runners += self._listeners.values()
        for runner in runners:
            runner.cancel()
        await asyncio.gather(*runners, return_exceptions=True)

    def _begin(self, task_id: str, job: Job) -> None:
        self._count += 1
        job.number = self._count
        self._jobs[task_id] = job
        job.runner = asyncio.create_task(self._work(job))

    async def _drop(self, task_id: str) -> None:
        """Forget a task that is no longer open, and stop if work on it is not over."""
        job = self._jobs[task_id]
        if job.is_live and job.is_ending:
            return
        if job.is_live:
            if await self.api.is_open(self.behaviour.event_type, job.project, task_id):
                return
            if job.runner is not None:
                job.runner.cancel()
            self.say(f"stopped: {described(job.task)}, which is no longer open")
        del self._jobs[task_id]
        self._done += 1

    async def _work(self, job: Job) -> None:
        behaviour = self.behaviour
        if behaviour.is_silent:
            self.say(f"silent: {described(job.task)}")
            return
        await self.api.sleep(behaviour.slow)
        outcome = await self._report(job, "started", started(job.task, behaviour))
        if outcome is None or behaviour.never_finishes:
            return
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._tell(job, is_again=outcome != APPLIED))
            await self.api.sleep(behaviour.duration)  # here goes the work
            telling.cancel()
        job.is_ending = True
        result = behaviour.result_of(job.number)
        await self._report(job, f"finished with {result}", finished(job.task, behaviour, result))
        self._wake.set()

    async def _tell(self, job: Job, *, is_again: bool) -> None:
        """Say how far the work is, every so often until it ends, so that nobody takes it for dead.

        Say so at once if it was begun in an earlier life: then its start counts for nothing now.
        """
        every, duration = self.behaviour.progress, self.behaviour.duration
        passed = 0.0 if is_again else every
        while every > 0 and passed < duration:
            if passed:
                await self.api.sleep(every)
            percent = int(100 * passed / duration)
            event = progressed(job.task, self.behaviour, percent)
            with suppress(Away):  # the next one says more
                await self._report(job, f"at {percent} %", event, send=self.api.mention)
            passed += every

    async def _report(
        self,
        job: Job,
        words: str,
        event: Json,
        *,
        send: Callable[[Json], Awaitable[str]] | None = None,
    ) -> str | None:
        """Say what came of a report, and return its answer; None if the controller refused it."""
        try:
            outcome = await (send or self.api.report)(event)
        except Refused as error:
            self.complain(f"the report on {described(job.task)} was refused: {error}")
            return None
        unchanged = "" if outcome == APPLIED else f", which is {outcome}"
        self.say(f"{words}: {described(job.task)}{unchanged}")
        return outcome

    async def _rest(self) -> None:
        """Wait until it is time to look again."""
        if self.interval is not None:
            await self.api.sleep(self.interval)
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK):  # wait_for of Python 3.11 may lose a cancellation
                await self._wake.wait()
        self._wake.clear()

    def _listen(self, projects: tuple[str, ...]) -> None:
        """Follow the streams of exactly these projects."""
        wanted = set(projects) if self.interval is None else set()
        for project in self._listeners.keys() - wanted:
            self._listeners.pop(project).cancel()
        for project in wanted - self._listeners.keys():
            self._listeners[project] = asyncio.create_task(self._follow(project))

    async def _follow(self, project: str) -> None:
        """Wake up whenever the stream of a project has news; connect again for ever."""
        failures = 0
        while True:
            with suppress(Away):
                async for message in self.api.messages(project):
                    failures = 0
                    if self._is_news(message):
                        self._wake.set()
            failures += 1
            await self.api.sleep(pause_after(failures))

    def _is_news(self, message: Json) -> bool:
        """Whether a message may be about a task that is to be begun, or to be dropped.

        Most are about other tasks, or say how far one is. To look at each of them would make every
        executor look as often as all of them together report.
        """
        try:
            sequences = [each for state in message["states"] for each in state["sequences"]]
            return any(
                (task["finishedAt"] is None) is not (task["id"] in self._jobs)
                for sequence in sequences
                for task in sequence["tasks"]
                if task["name"] == self.behaviour.task
            )
        except (LookupError, TypeError):  # a stream begins, has too much to say, or another form
            return True
