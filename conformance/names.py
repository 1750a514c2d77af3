"""Names for the suite's own clients, which nobody else is likely to have."""
import random
import string


def random_word(length):
    """So many lower-case letters of ASCII."""
    return "".join(random.choice(string.ascii_lowercase) for _ in range(length))


def random_name():
    """A name for one of the suite's own clients; short enough for every protocol."""
    return "wtn" + random_word(6)
