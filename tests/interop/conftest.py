"""Fixtures of the interoperability tests, and the clean-up before them."""

from __future__ import annotations

import pytest

from tests.interop.lab import remove_leftovers


@pytest.fixture(scope="session", autouse=True)
def _no_leftovers() -> None:
    """A run that was killed could not remove its namespaces; the next one does."""
    remove_leftovers()
