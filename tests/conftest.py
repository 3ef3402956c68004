"""What every test shares: the hypothesis profiles, and interop tests after all others.

The profile is `default`, or the one that the environment variable HYPOTHESIS_PROFILE names. None has a
deadline: a slow machine is not a bug.
"""

import os

import pytest
from hypothesis import settings

# Every profile states all it changes: a new profile starts from the one in force, which differs under CI.
settings.register_profile("default", max_examples=50, deadline=None, derandomize=False)
settings.register_profile("ci", max_examples=200, deadline=None, derandomize=False, print_blob=True)
settings.register_profile("thorough", max_examples=5000, deadline=None, derandomize=False, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Unit tests first: a broken codec explains a failed interop test, not the other way round."""
    items.sort(key=lambda item: item.get_closest_marker("interop") is not None)
