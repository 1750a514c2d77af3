"""Makes `pytest conformance/` play the scenarios."""
from parley.conformance import plugin


def pytest_addoption(pluginmanager):
    plugin.register(pluginmanager)
