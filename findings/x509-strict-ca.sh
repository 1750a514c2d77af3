#!/usr/bin/env bash
# The same certificate passes Python's strict TLS check as a server's own, and fails as the issuer of one.
#
# VERIFY_X509_STRICT, on in ssl.create_default_context() since Python 3.13, wants a key usage extension of
# a CA that issued something. A self-signed CA without it is accepted when the server shows it itself, so
# a try with one certificate succeeds, and the step to a CA and a certificate from it fails with "CA cert
# does not include key usage extension". Python before 3.13 accepts both, unless the flag is set by hand.
# Seen with OpenSSL 3.0.19 and Python 3.11 and 3.13.
# People who run a chat server with a CA of their own see clients fail after a Python update only.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v openssl >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends openssl >/dev/null
fi
cd "$tmp"
cat >ca.cnf <<'CNF'
[req]
distinguished_name = name
prompt = no
x509_extensions = extensions
[name]
CN = localhost
[extensions]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
subjectAltName = DNS:localhost
CNF
cat >server.cnf <<'CNF'
basicConstraints = critical, CA:FALSE
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = DNS:localhost
CNF
new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
timeout 60 openssl req -x509 "${new[@]}" -keyout ca.key -out ca.pem -days 2 -config ca.cnf 2>/dev/null
timeout 60 openssl req "${new[@]}" -keyout server.key -out server.csr -subj /CN=localhost 2>/dev/null
timeout 60 openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile server.cnf -out server.pem 2>/dev/null

cat >try.py <<'PYTHON'
import socket, ssl, sys, threading

print("Python", sys.version.split()[0], "-", ssl.OPENSSL_VERSION)
strict_by_default = bool(ssl.create_default_context().verify_flags & ssl.VERIFY_X509_STRICT)
print("strict by default:", strict_by_default)


def handshake(name, strict):
    """What a client that trusts ca.pem says to a server with the certificate `name`."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(name + ".pem", name + ".key")
    client = ssl.create_default_context(cafile="ca.pem")
    if strict:
        client.verify_flags |= ssl.VERIFY_X509_STRICT
    else:
        client.verify_flags &= ~ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()
    ours.settimeout(10)
    theirs.settimeout(10)

    def serve():
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client.wrap_socket(ours, server_hostname="localhost").close()
        return "accepted"
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    finally:
        ours.close()
        thread.join(20)


REFUSED = "CA cert does not include key usage extension"
for name, strict, told in (
    ("ca", False, "accepted"), ("server", False, "accepted"),
    ("ca", True, "accepted"), ("server", True, REFUSED),
):
    seen = handshake(name, strict)
    print("%-6s server shows %-17s %s"
          % ("strict" if strict else "lax", "the CA itself:" if name == "ca" else "one from the CA:", seen))
    if seen != told:
        sys.exit("DIFFERENT: expected " + told)
if strict_by_default != (sys.version_info >= (3, 13)):
    sys.exit("DIFFERENT: the default changed in another version")
PYTHON
timeout 60 python3 try.py
echo "As told: strict, the CA is good for itself and not for what it issued."
