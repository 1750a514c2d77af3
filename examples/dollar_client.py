"""A small client of the `dollar` protocol, in its JSON form: python examples/dollar_client.py NAME [HOST [PORT]].

The name must be in examples/users.json, and the server started with `--users examples/users.json`.
"""
import json
import os

from _talk import talk

with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "users.json")) as users:
    PASSWORDS = {user["username"]: user["password"] for user in json.load(users)["users"]}


def packet(**fields):
    data = json.dumps(fields).encode()
    return b"$%-10d%b$" % (len(data), data)


def heard(read):
    size = int(read(11)[1:])
    return read(size + 1)[:-1].decode()


talk(8080, lambda name: packet(purpose="login", username=name, password=PASSWORDS[name]),
     lambda name, text: packet(purpose="send_message", from_user=name, to_user="lobby", message=text), heard)
