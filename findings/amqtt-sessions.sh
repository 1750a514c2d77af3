#!/usr/bin/env bash
# What is said to somebody who is away for a moment is lost with the MQTT broker amqtt, if nobody has a password.
#
# A client that connects with "clean session" 0 has its subscriptions kept, and what is said with quality 1 meanwhile
# (MQTT 3.1.1, 3.1.2.4). amqtt keeps no messages for clients that came in as anonymous ones, whatever they asked for,
# and once a second throws away their sessions; it says so to the client that comes back: session present 0. paho does
# not subscribe anew by itself, so that nothing comes from then on. mosquitto keeps both without passwords too.
# Seen with amqtt 0.12.1 and paho-mqtt 2.2.0 (PyPI), and mosquitto 2.0.11 (Debian package).
# Tests of lost connections with amqtt see texts lost that another broker keeps. Subscribe in on_connect.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v mosquitto >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends mosquitto >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check amqtt==0.12.1 paho-mqtt==2.2.0
echo "amqtt 0.12.1, paho-mqtt 2.2.0, $(python3 --version), mosquitto $(dpkg-query -W -f '${Version}' mosquitto)"

cat >"$tmp/broker.py" <<'PYTHON'
import asyncio, logging, sys, warnings

import amqtt.broker


async def main():
    listener = {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await amqtt.broker.Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    await asyncio.sleep(120)


warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
asyncio.run(main())
PYTHON
cat >"$tmp/try.py" <<'PYTHON'
import queue, socket, subprocess, sys, time

import paho.mqtt.client as mqtt

FOLDER = sys.argv[1]
BROKERS = [
    ("mosquitto", ["mosquitto", "-c", FOLDER + "/mosquitto.conf"], (True, ["while away", "afterwards"])),
    ("amqtt", [FOLDER + "/venv/bin/python", FOLDER + "/broker.py", "PORT"], (False, [])),
]


class Client:
    def __init__(self, port, name):
        self._happened = queue.Queue()
        self._it = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name, clean_session=False)
        self._it.on_connect = lambda _, __, flags, *rest: self._happened.put(("connected", flags.session_present))
        self._it.on_message = lambda _, __, message: self._happened.put(("heard", message.payload.decode()))
        self._it.on_subscribe = lambda *_: self._happened.put(("subscribed", None))
        self._it.connect("127.0.0.1", port)
        self._it.loop_start()
        self.was_known = self.next("connected")

    def next(self, what, timeout=15):
        while True:
            happened, detail = self._happened.get(timeout=timeout)
            if happened == what:
                return detail

    def subscribe(self):
        self._it.subscribe("room", 1)
        self.next("subscribed")

    def say(self, text):
        self._it.publish("room", text, 1).wait_for_publish(15)

    def leave(self):
        self._it.disconnect()
        self._it.loop_stop()


def returned(port):
    """Whether the broker knows the client that returns, and what it hears."""
    bob = Client(port, "bob")
    bob.subscribe()
    bob.leave()
    time.sleep(3)  # two rounds of what tidies up once a second
    ann = Client(port, "ann")
    ann.say("while away")
    bob = Client(port, "bob")
    ann.say("afterwards")
    heard = []
    try:
        while "afterwards" not in heard:
            heard.append(bob.next("heard", 5))
    except queue.Empty:
        pass
    for one in (ann, bob):
        one.leave()
    return bob.was_known, heard


different = []
for name, command, expected in BROKERS:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    with open(FOLDER + "/mosquitto.conf", "w") as file:
        file.write("listener %d 127.0.0.1\nallow_anonymous true\n" % port)
    broker = subprocess.Popen([one.replace("PORT", str(port)) for one in command], cwd=FOLDER,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                time.sleep(0.1)
        seen = returned(port)
    finally:
        broker.kill()
        broker.wait()
    print("  %-10s session present: %d, heard: %s" % (name, seen[0], ", ".join(seen[1]) or "nothing"))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 150 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the session is gone, and what was said with it."
