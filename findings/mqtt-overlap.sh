#!/usr/bin/env bash
# Who subscribes to all rooms with quality 2, and to one of them with 0, has that room with 0.
#
# If several subscriptions of one client match a message, the broker must respect the highest quality among them (MQTT
# 3.1.1, 3.3.5). mosquitto and Aedes deliver once: the one with the quality of the filter that names the topic, the
# other with the lowest. What was to arrive "exactly once" is not sent again after a lost connection, and nobody is
# told. amqtt delivers once for each subscription, which is allowed too: its client hears the text three times.
# Seen with aedes 1.2.0 (npm), amqtt 0.12.1 and paho-mqtt 2.2.0 (PyPI), and mosquitto 2.0.11 (Debian package).
# A client that watches `#` for the log, and its own rooms for what is on the screen.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v mosquitto >/dev/null || missing+=(mosquitto)
command -v npm >/dev/null || missing+=(nodejs npm)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts aedes@1.2.0 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check amqtt==0.12.1 paho-mqtt==2.2.0
echo "aedes 1.2.0, Node $(node --version); amqtt 0.12.1, paho-mqtt 2.2.0, $(python3 --version)"
echo "mosquitto $(dpkg-query -W -f '${Version}' mosquitto)"

cat >"$tmp/aedes.mjs" <<'JAVASCRIPT'
import net from "node:net";
import { Aedes } from "aedes";
const broker = await Aedes.createBroker();
net.createServer(broker.handle).listen(Number(process.argv[2]), "127.0.0.1");
JAVASCRIPT
cat >"$tmp/by_amqtt.py" <<'PYTHON'
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
FILTERS = ("room/a", "room/+", "#")
CASES = [(filters, granted) for filters in (FILTERS, FILTERS[::-1]) for granted in ((2, 1, 0), (0, 1, 2), (1, 2, 0))]
BROKERS = [
    ("mosquitto", ["mosquitto", "-c", FOLDER + "/mosquitto.conf"], lambda granted: (granted["room/a"],)),
    ("Aedes", ["node", FOLDER + "/aedes.mjs", "PORT"], lambda granted: (min(granted.values()),)),
    ("amqtt", [FOLDER + "/venv/bin/python", FOLDER + "/by_amqtt.py", "PORT"],
     lambda granted: (0, 1, 2)),
]


def client(port, name):
    """A client, and the queue of what it hears: ("subscribed",) or a text and its quality."""
    heard, connected = queue.Queue(), queue.Queue()
    it = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
    it.on_connect = lambda *_: connected.put(True)
    it.on_message = lambda _, __, message: heard.put((message.payload.decode(), message.qos))
    it.on_subscribe = lambda *_: heard.put(("subscribed",))
    it.connect("127.0.0.1", port)
    it.loop_start()
    connected.get(timeout=15)
    return it, heard


def qualities(port, granted):
    """The qualities with which a client hears a message of quality 2, in ascending order."""
    ann, _ = client(port, "ann")
    bob, heard = client(port, "bob")
    for one, quality in granted.items():
        bob.subscribe(one, quality)
        while heard.get(timeout=15) != ("subscribed",):
            pass
    ann.publish("room/a", "hi", 2).wait_for_publish(15)
    ann.publish("room/a", "end", 2).wait_for_publish(15)
    seen, ends = [], 0
    while True:
        try:
            text, quality = heard.get(timeout=15 if not ends else 1)
        except queue.Empty:
            break
        ends += text == "end"
        if text == "hi":
            seen.append(quality)
    for one in (ann, bob):
        one.disconnect()
        one.loop_stop()
    return tuple(sorted(seen))


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
        for filters, numbers in CASES:
            granted = dict(zip(filters, numbers))
            seen = qualities(port, granted)
            print("  %-10s subscribed to %-18s with %s: delivered with %s" % (
                name, ", ".join(filters), ", ".join(map(str, numbers)), ", ".join(map(str, seen))))
            if seen != expected(granted):
                different.append("%s with %s, expected %s" % (name, granted, expected(granted)))
    finally:
        broker.kill()
        broker.wait()
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 250 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: a text that is to be delivered with 2 is delivered with less by two of three."
