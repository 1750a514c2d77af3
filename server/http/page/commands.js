// The slash commands of the message field, which are some of those of the other clients.

import {isRoom} from "./model.js";

const COMMAND = /^\/([a-z]+)(?:\s+(.*))?$/i; // in one line; the path /usr/bin is none

const USAGES = new Map([
  ["me", "TEXT"],
  ["join", "#ROOM [KEY]"],
  ["part", ""],
  ["dm", "NAME TEXT"],
  ["topic", "TEXT"],
  ...["kick", "ban", "mute"].map((act) => [act, "NAME [WHY]"]),
  ...["invite", "unban", "unmute", "voice", "devoice", "op", "deop"].map((act) => [act, "NAME"])
]);

// What was typed: {text}, which is to be said, or {command, words}.
// Throws an Error for a command that there is not, as what is meant for the server may be no business of the room's.
export function understood(typed, me) {
  const found = COMMAND.exec(typed.trim());
  if (!found) return {text: typed.replace(/^\/\//, "/")};
  const command = found[1].toLowerCase();
  const usage = USAGES.get(command);
  if (usage === undefined) {
    const all = [...USAGES.keys()].map((name) => "/" + name).join(", ");
    throw new Error(`There is no command /${command}. There are: ${all}. Begin with // to say a slash.`);
  }
  const wanted = usage.split(" ").filter(Boolean);
  const words = [];
  let rest = (found[2] || "").trim();
  while (rest && words.length < wanted.length) {
    const end = words.length === wanted.length - 1 ? -1 : rest.search(/\s/);
    words.push(end < 0 ? rest : rest.slice(0, end));
    rest = end < 0 ? "" : rest.slice(end).trim();
  }
  const isEnough = words.length >= wanted.filter((word) => !word.startsWith("[")).length;
  if (rest || !isEnough || (command === "join" && !isRoom(words[0]))) {
    throw new Error(`This is written /${command} ${usage}`.trim());
  }
  return command === "me" ? {text: `* ${me} ${words[0]}`} : {command, words};
}
