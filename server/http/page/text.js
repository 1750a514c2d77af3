// What people write, as a tree, and the tree as nodes of a page: never through HTML.
//
// A block is {kind: "p" | "quote" | "ul" | "ol" | "fence", …}: "p" has `inline`, "quote" has `blocks`, the lists have
// `items` (each an `inline`), "ol" also `start`, "fence" has `text`. An `inline` is a list of strings and of
// {kind: "b" | "i", inline}, {kind: "code", text}, {kind: "link", href, text}, {kind: "me", text}, {kind: "room", text}.
// Time is linear in the text's length.

const DEEPEST = 4; // quotes in quotes
const FENCE = "```";
const BULLET = /^ {0,3}[-•] +(?=\S)/;
const NUMBER = /^ {0,3}(\d{1,4})[.)] +(?=\S)/;
const URL_START = /https?:\/\/[^\s<>"`\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]+/iy;
const ROOM = /#[^\s,:#]{1,32}/uy;
const PLAIN = /[^`hH#*_]+/y;
const RUN = /\*+|_+/y;
const WORD = /[\p{L}\p{N}\p{M}_]/u;
const SCRIPTS = [
  /\p{Script=Latin}/u,
  /\p{Script=Cyrillic}/u,
  /\p{Script=Greek}/u,
  /\p{Script=Armenian}/u,
  /\p{Script=Cherokee}/u,
  /\p{Script=Hebrew}/u,
  /\p{Script=Arabic}/u
];
const MARKS = {"*": "b", "**": "b", _: "i"};

// A text as blocks. me: my name, to be marked. isRoom(name): is there such a room, for a link to it?
export function parse(text, {me = "", isRoom = () => false} = {}) {
  return blocks(text.split("\n"), 0, {mine: me && mentionOf(me), isRoom});
}

function blocks(lines, depth, context) {
  const found = [];
  const closing = fencesBehind(lines);
  let at = 0;
  const take = (test) => {
    const from = at;
    while (at < lines.length && test(lines[at])) at++;
    return lines.slice(from, at);
  };
  while (at < lines.length) {
    const line = lines[at];
    if (closing[at] !== undefined) {
      found.push({kind: "fence", text: lines.slice(at + 1, closing[at]).join("\n")});
      at = closing[at] + 1;
    } else if (line.startsWith(FENCE) && line.endsWith(FENCE) && line.length > 2 * FENCE.length) {
      found.push({kind: "fence", text: line.slice(FENCE.length, -FENCE.length)});
      at++;
    } else if (isQuote(line) && depth < DEEPEST) {
      const inner = take(isQuote).map((quoted) => quoted.replace(/^> ?/, ""));
      found.push({kind: "quote", blocks: blocks(inner, depth + 1, context)});
    } else if (BULLET.test(line)) {
      const items = take((item) => BULLET.test(item));
      found.push({kind: "ul", items: items.map((item) => inline(item.replace(BULLET, ""), context))});
    } else if (NUMBER.test(line)) {
      const start = Number(NUMBER.exec(line)[1]);
      const items = take((item) => NUMBER.test(item));
      found.push({kind: "ol", start, items: items.map((item) => inline(item.replace(NUMBER, ""), context))});
    } else {
      const first = at++;
      take(
        (next) =>
          !next.startsWith(FENCE) && !(isQuote(next) && depth < DEEPEST) && !BULLET.test(next) && !NUMBER.test(next)
      );
      const paragraph = lines.slice(first, at);
      found.push({
        kind: "p",
        inline: paragraph.flatMap((one, index) => (index ? ["\n", ...inline(one, context)] : inline(one, context)))
      });
    }
  }
  return found;
}

const isQuote = (line) => line.startsWith(">");

// {line that opens a fence: line that closes it}. What is never closed is no fence.
function fencesBehind(lines) {
  const closing = {};
  let open = -1;
  lines.forEach((line, at) => {
    if (open >= 0 && line.trimEnd() === FENCE) {
      closing[open] = at;
      open = -1;
    } else if (open < 0 && /^```[\w+#.-]*\s*$/.test(line)) open = at;
  });
  return closing;
}

// One line. Of each mark only the latest that is open can still be closed, so at most three are open at a time.
function inline(line, context) {
  const root = {inline: []};
  let open = [root];
  let plain = "";
  let codeEnds = true; // may there be another backtick?
  const top = () => open[open.length - 1];
  const flush = () => {
    if (plain) top().inline.push(...withMentions(plain, context));
    plain = "";
  };
  const unwind = (depth) => {
    // what is open above turns out to be plain
    while (open.length > depth) {
      const {mark, inline: inner} = open.pop();
      top().inline.push(mark);
      for (const node of inner) top().inline.push(node);
    }
  };
  for (let at = 0; at < line.length;) {
    const run = matchAt(PLAIN, line, at);
    if (run) {
      plain += run;
      at += run.length;
      continue;
    }
    const char = line[at];
    if (char === "`" && codeEnds) {
      const end = line.indexOf("`", at + 1);
      if (end > at + 1) {
        flush();
        top().inline.push({kind: "code", text: line.slice(at + 1, end)});
        at = end + 1;
        continue;
      }
      codeEnds = end >= 0;
      if (end === at + 1) {
        // two or more in a row mean themselves
        while (line[at] === "`") plain += line[at++];
        continue;
      }
    } else if ((char === "h" || char === "H") && !isWord(before(line, at))) {
      const link = linkAt(line, at);
      if (link) {
        flush();
        top().inline.push(link.node);
        at += link.length;
        continue;
      }
    } else if (char === "#" && !isWord(before(line, at))) {
      const room = matchAt(ROOM, line, at).replace(/[.!?;)\]}'"*_]+$/, "");
      if (room.length > 1 && context.isRoom(room)) {
        flush();
        top().inline.push({kind: "room", text: room});
        at += room.length;
        continue;
      }
    } else if (char in MARKS) {
      const mark = matchAt(RUN, line, at);
      const kind = MARKS[mark]; // none of longer ones, which mean themselves
      const depth = open.findIndex((one) => one.mark === mark);
      const previous = before(line, at);
      const next = after(line, at + mark.length - 1);
      at += mark.length;
      if (kind && depth > 0 && previous.trim() && !isWord(next) && (plain || top().inline.length)) {
        flush();
        unwind(depth + 1);
        const {inline: inner} = open.pop();
        top().inline.push({kind, inline: inner});
      } else if (kind && next.trim() && !isWord(previous)) {
        flush();
        if (depth > 0) unwind(depth);
        open.push({mark, inline: []});
      } else plain += mark;
      continue;
    }
    plain += char;
    at++;
  }
  flush();
  unwind(1);
  return joined(root.inline);
}

// Neighbouring strings as one.
function joined(nodes) {
  const found = [];
  for (const node of nodes) {
    if (node.inline) node.inline = joined(node.inline);
    if (typeof node === "string" && typeof found[found.length - 1] === "string") found[found.length - 1] += node;
    else found.push(node);
  }
  return found;
}

function before(line, at) {
  if (at > 1 && /[\udc00-\udfff]/.test(line[at - 1])) return line.slice(at - 2, at);
  return at ? line[at - 1] : "";
}

function after(line, at) {
  return at + 1 < line.length ? String.fromCodePoint(line.codePointAt(at + 1)) : "";
}

const isWord = (char) => char !== "" && WORD.test(char);

function matchAt(pattern, line, at) {
  pattern.lastIndex = at;
  const match = pattern.exec(line);
  return match ? match[0] : "";
}

// The link that begins here: http or https, without what names a user in front of the host.
function linkAt(line, at) {
  const raw = withoutTail(matchAt(URL_START, line, at));
  let url;
  try {
    url = new URL(raw);
  } catch {
    return null;
  }
  if (!/^https?:$/.test(url.protocol) || url.username || url.password || !url.hostname) return null;
  return {length: raw.length, node: {kind: "link", href: url.href, text: shownLink(raw, url)}};
}

// Marks at the end belong to the sentence; so does a bracket that is not opened in the link.
function withoutTail(raw) {
  const balance = {")": 0, "]": 0, "}": 0};
  const opens = {"(": ")", "[": "]", "{": "}"};
  for (const char of raw) {
    if (char in opens) balance[opens[char]]++;
    else if (char in balance) balance[char]--;
  }
  let end = raw.length;
  for (; end; end--) {
    const char = raw[end - 1];
    if (char in balance && balance[char] < 0) balance[char]++;
    else if (!".,;:!?'*_…»”’".includes(char)) break;
  }
  return raw.slice(0, end);
}

// The link in full. Where alphabets mix in the host's name, it may look like another one: then as it is looked up.
function shownLink(raw, url) {
  const [, front, host] = /^(https?:\/\/)([^/?#:\\]*)/i.exec(raw);
  const mixed = SCRIPTS.filter((script) => script.test(host)).length > 1 || /[^\p{L}\p{N}\p{M}.-]/u.test(host);
  return mixed ? front + url.hostname + raw.slice(front.length + host.length) : raw;
}

// A pattern that finds a name in a text, or null for none.
function mentionOf(name) {
  return new RegExp("@?" + name.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"), "giu");
}

function withMentions(plain, {mine}) {
  if (!mine) return [plain];
  const found = [];
  let end = 0;
  mine.lastIndex = 0;
  for (let match; (match = mine.exec(plain));) {
    const behind = match.index + match[0].length;
    if (isWord(before(plain, match.index)) || isWord(after(plain, behind - 1))) continue;
    if (match.index > end) found.push(plain.slice(end, match.index));
    found.push({kind: "me", text: match[0]});
    end = behind;
  }
  if (end < plain.length) found.push(plain.slice(end));
  return found;
}

// Does a text name somebody?
export function mentions(text, name) {
  return name !== "" && withMentions(text, {mine: mentionOf(name)}).some((part) => part.kind === "me");
}

// A text without its marks, in one line: for notifications and lists.
export function oneLine(text, most = 160) {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > most ? line.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "") + "…" : line;
}

const TAGS = {b: "strong", i: "em", me: "mark", quote: "blockquote", ul: "ul", ol: "ol", p: "p"};

// The nodes for what `parse` gives, into `parent`.
export function render(found, parent, document) {
  for (const block of found) {
    if (block.kind === "fence") {
      const code = element(document, parent, "pre");
      code.tabIndex = 0; // it may have to be scrolled
      element(document, code, "code").textContent = block.text;
    } else {
      const node = element(document, parent, TAGS[block.kind]);
      if (block.kind === "quote") render(block.blocks, node, document);
      else if (block.kind === "p") renderInline(block.inline, node, document);
      else {
        if (block.kind === "ol") node.start = block.start;
        for (const item of block.items) renderInline(item, element(document, node, "li"), document);
      }
    }
  }
}

function renderInline(nodes, parent, document) {
  for (const node of nodes) {
    if (typeof node === "string") parent.append(node);
    else if (node.kind === "link") {
      const link = element(document, parent, "a");
      link.href = node.href;
      link.rel = "noopener noreferrer ugc";
      link.target = "_blank";
      link.textContent = node.text;
    } else if (node.kind === "room") {
      const link = element(document, parent, "a");
      link.href = "#" + encodeURIComponent(node.text.slice(1));
      link.textContent = node.text;
    } else if (node.kind === "code") element(document, parent, "code").textContent = node.text;
    else if (node.kind === "me") element(document, parent, "mark").textContent = node.text;
    else renderInline(node.inline, element(document, parent, TAGS[node.kind]), document);
  }
}

function element(document, parent, tag) {
  const node = document.createElement(tag);
  parent.append(node);
  return node;
}
