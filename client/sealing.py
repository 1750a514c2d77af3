"""The commands /seal and /verify of the terminal and the desktop client."""
import os
from urllib.parse import quote

from parley.client.protocol import LOBBY_ROOM, Impossible


def give_seals(chat, folder):
    """Have a new chat seal and open messages, if it can. folder: of the settings, where keys are kept, or None."""
    if chat.address.protocol != "web":
        return
    try:
        from parley.client.seal.talk import Seals  # and cryptography, which takes as long as all that `line` needs
    except ImportError:
        return
    chat.seals = Seals(folder and os.path.join(
        folder, "seal", quote(chat.address.host_port + chat.address.path, safe="")))


def seals_of(chat):
    """What seals in a chat that is logged in; raises `Impossible`, with a sentence, if nothing does."""
    if chat.address.protocol != "web":
        raise Impossible("Messages can be sealed in `web` only.")
    if chat.seals is None:
        raise Impossible("Sealing takes cryptography: pip install cryptography.")
    chat.check("say")
    return chat.seals


def is_sealed(chat, place):
    """Is what is said there sealed? place: None, a room, or to whom."""
    return chat.seals is not None and chat.seals.wants(place or LOBBY_ROOM)


def seal(chat, place, what=None, short=None):
    """Do what is typed behind /seal; returns a sentence. place: the open one, as above. Raises `Impossible`."""
    seals, place = seals_of(chat), place or LOBBY_ROOM
    if what is None:
        seals.turn_on(place)
        says = "What you say %s is sealed from now on." % _there(place)
    elif what == "off":
        seals.turn_off(place)
        says = "What you say %s is not sealed from now on." % _there(place)
    elif what == "devices":
        says = "Your devices: %s." % "; ".join(seals.own_devices())
    elif what in ("accept", "remove") and short:
        seals.change_own(short, what == "accept")
        says = "%s is %s." % (short, "vouched for" if what == "accept" else "taken out")
    else:
        raise Impossible("This is written /seal, /seal off, /seal devices, /seal accept ID or /seal remove ID.")
    chat.flush()
    return says


def _there(place):
    return ("in %s" if place.startswith("#") else "to %s") % place


def verify(chat, name, answer=None):
    """Do what is typed behind /verify; returns a sentence. Raises `Impossible`."""
    seals = seals_of(chat)
    try:
        if answer is None:
            return "Compare with %s, by voice or otherwise: %s. If these are the same there: /verify %s yes." % (
                name, seals.digits(name), name)
        if answer != "yes":
            raise Impossible("This is written /verify NAME, and once you have compared: /verify NAME yes.")
        seals.confirm(name)
        return "These are the devices of %s." % name
    finally:
        chat.flush()
