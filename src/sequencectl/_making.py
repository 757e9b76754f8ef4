"""The events of a decision, made quickly: each of these names stands for its class when called.

The steps import what they make from here and what they ask for by class from ``events``.
"""

from __future__ import annotations

from typing import Final

import sequencectl.events as e
from sequencectl._scratch import maker_of

ContextPaused: Final = maker_of(e.ContextPaused)
ContextResumed: Final = maker_of(e.ContextResumed)
SequenceDrained: Final = maker_of(e.SequenceDrained)
SequenceFinished: Final = maker_of(e.SequenceFinished)
SequencePaused: Final = maker_of(e.SequencePaused)
SequenceResumed: Final = maker_of(e.SequenceResumed)
SequenceStarted: Final = maker_of(e.SequenceStarted)
SequenceTriggered: Final = maker_of(e.SequenceTriggered)
TaskFinished: Final = maker_of(e.TaskFinished)
TaskFinishReported: Final = maker_of(e.TaskFinishReported)
TaskScheduled: Final = maker_of(e.TaskScheduled)
TaskStartReported: Final = maker_of(e.TaskStartReported)
TaskTriggered: Final = maker_of(e.TaskTriggered)
