"""Who is accepted, who stands where in line, and who starts (R1–R8)."""

import attrs
import pytest

from sequencectl import (
    Bounds,
    ControlPlane,
    Phase,
    QueuePolicy,
    Rejected,
    RejectedCode,
    Shipyard,
    Subject,
    TimeoutPolicy,
    thaw,
)
from sequencectl.events import SequenceStarted, SequenceSuperseded, SequenceTriggered
from sequencectl.outcomes import APPLIED
from tests.support import Host

ONE_TASK = {"dev": {"delivery": ["deploy"]}}


def started(host: Host) -> list[str]:
    """The ids of those that started, in order."""
    return [event.subject.sequence_id for event in host.of(SequenceStarted)]


def run_all(host: Host) -> None:
    """Let whoever holds the lane of dev pass, until nobody is left."""
    while host.state.holders("dev"):
        host.finish(host.state.holders("dev")[0])


def test_starts_go_by_priority_then_by_place() -> None:
    """Higher priority goes first, and within a priority nobody overtakes (R2)."""
    host = Host(ONE_TASK)
    for sequence_id, priority in (("a", 0), ("b", 0), ("c", 5), ("d", 0), ("e", 5), ("f", -1)):
        host.trigger(sequence_id, priority=priority)

    run_all(host)

    assert ["a", "c", "e", "b", "d", "f"] == started(host)


def test_priority_of_a_command_wins_over_the_definition() -> None:
    """A definition's priority holds unless the command names one, zero included (R2)."""
    host = Host({"dev": {"delivery": {"tasks": ["deploy"], "priority": 7}}})
    host.trigger("a")
    host.trigger("b", priority=0)
    host.trigger("c")

    run_all(host)

    assert ["a", "c", "b"] == started(host)


def test_limit_is_a_stage_s_own() -> None:
    """A stage's own policy says how many run side by side; others keep the default (R1)."""
    stages = {name: {"delivery": ["deploy"]} for name in ("dev", "staging")}
    host = Host(stages, queueing=QueuePolicy(stages={"staging": QueuePolicy(limit=2)}))
    for number in range(3):
        host.trigger(f"d{number}")
        host.trigger(f"s{number}", stage="staging")

    assert ("d0",) == host.state.holders("dev")
    assert ("s0", "s1") == host.state.holders("staging")
    assert ("s2",) == host.state.line("staging")


def test_services_have_lanes_of_their_own_with_scope_service() -> None:
    """With the scope service only the same service excludes (R1)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(scope="service"))
    host.trigger("a", service="carts")
    host.trigger("b", service="orders")
    host.trigger("c", service="carts")

    assert [Phase.RUNNING, Phase.RUNNING, Phase.WAITING] == [host.phase(i) for i in "abc"]


@pytest.mark.parametrize(
    ("scopes", "last"),
    [(("stage", "service"), Phase.RUNNING), (("service", "stage"), Phase.WAITING)],
)
def test_a_changed_scope_runs_nothing_side_by_side(scopes: tuple[str, str], last: Phase) -> None:
    """Lanes named under the old and the new scope overlap: holders count for both (R1).

    Services of the new scope do not exclude each other, and what waits for the whole stage waits
    for all of them.
    """
    before, after = (
        ControlPlane(Shipyard.of(ONE_TASK), queueing=QueuePolicy(scope=scope)) for scope in scopes
    )
    host = Host(before)
    host.trigger("a")
    host.trigger("b")
    host.plane = after
    host.trigger("c")
    host.trigger("d", service="orders", priority=9)
    seen = [host.phase(each) for each in "abcd"]

    host.finish("a")

    assert [Phase.RUNNING, Phase.WAITING, Phase.WAITING, Phase.WAITING] == seen
    assert Phase.RUNNING is host.phase("d")
    assert [Phase.WAITING, last] == [host.phase("b"), host.phase("c")]


def test_a_changed_scope_keeps_the_limit_of_the_stage() -> None:
    """Whoever starts beside a holder of the whole stage counts for it, whatever its service; a
    place given back in one service is offered to the others (R1, R3).
    """
    shipyard = Shipyard.of(ONE_TASK)
    host = Host(ControlPlane(shipyard, queueing=QueuePolicy(limit=2)))
    host.trigger("a")
    host.plane = ControlPlane(shipyard, queueing=QueuePolicy(scope="service", limit=2))
    host.trigger("b", service="orders")
    host.trigger("c", service="carts")
    seen = [host.phase(each) for each in "abc"]

    host.finish("b")

    assert [Phase.RUNNING, Phase.RUNNING, Phase.WAITING] == seen
    assert Phase.RUNNING is host.phase("c")


def test_nobody_in_the_lane_of_a_stage_overtakes_those_of_its_services() -> None:
    """With anybody in the lane of a stage, a place in one service is offered to all (R1, R2)."""
    shipyard = Shipyard.of(ONE_TASK)
    host = Host(ControlPlane(shipyard, queueing=QueuePolicy(scope="service")))
    for name, service in (("a1", "carts"), ("a2", "carts"), ("b1", "orders")):
        host.trigger(name, service=service)
    host.plane = ControlPlane(shipyard, queueing=QueuePolicy())
    host.trigger("late", service="users")
    host.plane = ControlPlane(shipyard, queueing=QueuePolicy(limit=2))

    host.finish("b1")

    assert [Phase.RUNNING, Phase.WAITING] == [host.phase("a2"), host.phase("late")]


def test_the_resume_of_a_holder_gives_back_no_place() -> None:
    """It touches no lane: that a limit was raised is seen by the next check, in order (R2, R3)."""
    shipyard = Shipyard.of(ONE_TASK)
    host = Host(ControlPlane(shipyard, queueing=QueuePolicy(scope="service")))
    for name, service in (("a1", "carts"), ("a2", "carts"), ("b1", "orders"), ("b2", "orders")):
        host.trigger(name, service=service)
    host.pause("b1")
    host.plane = ControlPlane(shipyard, queueing=QueuePolicy(limit=2))

    host.resume("b1")
    resumed = [host.phase("a2"), host.phase("b2")]
    host.check()

    assert [Phase.WAITING] * 2 == resumed
    assert ["a2", "b2"] == started(host)[-2:]


def test_a_raised_limit_takes_effect_at_the_next_check() -> None:
    """A plane with a higher limit admits at once in a check, in every lane (R3)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.trigger("b")
    host.plane = ControlPlane(host.plane.shipyard, queueing=QueuePolicy(limit=2))

    host.check()

    assert ("a", "b") == host.state.holders("dev")


def test_a_raised_limit_takes_effect_in_every_lane() -> None:
    """Not only the first line of a stage is looked at, nor only one stage; a frozen one is not."""
    shipyard = {stage: {"delivery": ["deploy"]} for stage in ("dev", "hotfix", "prod")}
    host = Host(shipyard, queueing=QueuePolicy(scope="service"))
    lanes = [(stage, service) for stage in shipyard for service in ("s1", "s2", "s3")]
    for stage, service in lanes:
        host.trigger(f"{stage}-{service}-1", stage=stage, service=service)
        host.trigger(f"{stage}-{service}-2", stage=stage, service=service)
    host.freeze("hotfix")
    host.plane = ControlPlane(host.plane.shipyard, queueing=QueuePolicy(scope="service", limit=2))

    host.check()

    started = [host.phase(f"{stage}-{service}-2") for stage, service in lanes]
    assert [Phase.RUNNING] * 3 + [Phase.WAITING] * 3 + [Phase.RUNNING] * 3 == started


@pytest.mark.parametrize(("frozen", "other"), [("dev", "prod"), ("prod", "dev")])
def test_a_frozen_stage_does_not_keep_the_others_back(frozen: str, other: str) -> None:
    """Each stage is looked at, before or after one that admits nobody (R3, R7)."""
    host = Host({"dev": {"delivery": ["deploy"]}, "prod": {"delivery": ["deploy"]}})
    for stage in (frozen, other):
        host.trigger(f"{stage}-1", stage=stage)
        host.trigger(f"{stage}-2", stage=stage)
    host.freeze(frozen)
    host.plane = ControlPlane(host.plane.shipyard, queueing=QueuePolicy(limit=2))

    host.check()

    assert [Phase.WAITING, Phase.RUNNING] == [host.phase(f"{x}-2") for x in (frozen, other)]


def test_a_raised_limit_passes_a_line_that_stays_full() -> None:
    """Who waits for the whole stage waits for all services, and keeps none back (R1, R3)."""
    by_service, by_stage = (QueuePolicy(scope=scope) for scope in ("service", "stage"))
    host = Host(ONE_TASK, queueing=by_service)
    for sequence_id, service in (("a", "carts"), ("b", "orders"), ("next", "carts")):
        host.trigger(sequence_id, service=service)
    host.plane = ControlPlane(host.plane.shipyard, queueing=by_stage)
    host.trigger("all")
    host.plane = ControlPlane(host.plane.shipyard, queueing=QueuePolicy(limit=2))

    host.check()

    assert [Phase.RUNNING, Phase.WAITING] == [host.phase("next"), host.phase("all")]


def test_a_known_id_is_a_duplicate_or_a_conflict() -> None:
    """The same trigger twice changes nothing; the same id for something else is refused (R8)."""
    host = Host({"dev": {"delivery": ["deploy"], "other": ["deploy"]}, "staging": {}})
    host.trigger("a")
    answers = []
    for change in (
        {},
        {"service": "orders"},
        {"sequence": "other"},
        {"stage": "staging", "sequence": "evaluation"},
        {"context": "c"},
        {"priority": 9, "data": {"x": 1}},
    ):
        host.trigger("a", **change)
        answers.append(host.code)

    conflict = "rejected id_conflict"
    assert ["duplicate", conflict, conflict, conflict, conflict, "duplicate"] == answers


@pytest.mark.parametrize(
    ("stage", "sequence", "code", "message"),
    [
        ("prod", "delivery", "unknown_stage", "The shipyard has no stage 'prod'; it has: dev, qa."),
        (
            "dev",
            "deliver",
            "unknown_sequence",
            "Stage dev has no sequence 'deliver'; it has: delivery, rollback.",
        ),
        (
            "qa",
            "delivery",
            "unknown_sequence",
            "Stage qa has no sequence 'delivery'; it has: none.",
        ),
    ],
)
def test_refusals_name_what_there_is(stage: str, sequence: str, code: str, message: str) -> None:
    """An unknown stage or sequence is refused with the names that would do (R8)."""
    host = Host({"dev": {"delivery": ["deploy"], "rollback": ["undo"]}, "qa": {}})

    outcome = host.trigger("a", stage=stage, sequence=sequence).outcome

    assert Rejected(RejectedCode(code), message) == outcome


def test_a_conflict_names_whose_the_id_is() -> None:
    """Somebody who reuses an id reads what it stands for (R8)."""
    host = Host(ONE_TASK)
    host.trigger("a", context="c")

    outcome = host.trigger("a", service="orders").outcome

    message = "Sequence id 'a' belongs to delivery of 'carts' in stage dev, context 'c'."
    assert Rejected(RejectedCode.ID_CONFLICT, message) == outcome


def test_data_over_the_bound_is_refused() -> None:
    """A payload larger than what is kept is refused, and the bound is named (R33)."""
    host = Host(ONE_TASK, bounds=Bounds(payload_size=20))

    outcome = host.trigger("a", data={"x": "y" * 20}).outcome

    assert isinstance(outcome, Rejected)
    assert RejectedCode.PAYLOAD_TOO_LARGE is outcome.code
    assert "at most 20 are accepted" in outcome.message


def test_an_acceptance_says_what_was_triggered_and_by_whom() -> None:
    """Its subject has every name of the command, and nobody stands above it (R8, R17)."""
    host = Host(ONE_TASK)

    host.trigger("a", context="c", revision="8ba1ac4")

    (event,) = host.of(SequenceTriggered)
    subject = Subject("sockshop", "c", "dev", "delivery", "carts", "a", "8ba1ac4")
    assert (subject, None, 0) == (event.subject, event.parent, event.depth)


@pytest.mark.parametrize(
    ("scope", "phase"),
    [({}, Phase.HELD), ({"stage": "dev"}, Phase.HELD), ({"stage": "qa"}, Phase.WAITING)],
)
def test_what_is_triggered_into_a_paused_scope_is_born_held(
    scope: dict[str, str], phase: Phase
) -> None:
    """A pause of the context, or of it in this stage, holds who comes; no other does (R19)."""
    host = Host({**ONE_TASK, "qa": {}})
    host.trigger("a")
    host.trigger("b", context="c")
    host.pause("c", **scope)

    host.trigger("c")

    assert phase is host.phase("c")


def latest_only(**more: object) -> Host:
    """A host whose stage keeps the latest only."""
    stages = {"dev": {"delivery": ["deploy"], "other": ["deploy"]}}
    return Host(stages, queueing=QueuePolicy(mode="latest_only", **more))


def test_latest_only_takes_the_place_of_the_earliest() -> None:
    """A newcomer supersedes its like and stands where the earliest of them stood (R6)."""
    host = latest_only()
    for sequence_id, service in (("a", "carts"), ("b", "carts"), ("x", "orders"), ("c", "carts")):
        host.trigger(sequence_id, service=service)

    assert ("c", "x") == host.state.line("dev")
    assert ["b"] == [event.subject.sequence_id for event in host.of(SequenceSuperseded)]
    assert (Phase.SUPERSEDED, "c") == (host.phase("b"), host.record("b").superseded_by)
    assert Phase.RUNNING is host.phase("a")


@pytest.mark.parametrize(("service", "named"), [("carts", "carts"), ("", "this service")])
def test_a_superseded_one_is_told_by_whom(service: str, named: str) -> None:
    """Its ending has a sentence and the labels it had gathered (R6, R28)."""
    host = latest_only()
    host.trigger("a")
    host.trigger("b", service=service, data={"labels": {"team": "sock"}})

    host.trigger("c", service=service)

    (event,) = host.of(SequenceSuperseded)
    assert f"A newer delivery of {named} took its place." == event.message
    assert {"team": "sock"} == thaw(event.labels)


def test_each_stage_has_a_mode_of_its_own() -> None:
    """One stage keeps the latest, another all, a third takes none while it is busy (R6)."""
    policies = {
        "dev": QueuePolicy(mode="latest_only"),
        "prod": QueuePolicy(mode="reject_when_busy"),
    }
    stages = {name: {"delivery": ["deploy"]} for name in ("dev", "qa", "prod")}
    host = Host(stages, queueing=QueuePolicy(stages=policies))

    for stage in stages:
        for number in range(3):
            host.trigger(f"{stage}{number}", stage=stage)

    assert [("dev2",), ("qa1", "qa2"), ()] == [host.state.line(stage) for stage in stages]
    assert "rejected stage_busy" == host.code


def test_latest_only_spares_higher_priority_and_other_sequences() -> None:
    """Only the same stage, service and sequence of no higher priority is superseded (R6)."""
    host = latest_only()
    host.trigger("a")
    host.trigger("urgent", priority=5)
    host.trigger("other", sequence="other")

    host.trigger("b")

    assert ("urgent", "other", "b") == host.state.line("dev")


@pytest.mark.parametrize("scope", [{}, {"stage": "dev"}])
def test_a_newcomer_born_held_supersedes_only_held_ones(scope: dict[str, str]) -> None:
    """A newcomer into a paused scope leaves alone what may still start (R6)."""
    host = latest_only()
    host.trigger("a", context="c")
    host.trigger("w")
    host.pause("c", **scope)
    host.trigger("h1", context="c")

    host.trigger("h2", context="c")

    assert ("w", "h2") == host.state.line("dev")
    assert Phase.SUPERSEDED is host.phase("h1")


def test_reject_when_busy_takes_a_newcomer_only_if_it_can_start() -> None:
    """A holder, or anyone who waits, keeps newcomers out; a frozen idle stage does not (R6)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(mode="reject_when_busy"))
    host.freeze()
    host.trigger("a")
    codes = [host.code]
    host.trigger("b")
    codes.append(host.code)
    host.unfreeze()
    host.trigger("b")
    codes.append(host.code)

    assert ["applied", "rejected stage_busy", "rejected stage_busy"] == codes


def test_a_service_is_busy_for_itself_alone() -> None:
    """With the scope service a busy lane refuses its own service, and names it (R1, R6)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(scope="service", mode="reject_when_busy"))
    host.trigger("a")

    other = host.trigger("b", service="orders").outcome
    same = host.trigger("c").outcome

    assert APPLIED == other
    assert Rejected(RejectedCode.STAGE_BUSY, "Stage dev, service 'carts', is busy.") == same


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        ({}, "rejected queue_full"),
        ({"stage": "qa"}, "rejected queue_full"),
        ({"stage": "dev"}, "applied"),
        (None, "applied"),
    ],
)
def test_who_is_born_held_needs_room_in_an_idle_stage(
    scope: dict[str, str] | None, code: str
) -> None:
    """A newcomer that a pause will hold counts as waiting, whoever holds the lane (R6)."""
    host = Host({**ONE_TASK, "qa": {}}, queueing=QueuePolicy(max_waiting=0))
    host.trigger("a")
    if scope is not None:
        host.pause("a", **scope)

    host.trigger("b", stage="qa", sequence="evaluation", context="a")

    assert code == host.code


def test_who_meets_a_freeze_needs_room_in_an_idle_stage() -> None:
    """Nobody waits for a frozen stage whose line may have nobody (R6, R7)."""
    host = Host(ONE_TASK, queueing=QueuePolicy(max_waiting=0))
    host.freeze()

    host.trigger("a")

    assert "rejected queue_full" == host.code


def test_max_waiting_counts_after_superseding_and_spares_who_starts_at_once() -> None:
    """A full line refuses a newcomer, unless it supersedes or need not wait (R6)."""
    host = latest_only(max_waiting=1)
    host.trigger("a")
    host.trigger("b")
    host.trigger("c")
    codes = [host.code]
    host.trigger("x", service="orders")
    codes.append(host.code)
    host.finish("a")
    host.finish("c")
    host.plane = ControlPlane(host.plane.shipyard, queueing=QueuePolicy(max_waiting=0))
    host.trigger("y")
    codes.append(host.code)
    host.trigger("z")
    codes.append(host.code)

    assert ["applied", "rejected queue_full", "applied", "rejected queue_full"] == codes
    assert "Stage dev has 0 in line, at most 0." == host.last.outcome.message


def test_max_waiting_counts_the_line_of_its_own_lane() -> None:
    """Whom a newcomer supersedes in another lane makes no room in its own (R6)."""
    shipyard = Shipyard.of({"dev": {"delivery": ["deploy"], "hotfix": ["deploy"]}})
    by_service = QueuePolicy(scope="service", mode="latest_only", max_waiting=1)
    host = Host(ControlPlane(shipyard, queueing=by_service))
    host.trigger("a")
    host.trigger("b")
    host.plane = ControlPlane(shipyard, queueing=attrs.evolve(by_service, scope="stage"))
    host.trigger("c", sequence="hotfix", service="orders")

    host.trigger("d")

    assert "rejected queue_full" == host.code
    assert [("b",), ("c",)] == [host.state.line("dev/carts"), host.state.line("dev")]


def test_who_is_superseded_does_not_keep_the_newcomer_waiting() -> None:
    """It supersedes first: if it starts at once then, a full line does not refuse it (R6)."""
    host = latest_only(max_waiting=1)
    host.trigger("a")
    host.trigger("b")
    raised = QueuePolicy(mode="latest_only", limit=2, max_waiting=0)
    host.plane = ControlPlane(host.plane.shipyard, queueing=raised)

    host.trigger("c")

    assert "applied" == host.code
    assert [Phase.RUNNING, Phase.SUPERSEDED, Phase.RUNNING] == [host.phase(x) for x in "abc"]


def test_whoever_else_waits_keeps_the_newcomer_waiting() -> None:
    """One that it does not supersede is before it, free place or not (R6)."""
    host = latest_only(max_waiting=2)
    host.trigger("a")
    host.trigger("b", service="orders")
    host.trigger("c")
    raised = QueuePolicy(mode="latest_only", limit=2, max_waiting=1)
    host.plane = ControlPlane(host.plane.shipyard, queueing=raised)

    host.trigger("d")

    assert "rejected queue_full" == host.code
    assert ("b", "c") == host.state.line("dev")


def test_superseded_ones_end_in_the_order_of_their_acceptance() -> None:
    """As whatever a command addresses; a place that was inherited does not count (R6)."""
    host = latest_only()
    host.trigger("holder")
    host.trigger("a")
    host.pause("holder")
    host.trigger("b", priority=5, context="holder")  # held, so it supersedes nobody who waits
    host.trigger("c")  # takes the place of a, before b

    host.trigger("d", priority=5)

    superseded = [event.subject.sequence_id for event in host.of(SequenceSuperseded)]
    assert ["a", "b", "c"] == superseded


def test_a_frozen_stage_admits_nobody_and_keeps_its_holder() -> None:
    """A freeze stops admission only; unfreeze admits at once (R7)."""
    host = Host(ONE_TASK)
    host.trigger("a")
    host.freeze(actor="ann", reason="audit")
    host.trigger("b")
    host.finish("a")
    seen = (host.phase("a"), host.phase("b"))

    host.unfreeze()

    assert (Phase.FINISHED, Phase.WAITING) == seen
    assert Phase.RUNNING is host.phase("b")


def test_freezes_are_repeated_and_taken_back_with_a_code() -> None:
    """Repeats change nothing, unknown stages are refused, a removed stage can be unfrozen (R7)."""
    host = Host(ONE_TASK)
    codes = []
    for act in (host.unfreeze, host.freeze, host.freeze):
        act()
        codes.append(host.code)
    host.plane = ControlPlane(Shipyard.of({"staging": {}}))
    for act, stage in ((host.unfreeze, "dev"), (host.unfreeze, "dev"), (host.freeze, "dev")):
        act(stage)
        codes.append(host.code)

    unknown = "rejected unknown_stage"
    assert ["not_frozen", "applied", "already_frozen", "applied", unknown, unknown] == codes


def test_the_waiting_limit_is_read_at_acceptance() -> None:
    """The event of an acceptance carries the limit and the deadline of its waiting (R26)."""
    host = Host(ONE_TASK, timeouts=TimeoutPolicy(waiting="10m"))

    host.trigger("a")

    event = host.of(SequenceTriggered)[0]
    assert (600.0, 600.0) == (
        event.timeout.total_seconds(),
        (event.deadline - event.at).total_seconds(),
    )
