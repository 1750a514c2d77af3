"""A small client of the `dollar` protocol, in its JSON form: python examples/dollar_client.py NAME [HOST [PORT]].

The name must be in users.json, which lies beside this file, and the server started with `--users examples/users.json`.
Without a checkout it needs talk.py and users.json in its directory: `parley example talk.py > talk.py`.
"""
import json
import os
import sys

from talk import talk

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "users.json")) as users:
    PASSWORDS = {user["username"]: user["password"] for user in json.load(users)["users"]}


def packet(**fields):
    data = json.dumps(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def login(name):
    if name not in PASSWORDS:
        sys.exit("%s is not in users.json, which has: %s" % (name, ", ".join(PASSWORDS)))
    return packet(purpose="login", username=name, password=PASSWORDS[name])


def heard(read):
    size = int(read(11)[1:])
    return read(size + 1)[:-1].decode()


talk(8080, login, lambda name, text: packet(purpose="send_message", from_user=name, to_user="lobby", message=text),
     heard)
