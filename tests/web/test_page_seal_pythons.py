"""The oldest Python, the newest one here and Chromium seal for each other, all pairs, over a real server."""
import contextlib
import hashlib
import itertools
import os
import select
import subprocess
import time

import pytest
import pythons
from web_server import site

SECONDS = 60
ROOM = "#three"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Terminal:
    """Somebody at the terminal client, run by another Python as its users run it: lines in, lines out."""

    def __init__(self, python, url, name, folder):
        self.name, self._shown, self._partial, self._folder = name, [], b"", folder
        folder.mkdir()
        self._process = subprocess.Popen(
            [python, "-m", "parley.client", url], cwd=str(folder), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, env={**os.environ, "XDG_CONFIG_HOME": str(folder), "PYTHONIOENCODING": "utf-8",
                                           "PYTHONPATH": ROOT})
        self._type("/create %s secret" % name)
        self._until("Nickname set to %s" % name)

    def _type(self, *lines):
        self._process.stdin.write("".join(line + "\n" for line in lines).encode())
        self._process.stdin.flush()

    def _until(self, wanted):
        """Wait until a line ends like this, and forget all up to it."""
        deadline = time.monotonic() + SECONDS
        while True:
            for at, line in enumerate(self._shown):
                if line.endswith(wanted) or wanted + "." in line:
                    del self._shown[:at + 1]
                    return
            assert time.monotonic() < deadline, (self.name, wanted, self._shown)
            if select.select([self._process.stdout], [], [], 1)[0]:
                data = os.read(self._process.stdout.fileno(), 65536)
                assert data, (self.name, "has ended", self._shown)
                *lines, self._partial = (self._partial + data).split(b"\n")
                self._shown += [line.decode() for line in lines]

    def seal_here(self, place):
        self._type(*["/join " + ROOM] * (place == ROOM), "/go " + place, "/seal")
        self._until("What you say %s %s is sealed from now on" % ("in" if place == ROOM else "to", place))

    def say(self, place, text):
        self._type("/go " + place, text)
        self._until("%s (%s) (sealed): %s" % (self.name, ROOM if place == ROOM else "to " + place, text))

    def until_heard(self, place, by, text):
        self._until("%s (%s) (sealed): %s" % (by, ROOM if place == ROOM else "direct", text))

    def send(self, path):
        self._type("/go " + ROOM, "/send %s" % path)
        self._until("%s was sent to %s" % (path.name, ROOM))

    def opened(self, by, path):
        """The SHA-256 of a file that somebody has sent to the room, as it is saved here."""
        self._until("%s (%s) (sealed): [file] %s, 200 kB" % (by, ROOM, path.name))
        self._type("/go " + ROOM, "/save %s" % path.name)
        self._until("%s was saved as ./%s" % (path.name, path.name))
        return hashlib.sha256((self._folder / path.name).read_bytes()).hexdigest()

    def close(self):
        self._process.stdin.close()
        self._process.wait(SECONDS)
        self._process.stdout.close()


class Window:
    """Somebody at the page."""

    def __init__(self, page, url, name):
        self.name, self.page = name, page
        page.open(url)
        page.until("document.getElementById('enter')?.checkVisibility()")
        page.run("document.getElementById('make').checked = true; document.getElementById('name').select()")
        page.keys(name, "\ue004", "secret", "\ue007")
        page.until("document.getElementById('composer').checkVisibility()")

    def seal_here(self, place):
        self.page.go(place)
        self.page.click("#seal-button")
        self.page.until("document.getElementById('seal-button').getAttribute('aria-pressed') === 'true'")

    def say(self, place, text):
        self.page.go(place)
        self.page.say(text)
        self.until_heard(place, self.name, text)

    def until_heard(self, place, by, text):
        self.page.go(place)
        self.page.until(
            "[...document.querySelectorAll('#rows .message:not(.waiting)')].some((row) =>"
            " row.querySelector('.said').textContent === arguments[0] && row.textContent.includes('sealed')"
            " && row.querySelector('bdi').textContent === arguments[1])", text, by)

    def send(self, path):
        self.page.go(ROOM)
        self.page.choose(path)
        self._until_shown(path)

    def _until_shown(self, path):
        self.page.until("[...document.querySelectorAll('#rows .message:not(.waiting) .file bdi')].some((name) =>"
                        " name.textContent === arguments[0])", path.name)

    def opened(self, by, path):
        self.page.go(ROOM)
        self._until_shown(path)
        return self.page.saved_by("[...document.querySelectorAll('#rows .file')].find((file) => file.textContent"
                                  ".startsWith('%s')).querySelector('button').click()" % path.name)[2]

    def close(self):
        assert self.page.wrongs() == []


def parties():
    """({what: Python or None for the browser} of those that are here, sentences about those that are not)."""
    found, missing = {}, []
    versions = pythons.interpreters()
    newest = max(versions, default=pythons.OLDEST)
    if pythons.OLDEST not in versions:
        missing.append("Python %d.%d is not installed" % pythons.OLDEST)
    if newest == pythons.OLDEST:
        missing.append("no newer Python is installed")
    for version in sorted({pythons.OLDEST, newest} & set(versions)):
        found["python%d%d" % version] = pythons.that_seals(version, versions[version])
    try:
        import browser  # and Selenium, for a while
        reason = browser.missing()
    except ImportError:
        reason = "Selenium is not installed"
    if reason:
        missing.append(reason)
    else:
        found["chromium"] = None
    return found, missing


@pytest.mark.long
@pytest.mark.slow
def test_the_oldest_and_the_newest_python_and_chromium_seal_for_each_other(request, tmp_path):
    found, missing = parties()
    people = []
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(site(storage={"directory": str(tmp_path / "storage")}))
        for name, python in found.items():
            if python:
                people.append(Terminal(python, "web://%s:%d" % server.address("web"), name, tmp_path / name))
            else:
                people.append(Window(request.getfixturevalue("open_page")(), server.url, name))
            stack.callback(people[-1].close)
        for one in people:
            one.seal_here(ROOM)
        for one, other in itertools.permutations(people, 2):
            one.seal_here(other.name)
        for one, other in itertools.permutations(people, 2):
            text = "%s for %s" % (one.name, other.name)
            one.say(other.name, text)
            other.until_heard(one.name, one.name, text)
        for one in people:
            text = "%s for all" % one.name
            one.say(ROOM, text)
            for other in people:
                if other is not one:
                    other.until_heard(ROOM, one.name, text)
            path = tmp_path / ("of %s.bin" % one.name)
            path.write_bytes(os.urandom(200000))
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            one.send(path)
            for other in people:
                assert other is one or other.opened(one.name, path) == digest
    if missing:
        pytest.skip("these have sealed for each other: %s; left out: %s" % (", ".join(found), "; ".join(missing)))
