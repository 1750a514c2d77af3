"""Take the pictures of the desktop client in docs/images: python docs/screenshots.py.

Needs Xvfb, ImageMagick (Debian: apt install xvfb imagemagick) and cryptography. It starts a server of its own, with
accounts and a storage directory, and what is in the pictures is said while they are taken.
"""
import os
import subprocess
import sys
import tempfile
import time
import tkinter

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, ROOT)

from parley.client import Chat, connect, sealing  # noqa: E402
from parley.client.gui.window import Window  # noqa: E402
from parley.conformance.targets import launch  # noqa: E402

IMAGES = os.path.join(ROOT, "docs", "images")
USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}
SECONDS = 15

EARLIER = [("Bob", None, "Good morning, everybody."), ("Charlie", None, "Morning! Is the new build out?"),
           ("Bob", "Alice", "Do you have the figures from yesterday?")]


def under_xvfb():
    """The process of a screen of our own, which DISPLAY names."""
    reading, writing = os.pipe()
    xvfb = subprocess.Popen(["Xvfb", "-displayfd", str(writing), "-screen", "0", "1800x1300x24", "-nolisten", "tcp"],
                            pass_fds=(writing,), stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as told:
        os.environ["DISPLAY"] = ":" + told.readline().strip()
    return xvfb


class Seen:
    """Alice's window."""

    def __init__(self, place, scale):
        self.root = tkinter.Tk()
        self.window = Window(self.root, place, "Alice", scale)
        self.root.geometry("+0+0")

    def until(self, is_so, seconds=SECONDS):
        deadline = time.monotonic() + seconds
        while not is_so():
            if time.monotonic() > deadline:
                sys.exit("It did not come to that.")
            self.root.update()
            time.sleep(0.01)

    def take(self, name):
        # Two ticks, so that what has come is drawn.
        until = time.monotonic() + 0.3
        self.until(lambda: time.monotonic() > until)
        size = "%dx%d+0+0" % (self.root.winfo_width(), self.root.winfo_height())
        subprocess.check_call(["import", "-window", "root", "-crop", size, "+repage", "+dither", "-colors", "64",
                               "-strip", "PNG8:" + os.path.join(IMAGES, "desktop-%s.png" % name)])

    def log_in(self):
        self.window.login.fill("password", USERS["Alice"])
        self.window.login.button.invoke()
        self.until(lambda: self.window.chat_view and self.window.model.open and self.window.model.open.is_loaded)

    def say(self, text):
        self.window.chat_view.entry.insert("1.0", text)
        self.window.chat_view.send.invoke()

    def open(self, name):  # noqa: A003
        self.window.chat_view._open(self.window.model.conversation(name))
        self.until(lambda: self.window.model.open.is_loaded)


class Device:
    """Somebody who seals, and is not seen."""

    def __init__(self, place, name):
        self.chat = Chat(place)
        sealing.give_seals(self.chat, None)
        self.chat.login(name, USERS[name])
        self.settle()

    def settle(self):
        self.chat.flush()
        if not self.chat.finish(SECONDS):
            sys.exit("It did not come to that.")

    def whisper(self, to, text):
        self.chat.whisper(to, text)
        self.settle()


def take_sealed(server, directory):
    """Files and a sealed conversation, over `web`."""
    place = "web://%s:%d" % server.address("web")
    bob = Device(place, "Bob")
    alice = Seen(place, 1)
    alice.log_in()
    bob.chat.seals.turn_on("Alice")
    bob.settle()
    alice.open("Bob")
    alice.say("/seal")
    alice.say("Is the offer here?")
    alice.until(lambda: any(one.is_sealed and not one.state for one in alice.window.model.open.messages))
    paths = [os.path.join(directory, name) for name in ("offer.pdf", "figures.ods")]
    for path, size in zip(paths, (183000, 41200)):
        with open(path, "wb") as file:
            file.write(os.urandom(size))
    bob.whisper("Alice", "It is. For your eyes only, until it is signed:")
    bob.chat.send_file(paths[0], "Alice")
    bob.settle()
    alice.until(lambda: any("offer.pdf" in one.text for one in alice.window.model.open.messages))
    alice.say("Got it. I compared it with *ours* from last year.")
    alice.until(lambda: not alice.window.model.open.messages[-1].state)
    alice.window.model.send_file(paths[1])
    alice.until(lambda: any("was sent to" in one.text for one in alice.window.model.open.messages))
    bob.whisper("Alice", "Opened. We should take it.")
    alice.until(lambda: any("take it" in one.text for one in alice.window.model.open.messages))
    alice.take("sealed")
    alice.window.leave()
    bob.chat.close(0)


def take_all(server):
    place = "%s:%d" % server.address("dollar")
    bob, charlie = (connect("dollar://" + place, name, USERS[name]) for name in ("Bob", "Charlie"))
    people = {"Bob": bob, "Charlie": charlie}
    for name, to, text in EARLIER:
        people[name].whisper(to, text) if to else people[name].say(text)
        people[name].finish()
    alice = Seen(place, 1)
    alice.window.login.entries["password"].focus_force()
    alice.take("login")
    alice.log_in()
    charlie.close()
    alice.say("Yes, since this morning, on `main`. It starts *twice* as fast as the last one, and what was said while "
              "the network was away comes back by itself.")
    bob.say("I saw it.\nThank you, Alice!")
    bob.whisper("Alice", "And lunch at noon?")
    alice.until(lambda: alice.window.model.unread)
    alice.take("lobby")
    alice.window.chat_view._go_to_unread(None)
    alice.until(lambda: alice.window.model.open.is_loaded)
    alice.say("I send them in a minute. Noon is fine.")
    alice.take("conversation")
    bob.join_room("#release")
    bob.topic("#release", "Version 2 on Friday")
    bob.finish()
    alice.say("/join #release")
    alice.until(lambda: alice.window.model.open.partner == "#release" and alice.window.model.open.topic)
    bob.say("Here we are among ourselves.", "#release")
    bob.finish()
    alice.until(lambda: any("among" in message.text for message in alice.window.model.open.messages))
    alice.say("And hear only what matters for the release.")
    bob.say("Alice, can you look at `changes.md` *today*?", "#release")
    bob.finish()
    alice.until(lambda: any("changes.md" in message.text for message in alice.window.model.open.messages))
    bob.say("Has anybody seen Alice?")
    bob.finish()
    alice.until(lambda: alice.window.model.unread)
    alice.take("room")
    alice.window.leave()
    large = Seen(place, 2)
    large.root.focus_force()
    large.log_in()
    large.open("Bob")
    large.take("twice-as-large")
    bob.close(0)
    server.terminate()
    large.until(lambda: large.window.model.connection)
    large.take("away")
    large.window.leave()


def main():
    os.makedirs(IMAGES, exist_ok=True)
    xvfb = under_xvfb()
    try:
        with tempfile.TemporaryDirectory() as directory:
            storage = os.path.join(directory, "storage")
            with launch(protocols=("dollar", "web"), users=USERS, args=["--storage", storage]) as server:
                take_all(server)
            with launch(protocols=("web",), users=USERS, args=["--storage", storage]) as server:
                take_sealed(server, directory)
    finally:
        xvfb.terminate()
        xvfb.wait()


if __name__ == "__main__":
    main()
