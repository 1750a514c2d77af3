"""The figures in docs/protocols/ are those of the code."""
import os
import re

from cases import for_each

from parley.server.chat import names, presence, sessions
from parley.server.chat.session import logins
from parley.server.config.settings import defaults
from parley.server.files import shelf
from parley.server.protocols import binary, delimited, irc, irc_words, line, padded, web
from parley.server.storage import pages
from parley.server.worker import loop

FOLDER = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "docs", "protocols")
LIMITS = defaults().limits

FIGURES = [
    ("binary", "S17", "at most %d bytes of it", binary.LONGEST_NAME),
    ("delimited", "S27", "the length of the data: %d bytes", delimited.LENGTH_BYTES),
    ("irc", "S8", "A line of up to %d bytes without its tags", LIMITS["line_bytes"]),
    ("irc", "S9", "Tags of up to %d bytes", irc.LONGEST_CLIENT_TAGS),
    ("irc", "S29", "up to %d characters", irc_words.LONGEST_NICK),
    ("irc", "S104", "at most %d bytes", irc_words.LONGEST_LINE),
    ("line", "S111", "The idle timeout is %d seconds", line.IDLE_TIMEOUT),
    ("line", "S126", "1 to %d bytes", logins.LONGEST_PASSWORD),
    ("line", "S132", "%d messages", line.LONGEST_HISTORY),
    ("line", "S132", "%d KiB", pages.MOST_BYTES >> 10),
    ("padded", "S18", "First %d bytes are read", padded.HEADER_BYTES),
    ("web", "S12", "The port is %d", web.PORT),
    ("web", "S17", "at most %d KiB long", web.LONGEST_MESSAGE >> 10),
    ("web", "S17", "is above %d", (web.LONGEST_MESSAGE - web.AROUND_TEXT) // 3),
    ("web", "S17", "three times that limit and %d bytes", web.AROUND_TEXT),
    ("web", "S22", "nothing for %d seconds", loop.HEARTBEAT),
    ("web", "S29", "at most %d characters", web.LONGEST_LABEL),
    ("web", "S42", "1 to %d printable characters", names.LONGEST),
    ("web", "S48", "1 to %d bytes", logins.LONGEST_PASSWORD),
    ("web", "S61", "at most %d characters", web.LONGEST_TAG),
    ("web", "S61", "The last %d tags", sessions.MOST_TAGS),
    ("web", "S66", "at most %d names", presence.MOST_WATCHED),
    ("web", "S68", "at most %d, oldest first", pages.MOST_BROWSED),
    ("web", "S74", "at most %d, so that", pages.MOST_MARKERS),
    ("web", "S91", "of each room, at most %d", sessions.MOST_ROOMS),
    ("web", "S94", "more than %d messages", pages.MOST_MISSED),
    ("web", "S94", "the last %d are told", pages.MOST_BEHIND_GAP),
    ("web", "S101", "%d hexadecimal digits", 2 * shelf.ID_BYTES),
    ("web", "S101", "at most %d bytes", web.LONGEST_FILE_NAME),
]


def statement(document, number):
    """The text of a numbered statement of a document."""
    with open(os.path.join(FOLDER, document + ".md"), encoding="utf-8") as file:
        found = re.search(r"^\| %s \|[^|]*\|(.*)\|$" % number, file.read(), re.MULTILINE)
    return found.group(1)


@for_each("document, number, words, figure", FIGURES)
def test_a_figure_of_a_document_is_that_of_the_code(document, number, words, figure):
    assert words % figure in statement(document, number)
