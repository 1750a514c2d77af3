#!/usr/bin/env bash
# Played back by two of three IRC bouncers, what was said to a room's ops is a private message to you.
#
# `PRIVMSG @#room :text` is for the ops of #room, and a message of that room (modern.ircdocs.horse, "STATUSMSG
# parameter"). For who comes later, bip and dircproxy play it back as `PRIVMSG ann`, a private message to the reader
# from somebody who has written none; ZNC keeps the target. And a NOTICE is what no program ever answers (RFC 1459,
# 4.4.2): bip plays it back as a PRIVMSG, which bots do answer.
# Seen with bip 0.9.3, dircproxy 1.0.5 and ZNC 1.8.2 (Debian packages of these names).
# Ops who read what they missed, and answer in private what was asked among ops; bots behind a bouncer.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

for tool in bip dircproxy znc setpriv; do
    command -v "$tool" >/dev/null || {
        timeout 300 apt-get -qq update
        timeout 300 apt-get -qq install -y --no-install-recommends bip dircproxy znc util-linux >/dev/null
        break; }
done
dpkg-query -W -f '${Package} ${Version}\n' bip dircproxy znc

cat >"$tmp/try.py" <<'PYTHON'
import hashlib, os, pty, pwd, re, socket, subprocess, sys, threading, time

FOLDER = sys.argv[1]
PASSWORD = "correct-horse"
SAID = ["PRIVMSG #room :plain", "NOTICE #room :notice", "PRIVMSG @#room :for ops", "PRIVMSG #room :the end"]
SUPPORTED = "CHANTYPES=# PREFIX=(ov)@+ STATUSMSG=@+ CHANMODES=b,k,l,imnpst :are supported here"
TEXTS = ["plain", "notice", "for ops", "the end"]
PLAIN, NOTICE = "PRIVMSG #room", "NOTICE #room"
EXPECTED = {
    "bip": [PLAIN, PLAIN, "PRIVMSG ann", PLAIN],
    "dircproxy": [PLAIN, NOTICE, "PRIVMSG ann", PLAIN],
    "znc": [PLAIN, NOTICE, "PRIVMSG @#room", PLAIN],
}
BIP = """ip = "127.0.0.1"; port = %(port)d; client_side_ssl = false; backlog = true;
pid_file = "%(folder)s/pid"; log_root = "%(folder)s"; log_system = false;
network { name = "net"; server { host = "127.0.0.1"; port = %(irc)d; }; };
user { name = "ann"; password = "%(bip)s"; ssl_check_mode = "none"; default_nick = "ann"; default_user = "ann";
default_realname = "Ann"; backlog = true; backlog_lines = 10;
connection { name = "net"; network = "net"; channel { name = "#room"; }; }; };
"""
DIRCPROXY = """listen_port %(port)d
connection {
 password "%(crypt)s"
 server "127.0.0.1:%(irc)d"
 join "#room"
 chan_log_enabled yes
 chan_log_recall 20
 chan_log_timestamp no
 other_log_enabled yes
 other_log_recall 20
 other_log_timestamp no
}
"""
ZNC = """Version = 1.8.2
<Listener one>
 Port = %(port)d
 IPv4 = true
 IPv6 = false
 SSL = false
 AllowWeb = false
 Host = 127.0.0.1
</Listener>
<User ann>
 Admin = true
 Nick = ann
 Ident = ann
 RealName = Ann
 <Pass password>
  Method = sha256
  Hash = %(znc)s
  Salt = abcdefghijklmnopqrst
 </Pass>
 <Network net>
  Server = 127.0.0.1 %(irc)d
  <Chan #room>
  </Chan>
 </Network>
</User>
"""


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def secret_for_bip():
    """What bipmkpw, which asks on a terminal, makes of the password."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bipmkpw", ["bipmkpw"])
    told = b""
    try:
        while b"assword" not in told:
            told += os.read(terminal, 4096)
        time.sleep(0.3)  # it turns the echo off after it has asked
        os.write(terminal, PASSWORD.encode() + b"\n")
        while True:
            told += os.read(terminal, 4096)
    except OSError:  # that is how a terminal ends
        pass
    os.waitpid(pid, 0)
    return re.search(rb"\b[0-9a-f]{40}\b", told).group().decode()


class Server:
    """As much of an IRC server as a bouncer wants of one."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.joined, self.settled = threading.Event(), threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def say(self, line):
        self.client.sendall(line.encode() + b"\r\n")

    def serve(self):
        self.client, _ = self.listener.accept()
        heard = set()
        for line in self.client.makefile("r"):
            command, *rest = line.split()
            heard.add(command)
            if command == "CAP" and rest[0] == "LS":
                self.say(":irc.example CAP * LS :")
            if command == "PING":
                self.say(":irc.example PONG irc.example " + rest[0])
            if command in ("NICK", "USER") and heard >= {"NICK", "USER"}:
                for number, text in (("001", ":Welcome"), ("004", "irc.example 1 o o"), ("005", SUPPORTED),
                                     ("376", ":No more")):
                    self.say(":irc.example %s ann %s" % (number, text))
            if command == "PONG":
                self.settled.set()
            if command == "JOIN":
                self.say(":ann!ann@example JOIN #room")
                self.say(":irc.example 353 ann = #room :ann @bob")
                self.say(":irc.example 366 ann #room :No more")
                self.joined.set()


def attach(port, password):
    """A client of the bouncer, and the lines that it hears."""
    for _ in range(200):
        try:
            client = socket.create_connection(("127.0.0.1", port))
            break
        except ConnectionRefusedError:
            time.sleep(0.1)
    client.settimeout(20)
    client.sendall(("PASS %s\r\nNICK ann\r\nUSER ann 0 * :Ann\r\n" % password).encode())
    return client, client.makefile("r")


def played_back(name, configuration, command, password):
    """As what a client that comes later hears each of the texts: command and target, or None."""
    folder = os.path.join(FOLDER, name)
    os.makedirs(os.path.join(folder, "configs"))
    server, port = Server(), free_port()
    path = os.path.join(folder, "configs", "znc.conf")
    values = {"port": port, "irc": server.port, "folder": folder, "bip": secret_for_bip() if name == "bip" else "",
              "crypt": subprocess.check_output(["perl", "-e", "print crypt($ARGV[0], 'ab')", PASSWORD]).decode(),
              "znc": hashlib.sha256((PASSWORD + "abcdefghijklmnopqrst").encode()).hexdigest()}
    with open(path, "w") as file:
        file.write(configuration % values)
    os.chmod(path, 0o600)
    nobody = pwd.getpwnam("nobody")
    for place, _, files in os.walk(folder):  # ZNC starts at once for others than root only
        for one in [place] + [os.path.join(place, file) for file in files]:
            os.chown(one, nobody.pw_uid, nobody.pw_gid)
    as_nobody = ["setpriv", "--reuid", str(nobody.pw_uid), "--regid", str(nobody.pw_gid), "--clear-groups"]
    with open(folder + ".log", "wb") as log:
        bouncer = subprocess.Popen(as_nobody + command(folder, path), stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        if name == "dircproxy":  # it goes to its server with its first client
            first, lines = attach(port, password)
            while " 366 " not in next(lines):
                pass
            first.sendall(b"QUIT\r\n")
            first.shutdown(socket.SHUT_RDWR)
            time.sleep(1)
        if not server.joined.wait(20):
            sys.exit("DIFFERENT: %s does not come to its room" % name)
        for line in SAID:
            server.say(":bob!bob@example " + line)
        server.say("PING :irc.example")  # its answer says that the bouncer has got so far
        if not server.settled.wait(20):
            sys.exit("DIFFERENT: %s does not answer PING" % name)
        client, lines = attach(port, password)
        heard = []
        client.settimeout(3)
        try:
            for line in lines:
                heard.append(line.rstrip())
        except OSError:  # nothing more in three seconds
            pass
        from_bob = [line for line in heard if line.startswith(":bob!")]
        return [next((" ".join(line.split()[1:3]) for line in from_bob if line.endswith(text)), None) for text in TEXTS]
    finally:
        bouncer.terminate()
        bouncer.wait()


os.chmod(FOLDER, 0o755)
BOUNCERS = [
    ("bip", BIP, lambda folder, path: ["bip", "-n", "-f", path, "-s", folder], "ann:%s:net" % PASSWORD),
    ("dircproxy", DIRCPROXY, lambda folder, path: ["dircproxy", "-D", "-f", path], PASSWORD),
    ("znc", ZNC, lambda folder, path: ["znc", "-f", "-d", folder], "ann/net:%s" % PASSWORD),
]
print("  %-10s %s" % ("said", SAID))
different = []
for name, configuration, command, password in BOUNCERS:
    seen = played_back(name, configuration, command, password)
    print("  %-10s %s" % (name, ["%s :%s" % (how, text) if how else None for how, text in zip(seen, TEXTS)]))
    if seen != EXPECTED[name]:
        different.append("%s, expected %s" % (name, EXPECTED[name]))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 120 python3 "$tmp/try.py" "$tmp"
echo "As told: what was said to the ops is private after playback, for two of three."
