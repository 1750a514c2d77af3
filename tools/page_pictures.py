"""Take the pictures of the page in docs/images: python tools/page_pictures.py.

Needs Chromium with its driver (Debian: apt install chromium chromium-driver) and Selenium. It starts a server of its
own, and what is in the pictures is said while they are taken.
"""
import os
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path[:0] = [ROOT, os.path.join(ROOT, "tests", "web")]

from browser import Page, missing, running  # noqa: E402
from web_server import site  # noqa: E402

from parley.client import connect  # noqa: E402

IMAGES = os.path.join(ROOT, "docs", "images")

PASSWORD = "secret"

# Who says what in which room, by which protocol.
PEOPLE = {"mara": "line", "Jonas": "dollar", "Yusuf": "binary", "\u00c9lodie": "padded"}
TALK = [
    ("mara", None, "Good morning! Did anybody get problem 3 to work?"),
    ("Yusuf", None, "Nearly. Energy first, *then* the period."),
    ("Jonas", None, "```\ndef period(length, g=9.81):\n    return 2 * pi * sqrt(length / g)\n```"),
    ("mara", None, "Ah, so `m` cancels out!"),
    ("Jonas", None, "> did anybody get problem 3 to work?\nYes. What helped me:\n- draw the forces first\n"
                    "- then read https://en.wikipedia.org/wiki/Pendulum_(mechanics)"),
    ("\u00c9lodie", None, "Is the lab still on Thursday?"),
    ("mara", None, "Yes, ten o'clock. ann, can you bring the long ruler?"),
    ("mara", "#physics", "Please write your results into the table"),
    ("Yusuf", "#physics", "ann: yours are missing"),
]
TOPIC = "Lab on Thursday, bring goggles"


def take(page, name):
    time.sleep(0.5)  # what moves comes to rest
    page.run("document.activeElement.blur()")  # no caret that is there or not
    page.picture(os.path.join(IMAGES, name + ".png"))
    print(name)


def main():
    reason = missing()
    if reason:
        sys.exit(reason)
    with site({"ann": PASSWORD, "Jonas": PASSWORD, "root": PASSWORD}) as server, running() as driver:
        chats = {}
        try:
            door = Page(driver, size="phone")
            door.open(server.url)
            door.until("document.getElementById('enter')?.checkVisibility()")
            door.run("document.getElementById('name').value = 'ann'")
            take(door, "page-door")
            ann = Page(driver)
            ann.enter(server.url, "ann", PASSWORD)
            ann.go("#physics")
            ann.go("#lobby")
            for name, protocol in PEOPLE.items():
                chats[name] = connect("%s://%s:%d" % (protocol, *server.address(protocol)), name,
                                      PASSWORD if protocol == "dollar" else None)
            for name in ("mara", "Yusuf"):
                chats[name].join_room("#physics")
            for count, (name, room, text) in enumerate(TALK, 1):
                chats[name].say(text, **({"room": room} if room else {}))
                ann.until("document.querySelector('#rooms .count:not([hidden])')"
                          if room else "document.querySelectorAll('#rows .message').length >= %d" % count)
            chats["Jonas"].whisper("ann", "Shall we share a table?")
            ann.until("document.querySelector('#people .count.call:not([hidden])')")
            take(ann, "page-desk")
            ann.media(dark=True)
            ann.size(390, 780, scale=1.5, touch=True)
            take(ann, "page-phone")
        finally:
            for chat in chats.values():
                chat.close()


if __name__ == "__main__":
    main()
