"""How the commands print: lines, tables, times."""
import sys
import time


def print_line(text):
    """Print a line, with characters escaped that this terminal cannot show."""
    sys.stdout.buffer.write(text.encode(sys.stdout.encoding, "backslashreplace") + b"\n")
    sys.stdout.flush()


def print_table(rows):
    """See `table`."""
    for line in table(rows):
        print_line(line)


def table(rows):
    """Lines for rows of values. The first row has the headings. Texts are aligned left, numbers right."""
    widths = [max(len(str(row[place])) for row in rows) for place in range(len(rows[0]))]
    numeric = [all(_is_number(row[place]) for row in rows[1:]) for place in range(len(rows[0]))]
    for row in rows:
        yield "  ".join(str(value).rjust(width) if right else str(value).ljust(width)
                        for value, width, right in zip(row, widths, numeric)).rstrip()


def _is_number(value):
    return str(value).replace(".", "", 1).isdigit()


def format_time(seconds):
    """Local time, for seconds since the epoch; the bare seconds if this machine cannot convert them."""
    try:
        return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))
    except (OverflowError, ValueError, OSError):
        return "%d s" % seconds


def format_day(seconds):
    return "-" if seconds is None else format_time(seconds)[:len("2026-01-31")]
