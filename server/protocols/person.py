"""What is known of a user beside the name, packed to save memory: the hub and every worker have it of all members."""
import functools

from parley.server.protocols.events import Person


def packed(person: Person) -> bytes:
    """The fields with a NUL between any two, as no text has one; the reason for being away last, if there is one."""
    away = () if person.away is None else (person.away,)
    return b"\0".join((person.account, person.real_name, person.flags, person.user, *away))


@functools.lru_cache(maxsize=256)
def unpacked(fields: bytes) -> Person:
    """The Person that was packed."""
    account, real_name, flags, user, *away = fields.split(b"\0")
    return Person(account, real_name, away[0] if away else None, flags, user)
