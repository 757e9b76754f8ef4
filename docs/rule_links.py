"""Makes numbers of rules in pages and docstrings links: "R12" leads to R12 in ``docs/rules.md``.

Code, headings and signatures stay as they are. A number that no rule has is an undefined label, and
so a warning, which the build treats as an error.
"""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any, Final

RULE: Final = re.compile(r"\bR([1-9][0-9]*)\b")
RULES: Final = "rules"
"""The page that has the rules, each as a term of a definition list."""


def parts_of(text: str) -> list[tuple[str, str | None]]:
    """Return a text in parts, each with the label of the rule that it names, or None."""
    parts: list[tuple[str, str | None]] = []
    end = 0
    for found in RULE.finditer(text):
        parts += [(text[end : found.start()], None), (found[0], label_of(found[1]))]
        end = found.end()
    parts.append((text[end:], None))
    return [part for part in parts if part[0]]


def label_of(number: str) -> str:
    """Return the label of a rule, which is its anchor in the page of the rules as well."""
    return f"r{number}"


def link_rules(app: Any, doctree: Any) -> None:
    """Give each rule its anchor and make a link of every number of a rule in a page."""
    nodes, addnodes = import_module("docutils.nodes"), import_module("sphinx.addnodes")
    page = app.env.docname
    if page == RULES:
        _set_anchors(app, list(doctree.findall(nodes.term)))
    plain = (
        nodes.literal, nodes.FixedTextElement, nodes.Invisible, nodes.title, nodes.reference,
        addnodes.pending_xref, addnodes.desc_signature,
    )  # fmt: skip
    for text in list(doctree.findall(nodes.Text)):
        parts = parts_of(text.astext())
        if not any(label for _, label in parts) or _is_within(text, plain):
            continue
        if page == RULES and isinstance(text.parent, nodes.term):
            continue
        text.parent.replace(
            text,
            [
                nodes.Text(part) if label is None else _link(addnodes, nodes, page, part, label)
                for part, label in parts
            ],
        )


def _set_anchors(app: Any, terms: list[Any]) -> None:
    labels = app.env.get_domain("std").anonlabels
    for term in terms:
        if found := RULE.fullmatch(term.astext()):
            label = label_of(found[1])
            term["ids"].append(label)
            labels[label] = (RULES, label)


def _is_within(node: Any, kinds: tuple[type, ...]) -> bool:
    while node is not None:
        if isinstance(node, kinds):
            return True
        node = node.parent
    return False


def _link(addnodes: Any, nodes: Any, page: str, text: str, label: str) -> Any:
    return addnodes.pending_xref(
        "", nodes.inline("", text), refdoc=page, refdomain="std", reftype="ref", reftarget=label,
        refexplicit=True, refwarn=True,
    )  # fmt: skip


def setup(app: Any) -> dict[str, bool]:
    """Link after each page is read."""
    app.connect("doctree-read", link_rules)
    return {"parallel_read_safe": True}
