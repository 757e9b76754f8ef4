"""Everybody outside: who triggers, the executors that work, the people who vote and repair.

Shows: what follows the stream of several replicas has to do. It follows any of them, from the
serial it saw last, and passes over what is no news.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from typing import Any, Final, final
from urllib.parse import quote

from examples.scale.account import Account, Run, Said
from examples.scale.clients import REPEAT_AFTER, Clients, Refused
from examples.scale.world import OPERATOR, SHIPYARD, VOTER, Delivery, Json, Plan, is_failed

OPEN_AT_ONCE: Final = 24
"""So many deliveries of a project are open at once; then who triggers waits."""

PAGE: Final = 100
_CONFLICT: Final = 409

Work = Callable[[str, Json], Coroutine[Any, Any, None]]


@final
class Crowd:
    """Everybody who has to do with one project; `run` ends when every delivery is over."""

    def __init__(
        self, project: str, count: int, *, plan: Plan, clients: Clients, account: Account
    ) -> None:
        self.project = project
        self.over: set[str] = set()
        """The contexts of deliveries with which nobody has to do any more."""
        self._count, self._plan = count, plan
        self._clients, self._account = clients, account
        self._begun: set[str] = set()
        self._working: set[asyncio.Task[None]] = set()
        self._news = asyncio.Event()

    async def run(self) -> None:
        """Create the project, trigger its deliveries one by one, and answer to what comes of them.

        Raises `Refused`.
        """
        await self._create()
        following = asyncio.create_task(self._follow())
        try:
            for number in range(self._count):
                await self._until(lambda: self._open() < OPEN_AT_ONCE)
                delivery = Delivery(self.project, number)
                await self._say("/v1/event", delivery.trigger, Said.TRIGGER, delivery.context)
                self._account.triggered.append(delivery.context)
            await self._until(lambda: len(self.over) == self._count)
        finally:
            for task in (following, *self._working):
                task.cancel()
            await asyncio.gather(following, *self._working, return_exceptions=True)

    async def read_journal(self) -> None:
        """Note what the history of the project is, page by page, each from another replica."""
        path, key = f"/v1/project/{self.project}/history?pageSize={PAGE}", ""
        while True:
            page = await self._clients.send(f"{path}&nextPageKey={key}" if key else path)
            self._account.journal += [(each["id"], each["source"]) for each in page["events"]]
            key = page["nextPageKey"]
            if not key:
                return

    async def _create(self) -> None:
        shipyard = base64.b64encode(SHIPYARD.encode()).decode()
        try:
            await self._clients.send("/v1/project", {"name": self.project, "shipyard": shipyard})
        except Refused as error:
            if error.status != _CONFLICT:  # else it was created, and the answer was lost
                raise

    def _open(self) -> int:
        return len(self._account.triggered) - len(self.over)

    async def _until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            self._news.clear()
            await self._news.wait()

    async def _say(self, path: str, body: Json, kind: Said, known: str) -> None:
        """Say something until it is acknowledged, and note that it was."""
        try:
            await self._clients.send(path, body)
        except Refused as error:
            self._account.refused.append(str(error))
            return
        self._account.acknowledged.add((kind, known))
        self._clients.counts["acknowledged"] += 1

    # ------------------------------------------------------------------ what there is to do

    async def _follow(self) -> None:
        """Follow the stream of one replica after the other, from the serial that was seen last."""
        path, seen = f"/v1/stream/{self.project}", 0
        while True:
            address = self._clients.next().address
            if address is not None:
                self._clients.counts["streams"] += 1
                stream = self._clients.http.stream(address, path, since=seen)
                async with aclosing(stream) as messages:
                    async for message in messages:
                        states = message["states"] if "states" in message else await self._all()
                        for state in states:
                            self._take_in(state)
                        seen = message["serial"]
            await asyncio.sleep(REPEAT_AFTER)

    async def _all(self) -> list[Json]:
        """Return how all deliveries stand: what a stream asks for after too much was missed."""
        found: list[Json] = []
        path, key = f"/v1/sequence/{self.project}?pageSize={PAGE}", 0
        while True:
            page = await self._clients.send(f"{path}&nextPageKey={key}" if key else path)
            found += page["states"]
            key = page["nextPageKey"]
            if not key:
                return found

    def _take_in(self, state: Json) -> None:
        """Look what there is to do for a delivery, unless as much was told of it before."""
        context, serial = state["shkeptncontext"], state["serial"]
        if serial <= self._account.heard.get(context, 0):
            self._clients.counts["told again"] += 1
            return
        self._account.heard[context] = serial
        left = [each for each in state["sequences"] if not self._is_over(context, each)]
        (self.over.discard if left else self.over.add)(context)
        self._news.set()

    def _is_over(self, context: str, sequence: Json) -> bool:
        """Have somebody do what there is to do for a sequence; return whether nothing is."""
        if sequence["endedAt"] is None:
            if sequence["tasks"] and (task := sequence["tasks"][-1])["finishedAt"] is None:
                self._begin(task["id"], self._work, context, sequence)
            if sequence["parked"] is not None:
                self._begin(
                    f"parked {sequence['parked']['taskId']}", self._rescue, context, sequence
                )
            return False
        if not is_failed(sequence) or not self._plan.redrives(context, sequence):
            return True
        self._begin(f"failed {sequence['id']}", self._redrive, context, sequence)
        return sequence["redrivenBy"] is not None

    def _begin(self, known: str, work: Work, context: str, sequence: Json) -> None:
        """Have something done once, however often it is told."""
        if known not in self._begun:
            self._begun.add(known)
            task = asyncio.create_task(work(context, sequence))
            self._working.add(task)
            task.add_done_callback(self._working.discard)

    # ------------------------------------------------------------------ executors and people

    async def _work(self, context: str, sequence: Json) -> None:
        """Work on the open task of a sequence, as an executor or as a voter."""
        task = sequence["tasks"][-1]
        known, name = task["id"], task["name"]
        self._account.worked[known] = Run(sequence["id"], task["index"], task["attempt"])
        result = self._plan.result(context, sequence, task)
        if task["approval"] is not None:
            vote = {"result": result, "actor": VOTER, "taskId": known, "requestId": f"{known}-vote"}
            await self._control(context, "vote", vote, Said.FINISH)
            return
        if name == "deployment":  # one that takes longer says so
            await self._report(context, sequence, f"{name}.started", Said.START, {})
        await asyncio.sleep(self._plan.work(context, sequence, task))
        finish = {"result": result, "status": "succeeded"}
        await self._report(context, sequence, f"{name}.finished", Said.FINISH, finish)

    async def _rescue(self, context: str, sequence: Json) -> None:
        """Do for a parked sequence what a person would."""
        task = sequence["tasks"][-1]
        word = self._plan.rescue(context, sequence, task)
        body = {
            "sequenceId": sequence["id"],
            "actor": OPERATOR,
            "requestId": f"{task['id']}-rescue",
        }
        if word == "retry":
            await self._control(context, "retry", body, Said.CONTROL)
        else:
            await self._control(context, "skip", body | {"result": word}, Said.CONTROL)

    async def _redrive(self, context: str, sequence: Json) -> None:
        """Have a new sequence go on where one has failed."""
        new = f"{sequence['id']}-again"
        path = f"/v1/sequence/{self.project}/{quote(context)}/redrive"
        body = {"sequenceId": sequence["id"], "redriveId": new, "actor": OPERATOR}
        await self._say(path, body, Said.TRIGGER, new)

    async def _control(self, context: str, word: str, body: Json, kind: Said) -> None:
        path = f"/v1/sequence/{self.project}/{quote(context)}/{word}"
        await self._say(path, body, kind, body["requestId"])

    async def _report(
        self, context: str, sequence: Json, word: str, kind: Said, data: Json
    ) -> None:
        known = sequence["tasks"][-1]["id"]
        where = {
            "project": self.project,
            "stage": sequence["stage"],
            "service": sequence["service"],
        }
        report = {
            "specversion": "1.0",
            "id": f"{known}-{kind.value}",
            "source": f"{sequence['tasks'][-1]['name']}-service",
            "type": f"sh.keptn.event.{word}",
            "shkeptncontext": context,
            "triggeredid": known,
            "data": {**where, **data},
        }
        await self._say("/v1/event", report, kind, report["id"])
