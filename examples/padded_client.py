"""A small client of the `padded` protocol: python examples/padded_client.py NAME [HOST [PORT]].

Without a checkout it needs talk.py in its directory: `parley example talk.py > talk.py`.
"""
import time

from talk import talk


def message(name, text):
    body = ("%s %s: %s" % (time.strftime("[%I:%M %p]"), name, text)).encode()
    return str(len(body)).encode().ljust(64) + body


talk(5050, lambda name: b"", message, lambda read: read(None).decode())
