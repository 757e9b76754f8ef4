"""Properties over random walks, and the naive model they are compared with."""

import pytest

pytest.register_assert_rewrite("tests.properties.twin")
