"""The types of `keptn/go-utils` 0.20.4 into which the answers of a controller are decoded.

Names and types are those of ``pkg/api/models``, and of ``pkg/lib/v0_2_0`` for the data of events.
"""

from __future__ import annotations

from typing import Any, Final

from tests.e2e.controller.keptn.go import (
    ANYTHING,
    BOOL,
    FLOAT64,
    INT64,
    STRING,
    TIME,
    Map,
    Pointer,
    Slice,
    Struct,
    Type,
)


def _page(
    name: str, entries: str, of: Type[Any], key: Type[Any] = STRING, count: Type[Any] = FLOAT64
) -> Struct:
    counts = {"nextPageKey": key, "pageSize": count, "totalCount": count}
    return Struct(name, **{entries: Slice(of), **counts})


ERROR: Final = Struct("Error", code=INT64, message=Pointer(STRING))
EVENT_CONTEXT: Final = Struct("EventContext", keptnContext=Pointer(STRING))
METADATA: Final = Struct(
    "Metadata",
    automaticprovisioning=Pointer(BOOL),
    bridgeversion=STRING,
    keptnlabel=STRING,
    keptnservices=ANYTHING,
    keptnversion=STRING,
    namespace=STRING,
    shipyardversion=STRING,
)

# ---------------------------------------------------------------- projects, stages, services
EVENT_CONTEXT_INFO: Final = Struct(
    "EventContextInfo", eventId=STRING, keptnContext=STRING, time=STRING
)
APPROVAL: Final = Struct(
    "Approval", eventId=STRING, image=STRING, keptnContext=STRING, tag=STRING, time=STRING
)
REMEDIATION: Final = Struct(
    "Remediation", action=STRING, eventId=STRING, keptnContext=STRING, time=STRING, type=STRING
)
_SERVICE: Final = Struct(
    "Service",
    creationDate=STRING,
    deployedImage=STRING,
    lastEventTypes=Map(EVENT_CONTEXT_INFO),
    serviceName=STRING,
)
SERVICE: Final = Struct("Service", _SERVICE, openApprovals=Slice(Pointer(APPROVAL)))
EXPANDED_SERVICE: Final = Struct(
    "ExpandedService", _SERVICE, openRemediations=Slice(Pointer(REMEDIATION))
)
STAGE: Final = Struct("Stage", services=Slice(Pointer(SERVICE)), stageName=STRING)
EXPANDED_STAGE: Final = Struct(
    "ExpandedStage",
    lastEventContext=Pointer(EVENT_CONTEXT_INFO),
    services=Slice(Pointer(EXPANDED_SERVICE)),
    stageName=STRING,
    parentStages=Slice(STRING),
)
_PROXY: Final = Struct("ProxyGitAuth", url=STRING, scheme=STRING, user=STRING, password=STRING)
_HTTPS: Final = Struct(
    "HttpsGitAuth", token=STRING, certificate=STRING, insecureSkipTLS=BOOL, proxy=Pointer(_PROXY)
)
_SSH: Final = Struct("SshGitAuth", privateKey=STRING, privateKeyPass=STRING)
GIT_CREDENTIALS: Final = Struct(
    "GitAuthCredentials",
    remoteURL=STRING,
    user=STRING,
    https=Pointer(_HTTPS),
    ssh=Pointer(_SSH),
)
_PROJECT: Final = Struct(
    "Project",
    creationDate=STRING,
    projectName=STRING,
    shipyardVersion=STRING,
    gitCredentials=Pointer(GIT_CREDENTIALS),
)
PROJECT: Final = Struct("Project", _PROJECT, stages=Slice(Pointer(STAGE)))
EXPANDED_PROJECT: Final = Struct(
    "ExpandedProject",
    _PROJECT,
    lastEventContext=Pointer(EVENT_CONTEXT_INFO),
    shipyard=STRING,
    stages=Slice(Pointer(EXPANDED_STAGE)),
    isUpstreamAutoProvisioned=BOOL,
)
DELETED: Final = Struct("DeleteProjectResponse", message=STRING)
PROJECTS: Final = _page("Projects", "projects", Pointer(PROJECT))
STAGES: Final = _page("Stages", "stages", Pointer(STAGE))
SERVICES: Final = _page("Services", "services", Pointer(SERVICE))

# ---------------------------------------------------------------- events
EVENT: Final = Struct(
    "KeptnContextExtendedCE",
    contenttype=STRING,
    data=ANYTHING,
    extensions=ANYTHING,
    id=STRING,
    shkeptncontext=STRING,
    shkeptnspecversion=STRING,
    source=Pointer(STRING),
    specversion=STRING,
    time=TIME,
    triggeredid=STRING,
    gitcommitid=STRING,
    type=Pointer(STRING),
)
EVENTS: Final = _page("Events", "events", Pointer(EVENT))
EVENT_DATA: Final = Struct(
    "EventData",
    project=STRING,
    stage=STRING,
    service=STRING,
    labels=Map(STRING),
    status=STRING,
    result=STRING,
    message=STRING,
)
APPROVAL_TRIGGERED_DATA: Final = Struct(
    "ApprovalTriggeredEventData",
    EVENT_DATA,
    approval=Struct("Approval", **{"pass": STRING, "warning": STRING}),
)
EVALUATION_TRIGGERED_DATA: Final = Struct(
    "EvaluationTriggeredEventData",
    EVENT_DATA,
    test=Struct("Test", start=STRING, end=STRING),
    evaluation=Struct("Evaluation", start=STRING, end=STRING, timeframe=STRING),
    deployment=Struct("Deployment", deploymentNames=Slice(STRING)),
)

# ---------------------------------------------------------------- sequences
_STATE_EVENT: Final = Struct("SequenceStateEvent", type=STRING, id=STRING, time=STRING)
STATE: Final = Struct(
    "SequenceState",
    name=STRING,
    service=STRING,
    project=STRING,
    time=STRING,
    shkeptncontext=STRING,
    state=STRING,
    problemTitle=STRING,
    stages=Slice(
        Struct(
            "SequenceStateStage",
            name=STRING,
            image=STRING,
            state=STRING,
            latestEvaluation=Pointer(
                Struct("SequenceStateEvaluation", result=STRING, score=FLOAT64)
            ),
            latestEvent=Pointer(_STATE_EVENT),
            latestFailedEvent=Pointer(_STATE_EVENT),
        )
    ),
)
STATES: Final = _page("SequenceStates", "states", STATE, key=INT64, count=INT64)

# ---------------------------------------------------------------- registrations and logs
SUBSCRIPTION: Final = Struct(
    "EventSubscription",
    id=STRING,
    event=STRING,
    filter=Struct(
        "EventSubscriptionFilter",
        projects=Slice(STRING),
        stages=Slice(STRING),
        services=Slice(STRING),
    ),
)
INTEGRATION: Final = Struct(
    "Integration",
    id=STRING,
    name=STRING,
    metadata=Struct(
        "MetaData",
        hostname=STRING,
        integrationversion=STRING,
        distributorversion=STRING,
        location=STRING,
        kubernetesmetadata=Struct(
            "KubernetesMetaData", namespace=STRING, podname=STRING, deploymentname=STRING
        ),
        lastseen=TIME,
    ),
    subscriptions=Slice(SUBSCRIPTION),
)
MADE: Final = Struct("RegisterIntegrationResponse", id=STRING)
LOG: Final = Struct(
    "LogEntry",
    integrationid=STRING,
    message=STRING,
    time=TIME,
    shkeptncontext=STRING,
    task=STRING,
    triggeredid=STRING,
    gitcommitid=STRING,
)
SUBSCRIPTIONS: Final = Slice(SUBSCRIPTION)
INTEGRATIONS: Final = Slice(Pointer(INTEGRATION))
LOGS: Final = _page("GetLogsResponse", "logs", LOG, key=INT64, count=INT64)
