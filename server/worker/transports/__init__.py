"""Transports: the byte streams between connections and their clients.

A plain one is the socket itself (`plain.py`); others lie over a transport (`tls.py`). None ever blocks. What a
connection uses of it, and so does a transport that lies over it:

    open()          Go on with what comes before the first message, such as a handshake: READ or WRITE if it waits for
                    that, 0 once it is done. Unopened if it failed, OSError if the client is gone.
    recv(most)      The bytes that have come, about `most` of them; BlockingIOError if there are none yet, b"" once
                    there will be none any more; another OSError if the client is lost. Nothing that has come stays
                    inside, where no selector would find it. Of a socket this is its own.
    write(pieces)   Send bytes-like pieces, none of them empty: how many bytes are taken, 0 if none are at the moment;
                    OSError if the client is lost. Taken means that the kernel has them.
    send(piece)     The same for one piece, but BlockingIOError if nothing is taken: of a socket this is its own.
    begun           How many of the bytes that were not taken must come next, as they are on their way in another form.
    unsaid          Has it words of its own, such as the answer to a ping, that are not taken yet?
    speak()         Send what is unsaid, as far as it is taken; for when the client takes something again.
    shutdown(how)   As of a socket: with SHUT_WR nothing more comes from us, and the client can tell that this is all.
    close()         The end, whatever is unsent.
    fileno(), getpeername()   As of a socket.
    proxied(address)   The same transport for a client that a proxy speaks for, which `getpeername` tells. The one that
                    it was is not used any more.

Words of its own that answer what has come (a TLS alert, a pong) are sent when it is received, without the connection.
"""
from parley.server.chat.origins import as_people_write_it


class Unopened(Exception):
    """The client does not do what has to come before its first message; the text says why."""


def client_host(transport):
    """The address of the client, as people write it; empty if the client is gone."""
    try:
        return as_people_write_it(transport.getpeername()[0])
    except OSError:
        return ""
