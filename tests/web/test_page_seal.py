"""Sealing in the page, in Chromium, with Python at the other end and the real server between."""
import json
import os
import select
import time

import pytest
from web_server import Line

from parley.client import Chat
from parley.client.sealed import Opened
from parley.server.http.bundle import joined

talk = pytest.importorskip("parley.client.seal.talk")
NOTE = "\U0001f512 sealed message (open Parley's own client to read it)"
SECONDS = 20
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Device:
    """An account with the library, which seals."""

    def __init__(self, server, name):
        self.chat = Chat("web://%s:%d" % server.address("web"))
        self.chat.seals = talk.Seals(None)
        self.chat.create(name, "secret")
        self.heard = []
        self.until(lambda: self.chat.me == name)

    def until(self, is_so):
        deadline = time.monotonic() + SECONDS
        while not is_so():
            assert time.monotonic() < deadline, self.heard
            select.select([self.chat], [], [], 0.05)
            self.heard += self.chat.poll()

    def settle(self):
        self.chat.flush()
        self.until(lambda: not self.chat._is_busy)

    def until_sealed(self, text):
        self.until(lambda: any(isinstance(getattr(event, "text", None), Opened) and event.text == text
                               for event in self.heard))


def shown(page, text):
    """Wait until a message is shown as sealed."""
    page.until("[...document.querySelectorAll('#rows .message:not(.waiting)')].some((row) =>"
               " row.querySelector('.said').textContent === arguments[0]"
               " && row.textContent.includes('sealed'))", text)


def make_account(page, name):
    page.run("document.getElementById('make').checked = true")
    page.run("document.getElementById('name').select()")
    page.keys(name, "\ue004", "secret", "\ue007")
    page.until("document.getElementById('composer').checkVisibility()")


def test_a_page_and_python_seal_for_each_other_whispers_and_rooms(server, open_page):
    bob = Device(server, "bob")
    bob.chat.seals.turn_on("ann")
    bob.chat.join_room("#vault")
    bob.settle()
    bob.chat.set("#vault", "sealed", "on")
    bob.settle()
    page = open_page()
    page.open(server.url)
    page.until("document.getElementById('enter')?.checkVisibility()")
    make_account(page, "ann")
    page.go("#vault")  # which takes a device: it is one now, and seals there
    page.until("document.getElementById('seal-button').getAttribute('aria-pressed') === 'true'")
    page.say("among those who can")
    bob.until_sealed("among those who can")
    shown(page, "among those who can")
    page.click("#seal-button")
    page.until("document.getElementById('seal-button').getAttribute('aria-pressed') === 'false'")
    page.say("for all to read")
    page.until("document.getElementById('rows').textContent.includes('nly sealed messages can be sent to this room')")
    page.go("bob")
    page.click("#seal-button")
    page.until("document.getElementById('seal-button').getAttribute('aria-pressed') === 'true'")
    page.say("hello from the page")
    bob.until_sealed("hello from the page")
    shown(page, "hello from the page")
    bob.chat.whisper("ann", "hello from Python")
    bob.settle()
    shown(page, "hello from Python")

    digits = bob.chat.seals.digits("ann")
    page.run("[...document.querySelectorAll('#rows .name')].find((one) => one.textContent === 'bob').click()")
    page.until("[...document.querySelectorAll('#dialog button')].some((one) => one.textContent.startsWith('Compare')"
               " && (one.click(), true))")
    page.until("document.getElementById('dialog').textContent.includes(arguments[0])", digits)
    page.run("document.querySelector('#dialog button.primary').click()")
    page.until("!document.getElementById('dialog').open")

    page.run("location.hash = '#team'")
    page.until("document.getElementById('title').textContent === '#team'")
    bob.chat.join_room("#team")
    bob.settle()
    page.until("document.getElementById('about-count').textContent === '2'")
    page.click("#seal-button")
    page.until("document.getElementById('seal-button').getAttribute('aria-pressed') === 'true'")
    bob.chat.seals.turn_on("#team")
    page.say("in the room")
    bob.until_sealed("in the room")
    bob.chat.say("and back", "#team")
    bob.settle()
    shown(page, "and back")
    line = Line(server.address("line"), "lea")
    line.send("JOIN #team")
    line.send("#team HISTORY 10")
    line.send("PING")
    told = line.until("PONG")
    assert any(NOTE in one for one in told) and not any("parley:sealed" in one for one in told)
    line.close()

    page.reload()
    page.until("document.getElementById('composer')?.checkVisibility()")
    shown(page, "in the room")
    page.go("bob")
    shown(page, "hello from Python")
    page.say("still here")
    bob.until_sealed("still here")
    assert page.wrongs() == []
    bob.chat.close()


_CHECK = """
const [vectors, done] = arguments;
const {hex, unhex, ...seal} = window.sealing;
const load = async (algorithm, middle, secret, of, uses) => ({
  private: await crypto.subtle.importKey("pkcs8", unhex("302e020100300506032b65" + middle + "04220420" + secret),
                                         algorithm, false, uses),
  public: unhex(of)
});
const run = async () => {
  const found = [];
  for (const one of vectors.hpke) {
    const scratch = await crypto.subtle.importKey("pkcs8", unhex("302e020100300506032b656e04220420" + one.private),
                                                  "X25519", true, ["deriveBits"]);
    const own = {private: scratch, public: seal.unbase64((await crypto.subtle.exportKey("jwk", scratch)).x)};
    const opened = await seal.hpkeOpen(own, unhex(one.info), unhex(one.sealed), unhex(one.aad), one.aead);
    found.push(hex(opened) === one.text);
  }
  for (const one of vectors.lists) {
    const list = await seal.readList(unhex(one.data), one.name);
    found.push(list.number === one.number && list.inUse.map(({id}) => id).join() === one.in_use.join());
  }
  const bob = vectors.devices.bob;
  const pair = await load("X25519", "6e", bob.sealing, bob.sealing_public, ["deriveBits"]);
  const keyId = new Uint8Array(await crypto.subtle.digest("SHA-256", pair.public)).slice(0, 8);
  const keys = {sealing: [{...pair, keyId, made: 0}]};
  const ann = unhex(vectors.devices.ann.public);
  let chain = null;
  for (const one of vectors.letters) {
    const parts = seal.readEnvelope(one.envelope);
    await seal.check(ann, "ann", one.place, parts);
    const {what, content} = await seal.openLetter(keys, "ann", one.place, parts);
    found.push(what === one.what && hex(content) === one.content);
    if (what === seal.CHAIN) chain = seal.readChain(content);
  }
  for (const one of vectors.speeches) {
    const content = await seal.openSpeech(chain, "ann", one.place, seal.readEnvelope(one.envelope));
    found.push(hex(content) === one.content);
  }
  return found;
};
run().then(done, (error) => done(String(error.stack)));
"""


def test_the_published_vectors_hold_in_chromium(server, open_page):
    with open(os.path.join(ROOT, "server", "http", "page", "seal.js"), encoding="utf-8") as file:
        script = joined({"seal.js": file.read()}, "seal.js") + "window.sealing = module_seal_js;"
    with open(os.path.join(ROOT, "docs", "sealing-vectors.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    page = open_page(scripts=[script])
    page.open(server.url)
    found = page.run_async(_CHECK, vectors)
    assert found == [True] * (len(vectors["hpke"]) + len(vectors["lists"]) + len(vectors["letters"])
                              + len(vectors["speeches"]))
