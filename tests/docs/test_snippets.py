"""Every Python snippet of the README and the documentation runs."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(path: Path) -> list[str]:
    """The Python blocks of a page, each padded so that a traceback names the page's line."""
    text = path.read_text(encoding="utf-8")
    return ["\n" * text.count("\n", 0, b.start(1)) + b.group(1) for b in BLOCK.finditer(text)]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("path", [page for page in PAGES if snippets(page)], ids=lambda p: p.name)
def test_the_snippets_of_a_page_run(path: Path) -> None:
    """Read from top to bottom, as one program, the blocks of a page raise nothing."""
    names = {"__name__": path.stem}

    for snippet in snippets(path):
        exec(compile(snippet, str(path), "exec", dont_inherit=True), names)


def test_no_snippet_is_left_out() -> None:
    """Each fence that begins a Python block does so in the one way that is searched for."""
    fences = [
        fence
        for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))
        for fence in re.findall(
            r"^[ \t]*```+ *\S*py.*$", page.read_text(encoding="utf-8"), re.MULTILINE
        )
    ]

    assert {"```python"} == set(fences)
    assert len(fences) == sum(len(snippets(page)) for page in PAGES)


def test_the_readme_has_a_snippet() -> None:
    """The search for blocks finds the example a reader meets first."""
    assert len(snippets(ROOT / "README.md")) >= 1
