"""Four processes on one project in SQLite, of which one after the other is killed."""

import random
import time
from functools import partial
from pathlib import Path

from examples.stores.sqlite import SqliteStore
from tests.examples.stores.contention import (
    Contender,
    check_ledger,
    ending,
    has_acknowledged,
    until,
)

PROCESSES, KILLS = 4, 20


def test_nothing_is_lost_or_doubled_when_processes_are_killed(tmp_path: Path) -> None:
    """Serials have no gap, what was acknowledged happened once, and what happened is published."""
    opened = partial(SqliteStore, tmp_path / "sequencectl.db", busy_timeout=60)
    source = random.Random(5)
    contenders = [Contender(opened, tmp_path, f"p{number}") for number in range(PROCESSES)]
    everybody = list(contenders)
    with ending(contenders):
        for number in range(PROCESSES, PROCESSES + KILLS):
            victim = contenders.pop(source.randrange(PROCESSES))
            contenders.append(victim)
            enough = len(victim.acknowledged) + source.randint(1, 8)
            until(partial(has_acknowledged, victim, enough), contenders)
            time.sleep(source.uniform(0, 0.01))  # until a random moment: nothing waits for its end
            victim.kill()
            contenders[-1] = Contender(opened, tmp_path, f"p{number}")
            everybody.append(contenders[-1])
        for each in contenders:
            until(partial(has_acknowledged, each, 1), contenders)
        (tmp_path / "stop").touch()
        assert [0] * PROCESSES == [each.wait() for each in contenders]

    assert sum(len(each.acknowledged) for each in everybody) > 3 * KILLS
    with SqliteStore(tmp_path / "sequencectl.db") as store:
        check_ledger(store, tmp_path, everybody, interrupted=KILLS)
