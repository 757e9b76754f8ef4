"""One controller for all tests of the contract, which name their own projects."""

from __future__ import annotations

from collections.abc import Iterator
from secrets import token_hex

import pytest

from tests.e2e.controller.keptn.client import Keptn
from tests.e2e.controller.process import Controller


@pytest.fixture(scope="package")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Controller]:
    """A controller with a token, as Keptn's clients expect."""
    data = tmp_path_factory.mktemp("keptn")
    with Controller(data, "--reaction", "1h", token=token_hex()) as started:
        yield started


@pytest.fixture
def keptn(controller: Controller) -> Iterator[Keptn]:
    """A client of go-utils' that has the token."""
    client = Keptn(controller.url, controller.token)
    yield client
    client.close()
