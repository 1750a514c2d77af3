#!/usr/bin/env bash
# Converters between the markups of chats: `C:\new` is `C:new`, `2 * 3 * 4` is `2 _ 3 _ 4`, `my_name is ann` is `my`.
#
# XEP-0393 gives XMPP's messages four styles and no way to escape them, so a backslash is a backslash;
# slidge-style-parser, which gateways use for Matrix and Telegram, drops it. In CommonMark a `*` with spaces around it
# is no emphasis (6.2), and nothing in code is (6.1); markdown-to-mrkdwn makes Slack's `_` of both. Discord shows a mark
# without its partner as it is; discord-markdown drops it with all that follows, and takes a `>` for such a mark.
# Seen with the PyPI packages slidge-style-parser 0.3.0, markdown-to-mrkdwn 0.3.3 and discord-markdown 0.4.0.
# Bridges: paths, figures and names are not what was said, and nobody on the other side can know.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    slidge-style-parser==0.3.0 markdown-to-mrkdwn==0.3.3 discord-markdown==0.4.0
echo "slidge-style-parser 0.3.0, markdown-to-mrkdwn 0.3.3, discord-markdown 0.4.0, $(python3 --version)"

cat >"$tmp/try.py" <<'PYTHON'
import contextlib, io, sys

from discord_markdown import discord_markdown
from markdown_to_mrkdwn import SlackMarkdownConverter
from slidge_style_parser import format_for_matrix, format_for_telegram


def for_discord(text):
    with contextlib.redirect_stdout(io.StringIO()):  # it prints what it has found
        return discord_markdown.convert_to_html(text)


CASES = [  # a text, what it means, and what becomes of it
    ("Matrix", lambda text: format_for_matrix(text, []), [
        ("*bold*", "<strong>bold</strong>", "<strong>bold</strong>"),
        (r"C:\new\table", r"C:\new\table", "C:newtable"),
        (r"\\server\share", r"\\server\share", r"\servershare"),
    ]),
    ("Telegram", lambda text: format_for_telegram(text, [])[0], [
        (r"it matches \d+", r"it matches \d+", "it matches d+"),
    ]),
    ("Slack", SlackMarkdownConverter().convert, [
        ("**bold**", "*bold*", "*bold*"),
        ("2 * 3 * 4", "2 * 3 * 4", "2 _ 3 _ 4"),
        ("`a * b * c`", "`a * b * c`", "`a _ b _ c`"),
    ]),
    ("Discord", for_discord, [
        ("**bold**", "<p><b>bold</b></p>", "<p><b>bold</b></p>"),
        ("my_name is ann", "<p>my_name is ann</p>", "<p>my</p>"),
        ("5 * 3 is 15", "<p>5 * 3 is 15</p>", "<p>5 </p>"),
        ("> and so said I", "<p><q> and so said I</q></p>", "<p></p>"),
    ]),
]
different = []
for which, convert, texts in CASES:
    for text, meant, expected in texts:
        seen = convert(text)
        print("  %-9s %-18s %-31s meant %s" % (which, text, seen, meant))
        if seen != expected:
            different.append("%s of %r, expected %r" % (which, text, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: each of three changes or loses a part of a plain text."
