"""The file with users and their passwords."""
import functools
from collections import namedtuple

from parley.server.config.json_file import JsonFile
from parley.server.config.values import ConfigError

EXPECTED = '{"users": [{"username": "...", "password": "..."}, ...]}'


# Name and password are bytes, the secret is str; one of the two is None. error: see `JsonFile.error`, about this user.
User = namedtuple("User", "name password secret error")


def users(path):
    """The `User`s of a users file; ConfigError if it has another form.

    The form is document 004's: {"users": [{"username": ..., "password": ...}, ...]}. An entry may have a "secret", the
    hash of a password, instead of the password.
    """
    try:
        with open(path, "rb") as file:
            content = JsonFile(path, file.read(), EXPECTED)
    except OSError as error:
        raise ConfigError("%s: %s" % (path, error.strerror)) from None
    return [_user(content, *entry) for entry in content.entries("users")]


def _user(content, *entry):
    name, password, secret = content.text(*entry, "username"), None, None
    if content.has(*entry, "password") == content.has(*entry, "secret"):
        raise content.error(entry, "%s needs either a \"password\" or a \"secret\"; expected %s" % (
            content.told((*entry, "username")), EXPECTED))
    if content.has(*entry, "password"):
        password = content.text(*entry, "password")
    else:
        secret = content.text(*entry, "secret").decode()
    return User(name, password, secret, functools.partial(content.error, entry))
