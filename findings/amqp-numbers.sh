#!/usr/bin/env bash
# A price of 19.99 in the headers of an AMQP message is 19 for pika, and a large id from py-amqp an error for amqplib.
#
# A value in a table of AMQP 0-9-1 has a letter for its type (4.2.1 of the specification, and RabbitMQ's list of its
# differences): `d` and `f` are floating-point numbers. amqplib and py-amqp, on which Celery stands, write `d`;
# pika reads both and makes an integer of them, without a word. It writes no float: that raises an error. For 64 bits
# the specification has `L`, and RabbitMQ says `l`; py-amqp writes the one, which amqplib cannot read: an exception.
# Seen with the PyPI packages pika 1.4.4, amqp 5.4.2 (py-amqp) and pamqp 4.0.1, and the npm package amqplib 2.3.1.
# Programs in two languages: numbers that must arrive as they are are best sent as texts, or in the body.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

command -v npm >/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null; }
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts amqplib@2.3.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pika==1.4.4 amqp==5.4.2 pamqp==4.0.1
echo "pika 1.4.4, py-amqp 5.4.2, pamqp 4.0.1, $(python3 --version); amqplib 2.3.1, Node $(node --version)"

cat >"$tmp/codec.cjs" <<'JAVASCRIPT'
// Writes each number of the first argument as a table with the key "value", and reads each table of the second.
const path = require("path");
const codec = require(path.join(__dirname, "node_modules/amqplib/lib/codec.js"));
const [numbers, tables] = process.argv.slice(2).map(JSON.parse);

function written(number) {
  const table = Buffer.alloc(100);
  return table.subarray(0, codec.encodeTable(table, { value: number }, 0)).toString("hex");
}

function read(table) {
  try {
    return String(codec.decodeFields(Buffer.from(table, "hex").subarray(4)).value);
  } catch (error) {
    return "an error";
  }
}
console.log(JSON.stringify([numbers.map(written), tables.map(read)]));
JAVASCRIPT
cat >"$tmp/try.py" <<'PYTHON'
import json, subprocess, sys

import amqp.serialization
import pamqp.decode
import pamqp.encode
import pika.data
import pika.exceptions

PRICE, ID = 19.99, 2**40


def written_by_pika(value):
    pieces = []
    try:
        pika.data.encode_table(pieces, {"value": value})
    except pika.exceptions.UnsupportedAMQPFieldException:
        return None
    return b"".join(pieces)


def by_amqplib(numbers, tables):
    command = ["node", "codec.cjs", json.dumps(numbers), json.dumps([table.hex() for table in tables])]
    told = subprocess.run(command, cwd=sys.argv[1], stdout=subprocess.PIPE, check=True, timeout=60)
    return json.loads(told.stdout)


READERS = {
    "pika": lambda table: pika.data.decode_table(table, 0)[0]["value"],
    "pamqp": lambda table: pamqp.decode.field_table(table)[1]["value"],
    "py-amqp": lambda table: amqp.serialization.loads("F", table, 0)[0][0]["value"],
}
EXPECTED = {
    (PRICE, "amqplib"): ("d", {"pika": "19", "pamqp": "19.99", "py-amqp": "19.99", "amqplib": "19.99"}),
    (PRICE, "py-amqp"): ("d", {"pika": "19", "pamqp": "19.99", "py-amqp": "19.99", "amqplib": "19.99"}),
    (PRICE, "pika"): (None, {}),
    (ID, "amqplib"): ("l", dict.fromkeys(["pika", "pamqp", "py-amqp", "amqplib"], str(ID))),
    (ID, "py-amqp"): ("L", {"pika": str(ID), "pamqp": str(ID), "py-amqp": str(ID), "amqplib": "an error"}),
    (ID, "pika"): ("l", dict.fromkeys(["pika", "pamqp", "py-amqp", "amqplib"], str(ID))),
}
written = dict(zip(((PRICE, "amqplib"), (ID, "amqplib")), map(bytes.fromhex, by_amqplib([PRICE, ID], [])[0])))
for value in (PRICE, ID):
    written[value, "py-amqp"] = amqp.serialization.dumps("F", [{"value": value}])
    written[value, "pika"] = written_by_pika(value)
tables = [written[case] for case in EXPECTED if written[case]]
by_javascript = dict(zip(tables, by_amqplib([], tables)[1]))
different = []
for (value, writer), expected in EXPECTED.items():
    table = written[value, writer]
    seen = None, {}
    if table:
        # pika's integers of 64 bits are of a class of its own, whose texts end in an L.
        read = {name: str(got if isinstance(got, float) else int(got))
                for name, got in ((name, reader(table)) for name, reader in READERS.items())}
        read["amqplib"] = by_javascript[table]
        seen = chr(table[len("0000") + len("_value")]), read
    told = ", ".join("%s by %s" % (got, name) for name, got in seen[1].items())
    told = "writes %s, read as %s" % (seen[0], told) if table else "cannot write it"
    print("  %-14s %-8s %s" % (value, writer, told))
    if seen != expected:
        different.append("%s of %s, expected %s" % (value, writer, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: a float loses its decimals with the one, an integer of 64 bits is an error with the other."
