"""Processes on one project in PostgreSQL, while sessions, processes and the server are ended."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path

from examples.postgres.server import PrivateServer
from examples.postgres.store import PostgresStore
from tests.examples.postgres.faults import end_all_others
from tests.examples.stores.contention import (
    Contender,
    check_ledger,
    ending,
    has_acknowledged,
    until,
)

PROCESSES, ROUNDS = 3, 4


def test_nothing_is_lost_or_doubled_whatever_ends(alone: PrivateServer, tmp_path: Path) -> None:
    """Sessions are ended, a process is killed, the server crashes and is restarted, in turn."""
    opened = partial(PostgresStore, alone.url())
    everybody = [
        Contender(opened, tmp_path, f"p{number}", fails=True) for number in range(PROCESSES)
    ]
    contenders, source = list(everybody), random.Random(5)

    def replaced() -> None:
        contenders.pop(0).kill()
        contender = Contender(opened, tmp_path, f"p{len(everybody)}", fails=True)
        contenders.append(contender)
        everybody.append(contender)

    def restarted(end: Callable[[], None]) -> None:
        end()
        alone.start()

    accidents: list[Callable[[], None]] = [
        partial(end_all_others, alone.url()),
        replaced,
        partial(restarted, alone.crash),
        partial(restarted, alone.stop),
    ]
    with ending(contenders):
        for accident in accidents * ROUNDS:
            for each in contenders:
                enough = len(each.acknowledged) + source.randint(1, 8)
                until(partial(has_acknowledged, each, enough), contenders)
            accident()
        for each in contenders:
            until(partial(has_acknowledged, each, len(each.acknowledged) + 3), contenders)
        (tmp_path / "stop").touch()
        assert [0] * PROCESSES == [each.wait() for each in contenders]

    with PostgresStore(alone.url()) as store:
        # An answer is lost by an accident, and once more where the retry meets the next one.
        interrupted = PROCESSES * len(accidents) * ROUNDS
        check_ledger(store, tmp_path, everybody, interrupted=interrupted)
