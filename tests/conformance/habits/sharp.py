"""As .NET does it: a StreamWriter that begins with a byte order mark and ends lines in CR LF, a StreamReader for which
CR, LF and CR LF each end a line, names compared without regard to case, and the time in front of what is said.

    python sharp.py [PORT] [IDLE_SECONDS]
"""
import codecs
import re
import socket
import sys
import threading
import time


class ChatClient:
    def __init__(self, conn, server):
        self.conn, self.server, self.user_name = conn, server, None
        self.marked = False
        self.gate = threading.Lock()

    def write_line(self, text):
        with self.gate:
            data = (text + "\r\n").encode()
            if not self.marked:
                data = codecs.BOM_UTF8 + data
                self.marked = True
            try:
                self.conn.sendall(data)
            except OSError:
                pass

    def read_lines(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        text, after_cr, first = "", False, True
        while True:
            data = self.conn.recv(1024)
            if not data:
                if text:
                    yield text
                return
            for char in decoder.decode(data):
                if first:
                    first = False
                    if char == "\ufeff":
                        continue
                if char == "\n" and after_cr:
                    after_cr = False
                elif char in "\r\n":
                    after_cr = char == "\r"
                    yield text
                    text = ""
                else:
                    after_cr = False
                    text += char

    def run(self):
        try:
            for line in self.read_lines():
                self.process(line)
        except socket.timeout:
            self.write_line("INFO idle-timeout")
        except OSError:
            pass
        self.server.remove(self)
        self.conn.close()

    def process(self, line):
        if line.strip() == "":
            return
        found = re.match(r"(\S+) ?(.*)", line.lstrip(), re.DOTALL)
        command, rest = found.group(1), found.group(2)
        if command == "PING":
            self.write_line("PONG")
        elif command == "LOGIN":
            self.write_line(self.server.login(self, rest.strip()))
        elif self.user_name is None:
            self.write_line("ERR must-login-first")
        elif command == "MSG":
            self.server.broadcast("MSG %s %s" % (self.user_name, rest), self, time.strftime("[%H:%M:%S] "))
        elif command == "DM":
            to, _, text = rest.partition(" ")
            if not text:
                self.write_line("ERR invalid-dm-format")
            elif not self.server.find(to):
                self.write_line("ERR user-not-found")
            else:
                self.server.find(to).write_line("%sDM %s %s" % (time.strftime("[%H:%M:%S] "), self.user_name, text))
        elif command == "WHO":
            for client in self.server.members():
                self.write_line("USER " + client.user_name)
        else:
            self.write_line("ERR unknown-command")


class ChatServer:
    def __init__(self):
        self.clients = []
        self.gate = threading.RLock()

    def members(self):
        with self.gate:
            return [client for client in self.clients if client.user_name is not None]

    def find(self, name):
        return next((one for one in self.members() if one.user_name.upper() == name.upper()), None)

    def login(self, client, name):
        with self.gate:
            if client.user_name is not None:
                return "ERR already-logged-in"
            if not name or re.search(r"[\s|]", name):
                return "ERR invalid-username"
            if self.find(name):
                return "ERR username-taken"
            client.user_name = name
            return "OK"

    def broadcast(self, text, sender, stamp=""):
        for client in self.members():
            if client is not sender:
                client.write_line(stamp + text)

    def remove(self, client):
        with self.gate:
            self.clients.remove(client)
        if client.user_name is not None:
            self.broadcast("INFO %s disconnected" % client.user_name, client)

    def run(self, port, idle):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(10)
        print("Server started on port", listener.getsockname()[1], flush=True)
        while True:
            conn, _ = listener.accept()
            conn.settimeout(idle)
            client = ChatClient(conn, self)
            with self.gate:
                self.clients.append(client)
            threading.Thread(target=client.run, daemon=True).start()


if __name__ == "__main__":
    ChatServer().run(int(sys.argv[1]) if len(sys.argv) > 1 else 4000, float(sys.argv[2]) if len(sys.argv) > 2 else 60)
