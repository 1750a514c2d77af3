"""Whom the clients trust over TLS: the same on every Python, whatever its defaults are, and as the README says."""
import contextlib
import os
import re
import ssl
import sys

import pytest
from one_behaviour import listening

from parley.client.address import Address
from parley.client.opening import Failed, open_now

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CERTIFICATES = os.path.join(ROOT, "tests", "certificates")
SECONDS = 60

PARTIAL_CHAIN = 0x80000
DEFAULTS = (0, ssl.VERIFY_X509_STRICT, PARTIAL_CHAIN, PARTIAL_CHAIN | ssl.VERIFY_X509_STRICT)  # of Pythons that may be

# The server's certificate, what is trusted, and OpenSSL's reason if it is refused; old ones write no hyphen.
CASES = [
    ("first", "first", None),  # signed by itself
    ("signed", "authority", None),  # by a CA without a key usage
    ("signed", "signed", None),  # its own, though somebody else has signed it
    ("signed", "first", "unable to get local issuer certificate"),
    ("first", "authority", "self.signed certificate"),
    ("expired", "expired", "certificate has expired"),
    ("signed", None, "unable to get local issuer certificate"),
]


def certificate(name, end="pem"):
    return os.path.join(CERTIFICATES, "%s.%s" % (name, end))


@contextlib.contextmanager
def server(pem, key):
    """The `Address` of a server with this certificate; it ends each connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, key)
    with listening(lambda sock: context.wrap_socket(sock, server_side=True).close()) as (_, port):
        yield Address("line", "localhost", port, True)


@pytest.mark.parametrize("flags", DEFAULTS)
@pytest.mark.parametrize("name, trust, why", CASES)
def test_trust_means_the_same_whatever_the_defaults_are(monkeypatch, flags, name, trust, why):
    usual = ssl.create_default_context

    def context():
        made = usual()
        made.verify_flags = int(flags)
        return made
    monkeypatch.setattr(ssl, "create_default_context", context)
    with server(certificate(name), certificate(name, "key")) as address:
        if why is None:
            open_now(address, certificate(trust)).close()
            return
        with pytest.raises(Failed) as caught:
            open_now(address, trust and certificate(trust))
    # Python 3.6 does not tell the reason.
    reason = r" \(%s\)" % why if sys.version_info >= (3, 7) else ""
    assert re.fullmatch(r"The certificate of localhost:\d+ is not trusted here%s: it may be anybody\." % reason,
                        str(caught.value))
