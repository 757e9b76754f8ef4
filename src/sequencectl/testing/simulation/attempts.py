"""What the events of a project say of its task runs: attempts, parking, redrives and silence.

`Attempts` sees every event once, in order, like an `Onlooker`, and by code of its own. It raises
`Violation` for a task that has two attempts in flight, an attempt that is given out twice or left
out, a failure that comes to another end than its definition says, a run whose data is in a later
input though nothing of it counts, a lane with too many holders, a family of which two live, and an
executor that is called silent too soon.
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Final, final

from sequencectl.control_plane import ControlPlane
from sequencectl.events import (
    DeadlineKind,
    Ending,
    Event,
    SequenceAborted,
    SequenceAbortRequested,
    SequenceFinished,
    SequenceParked,
    SequencePaused,
    SequenceResumed,
    SequenceStarted,
    SequenceTimedOut,
    SequenceTriggered,
    TaskEnd,
    TaskFinished,
    TaskFinishReported,
    TaskProgressReported,
    TaskRetried,
    TaskScheduled,
    TaskSkipped,
    TaskStartReported,
    TaskTimedOut,
    TaskTriggered,
    TimeoutExplanation,
)
from sequencectl.outcomes import Result, Status
from sequencectl.shipyard.definitions import Failure, OnFailure, TaskDefinition
from sequencectl.testing.simulation.course import Course, Run, marks_of
from sequencectl.testing.simulation.faults import Mishap
from sequencectl.testing.simulation.onlooker import Violation, named

_KINDS: Final = {
    Status.SUCCEEDED: Failure.FAIL,
    Status.ERRORED: Failure.ERRORED,
    Status.UNKNOWN: Failure.ERRORED,
}
_Report = TaskStartReported | TaskProgressReported | TaskFinishReported


@final
class Attempts:
    """Reads the events of one project of `plane`; `met` counts what was worth seeing."""

    def __init__(self, plane: ControlPlane) -> None:
        self.met: Counter[Mishap] = Counter()
        self.retried: set[str] = set()
        """The ids of the runs that others followed: reports about them are late."""
        self._plane = plane
        self._courses: dict[str, Course] = {}
        self._holders: Counter[str] = Counter()
        self._given: set[str] = set()
        self._to_park: Course | None = None

    def see(self, event: Event) -> None:
        """Check the next event."""
        to_park, self._to_park = self._to_park, None
        if to_park is not None and not isinstance(event, SequenceParked):
            raise Violation(f"failed to be parked, and is not: {named(event)}")
        match event:
            case SequenceTriggered():
                self._accept(event)
            case SequenceStarted():
                self._start(event)
            case TaskScheduled() | TaskTriggered():
                self._begin(event)
            case TaskStartReported() | TaskProgressReported() | TaskFinishReported():
                self._hear(event)
            case TaskFinished() | TaskTimedOut():
                self._close(event)
            case SequenceParked():
                self._park(event, is_due=to_park is self._course(event))
            case TaskRetried() | TaskSkipped():
                self._leave(event)
            case SequencePaused() | SequenceResumed():
                self._pause(event)
            case SequenceAbortRequested():
                self._course(event).is_aborting = True
            case _ if isinstance(event, Ending):
                self._end(event)
            case _:
                pass

    def _course(self, event: Event) -> Course:
        return self._courses[event.subject.sequence_id]

    # ------------------------------------------------------------------ one sequence

    def _accept(self, event: SequenceTriggered) -> None:
        """Check the data of a follow-up, and all of a redrive (R14, R41)."""
        parent = None if event.parent is None else self._courses.get(event.parent)
        if parent is not None and parent.marks != marks_of(event.data):
            raise Violation(f"follows with other data than was left: {named(event)}")
        carried = () if event.redrive is None else event.redrive.carried
        results = [each.result for each in carried]
        result = Result.WARNING if Result.WARNING in results else Result.PASS
        course = Course(event, marks_of(event.data), results, result)
        if event.redrive is not None:
            self._redrive(event, course)
        self._courses[event.subject.sequence_id] = course

    def _redrive(self, event: SequenceTriggered, course: Course) -> None:
        """Check that a redrive is of a failed one, the only one of its family, and carries it."""
        assert event.redrive is not None
        old = self._courses.get(event.redrive.sequence_id)
        if old is None or not (old.has_ended and old.has_failed) or old.family != course.family:
            raise Violation(f"redrives what has not failed: {named(event)}")
        if not set(old.triggered.initiators) <= set(event.initiators):
            raise Violation(f"forgets who may not approve what it redrives: {named(event)}")
        family = [each for each in self._courses.values() if each.family == course.family]
        if not all(each.has_ended for each in family):
            raise Violation(f"two of a family live: {named(event)}")
        for carried, result in zip(course.results, old.results, strict=False):
            if carried is not result:
                raise Violation(f"carries {carried}, which was {result}: {named(event)}")
        self.met[Mishap.REDRIVEN] += 1

    def _start(self, event: SequenceStarted) -> None:
        """Check that a lane has no more holders than may be; a parked one is one of them (R1)."""
        course = self._course(event)
        lane, policy = course.triggered.lane, self._plane.queueing.for_stage(event.subject.stage)
        if self._holders[lane] >= policy.limit:
            raise Violation(f"starts beside {self._holders[lane]} others: {named(event)}")
        self._holders[lane] += 1
        course.has_started, course.total = True, event.deadline

    def _pause(self, event: SequencePaused | SequenceResumed) -> None:
        course = self._course(event)
        course.is_paused = isinstance(event, SequencePaused)
        if isinstance(event, SequenceResumed) and course.parked is None:
            course.total = event.deadline

    def _end(self, event: Ending) -> None:
        """Check how a parked one ends, and what its follow-ups are to find (R14, R40)."""
        course = self._course(event)
        parked, is_by_limit = course.parked, isinstance(event, SequenceFinished | SequenceTimedOut)
        if parked is not None and is_by_limit:
            said = event.explanation if isinstance(event, SequenceTimedOut) else None
            if parked.deadline is None or event.at < parked.deadline:
                raise Violation(f"parked until {parked.deadline}, and over: {named(event)}")
            if said != parked.explanation:
                raise Violation(f"ends otherwise than without parking: {named(event)}")
            self.met[Mishap.PARKED_OUT] += 1
        elif parked is not None:
            if not isinstance(event, SequenceAborted):
                raise Violation(f"parked, and neither decided nor aborted: {named(event)}")
            self.met[Mishap.PARKED_ABORTED] += 1
        if is_by_limit and (course.run is not None or parked is not None):
            course.take_in(course.run or course.failed, Result.FAIL)
        if course.has_started:
            self._holders[course.triggered.lane] -= 1
        course.has_failed = True
        if isinstance(event, SequenceFinished):
            course.has_failed = event.result is Result.FAIL
            if event.result is not course.result:
                raise Violation(f"its result is {course.result}: {named(event)}")
        course.run, course.parked, course.has_ended = None, None, True

    # ------------------------------------------------------------------ its task runs

    def _begin(self, event: TaskScheduled | TaskTriggered) -> None:
        """Check that it is the turn of this attempt at this task, and what its input has (R39)."""
        course = self._course(event)
        if course.run is not None:
            raise Violation(f"{named(course.run.triggered)} is in flight beside {named(event)}")
        if course.parked is not None:
            raise Violation(f"triggers while it is parked: {named(event)}")
        if course.result is Result.FAIL:
            raise Violation(f"goes on after a failure: {named(event)}")
        turn = (len(course.results), course.attempt + 1)
        if (event.index, event.attempt) != turn:
            raise Violation(f"the turn is of task and attempt {turn}, not of {named(event)}")
        delay = course.delay
        if isinstance(event, TaskTriggered) and course.is_paused:
            raise Violation(f"triggers while it is paused: {named(event)}")
        if isinstance(event, TaskScheduled):
            if event.due_at != event.at + delay:
                raise Violation(f"due at {event.due_at}, and not after {delay}: {named(event)}")
            course.due_at = event.due_at
            return
        if delay and (course.due_at is None or event.at < course.due_at):
            raise Violation(f"triggered before {course.due_at}: {named(event)}")
        course.due_at = None
        if event.task_id in self._given:
            raise Violation(f"an attempt is given out twice: {named(event)}")
        last = event.attempt if course.is_by_person else self._attempts(course.task)
        if event.attempts != last or event.attempt > last:
            said = f"attempt {event.attempt} of {event.attempts}"
            raise Violation(f"there are {last} attempts, and this is {said}: {named(event)}")
        if marks_of(event.input) != course.marks:
            differ = ", ".join(sorted(marks_of(event.input) ^ course.marks))
            raise Violation(f"its input has too much or too little of {differ}: {named(event)}")
        self._given.add(event.task_id)
        course.attempt, course.run, course.failed = event.attempt, Run(event), None

    def _attempts(self, task: TaskDefinition) -> int:
        times = 0 if task.retry is None else task.retry.times
        return min(1 + times, self._plane.bounds.attempts)

    def _run(self, event: _Report | TaskFinished | TaskTimedOut) -> Run:
        run = self._course(event).run
        if run is None or run.triggered.task_id != event.task_id:
            raise Violation(f"about an attempt that is not in flight: {named(event)}")
        return run

    def _hear(self, event: _Report) -> None:
        """Note who was heard of when, and what they brought; check how often they may (R42)."""
        run, source = self._run(event), event.source
        match event:
            case TaskStartReported():
                run.starts[source] += 1
            case TaskProgressReported():
                last = run.progress.get(source)
                if last is not None and self._is_too_soon(event.at - last):
                    raise Violation(f"progress of {source} comes too soon: {named(event)}")
                run.progress[source] = event.at
                self.met[Mishap.PROGRESS] += 1
            case _:
                if not event.counted:
                    return
                run.finishes[source] += 1
                run.starts[source] = max(run.starts[source], run.finishes[source])
                run.marks |= marks_of(event.data)
        run.heard[source] = event.at

    def _is_too_soon(self, passed: timedelta) -> bool:
        """Return whether progress may not be recorded yet; a clock may have gone back (R42)."""
        return timedelta(0) <= passed < self._plane.bounds.progress_every

    def _close(self, event: TaskFinished | TaskTimedOut) -> None:
        """Check what comes of a run: that it is retried or parked is read from the definition."""
        course, run = self._course(event), self._run(event)
        if event.explanation is not None:
            self._run_out(event, run, event.explanation)
        expected = self._end_of(course, run, event)
        if event.end is not expected:
            raise Violation(f"comes to the end {event.end}, and not {expected}: {named(event)}")
        course.run = None
        match event.end:
            case TaskEnd.OVER:
                course.take_in(run, event.result)
            case TaskEnd.RETRIED:
                self.retried.add(event.task_id)
                self.met[Mishap.RETRIED] += 1
            case _:
                course.failed, self._to_park = run, course

    def _end_of(self, course: Course, run: Run, event: TaskFinished | TaskTimedOut) -> TaskEnd:
        """Return what must come of a run (R39, R40)."""
        task, retry = course.task, course.task.retry
        kind: Failure | None = Failure.TIMED_OUT
        if isinstance(event, TaskFinished):
            if event.result is not Result.FAIL:
                return TaskEnd.OVER
            kind = _KINDS.get(event.status)
        if course.is_aborting or task.approval is not None:
            return TaskEnd.OVER
        is_last = course.is_by_person or run.triggered.attempt >= self._attempts(task)
        if retry is not None and kind in retry.on and not is_last:
            return TaskEnd.RETRIED
        on_failure = task.on_failure or course.triggered.definition.on_failure
        return TaskEnd.PARKED if on_failure is OnFailure.PARK else TaskEnd.OVER

    def _run_out(
        self, event: TaskFinished | TaskTimedOut, run: Run, why: TimeoutExplanation
    ) -> None:
        """Check that whoever is called silent is at work, and said nothing for so long (R42).

        Another limit is not met later than one of silence.
        """
        timeout, at_work = run.triggered.silence_timeout, run.at_work
        last = min((run.heard[each] for each in at_work), default=None)
        first = None if last is None or timeout is None else last + timeout
        if why.kind is not DeadlineKind.SILENCE:
            if first is not None and why.deadline > first:
                raise Violation(f"an executor was silent by {first}: {named(event)}")
            return
        if first is None or why.deadline != first or event.at < first:
            raise Violation(f"an executor is silent by {first}, not yet: {named(event)}")
        silent = {each for each in at_work if run.heard[each] == last}
        if {*why.awaited.split(", ")} != silent:
            raise Violation(
                f"silent are {', '.join(sorted(silent))}, not {why.awaited}: {named(event)}"
            )
        self.met[Mishap.SILENT] += 1

    # ------------------------------------------------------------------ parking

    def _park(self, event: SequenceParked, *, is_due: bool) -> None:
        course = self._course(event)
        run = course.failed
        if run is None or not is_due or run.triggered.task_id != event.task_id:
            raise Violation(f"parked, and nothing has failed: {named(event)}")
        timeout = self._plane.timeouts.parked
        if event.deadline != (None if timeout is None else event.at + timeout):
            raise Violation(f"parked until {event.deadline}, for {timeout}: {named(event)}")
        left = None if course.total is None else max(course.total - event.at, timedelta(0))
        if event.time_left != left:
            raise Violation(f"{left} of its total is left, not {event.time_left}: {named(event)}")
        course.parked = event
        self.met[Mishap.PARKED] += 1

    def _leave(self, event: TaskRetried | TaskSkipped) -> None:
        """Check that a parked one goes on; nothing of the run that failed counts (R40)."""
        course = self._course(event)
        if course.parked is None or course.parked.task_id != event.task_id:
            raise Violation(f"is not parked with that run: {named(event)}")
        left = course.parked.time_left
        course.total = None if left is None else event.at + left
        if event.deadline != course.total:
            raise Violation(
                f"its total ends at {course.total}, not {event.deadline}: {named(event)}"
            )
        course.parked = course.failed = None
        if isinstance(event, TaskSkipped):
            course.take_in(None, event.result)
            self.met[Mishap.SKIPPED] += 1
        else:
            course.is_by_person = True
            self.retried.add(event.task_id)
            self.met[Mishap.RETRIED_BY_PERSON] += 1
