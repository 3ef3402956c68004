"""The certificate authority of this folder's tests."""

import pytest

from tests.health.certificates import Authority


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One for all tests: making keys takes time."""
    return Authority.new(tmp_path_factory.mktemp("ca"))
