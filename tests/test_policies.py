"""Time limits, queue policies and bounds."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given

from sequencectl.errors import PolicyError
from sequencectl.policies import (
    INHERIT,
    LONGEST_TIMEOUT,
    Bounds,
    Inherit,
    LaneScope,
    QueueMode,
    QueuePolicy,
    ResolvedTimeouts,
    SequenceTimeouts,
    TaskTimeouts,
    TimeoutPolicy,
)
from tests.strategies import timeouts

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)
THREE = timedelta(minutes=3)


def test_the_defaults_are_those_of_the_rules() -> None:
    """R26, R29: three minutes to react, a day to complete and to be parked, five minutes of skew,
    no more limits.
    """
    policy = TimeoutPolicy()

    expected = (THREE, DAY, None, None, None, None, DAY, timedelta(minutes=5), (), False)
    assert expected == attrs.astuple(policy, filter=lambda field, _: field.init)


@pytest.mark.parametrize(
    "name", ["completion", "total", "waiting", "abort_grace", "silence", "parked"]
)
def test_every_limit_is_checked(name: str) -> None:
    """Each is refused by its own name; `reaction` stands for all in the test below."""
    with pytest.raises(PolicyError, match=f"^{name}: must be more than zero"):
        TimeoutPolicy(**{name: "0s"})  # type: ignore[arg-type] # a name is any text here


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (timedelta(0), "more than zero"),
        (-MINUTE, "more than zero"),
        ("0", "more than zero"),
        ("-1s", "more than zero"),
        ("5", "has a number without a unit"),
        ("", "is empty"),
        (5, "a timedelta or a text"),
        (True, "a timedelta or a text"),
        (INHERIT, "a timedelta or a text"),
        (LONGEST_TIMEOUT + timedelta(microseconds=1), "at most 36500 days"),
        (timedelta.max, "at most 36500 days"),
    ],
)
def test_a_limit_that_is_none_is_refused_by_name(value: Any, why: str) -> None:
    """Zero, negative, endless or unreadable: the error names the argument and shows the value."""
    with pytest.raises(PolicyError, match=why) as caught:
        TimeoutPolicy(reaction=value)

    assert ("reaction", value) == (caught.value.where, caught.value.value)


@pytest.mark.parametrize("kind", [TaskTimeouts, SequenceTimeouts])
def test_limits_of_a_definition_are_checked_alike(kind: type[Any]) -> None:
    """The limits of a task or sequence obey the rules of the policy, and may inherit."""
    names = [field.name for field in attrs.fields(kind)]

    for name in names:
        assert kind(**{name: MINUTE}) == kind(**{name: "1m"})
        assert getattr(kind(**{name: None}), name) is None
        assert getattr(kind(), name) is INHERIT
        with pytest.raises(PolicyError, match=f"^{name}: must be more than zero"):
            kind(**{name: "0s"})


def test_texts_are_durations() -> None:
    """Every duration may be written in Go's notation."""
    written = TimeoutPolicy(
        reaction="3m",
        completion="24h",
        total="48h",
        waiting="1.5h",
        abort_grace="30s",
        clock_skew="0",
    )
    built = TimeoutPolicy(
        total=2 * DAY, waiting=90 * MINUTE, abort_grace=MINUTE / 2, clock_skew=timedelta(0)
    )

    assert built == written


@pytest.mark.parametrize("value", ["-1s", -MINUTE, "5", None, 5, timedelta.max])
def test_the_clock_skew_may_be_zero_and_nothing_less(value: Any) -> None:
    """Zero means that the host's clock is always believed (R29)."""
    with pytest.raises(PolicyError, match="clock_skew") as caught:
        TimeoutPolicy(clock_skew=value)

    assert value == caught.value.value


def test_the_longest_limit_still_gives_a_deadline() -> None:
    """No limit that is accepted can overflow a datetime of this era."""
    policy = TimeoutPolicy(completion=LONGEST_TIMEOUT)
    completion = policy.for_task("test").completion

    assert completion is not None
    assert datetime(2126, 1, 1, tzinfo=UTC) < datetime(2026, 2, 1, tzinfo=UTC) + completion


OWN = TaskTimeouts(reaction="1s", completion="2s")
NAMED = TaskTimeouts(reaction="10s", completion="20s")
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("own", "named", "reaction", "completion"),
    [
        (None, None, THREE, DAY),
        (None, NAMED, 10 * SECOND, 20 * SECOND),
        (OWN, None, SECOND, 2 * SECOND),
        (OWN, NAMED, SECOND, 2 * SECOND),
        (TaskTimeouts(), NAMED, 10 * SECOND, 20 * SECOND),
        (TaskTimeouts(reaction="1s"), NAMED, SECOND, 20 * SECOND),
        (TaskTimeouts(completion="2s"), NAMED, 10 * SECOND, 2 * SECOND),
        (TaskTimeouts(completion="2s"), TaskTimeouts(reaction=None), None, 2 * SECOND),
        (TaskTimeouts(reaction=None), NAMED, None, 20 * SECOND),
        (TaskTimeouts(reaction=None), None, None, DAY),
    ],
)
def test_the_limit_nearest_to_the_task_wins(
    own: TaskTimeouts | None,
    named: TaskTimeouts | None,
    reaction: timedelta | None,
    completion: timedelta | None,
) -> None:
    """R26: the definition's own limit, then that for the task's name, then the default."""
    policy = TimeoutPolicy(
        tasks={"other": TaskTimeouts("7s", "7s")} | ({"test": named} if named else {})
    )
    actual = policy.for_task("test", own)

    assert ResolvedTimeouts(reaction, completion) == actual


@given(timeouts(), timeouts(), timeouts(), timeouts())
def test_over_replaces_exactly_what_inherits(
    one: timedelta | Inherit | None,
    two: timedelta | Inherit | None,
    three: timedelta | Inherit | None,
    four: timedelta | Inherit | None,
) -> None:
    """A limit of one's own, none included, is never replaced by an outer one."""
    actual = TaskTimeouts(one, two).over(TaskTimeouts(three, four))

    assert (three if one is INHERIT else one) == actual.reaction
    assert (four if two is INHERIT else two) == actual.completion


def test_a_policy_without_completion_limit_is_refused() -> None:
    """R27: the reaction limit alone would leave a task whose executor dies without a deadline."""
    with pytest.raises(PolicyError, match=r"^completion: .* only TimeoutPolicy.unbounded\(\)"):
        TimeoutPolicy(completion=None)
    with pytest.raises(PolicyError, match=r"^completion of task approval"):
        TimeoutPolicy(tasks={"approval": TaskTimeouts(completion=None)})
    with pytest.raises(PolicyError, match=r"^completion of task test"):
        TimeoutPolicy().for_task("test", TaskTimeouts(completion=None))


def test_only_an_unbounded_policy_may_do_without_limits() -> None:
    """R26: whoever wants no limit has to say the word; single limits can still be set."""
    policy = TimeoutPolicy.unbounded(total="1h", tasks={"test": TaskTimeouts(completion="5m")})

    assert policy.is_unbounded
    assert not TimeoutPolicy().is_unbounded
    assert ResolvedTimeouts(None, None) == policy.for_task("deploy")
    assert ResolvedTimeouts(None, 5 * MINUTE) == policy.for_task("test")
    assert ResolvedTimeouts(None, None) == policy.for_task("test", TaskTimeouts(completion=None))
    assert policy.total_for(SequenceTimeouts()) == 60 * MINUTE
    assert policy == attrs.evolve(policy, total="60m")


@pytest.mark.parametrize("name", ["total", "waiting"])
@pytest.mark.parametrize(
    ("own", "outer", "expected"),
    [
        (INHERIT, None, None),
        (INHERIT, "5m", 5 * MINUTE),
        ("1m", "5m", MINUTE),
        ("1m", None, MINUTE),
        (None, "5m", None),
    ],
)
def test_a_sequence_has_its_own_limit_or_the_policy_s(
    name: str, own: Any, outer: Any, expected: timedelta | None
) -> None:
    """R26: what the shipyard says about a sequence wins, none included."""
    policy = TimeoutPolicy(**{name: outer})
    resolve = {"total": policy.total_for, "waiting": policy.waiting_for}
    actual = resolve[name](SequenceTimeouts(**{name: own}))

    assert expected == actual
    assert None is resolve["waiting" if name == "total" else "total"](SequenceTimeouts())


@pytest.mark.parametrize(
    "tasks",
    [
        5,
        "test",
        ["test"],
        {1: TaskTimeouts()},
        (("test", TaskTimeouts(), 3),),
        None,
    ],
)
def test_limits_by_name_map_names_to_limits(tasks: Any) -> None:
    """Anything else in `tasks` is refused by name."""
    with pytest.raises(PolicyError, match=r"^tasks: must map names to TaskTimeouts"):
        TimeoutPolicy(tasks=tasks)


def test_policies_are_values() -> None:
    """They are compared by value whatever the order, hashable, copyable, and keep no reference."""
    tasks = {"b": OWN, "a": NAMED}
    policy = TimeoutPolicy(tasks=tasks)
    tasks.clear()

    assert policy == TimeoutPolicy(tasks={"a": NAMED, "b": OWN})
    assert hash(policy) == hash(copy.deepcopy(policy))
    assert policy == attrs.evolve(policy)
    assert ResolvedTimeouts(SECOND, 2 * SECOND) == attrs.evolve(policy, total=DAY).for_task("b")
    assert policy != TimeoutPolicy()
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        policy.total = DAY  # type: ignore[misc] # the mistake under test


def test_the_queue_s_defaults_are_those_of_the_rules() -> None:
    """R1, R6: one at a time in a stage, the others wait, up to ten thousand."""
    policy = QueuePolicy()

    assert (
        policy.limit,
        policy.mode,
        policy.scope,
        policy.max_waiting,
        policy.stages,
    ) == (1, QueueMode.QUEUE, LaneScope.STAGE, 10_000, ())


@pytest.mark.parametrize("mode", list(QueueMode))
@pytest.mark.parametrize("scope", list(LaneScope))
def test_words_become_members(mode: QueueMode, scope: LaneScope) -> None:
    """The enums of a policy may be given as their words."""
    actual = QueuePolicy(mode=mode.value, scope=scope.value)

    assert QueuePolicy(mode=mode, scope=scope) == actual
    assert (mode, scope) == (actual.mode, actual.scope)


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("limit", 0, "an int of at least 1"),
        ("limit", True, "an int of at least 1"),
        ("limit", 1.0, "an int of at least 1"),
        ("limit", None, "an int of at least 1"),
        ("max_waiting", -1, "an int of at least 0"),
        ("max_waiting", False, "an int of at least 0"),
        ("mode", "fifo", "one of queue, latest_only, reject_when_busy"),
        ("mode", LaneScope.STAGE, "one of queue"),
        ("mode", None, "one of queue"),
        ("mode", [], "one of queue"),
        ("scope", "project", "one of stage, service"),
        ("stages", {1: QueuePolicy()}, "map names to QueuePolicy"),
        ("stages", 7, "map names to QueuePolicy"),
    ],
)
def test_a_wrong_queue_policy_is_refused_by_name(name: str, value: Any, why: str) -> None:
    """The error names the argument and says what is permitted."""
    with pytest.raises(PolicyError, match=why) as caught:
        QueuePolicy(**{name: value})

    assert name == caught.value.where


def test_a_stage_can_have_its_own_policy() -> None:
    """An override replaces the whole policy there; it cannot have overrides itself."""
    own = QueuePolicy(limit=2, scope="service")
    policy = QueuePolicy(mode="latest_only", stages={"dev": own})

    assert own is policy.for_stage("dev")
    assert policy is policy.for_stage("staging")
    assert policy == attrs.evolve(policy)
    assert own is attrs.evolve(policy, limit=3).for_stage("dev")
    assert hash(policy) == hash(QueuePolicy(mode="latest_only", stages={"dev": own}))
    with pytest.raises(PolicyError, match=r"^stages\['x'\]: must not have stages of its own"):
        QueuePolicy(stages={"x": policy})


@pytest.mark.parametrize(
    ("stage", "service", "lane"),
    [("dev", "carts", "dev/carts"), ("dev", "", "dev/"), ("staging", "carts", "staging")],
)
def test_a_lane_is_a_stage_or_a_service_in_it(stage: str, service: str, lane: str) -> None:
    """R1: the scope that holds in the stage says what excludes what."""
    policy = QueuePolicy(stages={"dev": QueuePolicy(scope="service")})
    actual = policy.lane(stage, service)

    assert lane == actual
    assert lane == policy.for_stage(stage).lane(stage, service)


def test_the_bounds_defaults_are_those_of_the_rules() -> None:
    """R33: everything kept is bounded."""
    actual = attrs.asdict(Bounds())

    assert actual == {
        "payload_size": 65_536,
        "payload_depth": 32,
        "input_size": 1_048_576,
        "retain": 200,
        "remember": 10_000,
        "request_ids": 64,
        "tasks": 100,
        "sources": 32,
        "reports": 1_000,
        "max_depth": 100,
        "attempts": 100,
        "progress_every": timedelta(seconds=10),
    }


@pytest.mark.parametrize(
    "name", [field.name for field in attrs.fields(Bounds) if field.name != "progress_every"]
)
def test_a_bound_is_a_whole_number(name: str) -> None:
    """What is kept may be nothing; what is accepted may not, or nothing would ever be."""
    least = 0 if name in {"retain", "remember", "request_ids"} else 1
    most = 100 if name == "payload_depth" else 10**9

    assert getattr(Bounds(**{name: least}), name) == least
    assert getattr(Bounds(**{name: most}), name) == most
    for value in (least - 1, True, 5.0, "5", None, *([101] if most == 100 else [])):
        with pytest.raises(PolicyError, match=f"^{name}: must be an int") as caught:
            Bounds(**{name: value})  # type: ignore[arg-type] # the mistake under test
        assert value == caught.value.value


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (
            lambda: TimeoutPolicy(total=5),  # type: ignore[arg-type] # the mistake under test
            "total: must be a timedelta or a text such as '90s', got 5",
        ),
        (
            lambda: TaskTimeouts(reaction="0s"),
            "reaction: must be more than zero and at most 36500 days; None means no limit,"
            " got '0s'",
        ),
        (
            lambda: TimeoutPolicy(clock_skew=-MINUTE),
            f"clock_skew: must be a duration of zero or more, got {-MINUTE!r}",
        ),
        (lambda: TimeoutPolicy(clock_skew=""), "clock_skew: is empty; "),
        (
            lambda: TimeoutPolicy(tasks={"test": DAY}),  # type: ignore[dict-item] # the same
            f"tasks['test']: must be a TaskTimeouts, got {DAY!r}",
        ),
        (
            lambda: TimeoutPolicy(tasks=5),  # type: ignore[arg-type] # the same
            "tasks: must map names to TaskTimeouts, got 5",
        ),
        (
            lambda: TimeoutPolicy(completion=None),
            "completion: must be a limit; only TimeoutPolicy.unbounded() may do without, got None",
        ),
        (
            lambda: QueuePolicy(mode="fifo"),
            "mode: must be one of queue, latest_only, reject_when_busy, got 'fifo'",
        ),
        (lambda: QueuePolicy(scope=""), "scope: must be one of stage, service, got ''"),
        (lambda: QueuePolicy(limit=0), "limit: must be an int of at least 1, got 0"),
        (
            lambda: QueuePolicy(stages={"dev": QueuePolicy(stages={"dev": QueuePolicy(limit=7)})}),
            "stages['dev']: must not have stages of its own, got QueuePolicy(limit=1,",
        ),
        (
            lambda: QueuePolicy(stages={"dev": 2}),  # type: ignore[dict-item] # the same
            "stages['dev']: must be a QueuePolicy, got 2",
        ),
        (
            lambda: Bounds(payload_depth=101),
            "payload_depth: must be an int from 1 to 100, got 101",
        ),
    ],
)
def test_a_refusal_names_the_argument_and_what_is_permitted(
    make: Callable[[], object], said: str
) -> None:
    """Whoever configures a controller reads one sentence, with the value that was given."""
    with pytest.raises(PolicyError) as caught:
        make()

    assert str(caught.value).startswith(said)


@pytest.mark.parametrize("skew", [timedelta(0), LONGEST_TIMEOUT])
def test_the_clock_skew_may_be_nothing_or_all_there_is(skew: timedelta) -> None:
    """Zero believes the host's clock always; the longest one never forgets an instant (R29)."""
    policy = TimeoutPolicy(clock_skew=skew)

    assert skew == policy.clock_skew
    with pytest.raises(PolicyError, match="clock_skew"):
        TimeoutPolicy(clock_skew=LONGEST_TIMEOUT + timedelta(microseconds=1))


def test_a_silence_is_too_short_for_any_progress_every() -> None:
    """Also if four times as long is more than Go's durations can say."""
    seldom = Bounds(progress_every=LONGEST_TIMEOUT)

    with pytest.raises(PolicyError, match=r"^silence: must be at least 146000 days, four times"):
        TimeoutPolicy(silence=LONGEST_TIMEOUT).check(seldom)
