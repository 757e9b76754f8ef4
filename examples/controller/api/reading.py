"""What comes from outside, field by field: everything is checked, nothing is guessed.

Whatever is wrong with a request is a `Refusal` with a status and one sentence that shows the value.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, final
from uuid import uuid4

from cloudevents.core.bindings.http import HTTPMessage, from_binary
from cloudevents.core.exceptions import CloudEventValidationError
from cloudevents.core.formats.json import JSONFormat
from starlette.requests import Request

from examples.controller.storage.deliveries import instant
from sequencectl.errors import shown

MAX_BODY: Final = 2 * 1024 * 1024
"""No body has more bytes: a shipyard of 1 MiB in base64 fits."""

MAX_TEXT: Final = 200
"""No actor, and no name of a service, has more characters."""

MAX_REASON: Final = 1_000
"""No reason has more characters."""

MAX_LIST: Final = 10_000
MAX_PAGE: Final = 100
PAGE: Final = 10
"""How many entries a page has if a request does not say."""

ID: Final = re.compile(r"[ -~]{1,200}")
"""What an id may be."""

_SERIAL: Final = re.compile(r"[0-9]{1,18}")
_ZONED: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_HALF: Final = re.compile(r"\\u[dD][89a-fA-F]")
"""What half a character looks like in JSON; two of them may be a whole one."""


@final
class Refusal(Exception):
    """A request that cannot be done: the status of the answer, and its sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def wrong(where: str, value: object, permitted: str) -> Refusal:
    """Return the refusal of a field: where it is, what was given and what is permitted."""
    return Refusal(400, f"{where}: must be {permitted}, got {shown(value)}")


@final
class Fields:
    """The fields of a JSON body; each is taken once, and none may be left at the end."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self._left = dict(body)

    def text(self, name: str, *, default: str | None = None) -> str:
        """Take a text; it may be missing, or null, if there is a default."""
        value = self._left.pop(name, None)
        if value is None and default is not None:
            return default
        if not isinstance(value, str):
            raise wrong(name, value, "a text")
        return value

    def words(self, name: str, *, most: int) -> str:
        """Take what a person says, in one line; empty if it is missing or null."""
        value = self.text(name, default="")
        if len(value) > most or not value.isprintable():
            raise wrong(name, value, f"up to {most} printable characters")
        return value

    def flag(self, name: str) -> bool:
        """Take a flag; false if it is missing."""
        value = self._left.pop(name, False)
        if not isinstance(value, bool):
            raise wrong(name, value, "true or false")
        return value

    def texts(self, name: str) -> dict[str, str]:
        """Take an object of texts; it may be missing, or null: then it is empty."""
        value = self._left.pop(name, None)
        if value is None:
            return {}
        if not isinstance(value, dict) or not all(isinstance(each, str) for each in value.values()):
            raise wrong(name, value, "an object of texts")
        return value

    def base64(self, name: str, *, default: str | None = None) -> str:
        """Take a text of UTF-8 in base64; it may be missing, or null, if there is a default."""
        value = self.text(name, default=default)
        try:
            return base64.b64decode(value, validate=True).decode()
        except (binascii.Error, ValueError):
            raise wrong(name, value, "a text of UTF-8 in base64") from None

    def base64_if_given(self, name: str) -> str | None:
        """Take a text of UTF-8 in base64, which may be empty; None if it is missing or null."""
        if self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return self.base64(name)

    def name(self, key: str) -> str:
        """Take a short text, as names and ids are; empty if it is missing or null."""
        value = self.text(key, default="")
        if value and ID.fullmatch(value) is None:
            raise wrong(key, value, "at most 200 printable ASCII characters")
        return value

    def instant(self, name: str) -> str:
        """Take an instant, as the journal writes it; empty if it is missing, null or empty."""
        given = self.text(name, default="")
        return _instant(given, name) if given else ""

    def until(self, name: str) -> datetime | None:
        """Take an instant of RFC 3339 with its zone; None if it is missing, null or empty.

        One without a zone is refused: nobody knows when it is.
        """
        given = self.text(name, default="")
        if not given:
            return None
        if _ZONED.fullmatch(given) is not None:
            try:
                return datetime.fromisoformat(given.upper()).astimezone(UTC)
            except (ValueError, OverflowError):  # the 31st of February, or beyond the year 9999
                pass
        raise wrong(name, given, "an instant with its zone, such as 2026-12-24T18:00:00+01:00")

    def part(self, name: str) -> Fields:
        """Take the fields of a JSON object; none if it is missing or null."""
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, dict):
            raise wrong(name, value, "a JSON object")
        return Fields(value or {})

    def parts(self, name: str) -> list[Fields]:
        """Take a list of JSON objects; it is empty if it is missing or null."""
        return [Fields({name: each}).part(name) for each in self._list(name)]

    def names(self, name: str) -> list[str]:
        """Take a list of short texts; it is empty if it is missing or null."""
        return [Fields({name: each}).name(name) for each in self._list(name)]

    def _list(self, name: str) -> list[Any]:
        value = self._left.pop(name, None)
        if value is not None and not isinstance(value, list):
            raise wrong(name, value, "a list")
        if value is not None and len(value) > MAX_LIST:
            raise Refusal(400, f"{name}: must have at most {MAX_LIST} entries, got {len(value)}")
        return value or []

    def end(self, *ignored: str) -> None:
        """Raise unless every field was taken, or may be ignored."""
        for name, value in self._left.items():
            if name not in ignored:
                raise Refusal(400, f"{shown(name)}: no such field, got {shown(value)}")


async def body_of(request: Request) -> bytes:
    """Return the body of a request; 413 if it is too long, however it comes."""
    length = request.headers.get("content-length", "0")
    too_long = Refusal(413, f"the body must have at most {MAX_BODY} bytes")
    if length.isdecimal() and int(length[:18]) > MAX_BODY:
        raise too_long
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise too_long
        parts.append(part)
    return b"".join(parts)


async def fields_of(request: Request) -> Fields:
    """Return the fields of a body that is a JSON object."""
    return Fields(_object(await body_of(request)))


async def cloudevent_of(request: Request) -> dict[str, Any]:
    """Return the CloudEvent of a request, structured or binary; an id is made if it has none."""
    body = await body_of(request)
    headers = {name: text for name, text in request.headers.items() if name.startswith("ce-")}
    event = _binary(headers, body) if headers else _object(body)
    if event.get("id") is None or event["id"] == "":
        event["id"] = str(uuid4())
    return event


def sender_of(request: Request, header: str) -> str:
    """Return whom `header`, the one to trust, names; empty if it is not there, or there is none.

    It is refused where it is there twice, or no text: it does not come from whom it should.
    """
    given = request.headers.getlist(header) if header else []
    try:
        (sender,) = (each.encode("latin-1").decode() for each in given or [""])
    except ValueError:  # not once, or no UTF-8
        raise nobody(header) from None
    return sender


def actor_of(request: Request, fields: Fields, header: str) -> str:
    """Return who acts: whom `header` names if there is one to trust, else whom the body claims."""
    claim = fields.text("actor", default="")
    if not header:
        return claim
    actor = sender_of(request, header)
    if not actor:
        raise nobody(header)
    return actor


def asker_of(request: Request, header: str) -> str:
    """Return who asks: whom `header` names if there is one to trust, else whom the query claims."""
    actor = sender_of(request, header) if header else request.query_params.get("actor", "")
    if len(actor) > MAX_TEXT or not actor.isprintable():
        raise wrong("actor", actor, f"up to {MAX_TEXT} printable characters")
    return actor


def nobody(header: str) -> Refusal:
    """Return the refusal of what a person does, where the header does not say who."""
    return Refusal(400, f"the header {header} must be there once and say who acts")


def page_of(request: Request) -> tuple[int, int]:
    """Return how many entries a page has, and the key the page begins at (0 for the first)."""
    query = request.query_params
    size = _whole(query.get("pageSize", str(PAGE)), "pageSize", most=MAX_PAGE)
    key = _whole(query.get("nextPageKey", "") or "0", "nextPageKey")
    return size or PAGE, key


def serial_of(request: Request) -> int | None:
    """Return the serial a client of a stream saw last; None if it begins now."""
    given = request.headers.get("last-event-id") or request.query_params.get("since")
    return None if given is None else _whole(given, "Last-Event-ID")


def instant_of(request: Request, name: str) -> str:
    """Return an instant of the query as the journal writes it; empty if it is not given."""
    given = request.query_params.get(name, "")
    return _instant(given, name) if given else ""


def is_id(value: str) -> bool:
    """Return True if a text may be an id."""
    return ID.fullmatch(value) is not None


def id_of(value: str, where: str) -> str:
    """Return an id from a path or a query."""
    if not is_id(value):
        raise wrong(where, value, "1 to 200 printable ASCII characters")
    return value


def _instant(given: str, where: str) -> str:
    try:
        at = datetime.fromisoformat(given)
        return instant(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise wrong(where, given, "an instant of ISO 8601") from None


def _whole(given: str, where: str, *, most: int = 10**18) -> int:
    if _SERIAL.fullmatch(given) is None or int(given) > most:
        raise wrong(where, given, f"a whole number up to {most}")
    return int(given)


def _object(body: bytes) -> dict[str, Any]:
    try:
        text = body.decode("utf-8-sig")
        found = json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
        if _HALF.search(text) is not None:
            _no_halves(found)
    except (ValueError, RecursionError) as error:
        raise Refusal(400, f"the body must be JSON: {error}") from None
    if not isinstance(found, dict):
        raise wrong("the body", found, "a JSON object")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        # each key once: found loses it when it is seen, and lacks it when it comes again
        twice = next(key for key, _ in pairs if found.pop(key, pairs) is pairs)
        raise ValueError(f"the key {shown(twice)} is there twice")
    return found


def _no_halves(found: object) -> None:
    """Refuse half a character, which JSON can say and UTF-8 cannot, in any text or key."""
    try:
        json.dumps(found, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = shown(error.object[error.start])
        raise ValueError(f"{half} is half a character") from None


def _binary(headers: dict[str, str], body: bytes) -> dict[str, Any]:
    """Return a CloudEvent in binary mode as the structured one; its data is JSON or nothing."""
    try:
        attributes = from_binary(HTTPMessage(headers, b""), JSONFormat()).get_attributes()
    except (CloudEventValidationError, ValueError, TypeError, KeyError) as error:
        raise Refusal(400, f"the headers of the CloudEvent cannot be read: {error}") from None
    if isinstance(at := attributes.get("time"), datetime):
        attributes["time"] = at.isoformat()
    return {**attributes, "data": _object(body) if body else {}}
