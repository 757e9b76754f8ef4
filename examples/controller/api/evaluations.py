"""The route that triggers an evaluation: of a stretch of time, given in one of Keptn's ways.

Shows: a route that makes a command of something that is no CloudEvent. Leaves out: the evaluation
itself, which is the work of an executor of the task ``evaluation``.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, final
from uuid import uuid4

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from examples.controller.api.projects import ProjectsApi
from examples.controller.api.reading import Refusal, fields_of, sender_of, wrong
from examples.controller.host import Host
from examples.controller.storage.deliveries import instant
from sequencectl import InvalidValue, TriggerSequence, parse_duration

SEQUENCE: Final = "evaluation"
"""What every stage has, whether its shipyard says so or not."""

USUAL: Final = "5m"
"""So much is evaluated, up to now, if nothing is said."""

SHORTEST: Final = timedelta(minutes=1)
_INSTANT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    r"(Z|[+-][0-9]{2}:[0-9]{2})?"
)


@final
class EvaluationsApi:
    """Evaluations are triggered."""

    def __init__(self, host: Host, projects: ProjectsApi, *, actor_header: str = "") -> None:
        self._host = host
        self._actor_header = actor_header
        self._projects = projects

    async def trigger_evaluation(self, request: Request) -> Response:
        """Trigger the evaluation of a service in a stage."""
        project, stage, service = await self._projects.service_of(request)
        fields = await fields_of(request)
        start, end = window(
            start=fields.text("start", default=""),
            end=fields.text("end", default=""),
            timeframe=fields.text("timeframe", default=""),
            now=self._host.now(),
        )
        labels, revision = fields.texts("labels"), fields.text("gitcommitid", default="")
        fields.end()
        context = str(uuid4())
        command = TriggerSequence(
            context,
            stage=stage,
            sequence=SEQUENCE,
            service=service,
            context=context,
            data={
                "evaluation": {"start": instant(start), "end": instant(end)},
                **({"labels": labels} if labels else {}),
            },
            revision=revision or None,
            actor=sender_of(request, self._actor_header),
        )
        outcome = await self._host.handle(project, command)
        return JSONResponse({"keptnContext": context, "outcome": outcome})


def window(*, start: str, end: str, timeframe: str, now: datetime) -> tuple[datetime, datetime]:
    """Return from when to when to evaluate; an empty text is one that is not given.

    A `timeframe` is a duration, from `start` on or up to now; an instant is RFC 3339, in UTC if it
    has no offset. Raises `Refusal` for a combination that says nothing, and for what is no time.
    """
    if end and timeframe:
        raise Refusal(400, "end, timeframe: only one of them may be given")
    if end and not start:
        raise Refusal(400, "start: must be given if there is an end")
    if start and not (end or timeframe):
        raise Refusal(400, "end, timeframe: one of them must be given if there is a start")
    try:
        length = parse_duration(timeframe or USUAL)
        begin = _read(start, "start") if start else now - length
        until = _read(end, "end") if end else begin + length
        return _ordered(begin.astimezone(UTC), until.astimezone(UTC))
    except InvalidValue as error:
        raise Refusal(400, f"timeframe: {error}") from None
    except OverflowError:
        raise Refusal(400, "start, timeframe: must lie within the years 1 to 9999") from None


def _read(given: str, where: str) -> datetime:
    if _INSTANT.fullmatch(given) is not None:
        try:
            at = datetime.fromisoformat(given)
            return at if at.tzinfo else at.replace(tzinfo=UTC)
        except ValueError:  # the 31st of February
            pass
    raise wrong(where, given, "an instant such as 2022-03-01T08:00:00Z")


def _ordered(start: datetime, end: datetime) -> tuple[datetime, datetime]:
    if end - start < SHORTEST:
        raise Refusal(400, f"end: must be at least 1m after the start, {instant(start)}")
    return start, end
