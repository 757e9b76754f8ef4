"""What the formats of the document mean, which Schemathesis cannot know."""

import schemathesis
from hypothesis import strategies as st

PRINTABLE = st.text(st.characters(codec="utf-8")).map(
    lambda text: "".join(filter(str.isprintable, text))
)
schemathesis.openapi.format("printable", PRINTABLE)
