// A bot by the library `irc-framework`, told and telling as `driven.py` says.
const { Client } = require("irc-framework");
const readline = require("readline");

const [host, port, nick, room] = process.argv.slice(2);
const tell = (...words) => process.stdout.write(words.join(" ") + "\n");

const bot = new Client();
bot.connect({ host, port: Number(port), nick, auto_reconnect: false });
bot.on("registered", () => bot.join(room));
bot.on("userlist", () => tell("inside"));
bot.on("privmsg", ({ nick, target, message }) => tell(target.startsWith("#") ? "said" : "whispered", nick, message));
bot.on("join", ({ nick }) => tell("entered", nick));
bot.on("part", ({ nick }) => tell("left", nick));
bot.on("quit", ({ nick }) => tell("left", nick));
bot.on("nick", ({ nick, new_nick }) => tell("renamed", nick, new_nick));
bot.on("kick", ({ nick, kicked }) => tell("kicked", kicked, nick));
bot.on("topic", ({ topic, nick }) => nick && tell("topic", topic));
bot.on("close", () => process.exit());

const lines = readline.createInterface({ input: process.stdin });
lines.on("close", () => bot.quit("bye"));
lines.on("line", (line) => {
  const [, verb, rest] = /^(\S+) ?(.*)$/.exec(line);
  const [, to, text] = /^(\S*) ?(.*)$/.exec(rest);
  ({
    say: () => bot.say(room, rest),
    whisper: () => bot.say(to, text),
    rename: () => bot.changeNick(rest),
    leave: () => bot.part(room),
    enter: () => bot.join(room),
    quit: () => bot.quit("bye"),
  })[verb]();
});
