"""Write the table of all metrics into docs/metrics.md, as the server declares them: python tools/metrics_table.py."""
import os
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from parley.server.http.metrics import FAMILIES  # noqa: E402

PAGE = os.path.join(ROOT, "docs", "metrics.md")
HEAD = "| name | kind | labels | what it says |\n|---|---|---|---|\n"


def with_table(text):
    """The page with the table as it has to be."""
    prose = text.partition(HEAD)[0]
    rows = ["| `%s` | %s | %s | %s |\n" % (
        family.name, family.kind, ", ".join("`%s`" % label for label in family.labels), family.text)
        for family in FAMILIES]
    return prose + HEAD + "".join(rows)


def main():
    with open(PAGE, encoding="utf-8") as file:
        text = file.read()
    with open(PAGE, "w", encoding="utf-8") as file:
        file.write(with_table(text))


if __name__ == "__main__":
    main()
