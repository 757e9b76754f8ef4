"""The pure core in one page: two deliveries, one stage, no clock and no input or output.

Shows: a shipyard in plain Python, `decide`, the state that goes in and comes out, the queue, an
executor's reports, a pause, a deadline. Leaves out: where a program keeps the state, sends the
events and takes the time from (here: a variable, a list, a constant).
"""

from datetime import UTC, datetime, timedelta

from sequencectl import (
    CheckDeadlines,
    Command,
    ControlPlane,
    PauseSequence,
    ResumeSequence,
    Shipyard,
    TaskTriggered,
    TriggerSequence,
)

NINE = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def delivery(name: str) -> TriggerSequence:
    """The command that begins a delivery of carts."""
    return TriggerSequence(name, stage="dev", sequence="delivery", service="carts")


def main() -> None:
    """Deliver twice, pause one delivery, and let the other run out of time."""
    plane = ControlPlane(Shipyard.of({"dev": {"delivery": ["deploy", "test"]}}))
    state = plane.initial("sockshop")
    tasks: list[TaskTriggered] = []

    def tell(command: Command, minute: int) -> None:
        nonlocal state
        decision = plane.decide(state, command, NINE + timedelta(minutes=minute))
        decision.raise_if_rejected()
        state = decision.state  # a host commits it together with decision.events
        tasks.extend(event for event in decision.events if isinstance(event, TaskTriggered))

    tell(delivery("first"), 0)
    tell(delivery("second"), 1)
    print(plane.explain(state, "second"))  # waits: first has the stage

    tell(PauseSequence("first", actor="ann"), 1)
    tell(tasks[-1].finished(source="helm", result="pass"), 2)
    print(plane.delivery(state, "first"))  # paused: deploy is over, test is not triggered
    tell(ResumeSequence("first", actor="ann"), 10)
    tell(tasks[-1].finished(source="jmeter", result="pass"), 12)

    print(plane.delivery(state, "first"))
    print(plane.delivery(state, "second"))  # runs: the stage was handed on in that decision
    tell(CheckDeadlines(), 15)  # state.next_deadline said when
    print(plane.explain(state, "second"))  # nobody reacted to its deploy
    print(*[f"{task.at:%H:%M} {task.task} of {task.subject.context}" for task in tasks], sep="\n")


if __name__ == "__main__":
    main()
