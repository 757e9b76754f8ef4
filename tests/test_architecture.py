"""The modules of the package: who imports whom, without a circle, and doors that have own code.

What the import contracts of ``pyproject.toml`` say of layers cannot see a circle of modules inside
one room, nor a name that is only handed on. Imports within functions and for type checkers count.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import pytest

import sequencectl

SOURCE: Final = Path(sequencectl.__file__).parents[1]
FACES: Final = {
    "sequencectl",
    "sequencectl.testing",
    "sequencectl.testing.exploration",
    "sequencectl.testing.simulation",
}
"""Whence a host imports what is defined elsewhere."""


def parsed(source: Path) -> dict[str, ast.Module]:
    """The modules below a folder by their dotted names."""
    return {
        ".".join(path.relative_to(source).with_suffix("").parts).removesuffix(".__init__"): (
            ast.parse(path.read_text(encoding="utf-8"))
        )
        for path in sorted(source.rglob("*.py"))
    }


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Each name that is imported anywhere in a module, with what it stands for, in full."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((name.asname or name.name, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((name.asname or name.name, f"{node.module}.{name.name}")
                        for name in node.names)  # fmt: skip


def arrows(modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """Which of the modules each of them imports; the door of its own room only if it names it."""
    found = {}
    for module, tree in modules.items():
        named = {full for _, full in imports(tree)}
        targets = {full if full in modules else full.rpartition(".")[0] for full in named}
        found[module] = targets & modules.keys()
    return found


def circle(modules: Mapping[str, ast.Module]) -> list[str]:
    """The modules of a circle of imports, the first one again at the end; none if there is none."""
    try:
        TopologicalSorter(arrows(modules)).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def handed_on(tree: ast.Module) -> set[str]:
    """The names that a module imports and offers, or imports and does not use itself."""
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    offered = {
        name
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
        for name in ast.literal_eval(node.value)
    }
    own = (name for name, full in imports(tree) if not full.startswith("__future__."))
    return {name for name in own if name in offered or name.partition(".")[0] not in used}


def re_exports(source: Path, modules: Mapping[str, ast.Module]) -> dict[str, set[str]]:
    """What the doors of rooms hand on, the faces apart."""
    rooms = {path.parent.relative_to(source) for path in source.rglob("__init__.py")}
    doors = {".".join(room.parts) for room in rooms} - FACES
    return {door: names for door in doors if (names := handed_on(modules[door]))}


def test_no_imports_go_in_a_circle() -> None:
    """Whichever module is loaded first, all that it needs can be loaded before it."""
    assert [] == circle(parsed(SOURCE))


def test_a_door_hands_nothing_on() -> None:
    """A name is taken where it is defined; the faces, which are for hosts, gather names."""
    assert {} == re_exports(SOURCE, parsed(SOURCE))


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Path]:
    """Writes a room of a package, with a door and modules of these texts."""

    def build(**texts: str) -> Path:
        for name, text in {"door": "", **texts}.items():
            path = tmp_path / "shop" / ("__init__.py" if name == "door" else f"{name}.py")
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return tmp_path

    return build


@pytest.mark.parametrize(
    "back",
    [
        "import shop.cart",
        "from shop import cart",
        "from shop.cart import Cart",
        "def pay():\n    from shop.cart import Cart",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from shop.cart import Cart",
    ],
)
def test_a_circle_would_be_found(built: Callable[..., Path], back: str) -> None:
    """Wherever the import stands that closes it, and whatever its form."""
    modules = parsed(built(cart="from shop import till", till=back))

    assert {"shop.cart", "shop.till"} == set(circle(modules))
    assert [] == circle(parsed(built(till="")))


def test_a_circle_through_a_door_would_be_found(built: Callable[..., Path]) -> None:
    """A module may not take from the door what the door takes from it."""
    modules = parsed(built(door="from shop.cart import Cart", cart="from shop import Till"))

    assert {"shop", "shop.cart"} == set(circle(modules))


@pytest.mark.parametrize(
    ("door", "expected"),
    [
        ("from shop.cart import Cart", {"Cart"}),
        ("from shop import cart as basket", {"basket"}),
        ("from shop.cart import Cart\n__all__ = ['Cart', 'Shop']\nclass Shop(Cart): ...", {"Cart"}),
        ("from __future__ import annotations\nfrom shop.cart import Cart\nCART = Cart()", set()),
    ],
)
def test_what_a_door_hands_on_would_be_found(
    built: Callable[..., Path], door: str, expected: set[str]
) -> None:
    """Whatever it does not use itself, and whatever it offers although it is another one's."""
    source = built(door=door, cart="class Cart: ...")

    assert ({"shop": expected} if expected else {}) == re_exports(source, parsed(source))
