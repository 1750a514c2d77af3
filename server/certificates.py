"""`parley cert`: a certificate for this machine, signed by a CA of its own, by means of the openssl command.

Users get the CA's certificate: who trusts it trusts this server, even after its own certificate has been renewed. The
certificates say what they may be used for, as programs that check as strictly as Python 3.13 demand.
"""
import contextlib
import ipaddress
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile

from parley.server.supervisor.listening import own_addresses

CA_DAYS, SERVER_DAYS = 3650, 820  # Apple's programs accept at most 825 days for a server
CA, CA_KEY, SERVER, SERVER_KEY = "ca.pem", "ca.key", "server.pem", "server.key"
_LONGEST_COMMON_NAME = 64  # RFC 5280, appendix A.1
_DOMAIN = re.compile(r"(\*\.)?(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*", re.IGNORECASE)
_CURVE = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]

_EXTENSIONS = """\
[req]
distinguished_name = subject
prompt = no
utf8 = yes
[subject]
CN = %(common_name)s
[ca]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = %(names)s
"""


class CannotMake(Exception):
    """There is no certificate; the text says why, and what to do."""


def own_names():
    """The names and addresses under which this machine is probably known: a list of str."""
    host = socket.gethostname().partition(".")[0].lower()
    names = [host, host + ".local", socket.getfqdn().lower()] if host != "localhost" else []
    names = [name for name in names if _DOMAIN.fullmatch(name)]
    return [*dict.fromkeys([*names, "localhost", *map(str, own_addresses()), "127.0.0.1", "::1"])]


def make(directory, names):
    """Write a server's certificate and key into the directory, and those of a CA, unless these are there already.

    names: of hosts, and addresses: a list of str, not empty. Returns whether the CA is new; or CannotMake.
    """
    names = [_kind(name) for name in names]
    here = {name: os.path.join(directory, name) for name in (CA, CA_KEY, SERVER, SERVER_KEY)}
    has_ca = os.path.exists(here[CA_KEY]) and os.path.exists(here[CA])
    for name in (CA, CA_KEY) if not has_ca else ():
        if os.path.exists(here[name]):
            raise CannotMake("%s exists without the other file of its CA: choose another --directory, or move it away"
                             % here[name])
    for name in (SERVER, SERVER_KEY) if not has_ca else ():
        if os.path.exists(here[name]):
            raise CannotMake("%s exists without a CA beside it: choose another --directory, or move it away"
                             % here[name])
    try:
        os.makedirs(directory, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".cert-", dir=directory) as workshop:
            if has_ca:
                shutil.copy(here[CA], workshop)
                shutil.copy(here[CA_KEY], workshop)
            else:
                _make_ca(workshop, names)
            _make_server(workshop, names)
            for name in (SERVER_KEY, SERVER) if has_ca else here:
                os.replace(os.path.join(workshop, name), here[name])
    except OSError as error:
        raise CannotMake("%s: %s" % (error.filename or directory, error.strerror)) from None
    return not has_ca


def _kind(name):
    """A name as it stands in a certificate: "DNS:chat.example" or "IP:192.0.2.17"."""
    with contextlib.suppress(ValueError):
        return "IP:%s" % ipaddress.ip_address(name)
    try:
        encoded = name.encode("idna").decode()
    except UnicodeError:
        encoded = ""
    if not _DOMAIN.fullmatch(encoded):
        raise CannotMake("%r is neither the name of a host nor an address" % name)
    return "DNS:" + encoded


def _make_ca(workshop, names):
    _configure(workshop, "Parley CA of " + names[0].partition(":")[2], names)
    _openssl(workshop, "req", "-x509", *_CURVE, "-config", "cnf", "-extensions", "ca", "-days", str(CA_DAYS),
             "-sha256", "-set_serial", _serial(), "-keyout", CA_KEY, "-out", CA)


def _make_server(workshop, names):
    _configure(workshop, names[0].partition(":")[2], names)
    _openssl(workshop, "req", "-new", *_CURVE, "-config", "cnf", "-sha256", "-keyout", SERVER_KEY, "-out", "csr")
    _openssl(workshop, "x509", "-req", "-in", "csr", "-CA", CA, "-CAkey", CA_KEY, "-set_serial", _serial(), "-sha256",
             "-days", str(SERVER_DAYS), "-extfile", "cnf", "-extensions", "server", "-out", SERVER)


def _configure(workshop, common_name, names):
    with open(os.path.join(workshop, "cnf"), "w", encoding="utf-8") as file:
        file.write(_EXTENSIONS % {"common_name": common_name[:_LONGEST_COMMON_NAME], "names": ", ".join(names)})


def _serial():
    return "0x%x" % (secrets.randbits(126) | 1 << 126)


def _openssl(workshop, *arguments):
    """Run it there. What it makes is readable for this user only, unless it is for everybody."""
    command = shutil.which("openssl")
    if command is None:
        raise CannotMake("the openssl command is not installed; on Debian: apt install openssl")
    mask = os.umask(0o077)
    try:
        done = subprocess.run([command, *arguments], cwd=workshop, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE)
    finally:
        os.umask(mask)
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["exit code %d" % done.returncode]
        raise CannotMake("openssl %s: %s" % (arguments[0], lines[-1]))
    for name in (CA, SERVER):
        with contextlib.suppress(FileNotFoundError):
            os.chmod(os.path.join(workshop, name), 0o644)
