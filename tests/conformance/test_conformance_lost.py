"""A server that ends in the middle of a run is charged with what has ended it, and the verdict says so."""
import sys

import pytest
from grading import graded, started

# It knows enough for the suite to get acquainted, and its process ends when a connection is reset.
ENDS_AT_A_RESET = '''
import contextlib, os, socket, threading
lock, members = threading.RLock(), {}
def tell(text, but=None):
    for name, conn in list(members.items()):
        if name != but:
            with contextlib.suppress(BrokenPipeError):
                conn.sendall(text.encode() + b"\\n")
def obey(conn, name, line):
    word, _, rest = line.partition(" ")
    if word == "LOGIN" and name is None and rest and " " not in rest and rest not in members:
        members[rest] = conn
        conn.sendall(b"OK\\n")
        return rest
    if word == "LOGIN" and name is None:
        conn.sendall(b"ERR username-taken\\n" if rest in members else b"ERR invalid-username\\n")
    elif name is None:
        conn.sendall(b"ERR must-login-first\\n")
    elif word == "PING":
        conn.sendall(b"PONG\\n")
    elif word == "WHO":
        conn.sendall(b"".join(b"USER %s\\n" % one.encode() for one in members))
    elif word == "MSG":
        tell("MSG %s %s" % (name, rest), name)
    elif word == "DM" and " " not in rest:
        conn.sendall(b"ERR invalid-dm-format\\n")
    elif word == "DM" and rest.split(" ")[0] in members:
        to, text = rest.split(" ", 1)
        members[to].sendall(("DM %s %s\\n" % (name, text)).encode())
    elif word == "DM":
        conn.sendall(b"ERR user-not-found\\n")
    else:
        conn.sendall(b"ERR unknown-command\\n")
    return name
def serve(conn):
    name = None
    try:
        for line in conn.makefile(encoding="utf-8", errors="replace", newline="\\n"):
            with lock:
                name = obey(conn, name, line.rstrip("\\r\\n"))
    except OSError:
        os._exit(1)
    with lock:
        if name:
            del members[name]
            tell("INFO %s disconnected" % name)
        conn.close()
listener = socket.socket()
listener.bind(("127.0.0.1", 0))
listener.listen(16)
print("port", listener.getsockname()[1], flush=True)
while True:
    threading.Thread(target=serve, args=listener.accept()[:1], daemon=True).start()
'''


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_server_that_ends_at_a_reset_is_charged_with_that(tmp_path):
    requested = ["--req=LINE-" + name for name in ("LEAVE-1", "LEAVE-2", "LEAVE-3", "NET-3", "MSG-1")]
    with started([sys.executable, "-c", ENDS_AT_A_RESET]) as port:
        code, verdicts, output = graded(port, tmp_path, *requested)
    assert code == 1, output
    broken = {ident for ident, verdict in verdicts.items() if verdict == "fail"}
    assert broken == {"LINE-NET-3"} and verdicts["LINE-MSG-1"] == "pass", output
    assert "since then the server lets nobody in" in output
    assert "the server let nobody in any more: it has ended, or hangs." in output
