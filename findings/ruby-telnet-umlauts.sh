#!/usr/bin/env bash
# Ruby's Net::Telnet cannot say "Grüße", and whoever waits for that does not get what comes behind it either.
#
# Strings in Ruby are UTF-8, as they are written in a program, and what Net::Telnet reads is made one of bytes as soon
# as it is no ASCII. puts(), print(), write() and cmd() raise Encoding::CompatibilityError for each text with an umlaut:
# to double the byte 255, as Telnet demands, they look for it in bytes. waitfor(/Grüße/) raises when the first umlaut
# comes, whatever it belongs to, and what was read with it is gone, so that the next waitfor() waits in vain for the
# prompt behind it. With ASCII on both sides all is well. Texts and patterns of bytes (`"Grüße".b`, `/Gr\xC3\xBC/n`)
# work, of which the documentation says nothing.
# Seen with net-telnet 0.2.0 and Ruby 3.1 (Debian packages ruby-net-telnet and ruby).
# Bots for talkers and MUDs: they end with the first person who is called Jörg.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ruby -e 'require "net/telnet"' 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ruby ruby-net-telnet >/dev/null; }
dpkg-query -W -f '${Package} ${Version}\n' ruby-net-telnet
ruby --version

cat >"$tmp/client.rb" <<'RUBY'
# Prints for each of the calls what it returns, or the exception.
require "net/telnet"

telnet = Net::Telnet.new("Host" => "127.0.0.1", "Port" => ARGV[0].to_i, "Timeout" => 5, "Waittime" => 0)
tell = lambda do |name, &call|
  result = call.call
  puts "#{name}: #{result.is_a?(String) ? result.b.inspect : 'done'}"
rescue StandardError, Net::ReadTimeout => e
  puts "#{name}: #{e.class}"
end
tell.call("waitfor(/Welcome/)") { telnet.waitfor(/Welcome\n/) }
tell.call("puts('hello')") { telnet.puts("hello") }
tell.call("waitfor(/Grüße/)") { telnet.waitfor(/Grüße/) }
tell.call("waitfor(/login: /)") { telnet.waitfor(/login: /) }
tell.call("puts('Grüße')") { telnet.puts("Grüße") }
tell.call("print('Grüße')") { telnet.print("Grüße") }
tell.call("puts('Grüße'.b)") { telnet.puts("Grüße".b) }
tell.call("waitfor(/Gr\\xC3\\xBC/n)") { telnet.waitfor(/Gr\xC3\xBC.*: /mn) }
RUBY
cat >"$tmp/try.py" <<'PYTHON'
import os, socket, subprocess, sys

FOLDER = sys.argv[1]
PROMPT = "Grüße!\r\nlogin: ".encode()
EXPECTED = [
    'waitfor(/Welcome/): "Welcome\\n"',
    "puts('hello'): done",
    "waitfor(/Grüße/): Encoding::CompatibilityError",
    "waitfor(/login: /): Net::ReadTimeout",
    "puts('Grüße'): Encoding::CompatibilityError",
    "print('Grüße'): Encoding::CompatibilityError",
    "puts('Grüße'.b): done",
    'waitfor(/Gr\\xC3\\xBC/n): "Gr\\xC3\\xBC\\xC3\\x9Fe!\\nlogin: "',
]
SAID = [b"hello\r\n", "Grüße\r\n".encode()]
with socket.create_server(("127.0.0.1", 0)) as listener:
    listener.settimeout(60)
    command = ["ruby", os.path.join(FOLDER, "client.rb"), str(listener.getsockname()[1])]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as client:
        connection, _ = listener.accept()
        connection.settimeout(60)
        lines = connection.makefile("rwb", buffering=0)
        lines.write(b"Welcome\r\n")
        said = []
        for _ in SAID:
            said.append(lines.readline())
            lines.write(PROMPT)
        told = client.communicate(timeout=60)[0].decode().splitlines()
for one in told:
    print("  " + one)
print("  the server hears %a" % said)
if told != EXPECTED or said != SAID:
    sys.exit("DIFFERENT: expected %s, %a" % (EXPECTED, SAID))
PYTHON
LC_ALL=C.UTF-8 PYTHONIOENCODING=utf-8 timeout 100 python3 "$tmp/try.py" "$tmp"
echo "As told: umlauts are an error in both directions, and the prompt behind them is lost."
