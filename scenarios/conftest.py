"""Makes `pytest scenarios/line/some.scenario.yaml` work as well."""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from parley.conformance import plugin  # noqa: E402


def pytest_addoption(pluginmanager):
    plugin.register(pluginmanager)
