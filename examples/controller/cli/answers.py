"""Every way a verb can end other than well: one exception for each exit status.

::

    Trouble
    ├── Refused          1  the controller, or the command line on its behalf, says no
    ├── Unreachable      3  no answer, or one that a controller would not give
    │   └── Unanswered      the request was sent, and its answer is lost
    ├── TokenRefused     4  the token is missing or wrong
    ├── EndedBadly       5  a watched sequence ended with other than pass or warning
    └── ReaderGone     141  nobody reads the output any more

Wrong usage is click's own `UsageError`, exit status 2.
"""

from __future__ import annotations

from typing import ClassVar, Final, final

USAGE: Final = 2
INTERRUPTED: Final = 130
UNAUTHORIZED: Final = (401, 403)


class Trouble(Exception):
    """A verb has not done what it was asked for; ``str`` gives the reason as one sentence."""

    exit_code: ClassVar[int]


@final
class Refused(Trouble):
    """The request makes no sense to the controller in its present state."""

    exit_code = 1

    def __init__(self, sentence: str, *, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status


class Unreachable(Trouble):
    """The controller gives no answer; the same request may be sent again later."""

    exit_code = 3


@final
class Unanswered(Unreachable):
    """The connection broke after the request was sent: it may have taken effect."""


@final
class TokenRefused(Trouble):
    """The controller wants another token."""

    exit_code = 4


@final
class EndedBadly(Trouble):
    """A watched sequence has failed, run out of time, or was aborted."""

    exit_code = 5


@final
class ReaderGone(Trouble):
    """Whoever read the output has closed it."""

    exit_code = 141


def trouble_of(status: int, message: str) -> Trouble:
    """Return what an HTTP status other than 2xx stands for."""
    if status in UNAUTHORIZED:
        return TokenRefused(message or "The controller refuses the token.")
    if 400 <= status < 500:
        return Refused(message or f"The controller refuses it ({status}).", status=status)
    return Unreachable(message or f"The controller is out of order ({status}).")
