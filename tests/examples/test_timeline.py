"""The timeline of a context: the stories of the proposal, and what holds of any picture."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings

from examples.stores.sqlite import SqliteStore
from examples.timeline import UnknownContext, timeline_svg
from examples.timeline.__main__ import main
from examples.timeline.axis import axis_over
from examples.timeline.folding import story_of
from examples.timeline.lanes import LEFT, RIGHT
from examples.timeline.svg import visible
from examples.timeline.tracks import Look, Span
from sequencectl import Decision, Event, TimeoutPolicy
from sequencectl.testing.strategies import histories
from tests.support import T0, Host, instant

GOLDEN = Path(__file__).parent / "golden"
SVG = "{http://www.w3.org/2000/svg}"
DELIVERY = ["deployment", "test", "release"]
FAILED = {"event": "staging.delivery.finished", "selector": {"match": {"result": "fail"}}}
SHIPYARD = {
    "dev": {"delivery": DELIVERY},
    "staging": {
        "delivery": {"tasks": DELIVERY[:2], "triggeredOn": ["dev.delivery.finished"]},
        "rollback": {"tasks": ["rollback"], "triggeredOn": [FAILED]},
    },
}
IMAGE = {"configurationChange": {"values": {"image": "docker.io/keptnexamples/carts"}}}
HOSTILE = "</text><script>alert('1')</script>&\""


def newest(host: Host, context: str) -> str:
    """The id of the last sequence of a context."""
    return host.state.of_context(context)[-1].sequence_id


def work(host: Host, context: str, *ends: float, result: str = "pass") -> None:
    """Let an executor react at once to each task in flight, and finish it at these seconds."""
    for end in ends:
        known = next(r.sequence_id for r in host.state.live_of_context(context))
        host.start(known, source="executor")
        host.until(end)
        host.finish(known, result, source="executor")


def queueing() -> Host:
    """Two deliveries: the second waits for the first in dev, and runs in staging."""
    host = Host(SHIPYARD)
    host.trigger("0.11.1", data=IMAGE)
    host.at(45).trigger("0.11.2", data=IMAGE)
    work(host, "0.11.1", 60, 95, 110)
    work(host, "0.11.2", 150, 200, 220)
    work(host, "0.11.1", 250, 290)
    work(host, "0.11.2", 330)
    host.until(340)
    return host


def mute_executor() -> Host:
    """Nobody reacts to the tests in staging; a rollback follows."""
    host = Host(SHIPYARD, timeouts=TimeoutPolicy(reaction=timedelta(minutes=3)))
    host.trigger("0.11.2", data=IMAGE)
    work(host, "0.11.2", 30, 60, 75, 110)
    host.until(290)
    work(host, "0.11.2", 310)
    return host


def controls() -> Host:
    """A person pauses, resumes and aborts, and in the end forces."""
    host = Host(SHIPYARD)
    host.trigger("0.11.2", data=IMAGE)
    host.at(15).pause("0.11.2", actor="ann", reason="a look at the logs first")
    work(host, "0.11.2", 40)
    host.at(90).resume("0.11.2", actor="ann")
    work(host, "0.11.2", 120, result="warning")
    host.at(130).abort("0.11.2", actor="ann", reason="the wrong version")
    host.at(160).abort("0.11.2", actor="bob", reason="enough", force=True)
    return host


STORIES = {"queueing": queueing, "mute-executor": mute_executor, "controls": controls}


def drawn(events: Sequence[Event], context: str = "0.11.2", *, seconds: float = 0) -> ET.Element:
    """The picture, read as XML."""
    return ET.fromstring(timeline_svg(events, context, now=instant(seconds)))  # noqa: S314 - ours


def texts(picture: ET.Element) -> list[str]:
    """What stands in the picture to be read, titles left out."""
    return ["".join(text.itertext()) for text in picture.iter(f"{SVG}text")]


def events_of(decisions: Sequence[Decision]) -> list[Event]:
    """All events of a history."""
    return [event for decision in decisions for event in decision.events]


def contexts_of(events: Sequence[Event]) -> list[str]:
    """The contexts of a history, in the order they came."""
    return list(dict.fromkeys(e.subject.context for e in events if e.subject.sequence_id))


# ---------------------------------------------------------------- the three stories


@pytest.mark.parametrize("name", STORIES)
def test_a_story_is_drawn_as_it_was_looked_at(name: str) -> None:
    """The picture of each story of the proposal is, byte for byte, the one somebody looked at."""
    host = STORIES[name]()

    picture = timeline_svg(host.events, "0.11.2", now=host.now)

    path = GOLDEN / f"timeline-{name}.svg"
    assert path.read_text(encoding="utf-8") == picture, f"see {path}; look before it is renewed"


def test_a_waiting_sequence_says_for_whom() -> None:
    """Who holds the lane is known from the events of the other delivery."""
    story = story_of(queueing().events, "0.11.2")

    waits = [(s.begin, s.end, s.note) for s in story.tracks[0].spans if s.look is Look.WAITING]
    assert [(instant(45), instant(110), "for delivery of carts, 0.11.1")] == waits


def test_a_frozen_stage_is_what_a_sequence_waits_for() -> None:
    """A freeze says who and why, and the line is what it waits for afterwards."""
    host = Host(SHIPYARD)
    host.freeze(actor="bob", reason="release night")
    host.at(1).trigger("one")
    host.at(5).unfreeze()

    first, *_ = story_of(host.events, "one").tracks[0].spans
    expected = Span(
        Look.WAITING, instant(1), "waiting", "as the stage is frozen by bob: release night"
    )
    expected.end = instant(5)
    assert expected == first


def test_a_task_to_which_nobody_reacts_is_explained() -> None:
    """The explanation of the library stands in the picture, beside the task that timed out."""
    said = texts(drawn(mute_executor().events))

    explained = "Nobody reacted to task test in stage staging within 3m0s; it was terminated."
    assert f"09:04:50 {explained}" in [" ".join(text.split()) for text in said]
    assert "timed out" in said


def test_a_pause_is_hatched_from_where_nothing_is_in_flight() -> None:
    """The task in flight ends first, which is drawn as pausing; then comes the hatched span."""
    track = story_of(controls().events, "0.11.2").tracks[0]

    paused = [(s.begin, s.end) for s in track.spans if s.look is Look.PAUSED]
    drains = [(s.look, s.begin, s.end, s.note) for s in track.drains]
    assert [(instant(40), instant(90))] == paused
    assert [
        (Look.PAUSING, instant(15), instant(40), "waits for deployment"),
        (Look.ABORTING, instant(130), instant(160), "waits for release"),
    ] == drains


def test_a_parked_span_says_why_and_ends_with_what_gets_it_out() -> None:
    """Paused or not; who retried or skipped it, and why, is told beside it."""
    host = Host({"dev": {"delivery": {"tasks": ["deploy", "test"], "onFailure": "park"}}})
    host.trigger("c")
    host.at(10).finish("c", "fail", message="no space")
    host.at(20).pause("c")
    host.at(30).resume("c")
    host.at(40).retry("c", actor="ann", reason="disk is larger")
    host.at(50).finish("c", "fail")
    host.at(60).skip("c", actor="bob")
    track = story_of(host.events, "c").tracks[0]

    parked = [(s.begin, s.end, s.note) for s in track.spans if s.look is Look.PARKED]
    assert [
        (instant(10), instant(40), "no space"),
        (instant(50), instant(60), "Task deploy in stage dev failed."),
    ] == parked
    assert ("running", "test") == (track.word, track.spans[-1].name)
    said = [" ".join(text.split()) for text in texts(drawn(host.events, "c"))]
    assert "09:00:40 retry in dev by ann: disk is larger" in said
    assert "09:01:00 skip in dev by bob" in said


def test_controls_are_told_with_actor_and_reason() -> None:
    """Each control is a numbered sign, and below stands who it was and why."""
    said = texts(drawn(controls().events))

    assert [
        "09:00:15 pause by ann: a look at the logs first",
        "09:01:30 resume by ann",
        "09:02:10 abort in dev by ann: the wrong version",
        "09:02:40 force in dev by bob: enough; task release was abandoned",
    ] == [" ".join(text.split()) for text in said if re.match(r"09:\d\d:\d\d +[a-z]", text)]


# ---------------------------------------------------------------- any history


@settings(max_examples=40)
@given(histories())
def test_any_history_can_be_drawn(decisions: tuple[Decision, ...]) -> None:
    """Each context of a history gives well-formed XML, the same bytes each time."""
    events = events_of(decisions)
    for context in contexts_of(events):
        picture = timeline_svg(events, context, now=events[-1].at)

        assert f"{SVG}svg" == ET.fromstring(picture).tag  # noqa: S314 - ours
        assert picture == timeline_svg(tuple(events), context, now=events[-1].at)


@settings(max_examples=40)
@given(histories())
def test_spans_follow_one_another(decisions: tuple[Decision, ...]) -> None:
    """In a row no span begins before the former one ended; only the last may be open."""
    events = events_of(decisions)
    for context in contexts_of(events):
        story = story_of(events, context)
        for spans in (row for track in story.tracks for row in (track.spans, track.drains)):
            ends = [span.end for span in spans[:-1]]

            assert None not in ends
            assert all(s.begin <= (s.end or events[-1].at) for s in spans)
            assert all(
                former.end is not None and former.end <= span.begin
                for former, span in itertools.pairwise(spans)
            )


@settings(max_examples=40)
@given(histories())
def test_spans_lie_within_the_axis(decisions: tuple[Decision, ...]) -> None:
    """No bar begins left of the axis or ends right of it, and in a row none covers another."""
    events = events_of(decisions)
    for context in contexts_of(events):
        rows: dict[str, list[tuple[float, float]]] = {}
        for bar in drawn(events, context).iter(f"{SVG}rect"):
            if "t-bar" in bar.get("class", ""):
                x, width = float(bar.get("x", "")), float(bar.get("width", ""))
                rows.setdefault(bar.get("y", ""), []).append((x, x + width))

        assert all(LEFT <= x and end <= RIGHT + 0.1 for bars in rows.values() for x, end in bars)
        # what took no time is a line of one pixel
        assert all(
            end <= x + 1.1
            for bars in rows.values()
            for (_, end), (x, _) in itertools.pairwise(sorted(bars))
        )


@settings(max_examples=40)
@given(histories())
def test_everything_that_has_ended_is_closed(decisions: tuple[Decision, ...]) -> None:
    """A sequence that has ended has no open span, and one that lives says so by its word."""
    for context in contexts_of(events := events_of(decisions)):
        for track in story_of(events, context).tracks:
            spans = [*track.spans, *track.drains]
            is_open = any(span.end is None for span in spans)

            assert not (track.ended_at and is_open)


@settings(max_examples=40)
@given(histories())
def test_older_events_may_be_gone(decisions: tuple[Decision, ...]) -> None:
    """Of the newer half of a history what it can tell is drawn, or nothing is known."""
    events = events_of(decisions)
    newer = events[len(events) // 2 :]
    for context in contexts_of(newer):
        if story_of(newer, context).tracks:
            assert f"{SVG}svg" == drawn(newer, context).tag
        else:
            with pytest.raises(UnknownContext):
                drawn(newer, context)


# ---------------------------------------------------------------- what comes from outside


def test_hostile_names_are_texts() -> None:
    """Markup in ids, names and reasons is shown as it is written, and makes no element."""
    host = Host(SHIPYARD)
    host.trigger(HOSTILE, service=HOSTILE, data={"configurationChange": {"values": {"image": "<"}}})
    host.at(9).pause(HOSTILE, actor=HOSTILE, reason=HOSTILE)

    picture = drawn(host.events, HOSTILE, seconds=20)

    names = {element.tag.removeprefix(SVG) for element in picture.iter()}
    plain = {"svg", "title", "desc", "style", "defs", "pattern", "path"}
    assert plain | {"rect", "line", "text", "g"} == names
    assert any(HOSTILE in text for text in texts(picture))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("Grüße, שלום, 你好", "Grüße, שלום, 你好"),
        ("a\u202eb", "a\\u202eb"),
        ("a\x00b\n", "a\\u0000b\\u000a"),
        ("\u2066x\u200b\ufffe\ud800", "\\u2066x\\u200b\\ufffe\\ud800"),
    ],
)
def test_what_cannot_be_seen_is_spelled_out(text: str, shown: str) -> None:
    """Controls, bidirectional formats, what XML cannot carry: each is written as its number."""
    assert shown == visible(text)


def test_a_long_history_stays_small() -> None:
    """However much happened, the newest is drawn and what is left out is said."""
    host = Host({"dev": {"delivery": ["deployment"]}})
    host.trigger("first", context="0.11.2")
    for seconds in range(2, 4_000, 2):
        host.at(seconds).pause("0.11.2")
        host.at(seconds + 1).resume("0.11.2")
    for number in range(100):
        host.trigger(f"more-{number}", context="0.11.2")

    picture = timeline_svg(host.events, "0.11.2", now=host.now)

    assert float(ET.fromstring(picture).get("height", "")) < 3_000  # noqa: S314 - ours
    assert len(picture) < 100_000
    assert "61 earlier sequences, 4058 earlier notes left out" in picture


# ---------------------------------------------------------------- now, and the axis


def test_what_is_live_ends_now() -> None:
    """A task in flight is drawn up to now; once all is over, now does not matter."""
    host = Host(SHIPYARD)
    host.trigger("0.11.2")

    assert "now" in texts(drawn(host.events, seconds=100))
    over = controls()
    early, late = (timeline_svg(over.events, "0.11.2", now=instant(s)) for s in (0, 9_000))
    assert early == late


def test_an_unknown_context_is_told() -> None:
    """There is no picture of what never happened."""
    with pytest.raises(UnknownContext, match="'nobody'"):
        timeline_svg(queueing().events, "nobody", now=T0)


@pytest.mark.parametrize("seconds", [0.001, 5, 61, 3_600, 80_000, 40 * 86_400, 4_000 * 86_400])
def test_ticks_are_sensible(seconds: float) -> None:
    """Whatever the span, there are one to nine ticks, each with a text of its own."""
    axis = axis_over(T0, T0 + timedelta(seconds=seconds), LEFT, RIGHT)

    ticks = axis.ticks(84)

    assert 1 <= len(ticks) <= 9
    assert len(ticks) == len({label for _, label in ticks})


# ---------------------------------------------------------------- the command


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A database with the events of a story."""
    path = tmp_path / "sequences.db"
    host = Host(SHIPYARD)
    with SqliteStore(path) as store:
        store.commit(host.trigger("0.11.2"))
        store.commit(host.at(10).pause("0.11.2", actor="ann"))
    return path


def test_the_command_draws_what_a_store_has_kept(
    kept: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    """The picture goes to stdout, as the function gives it."""
    with SqliteStore(kept) as store:
        picture = timeline_svg(store.events("sockshop"), "0.11.2", now=instant(60))

    named = ["--project=sockshop", "--context=0.11.2", f"--now={instant(60).isoformat()}"]
    status = main([f"--db={kept}", *named])

    assert (0, picture.encode()) == (status, capfdbinary.readouterr().out)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--db={here}/none.db", "--project=sockshop", "--context=x"], "no such file"),
        (["--db={here}/sequences.db", "--project=sockshop", "--context=x"], "context 'x'"),
        (["--db={here}/other.db", "--project=sockshop", "--context=x"], "other.db"),
    ],
)
def test_the_command_says_what_is_wrong(
    options: list[str], said: str, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No such file, no such context, no database: one sentence, and exit status 1."""
    (kept.parent / "other.db").write_bytes(b"no database" * 100)

    status = main([option.format(here=kept.parent) for option in options])

    assert status == 1
    assert said in capsys.readouterr().err
    assert not (kept.parent / "none.db").exists()
