"""Files in the page: sent by button, drop and paste, over a line that is cut, and shown as what they are."""
import base64
import contextlib
import os

from web_server import Cable, Line, site

from stress.files import ask, path_in

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
_DROP = """
const [kind, name, data] = arguments;
const carried = new DataTransfer();
carried.items.add(new File([Uint8Array.from(atob(data), (one) => one.charCodeAt(0))], name));
const target = document.getElementById(kind === "paste" ? "text" : "scroll");
target.dispatchEvent(kind === "paste"
  ? new ClipboardEvent("paste", {clipboardData: carried, bubbles: true, cancelable: true})
  : new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true}));
"""
# Drop a file somewhere: does the browser leave it to the page?
_DROP_AT = """
const carried = new DataTransfer();
carried.items.add(new File(["a"], "a.txt"));
return !document.getElementById(arguments[0]).dispatchEvent(
  new DragEvent("drop", {dataTransfer: carried, bubbles: true, cancelable: true}));
"""
# How many pixels of the talk are out of sight at the end, once a picture in it has become large.
_GROW = """
document.querySelector("#rows .picture").style.cssText = "height: 200vh; max-height: none";
const {scrollHeight, clientHeight} = document.getElementById("scroll");
requestAnimationFrame(() => requestAnimationFrame(() => arguments[0](
  scrollHeight - clientHeight - document.getElementById("scroll").scrollTop)));
"""
_FILES = "[...document.querySelectorAll('#rows .message:not(.waiting) .file')]"


def test_files_are_sent_over_a_line_that_is_cut_and_shown_as_what_they_are(open_page, tmp_path):
    storage = {"storage": {"directory": str(tmp_path / "storage")}, "files": {"offers_per_minute": 0},
               "limits": {"messages_per_second": 0}}
    with site(**storage) as server, contextlib.closing(Cable(server.address("web"))) as cable:
        lea = Line(server.address("line"), "lea")
        ann, bob = open_page(), open_page()
        ann.enter(cable.url, "ann")
        bob.enter(server.url, "bob")
        (tmp_path / "big.bin").write_bytes(os.urandom(8 << 20))
        ann.choose(tmp_path / "big.bin")
        ann.until("document.querySelector('.sending progress')?.value > 0 || %s.length" % _FILES)
        cable.cut()
        told = lea.until_file()
        assert "[file] big.bin, 8.4 MB: " in told
        assert ask(server.address("web"), "GET", path_in(told))[2] == (tmp_path / "big.bin").read_bytes()
        for page in (ann, bob):
            page.until("%s[0]?.querySelector('a').textContent === 'big.bin'" % _FILES)
        ann.until("document.getElementById('files').hidden")
        for kind, name, data in (
                ("drop", "picture.png", PNG), ("paste", "<img src=x>.svg.png", b"<svg onload='f()'/>")):
            ann.run(_DROP, kind, name, base64.b64encode(data).decode())
            lea.until_file()
        bob.until("%s.length === 3" % _FILES)
        bob.run("for (const file of %s.slice(1)) file.querySelector('button').click()" % _FILES)
        bob.until("document.querySelector('#rows .picture')?.naturalWidth === 1")
        assert bob.run_async(_GROW) < 2
        bob.until("%s[2].textContent.includes('this is no picture')" % _FILES)
        assert bob.run("return document.querySelectorAll('#rows img').length") == 1
        link = bob.run("return document.querySelector('#rows .file a').href")
        assert link.startswith(server.url + "files/")
        lea.send("MSG [file] x.png, 1 B: https://evil.example/files/%s/x.png" % ("0" * 32))
        bob.until("%s.length === 4" % _FILES)
        assert bob.run("return %s[3].querySelector('a').href" % _FILES) == server.url + "files/%s/x.png" % ("0" * 32)
        (tmp_path / "empty").write_bytes(b"")
        ann.choose(tmp_path / "empty")
        ann.until("document.querySelector('.sending.refused .why')?.textContent.startsWith('Not sent: ')")
        ann.click(".sending.refused button")
        ann.until("document.getElementById('files').hidden")
        lea.close()
        assert bob.wrongs() == []


def test_a_file_that_is_dropped_never_replaces_the_page(server, open_page):
    page = open_page()
    page.open(server.url)
    page.until("document.getElementById('enter')?.checkVisibility()")
    assert page.run(_DROP_AT, "enter")
    page.enter(server.url, "dora")
    assert page.run(_DROP_AT, "rooms") and page.run(_DROP_AT, "scroll")
    page.until("document.getElementById('rows').textContent.includes('This server keeps no files.')")
    assert page.wrongs() == []
