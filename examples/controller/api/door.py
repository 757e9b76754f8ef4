"""What stands before all routes: whom a request is for, who sends it, and from where.

Shows: a service that pages of others cannot use. A browser sends requests to this machine for any
page that is open in it, and a page whose name is made to lead to this machine could read the
answers. So only known hosts are served, the token comes before everything that a request asks for,
whatever changes something must come from this controller's own page or from no page at all, and a
body must say that it is JSON, which no form can. Each check looks at the head of a request alone.
Leaves out: users, rates and TLS, which are a proxy's business.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable
from typing import Final, final
from urllib.parse import unquote_to_bytes

import attrs
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from examples.controller.api.answers import error
from examples.controller.bridge.page import PATHS
from examples.controller.settings import Settings, is_loopback
from sequencectl.errors import shown

PREFIXES: Final = ("/api", "/controlPlane")
HEALTH: Final = "/healthz"
"""What is answered to everybody, whatever host it was asked for."""

OPEN: Final = frozenset({HEALTH}) | PATHS
"""What is answered without a token."""

SAFE: Final = frozenset({"GET", "HEAD"})
"""The methods that change nothing."""

JSON: Final = frozenset({b"application/json", b"application/cloudevents+json"})
SEALS: Final = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))
"""What every answer has, unless it says something else itself."""

_HOST: Final = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9._-]{1,255})(:[0-9]{0,5})?")
_PORTS: Final = {"http": ":80", "https": ":443"}

Check = Callable[[Scope], Response | None]
"""Looks at the head of a request; returns the answer to one that is refused."""


@final
@attrs.frozen
class Prefixes:
    """Serves every route with and without Keptn's prefixes."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request without its prefix."""
        if scope["type"] == "http":
            path = scope["path"]
            for prefix in PREFIXES:
                if path.startswith(prefix + "/"):
                    path = path.removeprefix(prefix)
            scope = {**scope, "path": path}
        await self.app(scope, receive, send)


@final
class Door:
    """Lets in what passes every check, in this order, and seals every answer."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self._token = settings.token.encode()
        self._hosts = frozenset(name.lower() for name in (settings.host, *settings.allowed_hosts))
        self._checks: tuple[Check, ...] = (
            self._is_for_us,
            self._has_the_token,
            _is_from_our_page,
            _can_be_read,
            _is_json,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, or refuse it before anything of its body is read."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                seals = (seal for seal in SEALS if seal[0] not in given)
                message["headers"] = [*message["headers"], *seals]
            await send(message)

        for check in self._checks:
            if (refusal := check(scope)) is not None:
                await refusal(scope, receive, sealed)
                return
        await self.app(scope, receive, sealed)

    def _is_for_us(self, scope: Scope) -> Response | None:
        """Refuse a host that nobody said is this one, as a name that was led here has."""
        if scope["path"] == HEALTH:
            return None
        given = _given(scope, b"host")
        if len(given) != 1:
            return error(400, f"the header Host must be there once, not {len(given)} times")
        text = given[0].decode("latin-1")
        found = _HOST.fullmatch(text.lower())
        name = "" if found is None else found.group(1).strip("[]")
        if name in self._hosts or is_loopback(name):
            return None
        return error(421, f"the host {shown(text)} is not served here: see --allowed-host")

    def _has_the_token(self, scope: Scope) -> Response | None:
        if not self._token or scope["path"] in OPEN:
            return None
        given = _given(scope, b"x-token")
        if len(given) == 1 and hmac.compare_digest(given[0], self._token):
            return None
        return error(401, "the header x-token must have the token of this controller")


def _is_from_our_page(scope: Scope) -> Response | None:
    """Refuse a change that a foreign page asks for; a program sends no origin, and passes."""
    if scope["method"] in SAFE:
        return None
    for site in _given(scope, b"sec-fetch-site"):
        if site not in {b"same-origin", b"none"}:
            return error(403, "a page of another origin may change nothing here")
    for given in _given(scope, b"origin"):
        scheme, _, host = given.decode("latin-1").partition("://")
        ours = [_origin(scope["scheme"], name.decode("latin-1")) for name in _given(scope, b"host")]
        if ours != [_origin(scheme, host)]:
            sentence = f"the origin {shown(given.decode('latin-1'))} may change nothing here"
            return error(403, f"{sentence}: it must be {' or '.join(ours)}")
    return None


def _can_be_read(scope: Scope) -> Response | None:
    """Refuse an address that is no text: the routes would see something else in its place."""
    address = scope.get("raw_path", b"") + b"?" + scope["query_string"]
    if b"%" in address:
        try:
            address = unquote_to_bytes(address)
            address.decode()
        except UnicodeDecodeError:
            return error(400, "the path and the query must be UTF-8")
    if b"\0" in address:
        return error(400, "the path and the query must not have the character NUL")
    return None


def _is_json(scope: Scope) -> Response | None:
    """Refuse a body of another type: a form can send some of them from anywhere."""
    sizes, kinds = _given(scope, b"content-length"), _given(scope, b"content-type")
    if not _given(scope, b"transfer-encoding") and all(size.strip(b"0") == b"" for size in sizes):
        return None
    if len(kinds) == 1 and kinds[0].partition(b";")[0].strip().lower() in JSON:
        return None
    return error(415, "the body must be application/json, as the header Content-Type says")


def _given(scope: Scope, name: bytes) -> list[bytes]:
    """Return every value of a header."""
    return [value for each, value in scope["headers"] if each == name]


def _origin(scheme: str, host: str) -> str:
    """Return an origin in one form: a port that goes without saying is not said."""
    return f"{scheme}://{host}".lower().removesuffix(_PORTS.get(scheme, " "))
