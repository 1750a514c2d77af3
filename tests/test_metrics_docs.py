"""The documentation of the metrics, and the dashboard: they know the metrics that there are, and no other."""
import json
import os
import re

from parley.server.http.metrics import FAMILIES
from tools import metrics_table

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DASHBOARD = os.path.join(ROOT, "examples", "grafana.json")
NAMES = {family.name + ending for family in FAMILIES
         for ending in (("_bucket", "_sum", "_count") if family.kind == "histogram" else ("",))}
LABELS = {label for family in FAMILIES for label in family.labels} | {"le", "instance", "job"}
OF_AN_EXPRESSION = re.compile(r"\bby \(([^)]*)\)|\{([^}]*)\}")


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def expressions():
    dashboard = json.loads(read(DASHBOARD))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"]
    yield from re.findall(r"(?m)^ +expr: (.*)$", read(metrics_table.PAGE))


def labels(expression):
    """The names of labels in an expression."""
    for grouped, selected in OF_AN_EXPRESSION.findall(expression):
        for part in (grouped or selected).split(","):
            yield re.split("[=!]", part)[0].strip()


def test_the_table_of_metrics_is_what_the_server_declares():
    text = read(metrics_table.PAGE)
    assert metrics_table.HEAD in text
    assert metrics_table.with_table(text) == text, "run python tools/metrics_table.py"


def test_dashboard_and_alerts_ask_for_nothing_that_is_not_told():
    found = list(expressions())
    assert len(found) > 30
    for expression in found:
        names = set(re.findall(r"\bparley_\w+", expression))
        assert names <= NAMES, expression
        assert names or expression.startswith("up{"), expression
        assert set(labels(expression)) <= LABELS, expression


def test_the_dashboard_shows_every_metric():
    shown = " ".join(expressions())
    assert [family.name for family in FAMILIES if not re.search(r"\b%s(_bucket|\b)" % family.name, shown)] == [
        "parley_build_info", "parley_accounts", "parley_http_connections"]


def test_the_dashboard_names_each_panel_and_each_once():
    panels = json.loads(read(DASHBOARD))["panels"]
    assert len({panel["id"] for panel in panels}) == len({panel["title"] for panel in panels}) == len(panels)
    for panel in panels:
        places = [target["refId"] for target in panel["targets"]]
        assert len(places) == len(set(places))
