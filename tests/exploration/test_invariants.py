"""Each invariant can fail: what really happened, forged in one respect, is found out."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import Final

import attrs
import pytest

from sequencectl import (
    AbortSequence,
    Applied,
    Bounds,
    CheckDeadlines,
    FreezeStage,
    Phase,
    QueuePolicy,
    ReportTaskStarted,
    Result,
    RetryTask,
    Status,
    TimeoutPolicy,
    Unchanged,
    UnchangedCode,
    UnfreezeStage,
)
from sequencectl import events as e
from sequencectl.sequence import EndedSequence, LiveSequence
from sequencectl.task_run import Executor, Progress
from sequencectl.testing.exploration import invariants as i
from sequencectl.testing.exploration import of_approvals as approval
from sequencectl.testing.exploration import of_controls as control
from sequencectl.testing.exploration import of_failures as failure
from sequencectl.testing.exploration import of_limits as limit
from sequencectl.testing.exploration import of_openings as opening
from sequencectl.testing.exploration import of_queue as queue
from sequencectl.testing.exploration import of_redrives as redrive
from sequencectl.testing.exploration import of_silence as silence
from sequencectl.testing.exploration import of_tasks as task
from sequencectl.testing.exploration.alphabet import START, Move
from sequencectl.testing.exploration.transition import Check, Transition
from tests.exploration.forging import (
    SECOND,
    Forger,
    aborted,
    after,
    asks_twice,
    before,
    closed,
    decided,
    events,
    finished_by_all,
    forged,
    frozen,
    frozen_before,
    heard,
    heard_before,
    in_flight,
    instead,
    live,
    no,
    nobody_had_voted,
    nobody_in_particular,
    nothing_before,
    one_more_of_the_family,
    out_of_its_lane,
    parked_with,
    paused,
    policy,
    records_of,
    redriven_elsewhere,
    redriving,
    short,
    still_open,
    superseded,
    taken_back,
    told_by_nobody,
    unpaused,
    voted,
    waiting,
    was_parked_with,
    where_it_may_be,
    without_limits,
    worked_on_by_more,
)
from tests.exploration.slices import SLICES
from tests.exploration.walks import Stop, tell, walk

WALKS: Final = {
    "delays": 150, "limits": 150, "opening hours": 50, "an approval by silence": 50,
    "parked": 100, "parked in two stages": 100, "progress": 30,
}  # fmt: skip
"""How often to walk through slices with what is rare in a walk; through others, 15 times."""


@cache
def real_ones() -> tuple[Transition, ...]:
    """Transitions of all slices that changed something."""
    found: list[Transition] = []
    for name in SLICES:
        for seed in range(WALKS.get(name, 10)):
            stops = list(walk(name, seed))
            for stop, then in pairwise(stops):
                if then.state is not stop.state:
                    found += [
                        seen for move in stop.moves
                        if (seen := tell(stop, move)) and seen.after == then.state
                    ][:1]  # fmt: skip
    return tuple(found)


@cache
def said_of_what_happened(check: Check) -> set[str]:
    """What an invariant says of all that really happened."""
    return {check(t) for t in real_ones()}


FORGED: list[tuple[Check, str, Forger]] = [
    (i.answers_as_the_rules_say, "answered 'late'",
        decided(outcome=Unchanged(UnchangedCode.LATE))),
    (i.answers_as_the_rules_say, "expected 'rejected id_conflict'", redriven_elsewhere),
    (i.unchanged_leaves_no_trace, "late with", decided(outcome=Unchanged(UnchangedCode.LATE))),
    (i.unchanged_leaves_no_trace, "applied without an event", instead(events=())),
    (i.events_replay, "another state", lambda t: {"events": t.events[:-1]}),
    (limit.events_are_numbered, "the serials are", lambda t: {"events": t.events[:1] + t.events}),
    (limit.instants_never_go_back, "expected", lambda t: {"now": t.now + SECOND}),
    (i.indexes_equal_their_rebuild, "not that of the records",
        lambda t: {"decision": attrs.evolve(
            t.decision, state=attrs.evolve(t.after, index=t.before.index))}),
    (i.indexes_equal_their_rebuild, "its records say", live(phase=Phase.HELD)),
    (queue.lanes_keep_their_limit, "hold lane", live(phase=Phase.PAUSED)),
    (queue.the_best_starts_first, "started before", waiting(priority=9)),
    (queue.nobody_overtakes_across_lanes, "started before", waiting(priority=9)),
    (queue.priority_is_that_of_the_command, "has priority",
        events(e.SequenceTriggered, lambda x: {"priority": x.priority + 1})),
    (queue.no_lane_idles, "free place", live(phase=Phase.WAITING)),
    (opening.closed_stages_admit_nobody, "started in dev, which is frozen", frozen_before),
    (opening.closed_stages_admit_nobody, "which the calendar closes", policy(calendar=closed)),
    (opening.freezes_change_as_they_may, "was not frozen", nothing_before),
    (opening.freezes_change_as_they_may, "is frozen by requested",
        instead(command=CheckDeadlines())),
    (opening.freezes_change_as_they_may, "is frozen by calendar", policy(calendar=None)),
    (opening.freezes_change_as_they_may, "is frozen by calendar",
        events(e.StageFrozen, lambda _: {"window": "another"})),
    (opening.freezes_change_as_they_may, "is frozen by calendar", lambda t: {
        "events": (*t.events, *[x for x in t.events if isinstance(x, e.StageFrozen)])}),
    (opening.freezes_change_as_they_may, "ends at", frozen_before),
    (opening.freezes_change_as_they_may, "the freezes are", frozen),
    (opening.freezes_end_when_they_should, "too early", instead(command=CheckDeadlines())),
    (opening.freezes_end_when_they_should, "FreezeStage ended the freeze",
        instead(command=FreezeStage("dev"))),
    (opening.freezes_end_when_they_should, "calendar says closed", policy(calendar=closed)),
    (opening.exemptions_are_kept, "is exempted by", after(LiveSequence, exempted=e.Control("m"))),
    (opening.exemptions_are_kept, "is exempted by None", after(LiveSequence, exempted=None)),
    (opening.the_calendar_is_asked_once, "was asked about", asks_twice),
    (opening.the_calendar_is_asked_once, "has other events", instead(events=())),
    (approval.votes_count_once, "stands twice", in_flight(lambda x: {"votes": x.votes * 2})),
    (approval.votes_count_once, "the votes on", in_flight(lambda _: {"votes": ()})),
    (approval.votes_count_once, "has data",
        events(e.TaskFinishReported, lambda _: {"data": {"kept": 1}})),
    (approval.barred_voters_never_stand, "stands, who triggered",
        live(initiators=("alice", "bob"))),
    (approval.barred_voters_never_stand, "has no actor",
        events(e.TaskFinishReported, lambda _: {"actor": ""})),
    (approval.initiators_are_kept, "was triggered by",
        events(e.SequenceTriggered, lambda _: {"initiators": ("mallory",)})),
    (approval.initiators_are_kept, "names nobody who is barred", nobody_in_particular),
    (approval.initiators_are_kept, "now by", after(LiveSequence, initiators=("mallory",))),
    (approval.approvals_are_decided_by_votes, "should be over", voted(*[Result.PASS] * 2)),
    (approval.approvals_are_decided_by_votes, "should be over", voted(*[Result.FAIL] * 2)),
    (approval.approvals_are_decided_by_votes, "nobody had rejected it", nobody_had_voted),
    (approval.approvals_are_decided_by_votes, "is over with fail, not pass",
        events(e.TaskFinished, lambda _: {"result": Result.FAIL})),
    (approval.approvals_are_decided_by_votes, "not open", nobody_had_voted),
    (approval.open_approvals_yield, "is open, and", still_open),
    (approval.only_newer_deliveries_make_void, "no approval of it is open", superseded),
    (approval.only_newer_deliveries_make_void, "was superseded by nobody, not",
        events(e.SequenceSuperseded, lambda _: {"superseded_by": "nobody"})),
    (approval.only_newer_deliveries_make_void, "as void",
        events(e.SequenceSuperseded, lambda _: {"abandoned_task": "another"})),
    (queue.newcomers_supersede_as_they_may, "without a newcomer",
        instead(command=CheckDeadlines())),
    (queue.newcomers_supersede_as_they_may, "0 superseded", no(e.SequenceSuperseded)),
    (queue.newcomers_supersede_as_they_may, "the place is",
        events(e.SequenceTriggered, lambda x: {"place": x.place + 1})),
    (task.tasks_run_in_order, "was triggered after",
        events(e.TaskTriggered, lambda x: {"index": x.index + 1})),
    (task.delays_are_kept, "from now",
        events(e.TaskScheduled, lambda x: {"due_at": x.due_at + SECOND})),
    (task.delays_are_kept, "was triggered, due at", before(LiveSequence, due_at=None)),
    (task.tasks_are_over_when_they_should, "should be over", finished_by_all),
    (task.tasks_are_over_when_they_should, "without a report", instead(command=CheckDeadlines())),
    (task.tasks_are_over_when_they_should, "too early", worked_on_by_more),
    (task.tasks_are_over_when_they_should, "has warning, not",
        events(e.TaskFinished, lambda _: {"result": Result.WARNING})),
    (task.reports_count_once, "remembers", in_flight(lambda _: {"report_ids": ()})),
    (task.reports_count_once, "heard", in_flight(lambda x: {"executors": x.executors[:-1]})),
    (task.reports_count_once, "heard", in_flight(
        lambda x: {"executors": (*x.executors, Executor("z", 1))})),
    (task.results_end_what_they_should, "should have ended", lambda t: {"records": {
        k: attrs.evolve(x, runs=x.runs * 3) if isinstance(x, LiveSequence) else x
        for k, x in t.records.items()}}),
    (task.results_end_what_they_should, "ended with", after(EndedSequence, result=Result.WARNING)),
    (task.results_end_what_they_should, "before its last task", short),
    (task.inputs_belong_to_their_stage, "has the input of 'elsewhere'",
        events(e.TaskTriggered, lambda x: {"input": {**x.input, "stage": "elsewhere"}})),
    (task.inputs_belong_to_their_stage, "was erased",
        events(e.TaskTriggered, lambda x: {"input": {**x.input, "kept": None}})),
    (task.ends_trigger_their_follow_ups, "expected", no(e.SequenceTriggered)),
    (task.nothing_is_given_out_in_vain, "SequenceAborted takes back", taken_back),
    (task.nothing_is_given_out_in_vain, "SequenceFinished takes back", lambda t: {
        "events": (*t.events, *[
            e.SequenceFinished(x.serial, x.at, x.subject, Result.FAIL, Status.SUCCEEDED)
            for x in t.events if isinstance(x, e.TaskTriggered)])}),
    (task.nothing_is_given_out_in_vain, "TaskFinished takes back", lambda t: {
        "events": (*t.events, *[
            e.TaskFinished(
                x.serial, x.at, x.subject, x.task_id, x.task, Result.PASS, Status.SUCCEEDED)
            for x in t.events if isinstance(x, e.TaskTriggered)])}),
    (failure.failures_lead_where_they_should, "is over, not retried",
        events(e.TaskFinished, lambda _: {"end": e.TaskEnd.OVER})),
    (failure.failures_lead_where_they_should, "is over, not parked",
        events(e.TaskFinished, lambda _: {"end": e.TaskEnd.OVER})),
    (failure.failures_lead_where_they_should, "is retried, not over",
        events(e.TaskTimedOut, lambda _: {"end": e.TaskEnd.RETRIED})),
    (failure.failures_lead_where_they_should, "before it could be", instead(was={})),
    (failure.failed_runs_are_followed_up, "nothing follows",
        records_of(LiveSequence, lambda _: {"task": None, "due_at": None, "phase": Phase.RUNNING})),
    (failure.failed_runs_are_followed_up, "is not parked with", parked_with(task_id="another")),
    (failure.failed_runs_are_followed_up, "is parked because of", parked_with(explanation="none")),
    (failure.failed_runs_are_followed_up, "0 events say", no(e.SequenceParked)),
    (failure.attempts_are_numbered, "comes after",
        events(e.TaskTriggered, lambda x: {"attempt": x.attempt + 1})),
    (failure.attempts_are_numbered, "comes after",
        events(e.TaskScheduled, lambda x: {"attempt": x.attempt + 1})),
    (failure.attempts_are_numbered, "is one too many",
        where_it_may_be(policy(bounds=Bounds(attempts=1)))),
    (failure.attempts_are_numbered, "is one of",
        events(e.TaskTriggered, lambda x: {"attempts": x.attempts + 1})),
    (failure.one_task_is_in_flight_or_parked, "and one that is parked", lambda t: {"live": tuple(
        attrs.evolve(x, task=y.task) for x in t.live for y in t.was.values()
        if isinstance(y, LiveSequence) and y.task)}),
    (failure.one_task_is_in_flight_or_parked, "with the parked task", live(phase=Phase.PARKED)),
    (failure.one_task_is_in_flight_or_parked, "have one id",
        lambda t: {"live": tuple(attrs.evolve(x, runs=x.runs * 2) for x in t.live)}),
    (failure.nothing_of_a_failed_attempt_counts, "has an outcome", lambda t: {"live": tuple(
        attrs.evolve(x, runs=(*x.runs, *x.retried)) for x in t.live)}),
    (failure.nothing_of_a_failed_attempt_counts, "something of",
        live(result=Result.WARNING)),
    (failure.nothing_of_a_failed_attempt_counts, "something of", live(status=Status.UNKNOWN)),
    (failure.data_is_taken_in_with_its_run, "the data of s",
        records_of(LiveSequence, told_by_nobody())),
    (failure.data_is_taken_in_with_its_run, "a follow-up has the data of",
        events(e.SequenceTriggered, told_by_nobody())),
    (failure.data_is_taken_in_with_its_run, "not of set()",
        was_parked_with(data=None)),
    (failure.results_are_those_of_what_counts, "has fail, not", live(result=Result.FAIL)),
    (failure.results_are_those_of_what_counts, "ended unknown, not",
        events(e.SequenceFinished, lambda _: {"status": Status.UNKNOWN})),
    (failure.attempts_are_kept, "keeps the attempts []",
        records_of(LiveSequence, lambda _: {"retried": ()})),
    (failure.attempts_are_kept, "keeps the attempts []", after(EndedSequence, retried=())),
    (failure.parked_ones_hold_their_lane, "does not hold", out_of_its_lane),
    (failure.parked_ones_hold_their_lane, "nothing ends the parking", live(deadline=None)),
    (failure.parking_ends_as_it_should, "ended although", lambda t: {
        "command": RetryTask(t.command.context) if isinstance(t.command, AbortSequence)
        else t.command}),
    (failure.parking_ends_as_it_should, "is running, retried under a pause",
        after(LiveSequence, phase=Phase.RUNNING)),
    (failure.parking_ends_as_it_should, "is running, retried", after(LiveSequence, task=None)),
    (failure.parking_ends_as_it_should, "after a skip", after(LiveSequence, runs=())),
    (failure.parking_ends_as_it_should, "is expired, skipped",
        after(EndedSequence, phase=Phase.EXPIRED)),
    (failure.parking_ends_as_it_should, "is still there",
        after(LiveSequence, phase=Phase.RUNNING, task=None, due_at=None)),
    (failure.parking_ends_as_it_should, "was not aborted as requested",
        events(e.SequenceAborted, lambda _: {"cause": e.Cause.FORCED})),
    (failure.parking_ends_as_it_should, "is not parked any more", parked_with(task_id="another")),
    (failure.parking_ends_as_it_should, "is expired because of",
        after(EndedSequence, phase=Phase.EXPIRED)),
    (failure.parking_ends_as_it_should, "has the outcomes ()", after(EndedSequence, runs=())),
    (redrive.one_of_a_family_lives, "of one family live", one_more_of_the_family),
    (redrive.redrives_begin_where_they_should, "was asked for",
        events(e.SequenceTriggered, lambda _: {"redrive": None})),
    (redrive.redrives_begin_where_they_should, "which did not fail",
        events(e.SequenceTriggered, redriving(sequence_id="another"))),
    (redrive.redrives_begin_where_they_should, "of the family another",
        events(e.SequenceTriggered, redriving(family="another"))),
    (redrive.redrives_begin_where_they_should, "carries",
        events(e.SequenceTriggered, redriving(carried=(e.Carried("more", None),)))),
    (redrive.redrives_are_kept, "and redrove", records_of(LiveSequence, lambda _: {
        "redrive": e.Redrive("another", "another")})),
    (redrive.redrives_supersede_nobody, "has the place",
        events(e.SequenceTriggered, lambda x: {"place": x.place + 1})),
    (redrive.redrives_supersede_nobody, "by the redrive", records_of(LiveSequence, lambda _: {
        "redrive": e.Redrive("another", "another")})),
    (redrive.redrives_pass_what_was_approved, "passes the approval", live(redrive=e.Redrive(
        "another", "another", (e.Carried("approve", Result.FAIL),)))),
    (silence.progress_makes_nobody_awaited, "progress leads to", instead(events=())),
    (silence.progress_makes_nobody_awaited, "after progress",
        heard(lambda x: {"starts": x.starts + 1})),
    (silence.progress_makes_nobody_awaited, "after progress",
        in_flight(lambda _: {"report_ids": ("another",)})),
    (silence.progress_makes_nobody_awaited, "the last progress of",
        heard(lambda _: {"progress": None})),
    (silence.progress_is_not_recorded_too_often, "after its last",
        heard_before(lambda x: {"progress": Progress(x.heard_at)})),
    (silence.executors_are_heard_when_they_report, "heard of",
        heard(lambda x: {"heard_at": x.heard_at - SECOND})),
    (silence.silence_is_charged_to_those_at_work, "fell silent at",
        heard_before(lambda _: {"starts": 0})),
    (silence.silence_is_charged_to_those_at_work, "fell silent because of",
        events(e.TaskTimedOut, lambda x: {
            "explanation": attrs.evolve(x.explanation, awaited="nobody")})),
    (control.pauses_hold_back, "under a pause", paused),
    (control.phases_follow_the_pauses, "does not fit its pauses", unpaused),
    (control.pauses_end_with_their_context, "has no live sequence", instead(live=())),
    (control.phases_fit_the_task, "is paused with task", live(phase=Phase.PAUSED)),
    (control.phases_fit_the_task, "is running with task", live(phase=Phase.RUNNING, task=None)),
    (control.phases_fit_the_task, "is pausing with task", live(phase=Phase.PAUSING, task=None)),
    (control.aborts_do_what_they_should, "was aborting and is",
        before(LiveSequence, phase=Phase.ABORTING)),
    (control.aborts_do_what_they_should, "not abort", aborted),
    (control.endings_are_final, "after its end", lambda t: {"was": {
        k: x for k, x in t.records.items() if isinstance(x, EndedSequence)}}),
    (control.endings_are_final, "changed after", after(EndedSequence, message="forged")),
    (control.requests_are_remembered, "remembers", policy(bounds=Bounds(request_ids=0))),
    (limit.tasks_have_their_limits, "has the deadlines",
        events(e.TaskTriggered, lambda _: {"reaction_deadline": None})),
    (limit.tasks_have_their_limits, "may be silent",
        events(e.TaskTriggered, lambda _: {"silence_timeout": SECOND / 2})),
    (limit.the_next_deadline_is_the_first_limit, "the next deadline is", in_flight(
        lambda x: {"triggered": attrs.evolve(x.triggered, reaction_timeout=SECOND / 2)})),
    (limit.the_next_deadline_is_the_first_limit, "nothing ends the running", without_limits),
    (limit.limits_end_at_their_deadline, "ran out of time before",
        instead(command=FreezeStage("dev"))),
    (limit.limits_end_at_their_deadline, "is explained by", events(
        e.SequenceTimedOut,
        lambda x: {"explanation": attrs.evolve(x.explanation, timeout=SECOND / 2)})),
    (limit.limits_end_at_their_deadline, "out of order", events(
        e.SequenceTimedOut,
        lambda x: {"explanation": attrs.evolve(
            x.explanation, since=x.explanation.since - SECOND,
            deadline=x.explanation.deadline - SECOND)})),
    (limit.limits_end_at_their_deadline, "ended before its end", nothing_before),
    (limit.limits_end_at_their_deadline, "the parking of", instead(command=FreezeStage("dev"))),
    (limit.totals_that_passed_trigger_nothing, "was triggered after",
        lambda t: {"now": t.now + 10 * SECOND}),
    (limit.checks_leave_nothing_due, "due since", lambda t: {
        "now": t.after.next_deadline or t.now, "command": CheckDeadlines()}),
    (limit.nobody_expires_beside_a_free_place, "expired although",
        policy(queueing=QueuePolicy(limit=9))),
    (limit.clocks_stand_while_paused, "with deadline",
        policy(timeouts=TimeoutPolicy(total="1s", waiting="1s", abort_grace="1s"))),
    (limit.clocks_stand_while_paused, "left", live(time_left=SECOND)),
    (limit.clocks_stand_while_paused, "is parked until", lambda t: {"live": tuple(
        attrs.evolve(x, deadline=x.deadline + SECOND) if x.parked else x for x in t.live)}),
    (limit.clocks_stand_while_paused, ", resumed ",
        events(e.SequenceResumed, lambda x: {"deadline": x.at})),
    (limit.clocks_stand_while_paused, "and limited by", live(timeout=SECOND / 2)),
    (limit.clocks_stand_while_paused, "and had", lambda t: {"live": tuple(
        attrs.evolve(x, deadline=x.deadline + SECOND) if x.deadline else x for x in t.live)}),
    (limit.bounds_are_kept, "keeps", policy(bounds=Bounds(retain=0))),
]  # fmt: skip


@pytest.mark.parametrize(
    ("check", "said", "forge"), FORGED, ids=[f"{x.__name__}: {said}" for x, said, _ in FORGED]
)
def test_an_invariant_can_fail(check: Check, said: str, forge: Forger) -> None:
    """What is forged is found out, and nothing is said of what really happened."""
    found: Iterator[str] = (check(forged(t, forge(t))) for t in real_ones())

    assert next((problem for problem in found if said in problem), None)
    assert {""} == said_of_what_happened(check)


def test_every_invariant_is_shown_to_fail() -> None:
    """None is left out above."""
    assert {*i.ALWAYS, *i.WHEN_APPLIED} == {check for check, _, _ in FORGED}


def test_what_is_not_applied_is_let_be() -> None:
    """A command that changes nothing passes every predicate."""
    stop = next(walk("plain lane", 0))
    unchanged = tell(stop, attrs.evolve(stop.moves[0], command=CheckDeadlines()))
    assert unchanged is not None

    assert {""} == {check(unchanged) for check in (*i.ALWAYS, *i.WHEN_APPLIED)}
    assert not isinstance(unchanged.decision.outcome, Applied)


def test_what_is_forgotten_where_it_ends_is_let_be() -> None:
    """Of a sequence that ended and was forgotten at once nothing is left to compare with."""
    ended = next(t for t in real_ones() if any(isinstance(x, e.SequenceFinished) for x in t.events))

    assert "" == task.ends_trigger_their_follow_ups(forged(ended, {"records": {}}))


def slow_ones() -> list[Transition]:
    """What a host decided whose clock was behind the last event."""
    stops = [stop for seed in range(15) for stop in walk("a slow clock", seed)]
    told = [tell(stop, move) for stop in stops for move in stop.moves if move.behind]
    return [seen for seen in told if seen is not None and seen.events]


def test_a_clock_that_is_believed_too_soon_is_found_out() -> None:
    """Where the instants go back with a host's clock, that is said; where they do not, nothing."""
    slow = slow_ones()
    back = [forged(t, {"events": tuple(attrs.evolve(x, at=t.now) for x in t.events)}) for t in slow]

    assert {""} == {check(t) for t in slow for check in (*i.ALWAYS, *i.WHEN_APPLIED)}
    assert all(limit.instants_never_go_back(t) for t in back)


def test_a_clock_that_is_far_behind_is_believed() -> None:
    """Beyond the clock skew an event has the instant of the host's clock (R29)."""
    t = slow_ones()[0]
    strict = attrs.evolve(t.plane, timeouts=attrs.evolve(t.plane.timeouts, clock_skew="500ms"))

    assert t.now + SECOND == t.at
    assert t.now == forged(t, {"plane": strict}).at


def test_only_what_nothing_touched_may_wait_beside_a_free_place() -> None:
    """With a raised limit somebody waits until the next check, unless the lane is touched (R3)."""
    place = SLICES["a raised limit"]
    before, after = place.alphabet.planes(place.plane)
    state = before.initial("project")
    for known in ("s1", "s2"):
        command = attrs.evolve(place.alphabet.triggers[0], sequence_id=known, context=known)
        state = before.decide(state, command, START).state
    started = ReportTaskStarted(before.open_tasks(state)[0].triggered.task_id, source="x")
    stop = Stop(place, after, state, START, ())
    untouched = tell(stop, Move("start", started, START))
    assert untouched is not None
    frozen = before.decide(state, FreezeStage("dev"), START).state
    unfreeze = before.decide(frozen, UnfreezeStage("dev"), START)
    accepted = after.decide(state, attrs.evolve(command, sequence_id="s3", context="s3"), START)
    touched = [
        {"events": unfreeze.events}, {"events": accepted.events[:1], "live": (
            *untouched.live, attrs.evolve(untouched.live[1], subject=accepted.events[0].subject),
        )}, {"command": CheckDeadlines()},
    ]  # fmt: skip

    assert "" == queue.no_lane_idles(untouched)
    assert all("free place" in queue.no_lane_idles(forged(untouched, each)) for each in touched)
