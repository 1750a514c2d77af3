"""The file with users and their passwords."""
import json

from parley.server.config.values import ConfigError


def users(path):
    """[(name, password, secret)] from a users file; ConfigError if it has another form.

    The form is document 004's: {"users": [{"username": ..., "password": ...}, ...]}. An entry may have a "secret", the
    hash of a password, instead of the password. Name and password are bytes, the secret is str; one of the two is None.
    """
    try:
        with open(path, encoding="utf-8") as file:
            entries = json.load(file)["users"]
        return [_user(entry) for entry in entries]
    except OSError as error:
        raise ConfigError("%s: %s" % (path, error.strerror)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError('%s: expected {"users": [{"username": "...", "password": "..."}]}, not this: %s'
                          % (path, error)) from None


def _user(entry):
    if ("password" in entry) == ("secret" in entry):
        raise ValueError("%r needs either a password or a secret" % (entry["username"],))
    name = entry["username"].encode()
    return (name, entry["password"].encode(), None) if "password" in entry else (name, None, entry["secret"] + "")
