#!/usr/bin/env bash
# The urlize filters of Jinja and of Django make links that lead to another place than the address typed.
#
# A scheme is the same in capitals and small letters (RFC 3986, 3.1), and keyboards of phones begin a message with a
# capital: of "Http://example.org/x" Jinja makes a link to https://Http://example.org/x, whose host is "http". A %2F or
# %23 in a path is text, and no border as "/" and "#" are (2.2): Django undoes the percent signs and does not put these
# back, so that group%2Fproject becomes group/project, and the room %23chat the fragment "#chat" of another page. Of
# %E9, which links to old sites have, it makes U+FFFD. linkify-it-py changes nothing.
# Seen with the PyPI packages Jinja2 3.1.6, Django 5.2.19 and linkify-it-py 2.2.0.
# Web pages that show chats or logs: the text of the link is what was typed, only the place is not. Compare the links
# that come out, not only whether there is one.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    Jinja2==3.1.6 Django==5.2.19 linkify-it-py==2.2.0
python3 --version

cat >"$tmp/try.py" <<'PYTHON'
import html, re, sys, urllib.parse

import django.utils.html
import jinja2.utils
import linkify_it


def only(found):
    (one,) = found
    return one


def href(page):
    return html.unescape(only(re.findall('href="([^"]*)"', page)))


MAKERS = {
    "Jinja": lambda text: href(jinja2.utils.urlize(text)),
    "Django": lambda text: href(django.utils.html.urlize(text)),
    "linkify-it-py": lambda text: only(linkify_it.LinkifyIt().match(text)).url,
}
CAPITAL = "Http://example.org/x"
SLASH = "https://example.org/api/group%2Fproject"
HASH = "https://example.org/room/%23chat"
OLD = "https://example.org/caf%E9"
OTHERWISE = {
    ("Jinja", CAPITAL): "https://Http://example.org/x",
    ("Django", CAPITAL): "http://example.org/x",
    ("Django", SLASH): "https://example.org/api/group/project",
    ("Django", HASH): "https://example.org/room/#chat",
    ("Django", OLD): "https://example.org/caf%EF%BF%BD",
}
different = []
for typed in (CAPITAL, SLASH, HASH, OLD):
    print("  %s" % typed)
    for name, make in MAKERS.items():
        link = make("see %s now" % typed)
        print("    %-13s %s" % (name, link))
        expected = OTHERWISE.get((name, typed), typed)
        if link != expected:
            different.append("%s of %s, expected %s" % (name, typed, expected))
if urllib.parse.urlsplit(OTHERWISE["Jinja", CAPITAL]).hostname != "http":
    different.append("the host of Jinja's link")
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: Jinja's link leads to the host \"http\", Django's to other paths."
