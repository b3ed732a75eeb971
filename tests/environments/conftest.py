"""A world for episodes, with one keeper of sessions for all tests."""

from collections.abc import Iterator

import pytest

from veriward.environments.local import LocalWorld


@pytest.fixture(scope="session")
def world() -> Iterator[LocalWorld]:
    """Starts nothing before something is asked of it."""
    with LocalWorld() as opened:
        yield opened
