"""Turns: threads and tasks work on a project one at a time, in the order in which they came."""

from __future__ import annotations

import asyncio
from threading import Lock, Semaphore, Thread
from typing import Any, Final

import pytest

from sequencectl import ReentrantCall, _turns
from sequencectl._turns import Turns

PATIENCE: Final = 30.0
"""Seconds after which a thread that should have ended never will."""


def is_empty(turns: Turns) -> bool:
    """Whether nothing is left of anybody who had or waited for a turn."""
    return not turns._lines and not turns._owners


class AnnouncedLock:
    """A lock of which a test knows that a thread is about to wait for it."""

    waiting = Semaphore(0)

    def __init__(self) -> None:
        self._inner = Lock()
        self.release = self._inner.release

    def acquire(self) -> None:
        """Acquire the lock; say so first if that takes a wait."""
        if self._inner.locked():
            self.waiting.release()
        self._inner.acquire()


def test_threads_go_on_in_the_order_in_which_they_came(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each turn that ends lets the thread go on that has waited for longest, and one alone."""
    turns, order = Turns(), list[int]()
    monkeypatch.setattr(_turns, "Lock", AnnouncedLock)

    def work(number: int) -> None:
        with turns.take("p"):
            order.append(number)

    threads = [Thread(target=work, args=(number,), daemon=True) for number in range(5)]
    with turns.take("p"):
        for thread in threads:
            thread.start()
            assert AnnouncedLock.waiting.acquire(timeout=PATIENCE)
        before = list(order)
    for thread in threads:
        thread.join(PATIENCE)

    assert ([], [0, 1, 2, 3, 4]) == (before, order)
    assert is_empty(turns)


def test_tasks_go_on_in_the_order_in_which_they_came() -> None:
    """The same for tasks, whose turns last over everything that they await."""

    async def main() -> tuple[list[int], bool]:
        turns, order = Turns(), list[int]()

        async def work(number: int) -> None:
            with await turns.take_awaiting("p"):
                order.append(number)
                await asyncio.sleep(0)
                order.append(number)

        await asyncio.gather(*map(work, range(4)))
        return order, is_empty(turns)

    assert ([0, 0, 1, 1, 2, 2, 3, 3], True) == asyncio.run(main())


def test_nobody_waits_for_another_project() -> None:
    """Another thread has the turn of p, and this one takes that of q."""
    turns = Turns()
    others = list[Any]()
    other = Thread(target=lambda: others.append(turns.take("p")))
    other.start()
    other.join(PATIENCE)

    with turns.take("q"):
        both = sorted(turns._lines)
    with others[0]:
        pass

    assert ["p", "q"] == both
    assert is_empty(turns)


@pytest.mark.parametrize("project", ["p", "q"])
def test_one_turn_within_another_is_refused(project: str) -> None:
    """It would wait for itself, or two threads for each other; the first turn goes on."""
    turns = Turns()

    with turns.take("p"):
        with pytest.raises(ReentrantCall, match=f"project '{project}': a port must return before"):
            turns.take(project)
        assert ["p"] == list(turns._lines)

    assert is_empty(turns)


def test_one_turn_of_a_task_within_another_is_refused() -> None:
    """A task is told apart from the others of its thread."""

    async def main() -> bool:
        turns = Turns()
        with await turns.take_awaiting("p"):
            with pytest.raises(ReentrantCall):
                await turns.take_awaiting("p")
            other = asyncio.create_task(turns.take_awaiting("q"))
            with await other:
                pass
        return is_empty(turns)

    assert asyncio.run(main())


@pytest.mark.parametrize("when", ["in line", "as its turn begins"])
def test_a_task_that_is_cancelled_gives_its_turn_back(when: str) -> None:
    """Wherever it is cancelled, the next one has its turn."""

    async def main() -> bool:
        turns = Turns()
        with await turns.take_awaiting("p"):
            waits, next_one = (asyncio.create_task(turns.take_awaiting("p")) for _ in range(2))
            await asyncio.sleep(0)
            if when == "in line":
                waits.cancel()
                await asyncio.sleep(0)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        await asyncio.sleep(0)
        assert next_one.done()
        with await next_one:
            pass
        return is_empty(turns)

    assert asyncio.run(main())


def test_a_thread_that_is_interrupted_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Control-C ends a wait; nobody waits for that thread later."""

    class Interrupted(AnnouncedLock):
        def acquire(self) -> None:
            if self._inner.locked():
                raise KeyboardInterrupt
            self._inner.acquire()

    turns, others = Turns(), list[Any]()
    other = Thread(target=lambda: others.append(turns.take("p")))
    other.start()
    other.join(PATIENCE)
    monkeypatch.setattr(_turns, "Lock", Interrupted)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            turns.take("p")
    with others[0]:
        pass

    assert is_empty(turns)


def test_a_turn_ends_with_an_error() -> None:
    """Whatever happens in a turn, the next one begins."""
    turns = Turns()

    with pytest.raises(OSError, match="disk"), turns.take("p"):
        raise OSError("disk")

    assert is_empty(turns)


def test_several_projects_are_taken_in_the_order_of_their_names() -> None:
    """Who waits for the second has the first already, so nobody waits in a circle."""
    turns, order = Turns(), list[str]()

    def work(name: str, *projects: str) -> None:
        with turns.take(*projects):
            order.append(name)

    async def main() -> None:
        async def other(name: str, *projects: str) -> None:
            with await turns.take_awaiting(*projects):
                order.append(name)

        with turns.take("q"):
            tasks = [
                asyncio.create_task(other("both", "q", "p")),
                asyncio.create_task(other("p", "p")),
                asyncio.create_task(other("r", "r")),
            ]
            for _ in range(5):
                await asyncio.sleep(0)
            assert ["r"] == order
        await asyncio.gather(*tasks)

    asyncio.run(main())
    assert ["r", "both", "p"] == order

    sets = [("p", "q", "r"), ("r", "q", "p"), ("q", "p"), ("r", "p")] * 25
    threads = [
        Thread(target=work, args=(str(number), *names), daemon=True)
        for number, names in enumerate(sets)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert 3 + len(sets) == len(order)
    assert is_empty(turns)


@pytest.mark.parametrize("waits_for", ["p", "q"])
def test_a_wait_that_is_broken_off_leaves_every_line(waits_for: str) -> None:
    """Also that of a project whose turn it had already."""

    async def main() -> tuple[bool, bool]:
        turns = Turns()
        with turns.take(waits_for):
            waiting = asyncio.create_task(turns.take_awaiting("q", "p"))
            for _ in range(5):
                await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            with await turns.take_awaiting({"p": "q", "q": "p"}[waits_for]):
                pass
        return waiting.cancelled(), is_empty(turns)

    assert (True, True) == asyncio.run(main())
