#!/usr/bin/env bash
# Two IRC libraries for Node lose who speaks if the nickname has a letter beyond ASCII, one the words as well.
#
# Both check the source of each line against a pattern of nicknames and take what does not fit for a server.
# matrix-org-irc then throws the message away without an event or a log line; irc-upd hands it over with
# `undefined` for the nickname. irc-framework hands over all.
# Seen with the npm packages matrix-org-irc 3.0.0, irc-upd 0.11.0 and irc-framework 4.14.0.
# Servers with UTF8ONLY, such as Ergo, let people be called "jörg": bridges and bots with these libraries do
# not hear them.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v npm >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends nodejs npm >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    matrix-org-irc@3.0.0 irc-upd@0.11.0 irc-framework@4.14.0 >/dev/null
echo "matrix-org-irc 3.0.0, irc-upd 0.11.0, irc-framework 4.14.0, Node $(node --version)"

cat >"$tmp/try.js" <<'JAVASCRIPT'
const net = require("net");

const [library] = process.argv.slice(2);
const LINES = [
  ":ann!ann@host PRIVMSG #room :from ann",
  ":jörg!jorg@host PRIVMSG #room :from jörg",
  ":zoe!zoe@host PRIVMSG #room :the last",
];
const heard = [];

function hear(nickname, text) {
  heard.push(`${nickname}: ${text}`);
  if (text === "the last") {
    console.log(heard.join(" | "));
    process.exit(0);
  }
}

const server = net.createServer((socket) => {
  let held = "";
  socket.on("error", () => {});
  const say = (line) => socket.write(line + "\r\n");
  socket.on("data", (data) => {
    const lines = (held + data).split(/\r?\n/);
    held = lines.pop();
    for (const line of lines) {
      const [command, word] = line.split(" ");
      if (command.toUpperCase() === "CAP" && word === "LS") say(":irc.test.invalid CAP * LS :multi-prefix");
      if (command.toUpperCase() === "CAP" && word === "REQ") say(":irc.test.invalid CAP bot ACK :multi-prefix");
      if (command.toUpperCase() === "USER") {
        say(":irc.test.invalid 001 bot :Welcome");
        say(":irc.test.invalid 376 bot :End");
      }
      if (command.toUpperCase() === "JOIN") {
        say(`:bot!bot@host JOIN ${word}`);
        LINES.forEach(say);
      }
    }
  });
});
server.listen(0, "127.0.0.1", () => {
  const { port } = server.address();
  const irc = require(library);
  if (library === "irc-framework") {
    const bot = new irc.Client();
    bot.on("registered", () => bot.join("#room"));
    bot.on("message", (event) => hear(event.nick, event.message));
    bot.connect({ host: "127.0.0.1", port, nick: "bot" });
  } else {
    const bot = new irc.Client("127.0.0.1", "bot", { port, channels: ["#room"], retryCount: 0 });
    bot.on("message", (nickname, room, text) => hear(nickname, text));
    bot.on("error", () => {});
    if (library === "matrix-org-irc") bot.connect();
  }
});
setTimeout(() => process.exit(3), 15000);
JAVASCRIPT

check() {
    local heard
    heard=$(cd "$tmp" && timeout 30 node try.js "$1" 2>&1) || true
    printf '  %-15s %s\n' "$1" "$heard"
    [[ $heard == "$2" ]] || { echo "DIFFERENT: expected $2"; exit 1; }
}
check matrix-org-irc "ann: from ann | zoe: the last"
check irc-upd "ann: from ann | undefined: from jörg | zoe: the last"
check irc-framework "ann: from ann | jörg: from jörg | zoe: the last"
echo "As told: matrix-org-irc hears two of three people, irc-upd two and a nameless one."
