#!/usr/bin/env bash
# The MQTT broker amqtt delivers what was published with quality 0 with quality 2.
#
# The quality of a delivery is the lower one of what was published and what was granted to the subscriber (MQTT 3.1.1,
# 3.8.4). amqtt takes the granted one. A message sent "at most once" then is acknowledged and, after a lost connection,
# sent again, and with quality 2 takes four packets for each subscriber. mosquitto keeps to the rule.
# Seen with the PyPI packages amqtt 0.12.1 and paho-mqtt 2.2.0, and mosquitto 2.0.11 (Debian package).
# Chats over MQTT subscribe with the quality of their messages, and publish who is typing and where the cursor is with
# 0: tests and measurements with amqtt show other traffic, and hide what is lost with another broker.
set -euo pipefail
tmp=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$tmp"' EXIT

command -v mosquitto >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends mosquitto >/dev/null; }
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check amqtt==0.12.1 paho-mqtt==2.2.0
echo "$(python3 --version), mosquitto $(dpkg-query -W -f '${Version}' mosquitto)"

cat >"$tmp/broker.py" <<'PYTHON'
import asyncio, logging, sys, warnings

import amqtt.broker


async def main():
    listener = {"type": "tcp", "bind": "127.0.0.1:" + sys.argv[1]}
    plugins = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    await amqtt.broker.Broker({"listeners": {"default": listener}, "plugins": plugins}).start()
    await asyncio.sleep(60)


warnings.simplefilter("ignore")
logging.disable(logging.CRITICAL)
asyncio.run(main())
PYTHON
cat >"$tmp/ask.py" <<'PYTHON'
import queue, sys, time

import paho.mqtt.client as mqtt

PORT = int(sys.argv[1])


def client(name):
    """A client, and the queue of what it hears: ("hears", text, quality), ("subscribed",), ("published",)."""
    heard = queue.Queue()
    it = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=name)
    it.on_message = lambda _, __, message: heard.put(("hears", message.payload.decode(), message.qos))
    it.on_subscribe = lambda *_: heard.put(("subscribed",))
    for _ in range(100):
        try:
            it.connect("127.0.0.1", PORT)
            break
        except OSError:
            time.sleep(0.1)
    it.loop_start()
    return it, heard


def until(heard, what):
    return next(told for told in iter(lambda: heard.get(timeout=15), None) if told[:len(what)] == what)


ann, _ = client("ann")
found = []
for published, granted in ((0, 1), (0, 2), (1, 2), (2, 1)):
    bob, heard = client("bob")
    bob.subscribe("room", granted)
    until(heard, ("subscribed",))
    ann.publish("room", "hi", published).wait_for_publish(15)
    found.append((published, granted, until(heard, ("hears", "hi"))[2]))
    bob.disconnect()
    bob.loop_stop()
print(" ".join("%d/%d:%d" % one for one in found))
PYTHON
different=
expect() {  # broker, its process, port, what is heard
    local heard
    heard=$(timeout 40 "$tmp/venv/bin/python" "$tmp/ask.py" "$2" 2>&1 | tail -n 1) || true
    printf '  %-10s published/granted:delivered  %s\n' "$1" "$heard"
    [ "$heard" = "$3" ] || different="$different; $1, expected $3"
}
read -r first second < <(python3 -c '
import socket
some = [socket.socket() for _ in range(2)]
for one in some:
    one.bind(("127.0.0.1", 0))
print(*(one.getsockname()[1] for one in some))')
printf 'listener %s 127.0.0.1\nallow_anonymous true\n' "$first" >"$tmp/mosquitto.conf"
mosquitto -c "$tmp/mosquitto.conf" >"$tmp/out" 2>&1 &
"$tmp/venv/bin/python" "$tmp/broker.py" "$second" >"$tmp/out2" 2>&1 &
expect mosquitto "$first" "0/1:0 0/2:0 1/2:1 2/1:1"
expect amqtt "$second" "0/1:1 0/2:2 1/2:2 2/1:1"
if [ -n "$different" ]; then
    echo "DIFFERENT${different/;/:}"
    exit 1
fi
echo "As told: amqtt delivers with the quality of the subscription, also what was published with less."
