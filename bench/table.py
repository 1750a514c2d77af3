"""What was measured, as Markdown tables: medians, with the least and the most in brackets."""
import statistics


def figure(values, scale=1):
    """The median of some measurements, and their spread."""
    if not values:
        return "-"
    low, middle, high = (_short(value * scale) for value in (min(values), statistics.median(values), max(values)))
    return middle if low == high else "%s [%s-%s]" % (middle, low, high)


def ratio(values, others):
    """How many times the median of others."""
    return "%.2f" % (statistics.median(values) / statistics.median(others)) if values and others else "-"


def table(head, rows):
    """Its lines."""
    return ["| %s |" % " | ".join(row) for row in (head, ["---"] * len(head), *rows)]


def _short(value):
    """Three digits, as far as there are any."""
    return "%.0f" % value if value >= 99.95 else "%.1f" % value if value >= 9.995 else "%.2f" % value if (
        value >= 0.9995) else "%.3f" % value
