"""The page in Chromium, with the real server behind it."""
import contextlib
import json
import os
import signal
import time
import urllib.request

import pytest
from hostile import NAMES, RICH, TEXTS, TOPICS
from web_server import Cable, Line, site

from parley.client import connect
from parley.client.opening import Failed
from stress.irc import IrcClient
from stress.proofs.processes import worker_of

MOST_BYTES = 60 * 1024
MOST_REQUESTS = 8
ENTER, ESCAPE, TAB, BACKSPACE = "\ue007", "\ue00c", "\ue004", "\ue003"
CONTROL, ALT, SHIFT, UP = "\ue009", "\ue00a", "\ue008", "\ue013"
# The other five, and who comes by each: accounts where a password is needed.
CLOSING = "\u202c\u2069"  # the server ends what a text has begun of these
PROTOCOLS = ("line", "binary", "padded", "delimited", "dollar")
NAMES_IN = {"line": ("<b>lin</b>",), "binary": ("<b>b</b>",), "padded": ("<i>p</i>",), "delimited": ("<i>d</i>",),
            "dollar": ("<u>d</u>", "word")}


@contextlib.contextmanager
def at_nc(server, name):
    line = Line(server.address("line"), name)
    try:
        yield line
    finally:
        line.close()


def connected(server, protocol, name, password=None):
    """Somebody with the client of a protocol."""
    return connect("%s://%s:%d" % (protocol, *server.address(protocol)), name, password)


def test_two_pages_and_nc_talk(server, open_page):
    ann, bob = open_page(), open_page()
    ann.enter(server.url, "ann")
    bob.enter(server.url, "bob")
    with at_nc(server, "lea") as lea:
        ann.say("hello from a page")
        lea.until("MSG ann hello from a page")
        lea.send("MSG hello from nc")
        bob.say("hello from another")
        lea.until("MSG bob hello from another")
        for page in (ann, bob):
            for text in ("hello from a page", "hello from nc", "hello from another"):
                page.until_shown(text)
        assert ann.texts() == bob.texts()
        for text in ("typed", "typed again"):
            ann.run("document.getElementById('text').focus()")
            ann.keys(text)
            while bob.run("return document.getElementById('typing').textContent") != "ann is typing …":
                assert len(text) < 600, "it is not told that ann types on"
                ann.keys(".")
                text += "."
                time.sleep(0.1)  # nobody types faster, and each key makes the browser work
            ann.keys(ENTER)
            bob.until_shown(text)
            bob.until("document.getElementById('typing').textContent === ''")
        ann.go("lea")
        ann.say("psst")
        lea.until("DM ann psst")
        lea.send("DM ann what?")
        ann.until_shown("what?")
        lea.send("DM bob over here")
        bob.until("document.title.startsWith('(! 1)')")
        bob.go("lea")
        bob.until_shown("over here")
        bob.until("!document.title.startsWith('(')")
    ann.until("!document.querySelector('#people .here')?.parentNode.textContent.includes('lea')")
    assert ann.wrongs() == bob.wrongs() == []


def test_on_another_device_one_reads_on_where_one_has_stopped(server, open_page):
    cable = Cable(server.address("web"))
    with at_nc(server, "lea") as lea, contextlib.closing(cable):
        lea.send("MSG read on the first device")
        first = open_page()
        first.enter(cable.url, "root", "secret")
        first.until_shown("read on the first device")
        first.until("JSON.parse(sessionStorage.parley || '{}').read?.['#lobby']")
        first.run("dispatchEvent(new Event('blur'))")  # by which what was read is told at once
        lea.send("DM root read as well")
        first.go("lea")
        first.until_shown("read as well")
        first.until("JSON.parse(sessionStorage.parley || '{}').read?.lea")
        first.go("#lobby")
        first.say("away")
        lea.until("MSG root away")
        cable.lead_to(server.address("web")[:1] + (1,))  # nowhere
        cable.cut()
        lea.until("INFO root disconnected")
        for line in ("MSG not read", "MSG nor this", "DM root for you"):
            lea.send(line)
        second = open_page()
        second.enter(server.url, "root", "secret")
        second.until_shown("nor this")
        assert second.run("return document.querySelector('#rows .new').nextElementSibling.querySelector('.said')"
                          ".textContent") == "not read"
        second.until("document.querySelector('#people .count.call')?.textContent === '1'")
        second.go("lea")
        second.until_shown("for you")
        assert second.run("return document.querySelector('#rows .new').nextElementSibling.querySelector('.said')"
                          ".textContent") == "for you"
    assert first.wrongs() == second.wrongs() == []


def test_another_tab_goes_on_without_the_password_if_that_is_wanted(server, open_page):
    first, second = open_page(), open_page()
    first.enter(server.url, "root", "secret")
    first.go("#dev")
    second.enter(server.url, "ann")
    second.click("#me")
    second.run("[...document.querySelectorAll('#dialog .danger')].find((one) => one.textContent === 'Log out').click()")
    second.until("document.getElementById('bar-text').textContent === 'You are talking as root in another tab.'")
    assert first.run("return document.getElementById('bar').hidden")  # nothing happens to it until one says so
    second.click("#bar-now")
    second.until("document.getElementById('bar').hidden && document.activeElement.id === 'text'"
                 " && document.getElementById('me').textContent.includes('root')")
    first.until("document.getElementById('bar-text').textContent === 'You are talking in another tab or program.'")
    with at_nc(server, "lea") as lea:
        lea.send("JOIN #dev")
        lea.send("#dev MSG hi")
        second.until("document.querySelector('#rooms .count:not([hidden])')")
    first.click("#bar-now")
    first.until("document.getElementById('bar').hidden")
    first.until_shown("hi")
    assert first.wrongs() == second.wrongs() == []


_KEEP_NOTHING = """
const deny = () => { throw new DOMException("denied", "SecurityError"); };
for (const name of ["localStorage", "sessionStorage"]) Object.defineProperty(window, name, {get: deny});
window.BroadcastChannel = class { constructor() { deny(); } };
"""


def test_one_talks_in_a_browser_that_keeps_nothing_for_the_page(server, open_page):
    page = open_page(scripts=[_KEEP_NOTHING])
    page.enter(server.url, "ann")
    page.say("hello")
    page.until_shown("hello")
    assert page.wrongs() == []


_SAY_HELLO = """
const [session, done] = arguments;
const socket = new WebSocket(document.baseURI.replace(/^http/, "ws").replace(/#.*/, "") + "chat", "parley.1");
socket.onopen = () => socket.send(JSON.stringify({do: "hello", session}));
socket.onmessage = ({data}) => JSON.parse(data).on === "hello" || done(JSON.parse(data).why);
"""


def test_who_logs_out_leaves_nothing_behind(server, open_page):
    page = open_page()
    page.enter(server.url, "ann")
    page.go("#dev")
    page.run("document.getElementById('text').value = 'half'; document.getElementById('text').dispatchEvent("
             "new Event('input'))")
    session = page.until("JSON.parse(sessionStorage.parley || '{}').session")
    page.click("#me")
    page.run("[...document.querySelectorAll('#dialog .danger')].find((one) => one.textContent === 'Log out').click()")
    page.until("document.activeElement.id === 'name' && document.getElementById('name').value === ''")
    left = page.run("return JSON.stringify({...sessionStorage, ...localStorage})")
    assert "ann" not in left and "half" not in left and session not in left
    assert page.run_async(_SAY_HELLO, session) == "no-session"
    with at_nc(server, "ann"):
        page.reload()
        page.until("document.activeElement.id === 'name' && document.getElementById('name').value === ''")
    page.enter(server.url, "bob")
    assert page.wrongs() == []


def test_the_page_is_small(server, open_page):
    page = open_page()
    page.open(server.url)
    page.until("document.getElementById('enter').checkVisibility()")
    page.until("document.readyState === 'complete'")
    loaded = json.loads(page.run(
        "return JSON.stringify(['navigation', 'resource'].flatMap((kind) => performance.getEntriesByType(kind))"
        ".map((entry) => [entry.name, entry.encodedBodySize]))"))
    sizes = dict(loaded)
    assert len(sizes) <= MOST_REQUESTS
    assert all(sizes.values()) and sum(sizes.values()) <= MOST_BYTES


# In the page, so that no time is counted that the driver takes: come in, say something, note when that is stored.
_FIRST_WORD = """
window.since = {};
const by = (id) => document.getElementById(id);
const look = () => {
  if (!since.door && by("enter")?.checkVisibility() && document.activeElement.id === "name") {
    since.door = performance.now();
    by("name").value = "ann";
    by("enter").requestSubmit();
  } else if (since.door && !since.talk && by("composer").checkVisibility()) {
    since.talk = performance.now();
    by("text").value = "first";
    by("composer").requestSubmit();
  } else if (since.talk && document.querySelector("#rows .message:not(.waiting)[data-row]:not([data-row=mine])")) {
    since.said = performance.now();
    return;
  }
  setTimeout(look, 4);
};
look();
"""


@pytest.mark.long
def test_the_first_word_is_said_within_two_seconds_on_a_slow_machine(open_page, capsys):
    """By the clock where the machine has nothing else to do; in any case it is no more than two seconds of work."""
    found, is_busy = [], os.getloadavg()[0] > 1
    for _ in range(5):
        with site() as server:
            page = open_page(size="phone", scripts=[_FIRST_WORD])
            page.empty_cache()
            page.slow_down(4)
            page.measure_work()
            page.open(server.url)
            page.until("since.said")
            found.append((page.run("return Math.round(since.said)"), page.work()))
            page.open("about:blank")  # or it would look for its server beside the next one
            page.slow_down(1)  # or Chromium would go on slowing it down, which takes CPU from the next one
    with capsys.disabled():
        print("\nwith the CPU slowed down four times, milliseconds until the first word, and of work for it: %s"
              % ", ".join("%d %d" % times for times in found))
    assert min(work for _, work in found) <= 2000
    assert is_busy or min(said for said, _ in found) <= 2000


_CALLED = "%(node)s.id || %(node)s.getAttribute('aria-label') || %(node)s.textContent"


def reached_by_tab(page):
    """The ids, or else the texts, of all that Tab comes to, from the beginning of the page."""
    page.run("document.activeElement.blur(); document.body.tabIndex = -1; document.body.focus()")
    reached = []
    for _ in range(100):
        page.keys(TAB)
        at = page.run("const at = document.activeElement;"
                      "return at === document.body ? '' : %s" % _CALLED % {"node": "at"})
        if not at or at in reached:
            break
        reached.append(at)
    return reached


def test_everything_can_be_done_with_keys_alone(server, open_page):
    page = open_page()
    page.open(server.url)
    page.until("document.activeElement.id === 'name'")
    page.keys("ann", ENTER)
    page.until("document.activeElement.id === 'text'")
    page.keys("first words", ENTER)
    page.until_shown("first words")
    page.chord(CONTROL, "k")
    page.until("document.getElementById('dialog').open")
    page.keys("#dev", ENTER)
    page.until("document.getElementById('title').textContent === '#dev' && document.activeElement.id === 'text'")
    page.keys("in here")
    page.chord(SHIFT, ENTER)
    page.keys("two lines", ENTER)
    page.until_shown("in here\ntwo lines")
    with at_nc(server, "lea") as lea:
        lea.send("JOIN #dev")
        lea.until("OK")
        lea.send("#dev MSG hello")
        page.until_shown("hello")
        page.keys("le", TAB)
        page.until("document.getElementById('text').value === 'lea: '")
        page.keys("hi", ENTER)
        lea.until("#dev MSG ann lea: hi")
        page.keys("#lo", TAB)
        page.until("document.getElementById('text').value === '#lobby '")
        page.keys(len("#lobby ") * BACKSPACE)
        page.keys("see @lea", ENTER)  # nothing is left to be completed
        lea.until("#dev MSG ann see @lea")
        page.keys(UP)
        page.keys(UP)
        page.until("document.getElementById('text').value === 'lea: hi'")
        page.keys(UP)
        page.until("document.getElementById('text').value === 'in here\\ntwo lines'")
        page.chord(ALT, UP)
        page.until("document.getElementById('title').textContent === '#lobby'")
        lea.send("#dev MSG ann: are you there?")
        page.until("document.querySelector('#rooms .unread .count.call')?.textContent === '@ 1'")
        page.chord(CONTROL, SHIFT, "f")
        page.until("document.activeElement.type === 'search'")
        page.keys("FIRST")
        page.until("document.querySelectorAll('.result').length === 1")
        page.keys(ESCAPE)
        page.until("document.activeElement.id === 'text' && document.getElementById('panel').hidden")
        reached = reached_by_tab(page)
        wanted = page.run("return [...document.querySelectorAll('#talk button, #talk a, #talk textarea, #scroll')]"
                          ".filter((node) => node.checkVisibility() && node.tabIndex >= 0)"
                          ".map((node) => %s)" % _CALLED % {"node": "node"})
    assert set(wanted) <= set(reached) and {"me", "scroll", "text", "about-button"} <= set(wanted)
    assert page.wrongs() == []


def test_commands_do_what_they_do_in_other_clients_and_others_are_told_to_nobody(server, open_page):
    page = open_page()
    page.enter(server.url, "root", "secret")
    with at_nc(server, "lea") as lea:
        page.say("/login ann secret")
        page.until("document.getElementById('rows').textContent.includes('There is no command /login.')")
        assert page.run("return document.getElementById('text').value") == "/login ann secret"
        page.run("document.getElementById('text').value = ''")
        page.say("/me waves")
        assert lea.read() == "MSG root * root waves"
        page.say("/dm lea over here")
        page.until("document.getElementById('title').textContent === 'lea'")
        assert lea.read() == "DM root over here"
        lea.send("JOIN #dev word")
        lea.send("#dev SET key word")
        lea.until("#dev INFO lea changed the key")
        page.say("/join #dev word")
        page.until("document.getElementById('title').textContent === '#dev'")
        lea.until("#dev INFO root joined")
        page.say("/topic What is new")
        lea.until("#dev INFO root set the topic: What is new")
        page.say("/kick lea out of here")
        lea.until("#dev INFO root kicked lea: out of here")
        page.say("/unban nobody")
        page.until("document.querySelector('#rows > :last-child').textContent.includes('nobody')"
                   " || document.querySelector('#rows > :last-child').textContent.includes('Nobody')")
        page.keys(UP, UP, UP, UP)
        page.until("document.getElementById('text').value === '/join #dev'")
    assert page.wrongs() == []


def test_who_is_banned_is_told_why_and_comes_back_when_the_ban_is_lifted(server, open_page):
    teacher, pupil = open_page(), open_page(size="phone")
    teacher.open(server.url)
    teacher.until("document.activeElement.id === 'name'")
    teacher.keys("root", TAB, "forgotten", ENTER)
    teacher.until("document.getElementById('door-error').textContent.includes('whoever runs this server')")
    teacher.enter(server.url, "root", "secret")
    pupil.enter(server.url, "kim")
    for page in (teacher, pupil):
        page.go("#dev")
    teacher.say("/ban kim enough for today")
    why = "document.getElementById('outside-why').textContent"
    pupil.until("document.getElementById('outside').checkVisibility()"
                " && %s === 'You were banned from #dev: enough for today'" % why)
    assert pupil.run("return document.getElementById('about-count').textContent") == ""
    pupil.click("#enter-room")
    pupil.until("%s.startsWith('You are banned')" % why)
    teacher.click("#about-button")
    for name, told in (("nobody", "Nobody is banned here by that name."), ("kim", "kim is no longer banned.")):
        teacher.run("const field = document.querySelector('[aria-label=\"Lift a ban: name\"]');"
                    "field.focus(); field.select()")
        teacher.keys(name, ENTER)
        teacher.until("document.getElementById('panel').textContent.includes(arguments[0])", told)
    pupil.click("#enter-room")
    pupil.until("document.getElementById('composer').checkVisibility()")
    teacher.go("#lobby")
    teacher.say("/kick kim for today")
    pupil.until("document.getElementById('bar').textContent.includes('kicked')")
    pupil.click("#bar-now")
    pupil.until("document.getElementById('door-error').textContent === 'Try again later.'")
    assert teacher.wrongs() == pupil.wrongs() == []


def test_it_fits_a_phone(server, open_page):
    page = open_page(size="phone")
    page.language("en-US")  # with wide times
    page.open(server.url)
    page.until("document.getElementById('enter')?.checkVisibility()")

    def fits():
        return page.run("return document.scrollingElement.scrollWidth <= innerWidth"
                        " && document.scrollingElement.scrollHeight <= innerHeight")

    assert fits()
    page.enter(server.url, "ann")
    page.say("a-very-long-word-" + 200 * "x")
    page.until_shown("a-very-long-word-" + 200 * "x")
    assert fits() and page.run("return !document.getElementById('side').checkVisibility({visibilityProperty: true})")
    page.say("another")
    page.until_shown("another")
    left, right, text = page.run(
        "const row = document.querySelector('#rows .message:not(.first):not(.waiting)');"
        "const time = document.createRange();"
        "time.selectNodeContents(row.querySelector('time'));"
        "const {left, right} = time.getBoundingClientRect();"
        "return [left, right, row.querySelector('.said').getBoundingClientRect().left]")
    assert 0 <= left < right <= text
    page.language("")
    page.click("#back")
    page.until("document.getElementById('side').checkVisibility({visibilityProperty: true})")
    assert fits() and page.run("return !document.getElementById('middle').checkVisibility({visibilityProperty: true})")
    page.click("#rooms a")
    page.until("document.getElementById('middle').checkVisibility({visibilityProperty: true})")
    page.click("#about-button")
    page.until("document.getElementById('panel').getBoundingClientRect().width === innerWidth")
    assert fits()
    page.click("#panel button")
    page.size(320, 256)  # the same at 400 %
    assert fits() and page.run("return document.getElementById('text').getBoundingClientRect().bottom <= innerHeight")
    assert page.wrongs() == []


def test_the_end_of_the_talk_stays_in_sight_when_a_phone_is_turned(server, open_page):
    page = open_page()
    page.enter(server.url, "ann")
    with at_nc(server, "lea") as lea:
        for number in range(12):
            lea.send("MSG %d%s" % (number, 20 * " and more"))
        page.until_shown("11" + 20 * " and more")
    for width, height in ((768, 1000), (360, 740), (740, 360), (360, 740), (1280, 800)):
        page.size(width, height)
        page.until("innerWidth === arguments[0]", width)
        page.run_async("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        assert page.run("const {scrollHeight, scrollTop, clientHeight} = document.getElementById('scroll');"
                        "return scrollHeight - scrollTop - clientHeight < 2"
                        " && document.getElementById('latest').hidden")
    assert page.wrongs() == []


def test_what_is_found_begins_and_ends_with_whole_words(server, open_page):
    page = open_page()
    page.enter(server.url, "ann")
    words = " ".join("word%d" % number for number in range(60))
    page.say(words)
    page.until_shown(words)
    page.click("#search-button")
    page.until("document.activeElement.type === 'search'")
    result = "document.querySelector('#panel .result bdi:has(mark)')"
    page.keys("ord30")
    page.until("%s?.querySelector('mark').textContent === 'ord30'" % result)
    found = page.run("return %s.textContent" % result)
    assert found[:1] == found[-1:] == "…" and set(found[1:-1].split()) < set(words.split()) and "word30" in found
    page.run("document.querySelector('#panel input').select()")
    page.keys("rd0 word1")
    page.until("%s?.textContent.startsWith('word0 word1 ')" % result)
    assert page.wrongs() == []


def test_what_is_unread_is_found_below_many_rooms(server, open_page):
    page = open_page()
    page.size(900, 400)
    page.enter(server.url, "ann")
    for number in range(8):
        page.go("#room-%d" % number)
    page.go("#lobby")
    with at_nc(server, "lea") as lea:
        lea.send("DM ann psst")
        page.until("document.getElementById('unread').textContent === '↓ Unread'")
        page.click("#unread")
        page.until("document.getElementById('unread').hidden")
        bottom = "document.querySelector('#people .unread').getBoundingClientRect().bottom"
        assert page.run("return %s <= innerHeight" % bottom)
    assert page.wrongs() == []


_BOTTOM = ("[...document.querySelectorAll('#rows .said')].find((said) => said.textContent === arguments[0])"
           ".getBoundingClientRect().bottom")


def test_what_is_read_stays_where_it_is_when_older_messages_are_shown_above_it(server, open_page):
    """Also where the name above the first message goes, as there are more of the same speaker before it."""
    with at_nc(server, "lea") as lea:
        for number in range(180):
            lea.send("MSG number %d" % number)
        lea.send("PING")
        lea.until("PONG")
        page = open_page()
        page.enter(server.url, "ann")
        page.until_shown("number 179")
        page.until("document.querySelectorAll('#rows .message').length === 80")
        for number in (100, 80):  # 80 messages are shown at first, and 100 are loaded
            first = "number %d" % number
            page.run("document.getElementById('scroll').scrollTop = 0")
            before = page.run("return " + _BOTTOM, first)
            page.until("document.querySelector('#rows .said').textContent !== arguments[0]", first)
            assert abs(page.run("return " + _BOTTOM, first) - before) < 2
        lea.send("MSG ann: see below")
        page.until("document.getElementById('latest-text').textContent === '1 new message'"
                   " && document.querySelector('#rooms .count').textContent === '@ 1'")
        page.click("#latest")
        page.until_shown("ann: see below")
        page.until("document.querySelector('#rooms .count').hidden")
        assert page.run("return document.querySelector('#rows .new').nextElementSibling.querySelector('.said')"
                        ".textContent") == "ann: see below"
    assert page.wrongs() == []


def test_nothing_typed_is_lost_by_a_reload(server, open_page):
    page = open_page()
    page.enter(server.url, "ann")
    page.say("said before")
    page.until_shown("said before")
    page.go("#dev")
    page.run("document.getElementById('text').focus()")
    page.keys("half a sentence")
    page.go("#lobby")
    page.run("document.getElementById('text').focus()")
    page.keys("and another")
    page.until("[...document.querySelectorAll('#rooms .entry')].map((entry) => entry.lastChild.checkVisibility() &&"
               " entry.lastChild.textContent).join() === 'false,draft'")
    page.reload()
    page.until("document.getElementById('text')?.value === 'and another'")
    page.until_shown("said before")
    page.go("#dev")
    page.until("document.getElementById('text').value === 'half a sentence'")
    with at_nc(server, "lea") as lea:  # or the room would end with its last member
        lea.send("JOIN #dev")
        lea.until("OK")
        page.say("")
        page.until_shown("half a sentence")
        page.reload()
        page.until_shown("half a sentence")
    assert page.wrongs() == []


def test_a_room_goes_on_under_another_name_with_its_draft_and_what_is_unread(server, open_page):
    page, other = open_page(), open_page()
    with contextlib.closing(IrcClient(server.address("irc"), "ina")) as ina:
        ina.say("JOIN #dev")
        ina.told("366")
        for one, name in ((page, "ann"), (other, "bob")):
            one.enter(server.url, name)
            one.go("#dev")
            one.until("document.getElementById('text').placeholder.includes('#dev')")
        ina.say("PRIVMSG #dev :before")
        page.until_shown("before")
        page.run("document.getElementById('text').focus()")
        page.keys("half a sentence")
        other.until_shown("before")
        other.go("#lobby")
        ina.say("PRIVMSG #dev :unread")
        other.until("document.getElementById('rooms').textContent.includes('1 unread message')")
        ina.say("RENAME #dev #new")
        for one in (page, other):
            one.until("document.getElementById('rooms').textContent.includes('new')")
        assert page.run("return [location.hash, document.getElementById('title').textContent, "
                        "document.getElementById('text').value]") == ["#new", "#new", "half a sentence"]
        rooms = other.run("return document.getElementById('rooms').textContent")
        assert "new, 1 unread message" in rooms and "dev" not in rooms
        page.keys("!" + ENTER)
        assert b"PRIVMSG #new :half a sentence!" in ina.told("PRIVMSG")
        page.until_shown("before")
        other.go("#new")
        other.until_shown("unread")
        other.until_shown("half a sentence!")
        page.reload()
        page.until_shown("half a sentence!")
    assert page.wrongs() == other.wrongs() == []


@pytest.mark.parametrize("cuts", [20, pytest.param(980, marks=pytest.mark.long)])
def test_what_is_said_while_the_line_is_cut_comes_once_and_in_order(server, open_page, cuts):
    cable = Cable(server.address("web"))
    try:
        page = open_page()
        page.enter(cable.url, "ann")
        with at_nc(server, "lea") as lea:
            for cut in range(cuts):
                lea.send("MSG nc %d" % cut)
                page.run("document.getElementById('text').value = arguments[0];"
                         "document.getElementById('composer').requestSubmit()", "page %d" % cut)
                cable.cut()
                lea.send("MSG nc again %d" % cut)
                page.run("dispatchEvent(new Event('online'))")  # no need to wait for the time to be over
            page.until(_AT_REST)
            lea.send("MSG last")
            page.until_shown("last")
            said = [line for line in lea.until("MSG ann page %d" % (cuts - 1)) if line.startswith("MSG ann ")]
        assert said == ["MSG ann page %d" % cut for cut in range(cuts)]
        texts = [text for _, text in page.run_async(_ALL_ROWS)]
        assert sorted(texts) == sorted(
            ["last"] + [text % cut for cut in range(cuts) for text in ("nc %d", "nc again %d", "page %d")])
        page.reload()
        page.until_shown("last")
        assert [text for _, text in page.run_async(_ALL_ROWS)] == texts, "the order was not that of the server"
        assert page.wrongs() == []
    finally:
        cable.close()


_AT_REST = "document.getElementById('bar').hidden && !document.querySelector('.message.waiting')"


def test_workers_and_the_server_are_killed_and_nothing_is_missed(open_page, tmp_path):
    storage = tmp_path / "storage"
    storage.mkdir(mode=0o700)
    page = open_page()
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(site(storage={"directory": str(storage)}))
        cable = Cable(first.address("web"))
        stack.callback(cable.close)
        page.enter(cable.url, "ann")
        page.go("#dev")
        said = []
        for slot in range(2):
            page.say("before %d" % slot)
            page.until_shown("before %d" % slot)
            os.kill(worker_of(first.server, slot), signal.SIGKILL)
            page.say("behind %d" % slot)
            page.until(_AT_REST)
            page.until_shown("behind %d" % slot)
            said += ["before %d" % slot, "behind %d" % slot]
        os.killpg(first.server.pid, signal.SIGKILL)
        page.until("!document.getElementById('bar').hidden")
        page.say("while there is no server")
        second = stack.enter_context(site(storage={"directory": str(storage)}))
        cable.lead_to(second.address("web"))
        page.run("dispatchEvent(new Event('online'))")
        page.until(_AT_REST)
        with at_nc(second, "lea") as lea:
            lea.send("JOIN #dev")
            lea.until("OK")
            lea.send("#dev MSG the last")
            page.until_shown("the last")
        assert [text for _, text in page.texts()] == [*said, "while there is no server", "the last"]
        assert page.wrongs() == []


SCREENS = {
    "talk": "",
    "about": "document.getElementById('about-button').click()",
    "search": "document.getElementById('search-button').click(); const field = document.querySelector('#panel input');"
              "field.value = 'words'; field.dispatchEvent(new Event('input'))",
    "jump": "document.getElementById('jump-button').click()",
    "menu": "document.getElementById('me').click()",
    "moderation": "location.hash = '#of-' + document.querySelector('#me bdi').textContent",
    "person": "[...document.querySelectorAll('.member')].find((one) => one.textContent.includes('lea')).click()",
    "question": "[...document.querySelectorAll('#dialog .danger')].pop().click()",
    "list": "document.getElementById('back').click()",
}
_CLOSE = "document.getElementById('dialog').close(); document.querySelector('#panel button')?.click()"
_AXE = """
const [done] = [...arguments].slice(-1);
const rules = document.documentElement.dataset.theme === "dark" ? {runOnly: ["color-contrast"]} : {};
axe.run(document, {resultTypes: ["violations"], ...rules}).then((found) => done(found.violations
  .filter((one) => one.impact !== "minor" && one.impact !== null)
  .map((one) => [one.impact, one.id, one.nodes.map((node) => node.target.join(" ") + ": " + node.failureSummary)])),
  (error) => done([String(error)]));
"""


@pytest.mark.parametrize("size, screens", [
    ("desk", ["talk", "about", "search", "jump", "menu", "moderation", "person", "question"]),
    ("phone", ["talk", "about", "list"])], ids=["desk", "phone"])
def test_axe_finds_nothing_serious_on_any_screen(server, open_page, size, screens):
    """In the dark only contrast differs, so only that is looked at there."""
    browser = pytest.importorskip("browser")
    axe = browser.axe_script()
    if axe is None:
        pytest.skip("axe-core is not installed (npm install axe-core)")
    found = {}
    for dark in (False, True):
        page = open_page(size=size, dark=dark, scripts=[axe])
        page.media(dark, motion=False)
        page.open(server.url)
        page.until("document.getElementById('enter')?.checkVisibility()")
        page.until("document.activeElement.id === 'name'")
        page.keys("root", TAB, "wrong", ENTER)
        page.until("document.getElementById('door-error').textContent")
        found["door", dark] = page.run_async(_AXE)
        page.enter(server.url, "ann%d" % dark)
        with at_nc(server, "lea") as lea:
            lea.send("MSG ann%d: *bold* `code` https://example.org/ some words" % dark)
            page.until("document.querySelector('#rows .called a')")
            page.say("answer")
            page.until_shown("answer")
            for screen in screens:
                page.run(SCREENS[screen])
                if screen == "moderation":
                    page.until("document.getElementById('title').textContent === '#of-ann%d'" % dark)
                    page.click("#about-button")
                    page.until("document.querySelector('#panel [data-setting]')")
                    lea.send("JOIN #of-ann%d" % dark)
                    page.until("document.querySelectorAll('.member').length === 2")
                found[screen, dark] = page.run_async(_AXE)
                if screen not in ("moderation", "person"):
                    page.run(_CLOSE)
    assert {where: what for where, what in found.items() if what} == {}


def test_hostile_names_texts_and_topics_are_only_text(server, open_page):
    page = open_page()
    page.enter(server.url, "ann")
    said = []  # (name, text) as the page has to show them

    def say(chat, name, texts):
        end = "end %d" % len(said)
        for text in (*texts, end):
            chat.say(text)
        said.extend((name, text) for text in (*texts, end))
        page.until_shown(end)

    taken = 0
    for name in NAMES:
        with contextlib.suppress(Failed), contextlib.closing(connected(server, "line", name)) as chat:
            taken += 1
            say(chat, chat.me, ())
    assert taken >= 25, "most of these can be names"
    for protocol in PROTOCOLS:
        name = NAMES_IN[protocol]
        with contextlib.closing(connected(server, protocol, *name)) as chat:
            say(chat, name[0], TEXTS)
            said.append((name[0], None))
            for text in RICH:
                chat.say(text)
            said.extend((name[0], None) for text in RICH[1:])
            chat.say("end of " + protocol)
            said.append((name[0], "end of " + protocol))
            page.until_shown("end of " + protocol)
    rows = page.run_async(_ALL_ROWS)
    assert len(rows) == len(said)
    forged = [(shown, expected) for shown, expected in zip(rows, said) if shown[0] != expected[0]
              or expected[1] not in (None, shown[1].rstrip(CLOSING))]
    assert forged == []
    with at_nc(server, "op") as op:
        op.send("JOIN #topics")
        op.until("OK")
        page.go("#topics")
        for topic in TOPICS:
            op.send("#topics TOPIC " + topic)
            page.until("document.getElementById('topic').textContent === arguments[0]", topic.strip())
    page.go(NAMES[0])
    active = "script, iframe, object, embed, base, form, meta, link, style, video, input, textarea"
    served = urllib.request.urlopen(server.url).read().decode()
    assert page.run("return document.querySelectorAll(arguments[0]).length", active) == page.run(
        "const served = new DOMParser().parseFromString(arguments[1], 'text/html');"
        "return served.querySelectorAll(arguments[0]).length", active, served)
    assert page.run("return document.querySelectorAll('#rows img, #rows svg, #rows [onclick]').length") == 0
    protocols = page.run("return [...document.querySelectorAll('#rows a')].map((link) => link.protocol)")
    assert set(protocols) <= {"http:", "https:"}
    assert page.wrongs() == []


# Scrolls from the newest message to the oldest. What each shows, in the order of their numbers.
_ALL_ROWS = """
const done = arguments[arguments.length - 1];
(async () => {
  const scroll = document.getElementById("scroll");
  const seen = new Map();
  for (let still = 0; still < 15; still++) {
    const before = seen.size;
    for (const row of document.querySelectorAll("#rows .message")) {
      seen.set(Number(row.dataset.row), [row.querySelector("bdi").textContent, row.querySelector(".said").textContent]);
    }
    if (seen.size > before) still = 0;
    scroll.scrollTop = 0;
    scroll.dispatchEvent(new Event("scroll"));
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  return [...seen].sort((a, b) => a[0] - b[0]).map(([, shown]) => shown);
})().then(done, (error) => done([["error", String(error)]]));
"""
