"""The chat of document 004, with one thread and `select`. What it does not know is answered with the purpose `error`.

    python poller.py [PORT]
"""
import ast
import select
import socket
import sys
import time

USERS = {"Alice": "123", "Bob": "456", "Charlie": "789"}
history = []           # (from, to, message, time)
clients = {}           # socket -> [buffer, username or None]
WIDTH = 10


def pack(fields):
    data = str(fields).encode()
    return b"$" + str(len(data)).ljust(WIDTH).encode() + data + b"$"


def send(sock, **fields):
    try:
        sock.sendall(pack(fields))
    except OSError:
        pass


def online():
    return {state[1]: sock for sock, state in clients.items() if state[1]}


def send_lists():
    here = online()
    users = [{"username": one, "status": "online" if one in here else "offline"} for one in USERS]
    for sock in here.values():
        send(sock, purpose="reload_user_list", users=users)


def drop(sock):
    state = clients.pop(sock, None)
    sock.close()
    if state and state[1]:
        send_lists()


def handle(sock, state, request):
    purpose = request.get("purpose")
    me = state[1]
    if purpose == "login":
        name, password = request.get("username"), request.get("password")
        known = isinstance(name, str) and name in USERS and USERS[name] == password
        ok = known and name not in online() and not me
        send(sock, purpose="login", result=bool(ok))
        if ok:
            state[1] = name
            send_lists()
    elif purpose == "exit":
        send(sock, purpose="exit", result=True)
        drop(sock)
    elif not me:
        send(sock, purpose="error", message="log in first")
    elif purpose == "send_message":
        to, text = request.get("to_user"), request.get("message")
        if request.get("from_user") != me or not isinstance(to, str) or not isinstance(text, str):
            return send(sock, purpose="send_message", result=False)
        if to not in USERS or not text:
            return send(sock, purpose="send_message", result=False)
        history.append((me, to, text, int(time.time())))
        send(sock, purpose="send_message", result=True)
        if to in online():
            send(online()[to], purpose="receive_message", from_user=me, message=text)
    elif purpose == "start_reload_message_list":
        other = request.get("target_user")
        found = [{"user": sender, "text": text, "timestamp": at} for sender, to, text, at in history
                 if (sender, to) in ((me, other), (other, me))]
        send(sock, purpose="start_reload_message_list", message_list=found[:10])
        for i in range(10, len(found), 10):
            send(sock, purpose="continue_reload_message_list", message_list=found[i:i + 10])
    elif purpose == "poll":
        send(sock, purpose="poll", result=True)
    else:
        send(sock, purpose="error", message="unknown purpose")


def feed(sock, state):
    while sock in clients and state[0]:
        held = state[0]
        if held[:1] != b"$":
            return drop(sock)
        head = held[1:1 + WIDTH]
        if len(head) < WIDTH:
            return
        try:
            size = int(head)
        except ValueError:
            return drop(sock)
        if size < 0 or size > 1000000:
            return drop(sock)
        if len(held) < size + WIDTH + 2:
            return
        data, end = held[1 + WIDTH:1 + WIDTH + size], held[1 + WIDTH + size:2 + WIDTH + size]
        if end != b"$":
            return drop(sock)
        state[0] = held[2 + WIDTH + size:]
        try:
            request = ast.literal_eval(data.decode())  # noqa: TID251
            assert isinstance(request, dict)
        except Exception:
            send(sock, purpose="error", message="not a dictionary")
            continue
        handle(sock, state, request)


def main():
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", int(sys.argv[1]) if len(sys.argv) > 1 else 9999))
    listener.listen(50)
    print("poller on port %d" % listener.getsockname()[1], flush=True)
    while True:
        for sock in select.select([listener] + list(clients), [], [])[0]:
            if sock is listener:
                conn, _ = listener.accept()
                clients[conn] = [b"", None]
                continue
            if sock not in clients:
                continue
            try:
                data = sock.recv(4096)
            except OSError:
                data = b""
            if not data:
                drop(sock)
            else:
                clients[sock][0] += data
                feed(sock, clients[sock])


main()
