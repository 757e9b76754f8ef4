"""What every verb works with: the client, the printer, and whether JSON is wanted.

`Surroundings` is what a program gets from outside, so that a test can give something else.
"""

from __future__ import annotations

import getpass
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, final

import attrs
import click
import httpx

from examples.controller.cli.client import Client, Json
from examples.controller.cli.printing import Printer

ENDPOINT: Final = "http://127.0.0.1:8080"
FORMATS: Final = ("text", "json")

Verb: TypeAlias = Callable[..., Any]
"""The function behind a command."""


def login_name() -> str:
    """Return who runs the program, or nothing if the system does not know."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return ""


@final
@attrs.frozen
class Surroundings:
    """The network, the time, new ids and the user.

    The zone is that of the machine, as the variable TZ says it.
    """

    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    new_id: Callable[[], str] = lambda: str(uuid.uuid4())
    user: Callable[[], str] = login_name


@final
@attrs.define
class Session:
    """One run of the program."""

    client: Client
    printer: Printer
    around: Surroundings
    is_json: bool

    def answer(self, body: Json, *lines: str) -> None:
        """Print the controller's JSON, or the lines that say the same to a person."""
        if self.is_json:
            self.printer.json(body)
        else:
            self.printer.lines(lines)

    def answer_table(self, body: Json, headings: tuple[str, ...], rows: list[list[str]]) -> None:
        """Print the controller's JSON, or a table."""
        if self.is_json:
            self.printer.json(body)
        else:
            self.printer.table(headings, rows)


def verb(function: Verb) -> Verb:
    """Give a command the session as its first argument, and the option ``--output``."""
    output = click.option(
        "--output",
        type=click.Choice(FORMATS),
        expose_value=False,
        callback=_choose,
        help="Text for people, or the controller's JSON.",
    )
    return output(click.pass_obj(function))


def _choose(context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None and isinstance(context.obj, Session):
        context.obj.is_json = value == "json"
