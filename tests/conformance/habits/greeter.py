"""A chat server with manners: it greets whoever connects, and tells everybody who has come, the newcomer too.

    python greeter.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading

PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

users = {}  # name -> socket
lock = threading.RLock()


def send(sock, text):
    try:
        sock.sendall((text + "\n").encode("utf-8"))
    except OSError:
        pass


def broadcast(text, leave_out=None):
    with lock:
        for name, sock in users.items():
            if name != leave_out:
                send(sock, text)


def login(sock, name):
    if not name or " " in name:
        send(sock, "ERR invalid-username")
        return None
    with lock:
        if name in users:
            send(sock, "ERR username-taken")
            return None
        users[name] = sock
        send(sock, "OK")
        broadcast("INFO %s joined" % name)
    return name


def direct_message(sock, sender, rest):
    target, _, text = rest.partition(" ")
    if not target or not text:
        send(sock, "ERR invalid-dm-format")
        return
    with lock:
        if target in users:
            send(users[target], "DM %s %s" % (sender, text))
        else:
            send(sock, "ERR user-not-found")


def handle(sock, name, line):
    """Do what the line says; returns the name of the client, or None if it has none yet."""
    command, _, rest = line.partition(" ")
    if not line:
        return name
    if command == "LOGIN" and name is None:
        return login(sock, rest.strip())
    if name is None:
        send(sock, "ERR must-login-first")
    elif command == "LOGIN":
        send(sock, "ERR already-logged-in")
    elif command == "MSG":
        broadcast("MSG %s %s" % (name, rest), leave_out=name)
    elif command == "DM":
        direct_message(sock, name, rest)
    elif command == "WHO":
        with lock:
            for user in users:
                send(sock, "USER " + user)
    elif command == "PING":
        send(sock, "PONG")
    else:
        send(sock, "ERR unknown-command")
    return name


def serve(sock):
    name, buffer = None, b""
    send(sock, "Welcome to the chat!")
    send(sock, "Please log in: LOGIN <username>")
    try:
        while True:
            data = sock.recv(4096)
            if not data:
                break
            buffer += data
            while b"\n" in buffer:
                line, buffer = buffer.split(b"\n", 1)
                name = handle(sock, name, line.decode("utf-8", "replace").rstrip())
    except socket.timeout:
        send(sock, "INFO idle-timeout")
    except OSError:
        pass
    finally:
        with lock:
            if name is not None:
                del users[name]
                broadcast("INFO %s disconnected" % name)
        sock.close()


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", PORT))
    listener.listen(10)
    print("[SERVER] Chat server started on %s:%d" % listener.getsockname(), flush=True)
    while True:
        sock, _ = listener.accept()
        sock.settimeout(IDLE_SECONDS)
        threading.Thread(target=serve, args=(sock,), daemon=True).start()


if __name__ == "__main__":
    main()
