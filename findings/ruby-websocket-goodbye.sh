#!/usr/bin/env bash
# Ruby's websocket refuses each goodbye with an umlaut as bad UTF-8, those that it has written itself, too.
#
# The reason in a Close frame is UTF-8 (RFC 6455, 5.5.1). The gem websocket, on which selenium-webdriver and other
# clients stand, writes "tschüß" as it should, and takes the same frame for an error, `:invalid_payload_encoding`:
# neither code nor reason are told, and the connection has not been closed in order. It hears "bye", and it hears
# umlauts in texts. websocket-driver, of the same language, hears the reason.
# Seen with websocket 1.2.9 and websocket-driver 0.6.3 (Debian packages ruby-websocket and ruby-websocket-driver).
# Servers that say in people's language why they hang up: for Ruby's clients say it in a message before.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ruby -e 'require "websocket"; require "websocket/driver"' 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ruby ruby-websocket ruby-websocket-driver >/dev/null; }
dpkg-query -W -f '${Package} ${Version}\n' ruby-websocket ruby-websocket-driver
ruby --version

cat >"$tmp/try.rb" <<'RUBY'
require "websocket"
require "websocket/driver"

class Connection
  attr_reader :url

  def initialize
    @url = "ws://localhost/"
  end

  def write(data) end
end

# What a client with websocket hears of the server's frame: its type, code and text, or an error.
def by_websocket(frame)
  incoming = WebSocket::Frame::Incoming::Client.new(version: 13)
  incoming << frame
  heard = incoming.next
  heard ? [heard.type.to_s, heard.code, heard.to_s.dup.force_encoding("UTF-8")] : ["error", incoming.error.to_s]
end

# The same with websocket-driver, which is told that the handshake is over.
def by_driver(frame)
  driver = WebSocket::Driver::Hybi.new(Connection.new, :require_masking => false)
  driver.instance_variable_set(:@ready_state, 1)
  heard = nil
  driver.on(:message) { |event| heard = ["text", nil, event.data] }
  driver.on(:close) { |event| heard = ["close", event.code, event.reason] }
  driver.parse(frame)
  heard
end

def frame(**options)
  WebSocket::Frame::Outgoing::Server.new(version: 13, **options).to_s.b
end

CASES = [
  ["text tschüß", frame(data: "tschüß", type: :text), ["text", nil, "tschüß"], ["text", nil, "tschüß"]],
  ["close 1001 bye", frame(data: "bye", type: :close, code: 1001), ["close", 1001, "bye"], ["close", 1001, "bye"]],
  ["close 1001 tschüß", frame(data: "tschüß", type: :close, code: 1001), ["error", "invalid_payload_encoding"],
   ["close", 1001, "tschüß"]],
  ["close 4000 ü", frame(data: "ü", type: :close, code: 4000), ["error", "invalid_payload_encoding"],
   ["close", 4000, "ü"]],
]
different = []
CASES.each do |name, data, *expected|
  seen = [by_websocket(data), by_driver(data)]
  puts format("  %-18s websocket hears %-38s websocket-driver %s", name, *seen.map { |one| one.compact.join(" ") })
  different << "#{name}, expected #{expected}" if seen != expected
end
abort "DIFFERENT: " + different.join("; ") unless different.empty?
RUBY
LC_ALL=C.UTF-8 timeout 60 ruby "$tmp/try.rb"
echo "As told: of two goodbyes with an umlaut the one hears none."
