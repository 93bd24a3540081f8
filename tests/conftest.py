"""For every test: the fast ones run first, and no property fails because a machine is slow or a draw unlucky."""

import hypothesis
import pytest

hypothesis.settings.register_profile("vrgen", deadline=None, derandomize=True)
hypothesis.settings.load_profile("vrgen")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: item.get_closest_marker("slow") is not None)
