"""Several at work on the same tables: each by a database of its own, many of them at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import pytest

from examples.controller.storage.journal import Behind
from examples.controller.storage.projects import AlreadyThere, Projects
from examples.controller.storage.uniform import MOST_REGISTRATIONS, NoRoom, Uniform
from sequencectl import ControlPlane, UnknownProject
from sequencectl.testing import ManualClock
from tests.examples.controller.storage.places import (
    Place,
    in_file,
    journal_at,
    projects_at,
    reader_at,
    uniform_at,
)
from tests.examples.controller.storage.test_journal_reader import EVENTS, tell
from tests.examples.controller.storage.test_projects import WINDOWS, shipyard
from tests.examples.controller.storage.test_uniform import DEPLOYMENT, register
from tests.support import Host

T = TypeVar("T")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
REPLICAS = 4
ROUNDS = 5


def at_once(*works: Callable[[Barrier], T]) -> list[T]:
    """What each of these returns; each is a thread, and may wait for the others where it likes."""
    together = Barrier(len(works))
    with ThreadPoolExecutor(len(works)) as threads:
        return [done.result() for done in [threads.submit(work, together) for work in works]]


def outcome(work: Callable[[], Any]) -> str:
    """The name of what some work raised, empty if it raised nothing."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - that is what is asked
        return type(error).__name__
    return ""


# ---------------------------------------------------------------- the journal


def dump(place: Place) -> list[Any]:
    """All that is in a journal of the project shop."""
    with closing(reader_at(place)) as reader:
        found: list[Any] = [reader.told("shop"), reader.services("shop")]
        for page in (
            reader.deliveries("shop", size=999, names={}),
            reader.history("shop", size=999, names={}),
            reader.newest(size=999, names={"project": "shop"}, is_root=True),
        ):
            found += [page.entries, page.total]
    return found


def long_life() -> Host:
    """A host that has much to tell, of few contexts."""
    host = Host({"dev": {"delivery": ["deploy"]}}, project="shop")
    for number in range(40):
        host.at(number).trigger(f"s{number}", context=f"c{number % 3}", service=f"v{number % 2}")
        host.finish(f"s{number}")
    return host


def test_replicas_that_tell_the_same_tell_it_once(place: Place, tmp_path: Path) -> None:
    """Each relays what it finds unsent; portions overlap, and are told at the same moment."""
    events = long_life().events

    def replica(together: Barrier, *, portion: int) -> None:
        with closing(journal_at(place)) as journal:
            together.wait()
            for begin in range(0, len(events), portion):
                journal.tell("shop", events[max(begin - 3, 0) : begin + portion])

    at_once(*(partial(replica, portion=portion) for portion in (2, 3, 5, 7)))
    alone = in_file(tmp_path / "alone.db")
    tell(alone, events)

    assert dump(alone) == dump(place)


def test_what_is_told_of_two_projects_does_not_wait(postgres: Place) -> None:
    """A replica that is slow in one project keeps nobody from another."""
    with closing(journal_at(postgres)) as slow, closing(journal_at(postgres)) as quick:
        with slow._database.transaction(writes=True, about="other") as asked:
            asked.execute("SELECT 1").fetchone()  # by now the lock is held
            quick.tell("shop", EVENTS)

        assert EVENTS[-1].serial == quick.told("shop")


def test_what_is_told_late_of_a_deleted_project_is_no_news(place: Place) -> None:
    """Another replica relays what was committed before the deletion: nothing comes back."""
    last = EVENTS[-1].serial
    with closing(journal_at(place)) as deleter, closing(journal_at(place)) as late:
        late.tell("shop", EVENTS[:4])
        deleter.forget("shop", serial=last)
        late.tell("shop", EVENTS[3:])

        assert last == late.told("shop")
    assert [last, {}, (), 0, (), 0, (), 0] == dump(place)


def test_what_is_forgotten_late_leaves_what_is_newer(place: Place) -> None:
    """The project was created again, and has a delivery, before a replica forgets the old one."""
    events = Host({"dev": {"delivery": ["deploy"]}}, project="shop")
    old = events.trigger("a", context="old", service="carts").state.serial
    events.trigger("b", context="new", service="orders")
    with closing(journal_at(place)) as journal:
        journal.tell("shop", events.events)
        journal.forget("shop", serial=old)

        assert events.state.serial == journal.told("shop")
    with closing(reader_at(place)) as reader:
        contexts = [each["context"] for each in reader.deliveries("shop", size=9, names={}).entries]
        history = reader.history("shop", size=99, names={}).entries
        services = reader.services("shop")

    assert ["new"] == contexts
    assert {"new"} == {each["shkeptncontext"] for each in history}
    assert ["orders"] == [*services]


def test_events_before_those_that_are_told_are_missed(place: Place) -> None:
    """A journal that was begun anew beside others is not told of what comes next alone."""
    with closing(journal_at(place)) as journal:
        journal.tell("shop", EVENTS[:3])
        with pytest.raises(Behind, match="project shop is told up to 3, not to 5"):
            journal.tell("shop", EVENTS[5:])

        assert 3 == journal.told("shop")


# ---------------------------------------------------------------- projects


@pytest.fixture
def two(place: Place) -> Iterator[tuple[Projects, Projects]]:
    """The projects, as two replicas know them: one project, with the stage dev."""
    with (
        closing(projects_at(place, ControlPlane)) as one,
        closing(projects_at(place, ControlPlane)) as other,
    ):
        one.create("shop", shipyard("dev"), now=NOON, since=0)
        other.refresh_all()
        yield one, other


def test_one_of_those_who_create_a_project_does(place: Place) -> None:
    """The others are told that it is there, and know it."""

    def replica(together: Barrier) -> list[str]:
        with closing(projects_at(place, ControlPlane)) as projects:
            found = []
            for number in range(ROUNDS):
                create = partial(projects.create, f"p{number}", shipyard("dev"), now=NOON, since=0)
                together.wait()
                found.append(outcome(create))
            return found

    rounds = zip(*at_once(*[replica] * REPLICAS), strict=True)
    once = ["", *["AlreadyThere"] * (REPLICAS - 1)]

    assert [once] * ROUNDS == [sorted(found) for found in rounds]


def test_changes_of_one_project_at_once_are_all_made(place: Place) -> None:
    """None undoes what another replica has just changed."""
    with closing(projects_at(place, ControlPlane)) as projects:
        projects.create("shop", shipyard("dev", "prod"), now=NOON, since=0)

    def replica(together: Barrier, *, number: int) -> None:
        with closing(projects_at(place, ControlPlane)) as projects:
            together.wait()
            for count in range(ROUNDS):
                projects.add_service("shop", f"s{number}{count}", now=NOON)
            if number == 0:
                projects.update("shop", calendar=WINDOWS)
            elif number == 1:
                projects.update("shop", shipyard("dev", "prod", version="0.2.3"))

    at_once(*(partial(replica, number=number) for number in range(REPLICAS)))
    with closing(projects_at(place, ControlPlane)) as projects:
        shop = projects.get("shop")

    assert REPLICAS * ROUNDS == len(shop.services)
    assert "spec.keptn.sh/0.2.3" == shop.version
    assert shop.calendar is not None
    assert WINDOWS == shop.calendar.text


def test_a_change_is_seen_by_whoever_refreshes(two: tuple[Projects, Projects]) -> None:
    """And by nobody else: what is in memory is what was read last."""
    one, other = two
    before = other.get("shop")
    one.update("shop", shipyard("dev", "prod"))
    unread = other.get("shop")
    other.refresh("shop")

    assert before is unread
    assert one.get("shop") == other.get("shop")
    assert ["dev", "prod"] == [stage.name for stage in other.plane_of("shop").shipyard.stages]


def test_what_did_not_change_is_not_read_again(two: tuple[Projects, Projects]) -> None:
    """The plane stays the same one, and nothing is asked but the revision."""
    _, other = two
    before = other.get("shop")
    other._read = None  # type: ignore[assignment,method-assign] # it must not be called
    other.refresh("shop")
    other.refresh("nobody's")
    other.refresh_all()

    assert before is other.get("shop")


@pytest.mark.parametrize("seen", [Projects.refresh_all, lambda each: each.refresh("shop")])
def test_a_project_that_is_deleted_and_made_again_is_another(
    two: tuple[Projects, Projects], seen: Callable[[Projects], None]
) -> None:
    """However alike: neither its services nor its shipyard are those of before."""
    one, other = two
    one.delete("shop")
    seen(other)
    with pytest.raises(UnknownProject):
        other.get("shop")
    one.create("shop", shipyard("dev"), now=NOON, since=0)
    seen(other)
    one.delete("shop")
    one.create("shop", shipyard("test"), now=NOON, since=0)
    seen(other)

    assert one.all() == other.all()
    assert ["test"] == [stage.name for stage in other.plane_of("shop").shipyard.stages]


def test_a_change_is_made_to_what_is_in_force(two: tuple[Projects, Projects]) -> None:
    """Not to what the replica happens to know of it."""
    one, other = two
    one.update("shop", shipyard("dev", "prod"))
    one.add_service("shop", "carts", now=NOON)
    with pytest.raises(AlreadyThere):
        other.add_service("shop", "carts", now=NOON)
    other.update("shop", calendar=WINDOWS)
    one.delete("shop")
    found = [
        outcome(partial(other.update, "shop", calendar="")),
        outcome(partial(other.add_service, "shop", "orders", now=NOON)),
        outcome(partial(other.delete, "shop")),
        outcome(partial(other.get, "shop")),
    ]

    assert ["UnknownProject"] * 4 == found


def test_a_calendar_of_another_replica_is_not_taken_for_asked(
    two: tuple[Projects, Projects],
) -> None:
    """It was set after this replica had read what it asked."""
    one, other = two
    one.update("shop", shipyard("dev", "prod"))
    other.refresh("shop")
    one.update("shop", calendar=WINDOWS)
    other.asked("shop")

    assert not other.get("shop").is_asked
    other.asked("shop")
    one.refresh("shop")
    assert one.get("shop").is_asked


# ---------------------------------------------------------------- registrations


def test_subscriptions_that_are_added_at_once_are_all_kept(place: Place) -> None:
    """None takes the place of another."""
    clock = ManualClock()
    with closing(uniform_at(place, clock)) as uniform:
        known, _ = register(uniform)

    def replica(together: Barrier) -> list[str]:
        with closing(uniform_at(place, clock)) as uniform:
            together.wait()
            return [uniform.subscribe(known, DEPLOYMENT) for _ in range(ROUNDS)]

    added = [each for some in at_once(*[replica] * REPLICAS) for each in some]
    with closing(uniform_at(place, clock)) as uniform:
        kept = [each["id"] for each in uniform.get(known)["subscriptions"]]

    assert sorted(added) == sorted(kept)


def test_the_last_place_is_given_once(place: Place) -> None:
    """To one of those who ask for it at once."""
    clock = ManualClock()
    with closing(uniform_at(place, clock)) as uniform:
        for number in range(MOST_REGISTRATIONS - 1):
            register(uniform, f"n{number}")

    def replica(together: Barrier, *, name: str) -> str:
        with closing(uniform_at(place, clock)) as uniform:
            together.wait()
            return outcome(partial(register, uniform, name))

    found = at_once(*(partial(replica, name=f"last{number}") for number in range(REPLICAS)))
    with closing(uniform_at(place, clock)) as uniform:
        kept = len(uniform.all())

    assert ["", *[NoRoom.__name__] * (REPLICAS - 1)] == sorted(found)
    assert MOST_REGISTRATIONS == kept


def test_what_replicas_log_at_once_is_all_kept(place: Place) -> None:
    """Each entry has a number of its own."""
    clock = ManualClock()
    entry = {"integrationid": "i", "shkeptncontext": "c", "message": "m", "time": ""}

    def replica(together: Barrier) -> None:
        with closing(uniform_at(place, clock)) as uniform:
            together.wait()
            for _ in range(ROUNDS):
                uniform.log([entry, entry])

    at_once(*[replica] * REPLICAS)
    with ExitStack() as stack:
        uniform: Uniform = stack.enter_context(closing(uniform_at(place, clock)))

        assert REPLICAS * ROUNDS * 2 == uniform.logs(size=1).total
