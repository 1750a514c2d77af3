"""The scenarios that come with the suite."""
from parley.conformance import coverage, loader, requirements


def scenarios_of(*protocols):
    """{"protocol/scenario": scenario}"""
    return {"%s/%s" % (protocol, scenario.name): scenario for protocol in protocols
            for path in coverage.scenario_paths(protocol)
            for scenario in [loader.load(path, requirements.available_to)]}
