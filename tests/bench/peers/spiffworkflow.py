"""`SpiffWorkflow`: a BPMN workflow per sequence, parsed once and instantiated per delivery.

Two models of the same delivery. With *manual tasks* a report sets the state of the task that is
ready, and the host asks for whatever is ready next. With *messages* each task is a message thrown
for the host to publish and two messages caught: its start and its finish. A pause is the host's
flag in both: while it is set, no engine step is run and nothing is asked for. Neither does: a line,
events as values, old states, time limits, aborts, several executors, late reports. More than ours
in this table: gateways, scripts and sub-processes could stand between the tasks. Its loggers are
set to WARNING, as a host would: by default it collects the fields of messages that nobody reads.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from itertools import pairwise
from typing import final

from SpiffWorkflow import TaskState
from SpiffWorkflow.bpmn import BpmnEvent, BpmnWorkflow
from SpiffWorkflow.bpmn.parser import BpmnParser
from SpiffWorkflow.bpmn.specs import BpmnProcessSpec
from SpiffWorkflow.bpmn.specs.event_definitions import MessageEventDefinition

from tests.bench.peers.delivery import Peer
from tests.bench.programs import TASKS

_BPMN = "http://www.omg.org/spec/BPMN/20100524/MODEL"
_CAUGHT = {
    said: {task: MessageEventDefinition(f"{task}.{said}") for task in TASKS}
    for said in ("started", "finished")
}
logging.getLogger("spiff").setLevel(logging.WARNING)


def _process(messages: Iterable[str], nodes: list[tuple[str, str]]) -> BpmnProcessSpec:
    """Return the process of these nodes, given as id and element, in a row."""
    ids = ["start", *(node for node, _ in nodes), "end"]
    declared = "".join(f'<message id="m.{name}" name="{name}"/>' for name in messages)
    flows = "".join(
        f'<sequenceFlow id="f{number}" sourceRef="{source}" targetRef="{target}"/>'
        for number, (source, target) in enumerate(pairwise(ids))
    )
    elements = "".join(element for _, element in nodes)
    parser = BpmnParser()
    parser.add_bpmn_str(
        f'<definitions xmlns="{_BPMN}">{declared}<process id="delivery" isExecutable="true">'
        f'<startEvent id="start"/>{elements}<endEvent id="end"/>{flows}</process></definitions>'
    )
    return parser.get_spec("delivery")


def _manual_process() -> BpmnProcessSpec:
    return _process([], [(task, f'<manualTask id="{task}" name="{task}"/>') for task in TASKS])


def _message_process() -> BpmnProcessSpec:
    nodes = []
    for task in TASKS:
        for said in ("triggered", "started", "finished"):
            kind = "Throw" if said == "triggered" else "Catch"
            name, tag = f"{task}.{said}", f"intermediate{kind}Event"
            content = f'<messageEventDefinition messageRef="m.{name}"/>'
            nodes.append((name, f'<{tag} id="{name}" name="{name}">{content}</{tag}>'))
    return _process([name for name, _ in nodes], nodes)


_MANUAL = _manual_process()
_MESSAGES = _message_process()


class _Workflow(ABC):
    """What both models share: the pause is a flag, and results are data of the workflow."""

    def __init__(self, process: BpmnProcessSpec) -> None:
        self._workflow = BpmnWorkflow(process)
        self._is_paused = False
        self.triggered: list[str] = []

    @property
    def results(self) -> list[str]:
        """What the workflow's data say of each task."""
        data = self._workflow.data
        return [data[task] for task in TASKS]

    @property
    def is_finished(self) -> bool:
        """Whether the workflow is over."""
        return bool(self._workflow.completed)

    def trigger(self) -> None:
        """Run to the first task."""
        self._go_on()

    def pause(self) -> None:
        """Run nothing."""
        self._is_paused = True

    def resume(self) -> None:
        """Run what became ready meanwhile."""
        self._is_paused = False
        self._go_on()

    @abstractmethod
    def _go_on(self) -> None:
        """Run as far as the workflow comes by itself."""


@final
class _ManualTasks(_Workflow):
    """Reports set the state of the manual task that was asked for."""

    def __init__(self) -> None:
        super().__init__(_MANUAL)

    def start(self, _task: str) -> None:
        """Mark it as started."""
        self._open.state = TaskState.STARTED

    def finish(self, task: str, result: str) -> None:
        """Complete it with its result."""
        self._open.set_data(**{task: result})
        self._open.complete()
        if not self._is_paused:
            self._go_on()

    def _go_on(self) -> None:
        self._workflow.do_engine_steps()
        task = self._workflow.get_next_task(state=TaskState.READY, manual=True)
        if task is not None:
            self._open = task
            self.triggered.append(task.task_spec.bpmn_id)


@final
class _Messages(_Workflow):
    """Reports are messages sent to the workflow; what it throws is published."""

    def __init__(self) -> None:
        super().__init__(_MESSAGES)

    def start(self, task: str) -> None:
        """Send the message, and let the workflow wait for the next one."""
        self._workflow.send_event(BpmnEvent(_CAUGHT["started"][task], {}))
        self._workflow.do_engine_steps()

    def finish(self, task: str, result: str) -> None:
        """Send the message with the result."""
        self._workflow.send_event(BpmnEvent(_CAUGHT["finished"][task], {task: result}))
        if not self._is_paused:
            self._go_on()

    def _go_on(self) -> None:
        self._workflow.do_engine_steps()
        for event in self._workflow.get_events():
            task, _, _ = event.event_definition.name.partition(".")
            self.triggered.append(task)


_LACKS = "no line, events as values, time limits, abort or old states; the pause is the host's"
MANUAL = Peer("SpiffWorkflow, manual tasks", "SpiffWorkflow", _ManualTasks, _LACKS)
MESSAGES = Peer("SpiffWorkflow, message events", "SpiffWorkflow", _Messages, _LACKS)
