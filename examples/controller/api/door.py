"""What stands before all routes: Keptn's prefixes, and the token."""

from __future__ import annotations

import hmac
from typing import Final, final

import attrs
from starlette.types import ASGIApp, Receive, Scope, Send

from examples.controller.api.answers import error
from examples.controller.bridge.page import PATHS

PREFIXES: Final = ("/api", "/controlPlane")
OPEN: Final = frozenset({"/healthz"}) | PATHS
"""What is answered without a token."""


@final
@attrs.frozen
class Prefixes:
    """Serves every route with and without Keptn's prefixes."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            path = scope["path"]
            for prefix in PREFIXES:
                if path.startswith(prefix + "/"):
                    path = path.removeprefix(prefix)
            scope = {**scope, "path": path, "raw_path": path.encode()}
        await self.app(scope, receive, send)


@final
@attrs.frozen
class Token:
    """Lets in who has the token; nothing of a request is read before."""

    app: ASGIApp
    token: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        is_open = scope["type"] != "http" or not self.token or scope["path"] in OPEN
        if is_open or self._is_right(dict(scope["headers"]).get(b"x-token", b"")):
            await self.app(scope, receive, send)
        else:
            answer = error(401, "the header x-token must have the token of this controller")
            await answer(scope, receive, send)

    def _is_right(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self.token.encode())
