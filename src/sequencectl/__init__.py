"""Decide how delivery sequences run: queue, pause, resume, abort and time limits, without side
effects.

Begin with `ControlPlane`; ``docs/rules.md`` says what it decides.
"""

from sequencectl._project.fold import evolve
from sequencectl.commands import (
    AbortSequence,
    CheckDeadlines,
    Command,
    CommandRejected,
    FreezeStage,
    PauseSequence,
    ReportTaskFinished,
    ReportTaskStarted,
    ResumeSequence,
    SequenceCommand,
    TriggerSequence,
    UnfreezeStage,
)
from sequencectl.control_plane import ControlPlane, Decision, combine
from sequencectl.controller import AsyncSequenceController, SequenceController
from sequencectl.durations import format_duration, parse_duration
from sequencectl.errors import (
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
    UnknownContext,
    UnknownProject,
    UnknownSequence,
)
from sequencectl.events import Ending, Event, Subject, TaskTriggered
from sequencectl.machine import SequenceDecision, SequenceStateMachine
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
from sequencectl.payload import FrozenMap, freeze, thaw
from sequencectl.policies import (
    Bounds,
    LaneScope,
    QueueMode,
    QueuePolicy,
    SequenceTimeouts,
    TaskTimeouts,
    TimeoutPolicy,
)
from sequencectl.sequence import EndedSequence, LiveSequence, Phase, SequenceRecord
from sequencectl.shipyard import Shipyard
from sequencectl.shipyard.definitions import (
    SequenceDefinition,
    StageDefinition,
    TaskDefinition,
    TriggeredOn,
)
from sequencectl.stage_queue import StageQueue, Ticket
from sequencectl.state import ProjectState
from sequencectl.views import DeliveryView, Explanation, OpenTask

__all__ = [
    "AbortSequence",
    "Applied",
    "AsyncSequenceController",
    "Bounds",
    "CheckDeadlines",
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
    "Explanation",
    "FreezeStage",
    "FrozenMap",
    "IllegalTransition",
    "InvalidValue",
    "LaneScope",
    "LiveSequence",
    "OpenTask",
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
    "ReplayError",
    "ReportTaskFinished",
    "ReportTaskStarted",
    "Result",
    "ResumeSequence",
    "SchemaTooNew",
    "SequenceCommand",
    "SequenceController",
    "SequenceDecision",
    "SequenceDefinition",
    "SequenceRecord",
    "SequenceStateMachine",
    "SequenceTimeouts",
    "SequencectlError",
    "Shipyard",
    "StageDefinition",
    "StageQueue",
    "Status",
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
    "UnknownContext",
    "UnknownProject",
    "UnknownSequence",
    "combine",
    "evolve",
    "format_duration",
    "freeze",
    "parse_duration",
    "thaw",
]
