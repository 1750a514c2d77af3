#!/usr/bin/env bash
# Two Markdown libraries make a link to an IPv6 address one that no browser opens.
#
# The brackets around an IPv6 address are part of a URL's syntax (RFC 3986, 3.2.2). mistune and commonmark write %5B and
# %5D for every bracket, also in `[wiki](http://[::1]:8080/)` and `<http://[::1]:8080/>`, and browsers, as Node's class
# URL shows, do not take that for an address. A path with brackets is right in either form, so that it is seen with such
# a host only. Four others leave the host alone.
# Seen with the PyPI packages mistune 3.4.0, commonmark 0.9.2, Markdown 3.11.3, markdown-it-py 4.3.0, mistletoe 1.6.0
# and markdown2 2.5.5, and Node 20.
# Whoever runs a server on an IPv6 address without a name and writes it in a welcome, a topic or a manual: the link
# looks right, and a click on it does nothing.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v node >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    mistune==3.4.0 commonmark==0.9.2 Markdown==3.11.3 markdown-it-py==4.3.0 mistletoe==1.6.0 markdown2==2.5.5
echo "$(python3 --version), Node $(node --version)"

cat >"$tmp/try.py" <<'PYTHON'
import html, re, subprocess, sys

import commonmark
import markdown
import markdown2
import markdown_it
import mistletoe
import mistune

TYPED = "http://[::1]:8080/"
QUOTED = "http://%5B::1%5D:8080/"
OPENS = "try { new URL(process.argv[1]); console.log('opens') } catch (error) { console.log(error.message) }"
LIBRARIES = {
    "mistune": (mistune.html, QUOTED),
    "commonmark": (commonmark.commonmark, QUOTED),
    "Markdown": (markdown.markdown, TYPED),
    "markdown-it-py": (markdown_it.MarkdownIt().render, TYPED),
    "mistletoe": (mistletoe.markdown, TYPED),
    "markdown2": (markdown2.markdown, TYPED),
}
different = []
for name, (render, expected) in LIBRARIES.items():
    links = [html.unescape(link) for link in re.findall('href="([^"]*)"', render("<%s>" % TYPED))]
    told = [subprocess.check_output(["node", "-e", OPENS, link], text=True, timeout=20).strip() for link in links]
    print("  %-15s %-24s %s" % (name, *links, *told))
    if links != [expected] or told != ["opens" if expected == TYPED else "Invalid URL"]:
        different.append("%s, expected %s" % (name, expected))
for name in ("mistune", "commonmark", "Markdown", "markdown-it-py", "mistletoe"):  # markdown2 finds no link in it
    render, expected = LIBRARIES[name]
    if 'href="%s"' % expected not in render("[wiki](%s)" % TYPED):
        different.append("%s, of [wiki](...) expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py"
echo "As told: two of six write brackets as %5B and %5D, and that is no address."
