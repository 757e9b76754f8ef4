"""The kit for tests of hosts: plays, fakes of the ports, and checks of a host's own adapters.

Everything here needs nothing but this library; the classes to derive from need pytest to run. Three
more modules are imported by themselves: `sequencectl.testing.strategies` draws values (it needs
Hypothesis), `sequencectl.testing.exploration` visits every state of a shipyard, and
`sequencectl.testing.simulation` plays a host in which everything goes wrong. pytest and Hypothesis
come with the extra `testing`.
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
from sequencectl.testing.fakes import ClosedTimes, InMemoryStore, ManualClock, RecordingSink
from sequencectl.testing.plays import Play

__all__ = [
    "BrokenPromise",
    "ClockContract",
    "ClosedTimes",
    "EventSinkContract",
    "Fault",
    "InMemoryStore",
    "ManualClock",
    "Play",
    "RecordingSink",
    "StoreCapabilities",
    "StoreContract",
    "check_async_store",
    "check_clock",
    "check_event_sink",
    "check_store",
]
