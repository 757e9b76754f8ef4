"""The Hypothesis strategies of the tests that a host has no use for, one for each concept.

Those of use to hosts are in ``sequencectl.testing.strategies``.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from sequencectl.control_plane import ControlPlane
from sequencectl.errors import DefinitionError, PolicyError
from sequencectl.outcomes import (
    APPLIED,
    Outcome,
    Rejected,
    RejectedCode,
    Result,
    Unchanged,
    UnchangedCode,
)
from sequencectl.policies import (
    INHERIT,
    LONGEST_TIMEOUT,
    Bounds,
    Calendar,
    Inherit,
    LaneScope,
    QueueMode,
    QueuePolicy,
    SequenceTimeouts,
    TaskTimeouts,
    TimeoutPolicy,
)
from sequencectl.shipyard import Shipyard
from sequencectl.shipyard.definitions import (
    Approval,
    Failure,
    Newcomer,
    OnExpiry,
    OnFailure,
    Retry,
    SequenceDefinition,
    StageDefinition,
    TaskDefinition,
    TriggeredOn,
)

LONGEST_IN_GO = timedelta(microseconds=(2**63 - 1) // 1000)


def durations(
    shortest: timedelta = -LONGEST_IN_GO, longest: timedelta = LONGEST_IN_GO
) -> st.SearchStrategy[timedelta]:
    """Durations within Go's range, the short and the round ones more often."""
    near = min(longest, timedelta(hours=30))
    return st.one_of(
        st.timedeltas(shortest, longest),
        st.timedeltas(max(shortest, -near), near),
        st.sampled_from([timedelta(microseconds=1), timedelta(milliseconds=100), near]),
    )


def timeouts() -> st.SearchStrategy[timedelta | Inherit | None]:
    """Time limits as a definition may have them: a duration, none, or inherited."""
    limits = durations(timedelta(microseconds=1), LONGEST_TIMEOUT)
    return st.one_of(st.just(INHERIT), st.none(), limits)


def results() -> st.SearchStrategy[Result]:
    """Results of tasks and sequences."""
    return st.sampled_from(Result)


def names() -> st.SearchStrategy[str]:
    """Names of stages, sequences and tasks; few of them, so that they meet."""
    alphabet = "abcXYZ019-_"
    return st.one_of(
        st.sampled_from(["dev", "staging", "delivery", "evaluation", "test"]),
        st.text(alphabet, min_size=1, max_size=63),
    )


def json_scalars() -> st.SearchStrategy[Any]:
    """JSON values without parts."""
    return st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.sampled_from([0, 1, 1.0, True, False, "", '\x00"\\\n\x7f\u2028é😀']),
    )


def json_keys() -> st.SearchStrategy[str]:
    """Keys of JSON objects; few of them, so that they meet."""
    return st.one_of(
        st.sampled_from(["a", "b", "labels", "a.b", "é"]),
        st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    )


def approvals() -> st.SearchStrategy[Approval]:
    """Approvals with everything a shipyard may say about them."""
    return st.builds(
        Approval,
        approve=st.integers(1, 9),
        reject=st.integers(1, 9),
        initiator=st.booleans(),
        on_expiry=st.sampled_from(OnExpiry),
        newcomer=st.sampled_from(Newcomer),
    )


def retries() -> st.SearchStrategy[Retry]:
    """Retries with everything a shipyard may say about them."""
    return st.builds(
        Retry,
        times=st.integers(1, 9),
        backoff=durations(timedelta(0), LONGEST_TIMEOUT),
        factor=st.integers(1, 9),
        on=st.sets(st.sampled_from(Failure), min_size=1),
    )


def task_definitions() -> st.SearchStrategy[TaskDefinition]:
    """Tasks with everything a shipyard may say about them."""
    sources = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=20)
    numbers = st.integers(1, 9) | st.frozensets(sources, min_size=1, max_size=3)
    return st.builds(
        lambda name, ending, **more: TaskDefinition(name, **ending, **more),
        names(),
        st.one_of(
            st.fixed_dictionaries(
                {},
                optional={
                    "expects": numbers,
                    "retry": retries(),
                    "on_failure": st.sampled_from(OnFailure),
                },
            ),
            st.fixed_dictionaries({"approval": approvals()}),
        ),
        triggered_after=durations(timedelta(0), LONGEST_TIMEOUT),
        properties=st.dictionaries(json_keys(), json_scalars(), max_size=2),
        timeouts=st.none() | st.builds(TaskTimeouts, timeouts(), timeouts(), timeouts()),
    )


def triggers() -> st.SearchStrategy[TriggeredOn]:
    """Triggers, most of which name nothing."""
    keys = st.just("result") | names().map(lambda task: f"{task}.result")
    wanted = st.sampled_from(["pass", "warning", "fail", "failed"])
    selectors = st.dictionaries(keys, wanted, max_size=2)
    return st.builds(TriggeredOn, names(), names(), selectors)


def sequence_definitions() -> st.SearchStrategy[SequenceDefinition]:
    """Sequences with everything a shipyard may say about them."""
    return st.builds(
        SequenceDefinition,
        names(),
        st.lists(task_definitions(), min_size=1, max_size=3).map(tuple),
        triggered_on=st.lists(triggers(), max_size=2).map(tuple),
        priority=st.none() | st.integers(-1_000_000, 1_000_000),
        timeouts=st.builds(SequenceTimeouts, timeouts(), timeouts()),
        on_failure=st.sampled_from(OnFailure),
    )


def webs() -> st.SearchStrategy[Shipyard]:
    """Shipyards of few names and many triggers, so that most triggers name something."""
    ends = st.sampled_from([(stage, name) for stage in "ab" for name in "stu"])
    selectors = st.sampled_from([{}, {}, {"result": "fail"}, {"work.result": "warning"}])
    sequences = st.lists(
        st.tuples(st.sampled_from("stu"), st.lists(st.tuples(ends, selectors), max_size=3)),
        max_size=3,
        unique_by=lambda entry: entry[0],
    )

    def woven(stages: list[list[tuple[str, list[tuple[tuple[str, str], dict[str, str]]]]]]) -> Any:
        return Shipyard.of(
            {
                stage: {
                    name: {
                        "tasks": ["work"],
                        "triggeredOn": [TriggeredOn(*end, match) for end, match in triggers],
                    }
                    for name, triggers in sequences
                }
                for stage, sequences in zip("ab", stages, strict=True)
            }
        )

    return st.lists(sequences, min_size=2, max_size=2).map(woven)


def shipyards() -> st.SearchStrategy[Shipyard]:
    """Shipyards, all of them valid."""

    def by_name(entry: StageDefinition | SequenceDefinition) -> str:
        return entry.name

    stages = st.builds(
        StageDefinition,
        names(),
        st.lists(sequence_definitions(), max_size=3, unique_by=by_name).map(tuple),
    )
    titles = st.just("") | st.text(st.characters(categories=["L", "N", "P"]), max_size=20)
    return st.builds(
        Shipyard,
        st.lists(stages, min_size=1, max_size=3, unique_by=by_name).map(tuple),
        name=titles,
    )


def timeout_policies() -> st.SearchStrategy[TimeoutPolicy]:
    """Policies of time limits with everything they may say; most are unbounded."""
    limits = st.none() | durations(timedelta(microseconds=1), LONGEST_TIMEOUT)
    skews = durations(timedelta(0), LONGEST_TIMEOUT)
    own = st.builds(TaskTimeouts, timeouts(), timeouts(), timeouts())
    named = st.dictionaries(names() | json_keys(), own, max_size=2)
    open_ended = st.builds(
        TimeoutPolicy.unbounded,
        **dict.fromkeys(("reaction", "completion", "total", "waiting", "abort_grace"), limits),
        silence=limits,
        parked=limits,
        clock_skew=skews,
        tasks=named,
    )
    limited = limits.filter(bool)
    return open_ended | st.builds(TimeoutPolicy, completion=limited, parked=limited, total=limits)


def queue_policies() -> st.SearchStrategy[QueuePolicy]:
    """Policies of queues, with and without some for single stages."""
    own = st.fixed_dictionaries(
        {},
        optional={
            "limit": st.integers(min_value=1),
            "mode": st.sampled_from(QueueMode),
            "scope": st.sampled_from(LaneScope),
            "max_waiting": st.integers(min_value=0),
        },
    )
    single = st.dictionaries(
        names() | json_keys(), own.map(lambda said: QueuePolicy(**said)), max_size=2
    )
    return st.builds(lambda said, stages: QueuePolicy(**said, stages=stages), own, single)


def bounds() -> st.SearchStrategy[Bounds]:
    """Bounds, small and large; most let progress be reported as often as one likes."""
    at_least_1 = ("payload_size", "input_size", "tasks", "sources", "reports", "max_depth")
    numbers = st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(at_least_1, st.integers(min_value=1)),
            **dict.fromkeys(("retain", "remember", "request_ids"), st.integers(min_value=0)),
            "attempts": st.integers(min_value=1),
            "payload_depth": st.integers(1, 100),
        },
    )
    often = st.just(timedelta(0)) | durations(timedelta(0), LONGEST_TIMEOUT)
    return st.builds(lambda said, every: Bounds(**said, progress_every=every), numbers, often)


@st.composite
def parts_of_planes(draw: st.DrawFn) -> tuple[Shipyard, dict[str, Any]]:
    """What a plane is made of, in most draws such that it refuses something."""
    more = {"timeouts": timeout_policies(), "queueing": queue_policies(), "bounds": bounds()}
    return draw(shipyards()), draw(st.fixed_dictionaries(more))


@st.composite
def planes(draw: st.DrawFn, *, calendar: Calendar | None = None) -> ControlPlane:
    """Planes of any shipyard and any policies, with this calendar; what one refuses is relaxed."""
    shipyard, more = draw(parts_of_planes())
    try:
        return ControlPlane(shipyard, **more, calendar=calendar)
    except (DefinitionError, PolicyError):
        relaxed = TimeoutPolicy.unbounded(tasks=more["timeouts"].tasks)
        often = Bounds(remember=more["bounds"].remember, progress_every="0s")
        more |= {"timeouts": relaxed, "bounds": often}
        return ControlPlane(shipyard, **more, calendar=calendar)


def outcomes() -> st.SearchStrategy[Outcome]:
    """Answers to commands: of every kind, with every code."""
    said = st.text(st.characters(exclude_categories=["Cs"]))
    return st.one_of(
        st.just(APPLIED),
        st.builds(Unchanged, st.sampled_from(UnchangedCode)),
        st.builds(Rejected, st.sampled_from(RejectedCode), said),
    )
