#!/usr/bin/env bash
# What a bot with Ruby's net-irc has said has seven letters afterwards, and it was "Grüße" before.
#
# post() makes bytes of the texts that it is given, not of copies of them: the caller's own string is one of ASCII-8BIT
# from then on, with another length, equal to no other "Grüße", and not found in a Hash that has it. What is sent is
# right, and with ASCII nothing is to be seen. A text that cannot be changed is an error: in a file that begins with
# `# frozen_string_literal: true`, as RuboCop wants each, `post PRIVMSG, "#room", "hi"` raises FrozenError.
# Seen with net-irc 0.0.9 and Ruby 3.1 (Debian packages ruby-net-irc and ruby).
# Bots that count, keep or compare what they say: give post() a copy, `text.dup`.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

ruby -e 'require "net/irc"' 2>/dev/null || {
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends ruby ruby-net-irc >/dev/null; }
dpkg-query -W -f '${Package} ${Version}\n' ruby-net-irc
ruby --version

cat >"$tmp/try.rb" <<'RUBY'
# frozen_string_literal: true

require "net/irc"
require "socket"

SEEN = []

class Bot < Net::IRC::Client
  def on_rpl_welcome(message)
    super
    text = +"Grüße"
    known = { "Grüße" => "a greeting" }
    SEEN << ["before", text.length, text.encoding.to_s, text == "Grüße", known[text]]
    post PRIVMSG, +"#room", text
    SEEN << ["after", text.length, text.encoding.to_s, text == "Grüße", known[text]]
    text = +"Grüße"
    post PRIVMSG, +"#room", text.dup
    SEEN << ["after a copy", text.length, text.encoding.to_s, text == "Grüße", known[text]]
    begin
      post PRIVMSG, "#room", "hi"
      SEEN << ["literals", "sent"]
    rescue StandardError => e
      SEEN << ["literals", e.class.to_s]
    end
    finish
  end
end

listener = TCPServer.new("127.0.0.1", 0)
server = Thread.new do
  connection = listener.accept
  nil until connection.gets.start_with?("USER")
  connection.write(":server 001 bot :Welcome bot!bot@host\r\n")
  connection.read.force_encoding("UTF-8").scan(/^PRIVMSG.*?(?=\r\n)/)
end
names = { nick: +"bot", user: +"bot", real: +"Bot", logger: Logger.new(File::NULL) }
Bot.new("127.0.0.1", listener.addr[1], names).start
sent = server.value
SEEN.each { |one| puts "  " + one.map(&:inspect).join(" ") }
puts "  sent #{sent}"
EXPECTED = [
  ["before", 5, "UTF-8", true, "a greeting"],
  ["after", 7, "ASCII-8BIT", false, nil],
  ["after a copy", 5, "UTF-8", true, "a greeting"],
  ["literals", "FrozenError"],
].freeze
exit if SEEN == EXPECTED && sent == ["PRIVMSG #room Grüße"] * 2
abort "DIFFERENT: expected #{EXPECTED}"
RUBY
LC_ALL=C.UTF-8 timeout 60 ruby "$tmp/try.rb"
echo "As told: a text that was said is another one."
