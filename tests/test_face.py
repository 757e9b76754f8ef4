"""The face of the package: what it hands out."""

from __future__ import annotations

from types import ModuleType

import sequencectl


def test_the_face_is_its_own_list() -> None:
    """Exactly the public names are handed out; they are sorted, and all that is gathered is."""
    gathered = {
        name
        for name, value in vars(sequencectl).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert sorted(sequencectl.__all__) == sequencectl.__all__
    assert gathered == set(sequencectl.__all__)
