// A bot that keeps the tally of a coffee kitchen: node examples/web_bot.mjs [URL [NAME [ROOM [PASSWORD]]]]
//
// `!coffee` puts one on the tally of who says it, `!tally` tells how many everybody has had. examples/web_bot.py is the
// same bot with Parley's client; this one speaks `parley.1` itself, which docs/web.md describes. It needs Node 22; Node
// 20.10 with --experimental-websocket; or an older one with the package ws (Debian: apt install node-ws).

import {createRequire} from "node:module";
import {randomUUID} from "node:crypto";

const WebSocket = globalThis.WebSocket ?? createRequire(import.meta.url)("ws");
const [url = "ws://localhost:8000/chat", name = "barista", room = "#coffee", password] = process.argv.slice(2);

const tally = new Map();
const unanswered = new Map(); // what was said and has no answer, by tag; it is sent again, and said once all the same
const latest = {}; // the number of the latest message heard in each room, and "me" for what was said to the bot alone
let socket, session, run, heardAnything;

const send = (message) => socket.send(JSON.stringify(message));
const login = () => send({do: "login", name, password});

function say(text) {
  const tag = randomUUID();
  unanswered.set(tag, {do: "say", room, text, tag, id: tag});
  send(unanswered.get(tag));
}

function hear(message) {
  if (message.text === "!coffee") tally.set(message.by, (tally.get(message.by) ?? 0) + 1);
  else if (message.text === "!tally") say([...tally].map((one) => one.join(": ")).join(", ") || "No coffee yet.");
}

// What the server says, by what it is about.
const on = {
  hello(answer) {
    run = answer.run;
    if (!session) login();
  },
  welcome(answer) {
    session = answer.session;
    latest.me ??= answer.me;
    latest[room] ??= answer.me; // what was said before the bot was there does not count
    send({do: "join", room});
    for (const message of unanswered.values()) send(message);
  },
  no(answer) {
    if (answer.why === "no-session") {
      session = undefined; // it is over: ten minutes have passed
      unanswered.clear();
      login();
    } else {
      console.error(answer.text);
      unanswered.delete(answer.id);
    }
  },
  done(answer) {
    unanswered.delete(answer.id);
  },
  said(message) {
    latest[message.room] = message.n;
    if (message.room === room) hear(message);
  },
  whispered(message) {
    latest.me = message.n;
  },
  // What was said while there was no connection comes first, in each room.
  missed({room: place, me, messages}) {
    for (const message of messages) {
      latest[me ? "me" : place] = message.n;
      if (place === room && message.by !== name) hear(message);
    }
  },
  bye({why, text}) {
    console.error(text);
    if (["logged-in-elsewhere", "kicked", "banned"].includes(why)) process.exit(1);
  },
};

function connect() {
  const mine = (socket = new WebSocket(url, ["parley.1"]));
  const lost = () => {
    if (socket !== mine) return;
    socket = undefined; // nothing more is heard of this one
    setTimeout(connect, 1000 * (0.7 + 0.6 * Math.random()));
  };
  mine.onopen = () => send({do: "hello", session, resume: run && {run, ...latest}});
  mine.onmessage = ({data}) => {
    if (socket !== mine) return;
    heardAnything = true;
    const message = JSON.parse(data);
    on[message.on]?.(message);
  };
  mine.onclose = mine.onerror = lost;
}

// A connection may end without a word: so ask from time to time, and take no answer for the end.
setInterval(() => {
  if (socket?.readyState !== WebSocket.OPEN) return;
  if (!heardAnything) socket.onclose();
  else send({do: "ping"});
  heardAnything = false;
}, 30000);

connect();
