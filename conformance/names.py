"""Names for the suite's own clients, which nobody else is likely to have."""
import random
import string

# How a server may tell names, whatever they were given as.
CASES = {"lower": str.lower, "upper": str.upper, "title": str.title}


def in_case(name, case):
    """The name as a server tells it: `case` is a key of CASES, or empty."""
    return CASES[case](name) if case else name


def letters_of(number):
    """a, b, ..., z, aa, ab, ... for 1, 2, ..."""
    found = ""
    while number:
        number, letter = divmod(number - 1, len(string.ascii_lowercase))
        found = string.ascii_lowercase[letter] + found
    return found


def random_word(length):
    """So many lower-case letters of ASCII."""
    return "".join(random.choice(string.ascii_lowercase) for _ in range(length))


def random_name():
    """A name for one of the suite's own clients; short enough for every protocol."""
    return "wtn" + random_word(6)
