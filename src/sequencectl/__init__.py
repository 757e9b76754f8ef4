"""Decide how delivery sequences run: queue, pause, resume, abort and time limits, without side
effects.

Begin with `ControlPlane`; ``docs/rules.md`` says what it decides. The public names stand in
``_face.__all__``. They are loaded when the first of them is asked for: a program that imports the
package and may not need it, say a command line that prints its help, does not wait for it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sequencectl._face import *  # noqa: F403 - its `__all__` is kept by hand
    from sequencectl._face import __all__ as __all__


def __getattr__(name: str) -> Any:
    """Return a public name, and load everything for the first one.

    Our own modules must not come here while they are loaded: they import each other's names from
    where they are, or the module itself as something.
    """
    if name == "__all__" or not name.startswith("_"):
        face = import_module("sequencectl._face")
        if name == "__all__" or name in getattr(face, "__all__", ()):
            value = globals()[name] = getattr(face, name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *import_module("sequencectl._face").__all__})
