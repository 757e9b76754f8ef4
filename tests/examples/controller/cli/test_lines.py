"""What users of the command line see, compared line by line with golden transcripts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.examples.controller.cli.command_line import CommandLine

GOLDEN = Path(__file__).parents[2] / "golden"
C = "00000000-0000-0000-0000-000000000001"
"""The context of the first delivery that is triggered."""

DELIVER = (
    "trigger delivery --project=sockshop --service=carts --image=docker.io/keptnexamples/carts"
)
STORIES = {
    "proposal": [
        f"{DELIVER} --tag=0.11.1",
        f"pause sequence --keptn-context={C}",
        f"resume sequence --keptn-context={C}",
        f"abort sequence --keptn-context={C} --force",
    ],
    "controls": [
        f"{DELIVER} --tag=0.11.1",
        f"pause sequence -c {C} -p sockshop -s dev --reason 'wait for QA'",
        f"pause sequence -c {C}",
        f"resume sequence -c {C}",
        f"resume sequence -c {C}",
        f"abort sequence -c {C} --actor bob",
        f"abort sequence -c {C}",
        f"explain -c {C}",
        f"abort sequence -c {C} --force --reason 'no time'",
        f"abort sequence -c {C}",
        f"explain {C[:-1]}2",
        "pause sequence -c unknown",
        "pause sequence -c unknown -p sockshop",
        "freeze stage dev -p sockshop --reason 'release night'",
        "freeze stage dev -p sockshop",
        "get stage -p sockshop",
        "unfreeze stage dev -p sockshop",
        "unfreeze stage dev -p sockshop",
    ],
    "projects": [
        "create project podtato --shipyard SHIPYARD",
        "create project podtato --shipyard SHIPYARD",
        "update project podtato --shipyard SHIPYARD",
        "create service head --project podtato",
        "get service --project podtato --stage dev",
        "get service --project sockshop",
        "get project",
        "get project podtato",
        "get project unknown",
        "trigger delivery --project=podtato --service=tail --image=tail:1",
        "trigger delivery --project=podtato --service=head --image=head:1",
        "get stage --project podtato",
        "get stage staging --project podtato",
        "delete project podtato",
        "delete service head --project podtato",
        "delete project sockshop",
        "get project",
    ],
    "sequences": [
        f"{DELIVER}:0.11.1",
        "trigger sequence remediation -p sockshop --service carts --stage staging --labels a=1,b=2",
        "get sequence -p sockshop",
        "get sequence --name remediation",
        "get sequence --state finished",
        "get event deployment.triggered -p sockshop",
        "get event sh.keptn.event.test.triggered -p sockshop",
        "explain -c unknown",
        "explain unknown",
        "send event --file EVENT",
        "auth",
        "status",
    ],
}


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_the_golden_one(run: CommandLine, story: str, tmp_path: Path) -> None:
    """A session at a shell, of which the output is no terminal, reads as in golden/cli-*.txt."""
    shipyard, event = tmp_path / "SHIPYARD", tmp_path / "EVENT"
    shipyard.write_text("kind: Shipyard\n", encoding="utf-8")
    event.write_text('{"type": "of.somebody.else", "data": {"project": "sockshop"}}', "utf-8")
    folder = f"{tmp_path}/"
    lines = [
        line.replace("SHIPYARD", str(shipyard)).replace("EVENT", str(event))
        for line in STORIES[story]
    ]

    seen = run.transcript(*lines).replace(folder, "")

    golden = (GOLDEN / f"cli-{story}.txt").read_text("utf-8")
    assert golden.splitlines() == seen.splitlines()


def test_the_lines_of_the_proposal_are_printed() -> None:
    """What the proposal shows to users is what the golden transcript has."""
    lines = (GOLDEN / "cli-proposal.txt").read_text("utf-8").splitlines()

    said = [line for line in lines if not line.startswith("$")]
    version = "docker.io/keptnexamples/carts:0.11.1"
    resume = f"sequencectl-cli resume sequence --keptn-context={C}"
    assert [
        f"Starting to deliver the service carts in project sockshop in version {version}",
        f"ID of Keptn context: {C}",
        "The current sequence execution is paused.",
        f"To resume the sequence execution, execute: {resume}",
        "The sequence execution resumes.",
        "The sequence execution is aborted.",
    ] == said
