"""The live view: the tracks it folds from events, and how rows, axis and log are drawn."""

from __future__ import annotations

import io
import re
from datetime import timedelta

import attrs
import pytest
from rich.text import Text

from examples.demo.chart import ASCII, UNICODE, Chart, Ink, can_encode
from examples.demo.timeline import TimelineView, can_show
from examples.demo.tracks import Look, Track, Tracks
from examples.demo.view import BEGIN, Clause, Kind, Line
from sequencectl import Event
from tests.examples.performance import default_performance

NAMES = default_performance().cast.names
SECOND = timedelta(seconds=1)


def tracks_of(events: tuple[Event, ...]) -> list[Track]:
    """The tracks after these events."""
    tracks = Tracks()
    for event in events:
        tracks.take_in(event)
    return tracks.grouped()


def looks(track: Track) -> list[str]:
    """How the spans of a track look, in order, those of no length left out."""
    return [span.look.value for span in track.spans if span.end != span.begin]


def chart(ink: Ink = UNICODE, *, step: int = 20, width: int = 60) -> Chart:
    """A chart that has room for the whole performance."""
    return Chart(ink, (8, 11, 12), width, step * SECOND, BEGIN, BEGIN + 20 * 60 * SECOND)


def test_the_tracks_tell_the_stories() -> None:
    """Each sequence has a track, those of a delivery together, with how it ended."""
    tracks = tracks_of(default_performance().events)

    assert [
        ("0.11.1", "dev", "delivery", "pass"),
        ("0.11.1", "staging", "delivery", "pass"),
        ("0.11.1", "production", "delivery", "pass"),
        ("0.11.2", "dev", "delivery", "pass"),
        ("0.11.2", "staging", "delivery", "pass"),
        ("0.11.2", "production", "delivery", "pass"),
        ("problem", "production", "remediation", "fail"),
        ("problem", "production", "remediation", "pass"),
        ("0.11.3", "dev", "delivery", "pass"),
        ("0.11.3", "staging", "delivery", "timed out"),
        ("0.11.3", "staging", "rollback", "pass"),
        ("0.11.4", "dev", "delivery", "aborted"),
    ] == [(NAMES[t.context], t.stage, t.sequence, t.word) for t in tracks]


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (4, ["waiting"] + ["done"] * 8),
        (6, ["done"] * 4 + ["delay"] + ["failed"] * 2),
        (9, ["done"] * 2 + ["failed"]),
        (11, ["done"] * 2 + ["paused"] + ["done"] * 2),
    ],
    ids=["queued", "remediation", "mute", "paused"],
)
def test_a_track_is_what_the_sequence_went_through(number: int, expected: list[str]) -> None:
    """Waiting, delays, pauses and tasks, asked and worked on, follow each other without a gap."""
    track = tracks_of(default_performance().events)[number]

    ends = [span.end for span in track.spans[:-1]]
    assert expected == looks(track)
    assert ends == [span.begin for span in track.spans[1:]]


def test_the_word_says_how_a_sequence_stands() -> None:
    """The word beside a row changes with the events of its sequence."""
    tracks, words = Tracks(), list[str]()
    for event in default_performance().events:
        tracks.take_in(event)
        if event.subject.context == list(NAMES)[3]:
            words += [track.word for track in tracks.grouped() if NAMES[track.context] == "0.11.4"]

    assert [
        *("waiting", "running", "deployment", "paused", "resumed", "test", "aborting", "aborted")
    ] == list(dict.fromkeys(words))


def test_a_row_shows_one_column_for_each_step() -> None:
    """A row has the delivery's name, stage, sequence, a glyph for each step, and the end."""
    rows = chart().rows(tracks_of(default_performance().events), NAMES)

    assert [
        "0.11.1  dev        delivery    ▐█▐██▐█".ljust(91) + " ✔ pass",
        "        staging    delivery          ▐█▐████▐█▐█".ljust(91) + " ✔ pass",
    ] == [row.plain for row in rows[:2]]
    assert rows[9].plain.endswith(" ✘ timed out")
    assert "▐▒▒▒▒▒▒▒▒" in rows[9].plain
    assert "╍╍" in rows[11].plain
    assert "····" in rows[4].plain
    assert "┄┄┄┄┄┄┄┄" in rows[6].plain


def test_a_live_row_shows_what_is_going_on() -> None:
    """Where nobody has reacted yet, or somebody works, the row has glyphs of its own."""
    events = default_performance().events
    asked = next(n for n, e in enumerate(events) if getattr(e, "task", "") == "deployment")
    early = attrs.evolve(chart(step=1), now=BEGIN + 2 * SECOND)
    later = attrs.evolve(chart(step=1), now=BEGIN + 9 * SECOND)

    assert "0.11.1  dev        delivery    ▐░" == (
        early.rows(tracks_of(events[: asked + 1]), NAMES)[0].plain.split("  deploy")[0].rstrip()
    )
    assert "▐░░░▓▓▓▓▓ " in later.rows(tracks_of(events[: asked + 2]), NAMES)[0].plain


def test_ascii_rows_say_the_same() -> None:
    """Without fine glyphs a row consists of ASCII, and no two looks share a glyph but work done."""
    rows = chart(ASCII).rows(tracks_of(default_performance().events), NAMES)

    assert "".join(row.plain for row in rows).isascii()
    assert chart(ASCII).legend().plain.isascii()
    assert "|xxxxxxxx" in rows[9].plain
    assert rows[9].plain.endswith(" ! timed out")


@pytest.mark.parametrize("ink", [UNICODE, ASCII], ids=["unicode", "ascii"])
def test_no_state_is_told_by_color_alone(ink: Ink) -> None:
    """Every look has a glyph of its own, so that nothing is lost without colors."""
    glyphs = list(ink.glyphs.values())

    assert len(set(glyphs)) == len(glyphs) == len(Look)
    assert ink.new_task not in glyphs


def test_the_axis_puts_every_time_where_it_belongs() -> None:
    """A time stands over the column that begins at it or has it inside."""
    axis = chart(step=30).axis().plain

    columns = [axis.index(time) - 31 for time in ("09:05", "09:10", "09:15")]
    assert [7, 17, 27] == columns  # 09:05 is 210 s after 09:01:30, which is 7 columns


@pytest.mark.parametrize(
    ("encoding", "expected"), [("utf-8", True), ("ascii", False), ("cp437", False)]
)
def test_glyphs_need_an_encoding(encoding: str, expected: bool) -> None:
    """The fine glyphs are used only where the output can encode them all."""
    assert expected == can_encode(io.TextIOWrapper(io.BytesIO(), encoding=encoding))


class Terminal(io.StringIO):
    """A text stream that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("terminal", "columns", "lines", "expected"),
    [
        ("xterm", 80, 24, True),
        ("dumb", 80, 24, False),
        ("unknown", 80, 24, False),
        ("", 80, 24, False),
        ("xterm", 60, 24, False),
        ("xterm", 80, 10, False),
    ],
)
def test_not_every_terminal_can_show_it(
    monkeypatch: pytest.MonkeyPatch, terminal: str, columns: int, lines: int, expected: bool
) -> None:
    """A dumb or small terminal gets plain lines."""
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setenv("LINES", str(lines))

    assert can_show(Terminal()) is expected
    assert can_show(io.StringIO()) is False
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert can_show(io.StringIO()) is False


def frames(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    """What the live view writes on a terminal: a frame at each event, the last, the verdict."""
    settings = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24", **environment}
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    out = Terminal()
    with TimelineView(out, default_performance().cast, frame=0) as view:
        for event in default_performance().events:
            view.event(event)
            view.tick(event.at)
        view.line(Line(Kind.STORY, BEGIN, "a long story " * 10))
        view.tick(default_performance().events[-1].at)
    view.judge([Clause("good", True, "as it should be"), Clause("bad", False, "not so")])
    return out.getvalue()


def test_a_frame_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """No frame has more lines than the terminal, and no line more columns."""
    monkeypatch.setenv("NO_COLOR", "1")
    whole = frames(monkeypatch)

    heights = [1 + up.count("1A") for up in re.findall(r"(?:\x1b\[1A\x1b\[2K)+", whole)]
    plain = [Text.from_ansi(line).plain for line in whole.splitlines()]
    assert len(heights) > 100
    assert max(heights) == 23
    assert 70 <= max(map(len, plain)) <= 80


def test_the_cursor_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """The cursor is hidden while it plays and shown at the end, whatever happens."""
    whole = frames(monkeypatch)
    interrupted = Terminal()

    with pytest.raises(KeyboardInterrupt), TimelineView(interrupted, default_performance().cast):
        raise KeyboardInterrupt

    assert whole.index("\x1b[?25l") < whole.rindex("\x1b[?25h")
    assert interrupted.getvalue().rindex("\x1b[?25h") > interrupted.getvalue().rindex("\x1b[?25l")


def test_the_verdict_stands_below_the_last_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last frame shows everything, then each clause with its sign."""
    lines = [Text.from_ansi(line).plain for line in frames(monkeypatch).splitlines()]

    end = lines[-19:]
    assert "sockshop  09:21:18  the whole performance" in end[0]
    assert end[2].startswith("0.11.1  dev        delivery    ")
    assert [line.rstrip() for line in end[-4:]] == [
        "# Verdict",
        "✔ good as it should be",
        "✘ bad  not so",
        "# 1 of 2 clauses fail",
    ]


def test_no_color_means_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR the view has no color, without it it has."""
    assert "\x1b[32m" in frames(monkeypatch)
    assert "\x1b[32m" not in frames(monkeypatch, NO_COLOR="1")


def test_rows_that_were_on_record_are_drawn_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier program showed is in the rows, whether or not it is published again."""
    events = default_performance().events
    drawn = []
    monkeypatch.setenv("COLUMNS", "240")  # on which a few seconds are a column
    parts = ((), events), (events[:125], events[125:]), (events[:125], events[119:])
    for recorded, shown in parts:
        out = Terminal()
        with TimelineView(out, default_performance().cast) as view:
            if recorded:
                view.recall(recorded)
            for event in shown:
                view.event(event)
        drawn.append(out.getvalue())

    assert "rollback" in drawn[0]
    assert drawn[0] == drawn[1] == drawn[2]
