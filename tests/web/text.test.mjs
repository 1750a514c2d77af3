// What people write, as a tree: see server/http/page/text.js.
import assert from "node:assert/strict";
import test from "node:test";

import {toldIn} from "./files.js";
import {mentions, oneLine, parse, render} from "./text.js";

const p = (...inline) => ({kind: "p", inline});
const b = (...inline) => ({kind: "b", inline});
const i = (...inline) => ({kind: "i", inline});
const code = (text) => ({kind: "code", text});
const link = (href, text = href) => ({kind: "link", href, text});

const PARSED = {
  plain: [p("plain")],
  "": [p()],
  "two\nlines": [p("two", "\n", "lines")],
  "*bold* and _it_": [p(b("bold"), " and ", i("it"))],
  "*_both_*": [p(b(i("both")))],
  "**bold**, **_both_** **, **": [p(b("bold"), ", ", b(i("both")), " **, **")],
  "2**3 a ** b **never closed": [p("2**3 a ** b **never closed")],
  "f(*a, **b) __init__ ***x*** ****": [p("f(*a, **b) __init__ ***x*** ****")],
  "snake_case_word 2*3*4 a * b * c": [p("snake_case_word 2*3*4 a * b * c")],
  "*never closed": [p("*never closed")],
  "*a *b* c": [p("*a ", b("b"), " c")],
  "*a _b* c_": [p(b("a _b"), " c_")],
  "* ann waves": [p("* ann waves")],
  "(*b*), _i_!": [p("(", b("b"), "), ", i("i"), "!")],
  "*not\nover lines*": [p("*not", "\n", "over lines*")],
  "`*c*` x": [p(code("*c*"), " x")],
  "a ` b": [p("a ` b")],
  "``": [p("``")],
  "```\nx < 1\n```": [{kind: "fence", text: "x < 1"}],
  "```py\n*x*\n```\nbehind": [{kind: "fence", text: "*x*"}, p("behind")],
  "```x```": [{kind: "fence", text: "x"}],
  "```\nnever closed": [p("```", "\n", "never closed")],
  "> q\n> r\nback": [{kind: "quote", blocks: [p("q", "\n", "r")]}, p("back")],
  "> > q": [{kind: "quote", blocks: [{kind: "quote", blocks: [p("q")]}]}],
  "- a\n- *b*": [{kind: "ul", items: [["a"], [b("b")]]}],
  "3. c\n4) d": [{kind: "ol", start: 3, items: [["c"], ["d"]]}],
  "-not a list\n1.nor this": [p("-not a list", "\n", "1.nor this")],
  "see http://a.example/x.": [p("see ", link("http://a.example/x"), ".")],
  "(https://a.example/b_(c))": [p("(", link("https://a.example/b_(c)"), ")")],
  "HTTPS://a.example": [p(link("https://a.example/", "HTTPS://a.example"))],
  "xhttp://a.example": [p("xhttp://a.example")],
  "javascript:alert(1) data:text/html,x ftp://a.example": [p("javascript:alert(1) data:text/html,x ftp://a.example")],
  "https://bank.example@evil.example/": [p("https://bank.example@evil.example/")],
  "http://": [p("http://")],
  "https://a.example/\u202ecod.exe": [p(link("https://a.example/"), "\u202ecod.exe")],
  // The first letter is Cyrillic: as it is looked up. All of one alphabet stays, as does a path.
  "https://\u0430pple.example/": [p(link("https://xn--pple-43d.example/"))],
  "https://b\u00fccher.example/\u00fc": [
    p(link("https://xn--bcher-kva.example/%C3%BC", "https://b\u00fccher.example/\u00fc"))
  ],
  "<b>&amp;</b><script>alert(1)</script>": [p("<b>&amp;</b><script>alert(1)</script>")]
};

for (const [text, tree] of Object.entries(PARSED)) {
  test("parses " + JSON.stringify(text), () => assert.deepEqual(parse(text), tree));
}

test("quotes are nested four deep, and no deeper", () => {
  let blocks = parse("> > > > > > x");
  let depth = 0;
  for (; blocks[0].kind === "quote"; depth++) blocks = blocks[0].blocks;
  assert.equal(depth, 4);
  assert.deepEqual(blocks, [p("> > x")]);
});

test("a name is marked as a word of its own, in any case", () => {
  assert.deepEqual(parse("Ann, @ann: annex", {me: "ann"}), [
    p({kind: "me", text: "Ann"}, ", ", {kind: "me", text: "@ann"}, ": annex")
  ]);
  assert.ok(mentions("hey a.b|c!", "a.b|c"));
  assert.ok(!mentions("hey axb|c!", "a.b|c"));
  assert.ok(mentions("\u05e9\u05e8\u05d4: hi", "\u05e9\u05e8\u05d4"));
  assert.ok(!mentions("anything", ""));
});

test("a room that is there becomes a link", () => {
  const isRoom = (name) => name === "#dev";
  assert.deepEqual(parse("in #dev, not #nowhere or x#dev", {isRoom}), [
    p("in ", {kind: "room", text: "#dev"}, ", not #nowhere or x#dev")
  ]);
});

test("nothing is lost: the texts of the tree are the text but for its marks", () => {
  const letters = ["*", "_", "`", " ", "a", "\n", ">", "- ", "1. ", "http://x.example/", "#r", "\ud83d\ude00", "```\n"];
  let seed = 7;
  const random = (most) => (seed = (seed * 48271) % 2147483647) % most;
  const flat = (node) =>
    typeof node === "string"
      ? node
      : (node.text || "") +
        [...(node.inline || []), ...(node.blocks || [])].map(flat).join("") +
        (node.items || []).map((item) => item.map(flat).join("")).join("");
  const letterCount = (text) => [...text].filter((char) => char === "a").length;
  for (let round = 0; round < 3000; round++) {
    const text = Array.from({length: random(14)}, () => letters[random(letters.length)]).join("");
    assert.equal(
      letterCount(
        parse(text, {me: "a", isRoom: () => true})
          .map(flat)
          .join("")
      ),
      letterCount(text),
      text
    );
  }
});

// Four times as long may take four times as long; twelve times would be quadratic. The least of several tries, in CPU time.
test("time is linear", () => {
  const cost = (text) =>
    Math.min(
      ...Array.from({length: 5}, () => {
        const before = process.cpuUsage();
        parse(text, {me: "a", isRoom: () => true});
        const {user, system} = process.cpuUsage(before);
        return user + system;
      })
    );
  for (const piece of [
    "*",
    "_a ",
    "`",
    "`a",
    "*_",
    ">",
    "> ",
    "- a\n",
    "http://",
    "http://a(",
    "```\n",
    "@a",
    "#a ",
    "*a _b ",
    "a*",
    "\n"
  ]) {
    cost(piece.repeat(2000 / piece.length));
    const short = cost(piece.repeat(8000 / piece.length));
    const long = cost(piece.repeat(32000 / piece.length));
    assert.ok(long < 12 * Math.max(short, 3000), `${JSON.stringify(piece)}: ${short} and ${long} \u00b5s`);
  }
});

test("one line is cut between characters", () => {
  assert.equal(oneLine(" a\n\n b ", 10), "a b");
  assert.equal(oneLine("\ud83d\ude00".repeat(9), 4), "\ud83d\ude00\u2026");
});

// A document that knows only what the renderer may use: making elements, and appending them and texts.
class FakeNode {
  constructor(tag) {
    Object.assign(this, {tag, children: []});
  }
  append(...nodes) {
    this.children.push(...nodes);
  }
  set textContent(text) {
    this.children = [text];
  }
  get html() {
    const {tag, children} = this;
    return `<${tag}${this.href ? ` ${this.href} ${this.rel}` : ""}>${children.map((child) => child.html || child).join("")}</${tag}>`;
  }
}

test("the tree becomes elements and texts", () => {
  const root = new FakeNode("div");
  const document = {createElement: (tag) => new FakeNode(tag)};
  render(parse("*b* https://a.example/\n> q\n```\n<i>\n```\n- `x`", {}), root, document);
  assert.equal(
    root.html,
    "<div><p><strong>b</strong> <a https://a.example/ noopener noreferrer ugc>https://a.example/</a></p>" +
      "<blockquote><p>q</p></blockquote><pre><code><i></code></pre><ul><li><code>x</code></li></ul></div>"
  );
});

test("a file that is told of is got below its id, wherever its address leads", () => {
  const id = "0".repeat(32);
  const path = (name, end) => toldIn(`[file] ${name}, 1 B: http://h/files/${id}/${end}`).path;
  for (const end of ["a b.txt".replace(" ", "%20"), "..\\..\\admin", "%2e%2e", "?x", "#x", "\u00e4"])
    assert.equal(path("a b.txt", end), `files/${id}/a%20b.txt`);
  assert.ok(new URL(path("..\\..\\admin", "x"), "http://h/chat/").pathname.startsWith(`/chat/files/${id}/`));
  assert.equal(toldIn(`[file] a, 1 B: http://h/files/x/a`), null);
});
