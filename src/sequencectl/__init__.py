"""Decide how delivery sequences run: queue, pause, resume, abort and time limits, without side
effects.

Begin with `ControlPlane`; ``docs/rules.md`` says what it decides.
"""

__version__ = "0.1.0"

# What should happen
from sequencectl.shipyard import Finding, FindingCode, Shipyard
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

# How long it may take, who goes first, how much is kept
from sequencectl.policies import (
    Bounds,
    Calendar,
    LaneScope,
    Opening,
    QueueMode,
    QueuePolicy,
    SequenceTimeouts,
    TaskTimeouts,
    TimeoutPolicy,
)

# What a host asks for
from sequencectl.commands import (
    AbortSequence,
    CheckDeadlines,
    Command,
    ExemptSequence,
    FreezeStage,
    PauseSequence,
    ReportTaskFinished,
    ReportTaskProgress,
    ReportTaskStarted,
    ResumeSequence,
    RetryTask,
    SequenceCommand,
    SkipTask,
    TriggerSequence,
    UnfreezeStage,
)

# What is answered, and what happens then; the single events are in sequencectl.events
from sequencectl.outcomes import (
    Applied,
    Outcome,
    Rejected,
    RejectedCode,
    Result,
    Status,
    Unchanged,
    UnchangedCode,
)
from sequencectl.events import Ending, Event, Subject, TaskTriggered

# The three levels: one lane's queue, one sequence, one project
from sequencectl.stage_queue import StageQueue, Ticket
from sequencectl.machine import SequenceDecision, SequenceStateMachine
from sequencectl.control_plane import ControlPlane, Decision, combine
from sequencectl._project.fold import evolve

# Their states, and questions to them
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.state import ProjectState, restore
from sequencectl.views import DeliveryView, Explanation, OpenTask, SequenceStatus

# The loop around them, for hosts that want it, and the ports that it needs
from sequencectl.controller import AsyncSequenceController, SequenceController
from sequencectl._protocol import Checked, Handled, Relayed
from sequencectl.ports import (
    Appointment,
    AsyncBatchStore,
    AsyncEventSink,
    AsyncStore,
    BatchStore,
    Clock,
    EventSink,
    Store,
)

# Data and durations
from sequencectl.payload import FrozenMap, freeze, thaw
from sequencectl.durations import format_duration, parse_duration

# What can go wrong
from sequencectl.commands import CommandRejected
from sequencectl.errors import (
    CalendarError,
    Conflict,
    Contention,
    DecodeError,
    DefinitionError,
    DurationError,
    IllegalTransition,
    InvalidValue,
    PayloadError,
    PolicyError,
    ReentrantCall,
    ReplayError,
    SchemaTooNew,
    SequencectlError,
    UnknownCalendar,
    UnknownContext,
    UnknownProject,
    UnknownSequence,
)

__all__ = [
    "AbortSequence",
    "Applied",
    "Appointment",
    "Approval",
    "AsyncBatchStore",
    "AsyncEventSink",
    "AsyncSequenceController",
    "AsyncStore",
    "BatchStore",
    "Bounds",
    "Calendar",
    "CalendarError",
    "CheckDeadlines",
    "Checked",
    "Clock",
    "Command",
    "CommandRejected",
    "Conflict",
    "Contention",
    "ControlPlane",
    "Decision",
    "DecodeError",
    "DefinitionError",
    "DeliveryView",
    "DurationError",
    "EndedSequence",
    "Ending",
    "Event",
    "EventSink",
    "ExemptSequence",
    "Explanation",
    "Failure",
    "Finding",
    "FindingCode",
    "FreezeStage",
    "FrozenMap",
    "Handled",
    "IllegalTransition",
    "InvalidValue",
    "LaneScope",
    "LiveSequence",
    "Newcomer",
    "OnExpiry",
    "OnFailure",
    "OpenTask",
    "Opening",
    "Outcome",
    "PauseSequence",
    "PayloadError",
    "Phase",
    "PolicyError",
    "ProjectState",
    "QueueMode",
    "QueuePolicy",
    "ReentrantCall",
    "Rejected",
    "RejectedCode",
    "Relayed",
    "ReplayError",
    "ReportTaskFinished",
    "ReportTaskProgress",
    "ReportTaskStarted",
    "Result",
    "ResumeSequence",
    "Retry",
    "RetryTask",
    "SchemaTooNew",
    "SequenceCommand",
    "SequenceController",
    "SequenceDecision",
    "SequenceDefinition",
    "SequenceRecord",
    "SequenceStateMachine",
    "SequenceStatus",
    "SequenceTimeouts",
    "SequencectlError",
    "Shipyard",
    "SkipTask",
    "StageDefinition",
    "StageQueue",
    "Status",
    "Store",
    "Subject",
    "TaskDefinition",
    "TaskTimeouts",
    "TaskTriggered",
    "Ticket",
    "TimeoutPolicy",
    "TriggerSequence",
    "TriggeredOn",
    "Unchanged",
    "UnchangedCode",
    "UnfreezeStage",
    "UnknownCalendar",
    "UnknownContext",
    "UnknownProject",
    "UnknownSequence",
    "__version__",
    "combine",
    "evolve",
    "format_duration",
    "freeze",
    "parse_duration",
    "restore",
    "thaw",
]
