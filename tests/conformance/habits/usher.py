"""A chat server with an usher: he hears out whoever comes before he looks at the next one, and understands only ASCII.

With whom somebody has had a private word is told of his end apart, and then with all the others.

    python usher.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

users = {}  # name -> socket
partners = {}  # name -> to whom it has written last
lock = threading.RLock()


def send(sock, text):
    try:
        sock.sendall((text + "\n").encode("ascii"))
    except OSError:
        pass


def broadcast(text, leave_out=None):
    with lock:
        for name, sock in users.items():
            if name != leave_out:
                send(sock, text)


def read_line(sock, held):
    """(the next line, what has come behind it); raises OSError at the end, and ValueError where it is not ASCII."""
    while b"\n" not in held:
        data = sock.recv(4096)
        if not data:
            raise OSError("closed")
        held += data
    line, held = held.split(b"\n", 1)
    return line.decode("ascii").strip(), held


def direct_message(sock, sender, rest):
    target, _, text = rest.partition(" ")
    if not target or not text:
        send(sock, "ERR invalid-dm-format")
        return
    with lock:
        if target in users:
            partners[sender] = target
            send(users[target], "DM %s %s" % (sender, text))
        else:
            send(sock, "ERR user-not-found")


def handle(sock, name, line):
    command, _, rest = line.partition(" ")
    if not line:
        return
    if command == "MSG" and rest:
        broadcast("MSG %s %s" % (name, rest), leave_out=name)
    elif command == "DM":
        direct_message(sock, name, rest)
    elif line == "WHO":
        with lock:
            for user in users:
                send(sock, "USER " + user)
    elif line == "PING":
        send(sock, "PONG")
    else:
        send(sock, "ERR unknown-command")


def serve(sock, name, held):
    sock.settimeout(IDLE_SECONDS)
    try:
        while True:
            line, held = read_line(sock, held)
            handle(sock, name, line)
    except socket.timeout:
        send(sock, "INFO idle-timeout")
    except (OSError, ValueError):
        pass
    with lock:
        del users[name]
        partner = partners.pop(name, None)
        if partner in users:
            send(users[partner], "INFO %s disconnected" % name)
        broadcast("INFO %s disconnected" % name)
    sock.close()


def refusal(line):
    command, _, rest = line.partition(" ")
    name = rest.strip()
    if command != "LOGIN":
        return "ERR must-login-first"
    if not name or " " in name:
        return "ERR invalid-username"
    return "ERR username-taken" if name in users else None


def let_in(sock):
    try:
        line, held = read_line(sock, b"")
    except (OSError, ValueError):
        sock.close()
        return
    with lock:
        why = refusal(line)
        if why:
            send(sock, why)
            sock.close()
            return
        name = line.partition(" ")[2].strip()
        users[name] = sock
        send(sock, "OK")
    threading.Thread(target=serve, args=(sock, name, held), daemon=True).start()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(10)
    print("usher on port %d" % listener.getsockname()[1], flush=True)
    while True:
        let_in(listener.accept()[0])


if __name__ == "__main__":
    main()
