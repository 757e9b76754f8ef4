"""Documents of deliveries, folded from what happened as the journal folds them."""

from __future__ import annotations

from collections.abc import Iterable

from examples.controller.storage.cloudevents import history_of
from examples.controller.storage.deliveries import Document, begin, mention, tell
from sequencectl import Event
from sequencectl.events import SequenceTriggered


def folded(events: Iterable[Event]) -> dict[str, Document]:
    """The documents of all contexts after these events."""
    documents: dict[str, Document] = {}
    for event in events:
        context = event.subject.context
        if context not in documents and isinstance(event, SequenceTriggered):
            documents[context] = begin(event)
        if context in documents:
            tell(documents[context], event)
            written = history_of(event)
            if written is not None:
                mention(documents[context], written)
    return documents
