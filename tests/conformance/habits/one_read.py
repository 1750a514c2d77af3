"""A chat server for people at a terminal: what one recv returns is a line, and a name that is refused ends the call.

    python one_read.py [PORT] [IDLE_SECONDS]
"""
import socket
import sys
import threading
import time

HOST = "127.0.0.1"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
IDLE_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 60

clients = {}    # socket -> name, once it has logged in
last_seen = {}  # socket -> time of the last recv
guard = threading.Lock()


def reply(conn, text):
    try:
        conn.send((text + "\n").encode())
    except OSError:
        pass


def to_others(conn, text):
    with guard:
        for other in clients:
            if other is not conn:
                reply(other, text)


def try_login(conn, name):
    with guard:
        if name == "":
            reply(conn, "ERR invalid-username")
            return False
        if name in clients.values():
            reply(conn, "ERR username-taken")
            return False
        clients[conn] = name
    reply(conn, "OK")
    return True


def command(conn, text):
    """False if the connection is to be closed."""
    name = clients.get(conn)
    if text.startswith("LOGIN") and not name:
        return try_login(conn, text[5:].strip())
    if not name:
        reply(conn, "ERR must-login-first")
    elif text.startswith("MSG "):
        to_others(conn, "MSG " + name + " " + text[4:])
    elif text == "WHO":
        with guard:
            for user in clients.values():
                reply(conn, "USER " + user)
    elif text.startswith("DM"):
        parts = text.split(" ", 2)
        if len(parts) < 3:
            reply(conn, "ERR invalid-dm-format")
            return True
        with guard:
            target = [other for other in clients if clients[other] == parts[1]]
            if target:
                reply(target[0], "DM " + name + " " + parts[2])
            else:
                reply(conn, "ERR user-not-found")
    elif text == "PING":
        reply(conn, "PONG")
    else:
        reply(conn, "ERR unknown-command")
    return True


def client_thread(conn):
    last_seen[conn] = time.time()
    try:
        while True:
            data = conn.recv(8192)
            if not data:
                break
            last_seen[conn] = time.time()
            if not command(conn, data.decode("utf-8", "ignore").strip()):
                break
    except OSError:
        pass
    last_seen.pop(conn, None)
    with guard:
        name = clients.pop(conn, None)
    if name:
        to_others(conn, "INFO " + name + " disconnected")
    conn.close()


def idle_thread():
    while True:
        time.sleep(min(10, IDLE_SECONDS / 10))
        for conn, seen in list(last_seen.items()):
            if time.time() - seen > IDLE_SECONDS:
                reply(conn, "INFO idle-timeout")
                try:
                    conn.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass


server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind((HOST, PORT))
server.listen(10)
print("[SERVER] Chat server started on %s:%d" % (HOST, server.getsockname()[1]))
print("[SERVER] Waiting for connections...", flush=True)
threading.Thread(target=idle_thread, daemon=True).start()
while True:
    connection, _ = server.accept()
    threading.Thread(target=client_thread, args=(connection,), daemon=True).start()
