"""What a decision is given: the name of its project, and an instant that can be reckoned with."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from sequencectl import InvalidValue, TimeoutPolicy
from sequencectl._scalars import LATEST_INSTANT, checked_instant
from sequencectl._sequence.draft import after, checked_project, effective_instant

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKEW = timedelta(minutes=5)
MOMENT = timedelta.resolution


class Nowhere(tzinfo):
    """A time zone that does not know how far it is from UTC."""

    def utcoffset(self, _: datetime | None) -> timedelta | None:
        """Nobody knows."""
        return None


@pytest.mark.parametrize("name", ["", "x" * 201, "a\nb", "é", None, 7])
def test_a_project_has_a_printable_name(name: object) -> None:
    """Anything else is refused, and the refusal shows it."""
    with pytest.raises(InvalidValue) as caught:
        checked_project(name)

    assert ("project", name) == (caught.value.where, caught.value.value)
    assert "must be 1 to 200 printable ASCII characters" == caught.value.problem


@pytest.mark.parametrize(
    ("now", "problem"),
    [
        ("noon", "must be an aware datetime"),
        (NOON.date(), "must be an aware datetime"),
        (NOON.replace(tzinfo=None), "must be aware: give it a time zone, best UTC"),
        (NOON.replace(tzinfo=Nowhere()), "must be aware: give it a time zone, best UTC"),
        (LATEST_INSTANT, "must be before 9000-01-01"),
        (datetime(1, 1, 3, tzinfo=UTC), "must be before 9000-01-01"),
        (datetime.min.replace(tzinfo=timezone(timedelta(hours=14))), "must be before 9000-01-01"),
    ],
)
def test_an_instant_that_cannot_be_reckoned_with_is_refused(now: object, problem: str) -> None:
    """Naive, no datetime, or so far away that a timeout would leave the calendar."""
    with pytest.raises(InvalidValue, match=re.escape(problem)) as caught:
        checked_instant(now)

    assert ("now", problem) == (caught.value.where, caught.value.problem)
    assert now is caught.value.value


@pytest.mark.parametrize(
    "now", [LATEST_INSTANT - MOMENT, datetime(1, 1, 3, tzinfo=UTC) + MOMENT, NOON]
)
def test_an_instant_is_taken_in_utc(now: datetime) -> None:
    """Whatever the time zone it is given in."""
    taken = checked_instant(now.astimezone(timezone(timedelta(hours=2))))

    assert now == taken
    assert UTC is taken.tzinfo
    assert now is checked_instant(now)


@pytest.mark.parametrize(
    ("behind", "believed"),
    [
        pytest.param(-SKEW, True, id="ahead"),
        pytest.param(timedelta(0), True, id="the same"),
        pytest.param(MOMENT, False, id="a little behind"),
        pytest.param(SKEW, False, id="behind by the skew"),
        pytest.param(SKEW + MOMENT, True, id="further behind"),
    ],
)
def test_a_clock_that_is_a_little_behind_stands_still(behind: timedelta, believed: bool) -> None:
    """Replicas disagree; one that is far behind is believed, else a fast one would freeze time for
    all (R29).
    """
    now = NOON - behind
    effective = effective_instant(now, NOON, TimeoutPolicy(clock_skew=SKEW))

    assert (now if believed else NOON) == effective
    assert now == effective_instant(now, None, TimeoutPolicy(clock_skew=SKEW))


def test_a_limit_counts_from_an_instant() -> None:
    """Without a limit there is no deadline (R26)."""
    assert (NOON + SKEW, None) == (after(NOON, SKEW), after(NOON, None))
