"""What hosts test with: fakes of the ports and checks for their own adapters.

Strategies for Hypothesis are in ``sequencectl.testing.strategies``, adapters that break one promise
each in ``sequencectl.testing.conformance.broken``, the search through every state in
``sequencectl.testing.exploration``. Hypothesis, and pytest for the classes, come with the extra
`testing`.
"""

from sequencectl.testing.conformance import (
    ClockContract,
    EventSinkContract,
    StoreContract,
    check_async_store,
    check_clock,
    check_event_sink,
    check_store,
)
from sequencectl.testing.conformance.promises import BrokenPromise
from sequencectl.testing.conformance.trial import Fault, StoreCapabilities
from sequencectl.testing.fakes import InMemoryStore, ManualClock, RecordingSink

__all__ = [
    "BrokenPromise",
    "ClockContract",
    "EventSinkContract",
    "Fault",
    "InMemoryStore",
    "ManualClock",
    "RecordingSink",
    "StoreCapabilities",
    "StoreContract",
    "check_async_store",
    "check_clock",
    "check_event_sink",
    "check_store",
]
