"""Getting acquainted with a server: what is learnt, what it breaks, and how messages are read then."""
import contextlib
import itertools
import string
import time

import pytest
from cases import for_each
from grading import graded
from wrong_accounts_server import WrongAccountsServer
from wrong_framed_server import WrongFramedServer
from wrong_server import WrongServer

from parley.conformance import preflight
from parley.conformance.acquaintance import ANSWER_SECONDS, QUIET_SECONDS, Visit, acquaint
from parley.conformance.actor import Selector
from parley.conformance.barrier import PROBES as PROBE
from parley.conformance.fixture import ServerFixture, new_suffix
from parley.conformance.message import Message
from parley.conformance.names import letters_of
from parley.conformance.probes import PROBES
from parley.conformance.probes.line_experiments import talk
from parley.conformance.profile import Profile, Reader, pattern_of
from parley.conformance.targets import Foreign
from parley.conformance.variants import Renaming
from parley.conformance.wire import CODECS, delimited, line

SLOWLY = 4  # as the machine may be busy with other tests
BROKEN = [
    ("echo", {"LINE-MSG-2"}), ("acknowledges-msg", {"LINE-MSG-3"}), ("acknowledges-dm", {"LINE-DM-2"}),
    ("announces-joins", {"LINE-LOGIN-5"}), ("strangers-hear", {"LINE-MSG-5"}), ("two-bobs", {"LINE-LOGIN-2"}),
    ("no-info", {"LINE-LEAVE-1"}), ("info-twice", {"LINE-LEAVE-2"}), ("who-lacks-self", {"LINE-WHO-1"}),
    ("who-goes-to-all", {"LINE-WHO-3"}), ("keeps-names", {"LINE-LOGIN-6", "LINE-WHO-2"}),
    ("one-recv-is-one-line", {"LINE-FRAME-1", "LINE-FRAME-2"}), ("closes-on-error", {"LINE-ERR-2"}),
]


@pytest.fixture(autouse=True)
def no_pulse(monkeypatch):
    """None of these servers has one that would be worth to wait for."""
    monkeypatch.setattr("parley.conformance.probes.line_experiments.logins.PULSE_SECONDS", 0)


def learnt(*bugs, kind=WrongServer):
    server = kind(bugs, workers=1)
    try:
        return acquaint(line, server.address(), PROBES["line"], time_scale=SLOWLY)
    finally:
        server.stop()


def test_a_server_that_keeps_to_the_document_breaks_nothing():
    profile = learnt()
    assert not profile.failed
    assert 0 < profile.slowest_seconds < SLOWLY and not profile.is_slow
    expected = Profile(proof="relay", shared=True, slowest_seconds=profile.slowest_seconds,
                       slow_share=profile.slow_share)
    assert profile._replace(findings=()) == expected
    assert {one.verdict for one in profile.findings} == {"pass"}


@for_each("bug, broken", BROKEN, at_once=8)
def test_a_deviation_is_charged_to_the_requirement_that_forbids_it(bug, broken):
    profile = learnt(bug)
    assert set(profile.failed) == broken
    assert all(one.evidence for one in profile.failed.values())


OTHER_PROTOCOLS = [
    (WrongFramedServer, "binary", "", ""),
    (WrongFramedServer, "binary", "replies-from-nobody spaces-fill-names list-as-json own-time 301-twice",
     "FRAME-3 FRAME-2 LIST-1 TALK-4 QUIT-3"),
    (WrongFramedServer, "binary", "no-302 two-bobs 300-to-self strangers-hear length-in-characters",
     "NAME-2 JOIN-2 NAME-3 JOIN-4 JOIN-12 FRAME-1"),
    (WrongAccountsServer, "delimited", "no-echo", "SEND-2"),
    (WrongAccountsServer, "delimited", "acknowledges", "SEND-2"),
    (WrongAccountsServer, "dollar", "length-in-characters any-password", "PACKET-1 LOGIN-2"),
]


@for_each("kind, protocol, bugs, broken", OTHER_PROTOCOLS, at_once=8)
def test_so_it_is_in_other_protocols(kind, protocol, bugs, broken):
    server = kind(["%s-%s" % (protocol, bug) for bug in bugs.split()])
    try:
        profile = acquaint(CODECS[protocol], server.address(protocol), PROBES[protocol], time_scale=SLOWLY)
    finally:
        server.stop()
    assert {ident.split("-", 1)[1] for ident in profile.failed} == set(broken.split())


@pytest.mark.parametrize("protocol", ["delimited", "dollar"])
def test_what_has_come_is_not_waited_for(protocol, monkeypatch):
    in_vain, read_until = [], Selector.read_until

    def counted(self, satisfied, deadline):
        seconds = deadline - time.monotonic()
        came = read_until(self, satisfied, deadline)
        if not came and seconds > ANSWER_SECONDS / 2:
            in_vain.append(seconds)
        return came

    monkeypatch.setattr(Selector, "read_until", counted)
    server = WrongAccountsServer()
    try:
        preflight.check(Foreign({protocol: server.address(protocol)}, {}), SLOWLY)
        acquaint(CODECS[protocol], server.address(protocol), PROBES[protocol], time_scale=SLOWLY)
    finally:
        server.stop()
    assert in_vain == []


class KnowsNoPing(WrongServer):
    """It has no PING, and says so before the login too, where it has words of its own for what needs one."""

    def _stranger(self, client, word, rest):
        if word == "LOGIN":
            return super()._stranger(client, word, rest)
        client.put("ERR not-logged-in" if word in ("MSG", "DM", "WHO") else "ERR unknown-command")
        return None

    def _command(self, client, word, space, rest):
        return super()._command(client, word.replace("PING", "PIN"), space, rest)


def test_an_unknown_command_before_the_login_is_no_word_for_the_login_that_is_missing():
    profile = learnt(kind=KnowsNoPing)
    assert {"LINE-PING-1", "LINE-LOGIN-4", "LINE-LOGIN-13"} <= set(profile.failed)


def test_a_carriage_return_is_tried_where_no_text_may_be_trimmed():
    assert "LINE-FRAME-3" in learnt("forgets-crlf", "trims-text").failed


class EndsAtTheThirdError(WrongServer):
    """It ends the connection of whoever has made three."""

    def _command(self, client, word, space, rest):
        super()._command(client, word, space, rest)
        if word == "INVALID":
            client.errors = getattr(client, "errors", 0) + 1
            if client.errors == 3:
                client.put("INFO that was enough")
                self._hang_up(client)


def test_a_server_that_counts_errors_breaks_one_requirement():
    profile = learnt(kind=EndsAtTheThirdError)
    assert set(profile.failed) == {"LINE-ERR-2"}
    assert "after 3 errors" in profile.failed["LINE-ERR-2"].note
    assert profile.closes_after("ERR user-not-found")
    assert read(profile, "INFO that was enough") == []


class TellsNewcomers(WrongServer):
    """It tells whoever logs in what was said before."""

    def _line(self, client, line):
        is_new = client.name is None
        super()._line(client, line)
        if is_new and client.name:
            for _, name, text in filter(None, self.said):
                client.put("MSG %s %s" % (name, text))


def test_what_was_said_before_is_no_news():
    profile = learnt(kind=TellsNewcomers)
    assert set(profile.failed) == {"LINE-LOGIN-5"} and profile.replays


class ThrowsOut(WrongServer):
    """It ends the connection of whoever has a name that somebody else asks for, and refuses it to both."""

    def _login(self, client, rest):
        answer = super()._login(client, rest)
        if answer == "ERR username-taken":
            self._evict(rest)
        return answer


def test_a_refused_login_does_nothing_to_who_has_the_name():
    profile = learnt(kind=ThrowsOut)
    assert set(profile.failed) == {"LINE-LOGIN-2"} and profile.failed["LINE-LOGIN-2"].hinders


class Repeats(WrongServer):
    """It repeats what it does not know, and does so before the login too."""

    def _line(self, client, line):
        put = client.put
        client.put = lambda answer: put({
            "ERR unknown-command": "ERR what does '%s' mean?" % line.decode(),
            "ERR user-not-found": "ERR nobody is called '%s'" % line.decode().split(" ")[1:2]}.get(answer, answer))
        super()._line(client, line)
        client.put = put

    def _stranger(self, client, word, rest):
        client.put("ERR must-login-first" if word in ("MSG", "DM", "WHO", "PING") else "ERR unknown-command")


def test_an_error_may_repeat_what_it_is_about():
    profile = learnt(kind=Repeats)
    assert set(profile.failed) == {"LINE-ERR-1", "LINE-DM-3", "LINE-LOGIN-13"}
    assert profile.accepts("ERR unknown-command", "ERR what does 'PING x' mean?")
    assert profile.accepts("ERR must-login-first", "ERR what does 'HISTORY' mean?")
    assert profile.accepts("ERR user-not-found", "ERR nobody is called '['Bob']'")
    assert not profile.accepts("ERR user-not-found", "ERR what does 'PING x' mean?")


class Talks(WrongServer):
    """It knows LOGIN and MSG, and answers nothing else."""

    def _command(self, client, word, space, rest):
        if word == "MSG":
            super()._command(client, word, space, rest)


@for_each("dm, msg, unanswered, proof", [
    ("pass", "pass", (), "relay"), ("fail", "pass", (), "self"), ("fail", "pass", (PROBE,), "room"),
    ("fail", "fail", (PROBE,), "quiet"), ("pass", "fail", (PROBE,), "relay"),
])
def test_the_best_proof_that_works_is_taken(dm, msg, unanswered, proof):
    visit = Visit(line, None)
    visit.learn(unanswered=unanswered)
    for ident, verdict in ("LINE-DM-1", dm), ("LINE-MSG-1", msg):
        visit.find(ident, verdict == "pass", hinders=True)
    talk.proof(visit)
    assert visit.profile.proof == proof


def test_where_people_only_talk_the_room_proves_that_nothing_comes():
    server = Talks(workers=1)
    profiles = {"line": Profile(proof="room", unanswered=(PROBE, "DM", "USER"))}
    try:
        with contextlib.closing(ServerFixture(Foreign({"line": server.address()}, {}), line, SLOWLY,
                                              profiles=profiles)) as fixture:
            ann = fixture.own_actor("ann", line)
            fixture._log_in(ann, None)
            fixture.barrier.wait([ann], [ann], fixture.reply_deadline())
            assert (fixture.barrier.kind, len(fixture.witnesses)) == ("room", 2)
            assert {nonce[:5] for _, nonce in ann.markers} == {"~sync"}
            ann.disconnect()
    finally:
        server.stop()


class TellsOneWord(WrongServer):
    """It tells everybody, the speaker too, the first word of what is said."""

    def _say(self, client, text):
        super()._say(client, text.split(" ")[0])


def test_a_copy_of_half_a_text_is_a_copy():
    assert set(learnt("echo", kind=TellsOneWord).failed) == {"LINE-MSG-1", "LINE-MSG-2"}


def test_a_login_may_be_accepted_with_the_name():
    assert PROBES["line"].is_in(["ann OK"]) and not PROBES["line"].is_in(["ERR that name is not OK"])


def test_who_has_no_name_is_on_the_list():
    assert (line.names_in("USER "), line.subject_of("USER ")) == ([""], "")


class ClosesOnRefusal(WrongServer):
    """It takes any name without a blank in it, and ends the connection where it refuses one."""

    def _login(self, client, rest):
        answer = "ERR invalid-username" if not rest or " " in rest else self._enter(client, rest)
        if answer != "OK":
            client.put(answer)
            self._hang_up(client)
        return answer


def test_each_name_is_tried_where_a_refusal_ends_the_connection():
    assert set(learnt(kind=ClosesOnRefusal).failed) == {"LINE-LOGIN-7", "LINE-LOGIN-9"}


class LimitsNames(WrongServer):
    """It takes names of at most so many characters."""

    longest = 12

    def _login(self, client, rest):
        if len(rest) <= self.longest:
            return super()._login(client, rest)
        client.put("ERR invalid-username")
        return "ERR invalid-username"


def test_names_are_shortened_where_a_server_takes_no_long_ones():
    profile = learnt(kind=LimitsNames)
    assert set(profile.failed) == {"LINE-LOGIN-9"} and profile.longest_name == 12


@pytest.mark.parametrize("names, longest, length", [
    (["Alice"], 0, 6), (["Alice"], 20, 6), (["Alice"], 12, 5), (["Charlie"], 12, 3), (["Charlie"], 10, 3),
    (["Charlie"], 9, 6), ([], 12, 6)])
def test_a_suffix_is_as_long_as_the_names_allow(names, longest, length):
    assert len(new_suffix(names, longest)) == length


def test_letters_number_the_rounds_of_a_scenario():
    assert [letters_of(number) for number in (1, 2, 26, 27, 52, 53, 702, 703)] == [
        "a", "b", "z", "aa", "az", "ba", "zz", "aaa"]


class TellsNamesInLettersOfItsOwn(WrongServer):
    """It writes each name in capital letters, or with one in front, whatever it was given as."""

    letters = staticmethod(str.upper)

    def _login(self, client, rest):
        return super()._login(client, self.letters(rest))


class TellsNamesWithACapital(TellsNamesInLettersOfItsOwn):
    letters = staticmethod(str.title)


class TakesLettersForNames(WrongServer):
    """It takes names of letters alone."""

    def _login(self, client, rest):
        if rest.isalpha():
            return super()._login(client, rest)
        client.put("ERR invalid-username")
        return "ERR invalid-username"


@pytest.mark.parametrize("kind, case", [(TellsNamesInLettersOfItsOwn, "upper"), (TellsNamesWithACapital, "title")])
def test_names_in_letters_of_the_servers_own_are_charged_once(kind, case):
    profile = learnt(kind=kind)
    assert set(profile.failed) - {"LINE-DM-7"} == {"LINE-MSG-1"}
    assert (profile.names_case, profile.proof) == (case, "relay")


@pytest.mark.long
@pytest.mark.parametrize("kind", [TellsNamesInLettersOfItsOwn, TakesLettersForNames])
def test_the_race_for_a_name_is_judged_where_names_have_letters_of_a_kind(kind, tmp_path):
    server = kind((), workers=1)
    try:
        _, verdicts, output = graded(server.address()[1], tmp_path, "--req", "LINE-LOGIN-8")
    finally:
        server.stop()
    assert verdicts["LINE-LOGIN-8"] == "pass", output


def test_a_suffix_is_not_used_again_as_far_as_there_are_others():
    used = set()
    for _ in range(26 ** 2):
        used.add(new_suffix(["Charlie"], 10, used))
    assert len(used) > 26 ** 2 * 0.8
    used = {"z%s%s" % pair for pair in itertools.product(string.ascii_lowercase, repeat=2)}
    assert new_suffix(["Charlie"], 10, used) in used


class EndsNoErrors(WrongServer):
    """There is no newline behind its errors."""

    def _line(self, client, line):
        put = client.put
        client.put = lambda text: client.put_bytes(text.encode()) if text.startswith("ERR ") else put(text)
        super()._line(client, line)
        client.put = put


def test_an_answer_may_lack_its_newline():
    profile = learnt(kind=EndsNoErrors)
    assert set(profile.failed) == {"LINE-LOGIN-2", "LINE-LOGIN-3", "LINE-LOGIN-4", "LINE-ERR-1", "LINE-DM-3",
                                   "LINE-DM-4"}
    assert read(profile, "ERR unknown-commandERR user-not-foundPONG") == [
        "ERR unknown-command", "ERR user-not-found", "PONG"]


@pytest.mark.parametrize("unfinished, expected", [
    (b"", []), (b"ERR no", []), (b"ERR what?", ["ERR what?"]), (b"> ERR what?ERR what?", ["ERR what?"] * 2),
    (b"ERR what?PO", [])])
def test_what_has_no_newline_is_read_when_it_is_whole(unfinished, expected):
    reader = Reader(Profile(unended=(r"ERR\ what\?",), prompt="> "), line.ClientState())
    assert reader.read_unended(unfinished) == expected


class LeavesLinesBlank(WrongServer):
    """There is a blank line behind everything it says."""

    def _line(self, client, line):
        put = client.put
        client.put = lambda text: put(text + "\n")
        super()._line(client, line)
        client.put = put


def test_blank_lines_between_answers_are_ignored():
    assert set(learnt(kind=LeavesLinesBlank).failed) == {"LINE-LOGIN-5"}


class GivesHints(WrongServer):
    """Behind an error it says what would be right."""

    def _command(self, client, word, space, rest):
        put = client.put
        client.put = lambda text: put(text + "\nINFO type HELP for help" * (text == "ERR unknown-command"))
        super()._command(client, word, space, rest)
        client.put = put


def test_what_an_error_says_more_is_ignored():
    profile = learnt(kind=GivesHints)
    assert set(profile.failed) == {"LINE-ERR-1"}
    assert read(profile, "INFO type HELP for help") == []


class KeepsMessages(WrongServer):
    """It keeps what is said to somebody who is not there."""

    def __init__(self, *args, **kwargs):
        self.kept = []
        super().__init__(*args, **kwargs)

    def _line(self, client, line):
        is_new, put = client.name is None, client.put
        client.put = lambda text: put("INFO kept" if text == "ERR user-not-found" else text)
        super()._line(client, line)
        client.put = put
        if line.startswith(b"DM "):
            self.kept.append((line.decode().split(" ") + [""])[1])
        if is_new and client.name in self.kept:
            put("DM Bob are you there?")


def test_what_is_kept_for_who_is_away_is_no_news():
    profile = learnt(kind=KeepsMessages)
    assert set(profile.failed) == {"LINE-DM-3"} and profile.replays


class AnswersLate(WrongServer):
    """It takes its time to let somebody in."""

    def _login(self, client, rest):
        time.sleep(2 * QUIET_SECONDS)
        return super()._login(client, rest)


def test_a_late_answer_to_a_login_is_still_one(monkeypatch):
    monkeypatch.setattr(PROBES["line"], "EXPERIMENTS", PROBES["line"].EXPERIMENTS[:4])
    profile = learnt(kind=AnswersLate)
    assert not profile.failed and profile.asides == ()


def test_a_login_may_be_accepted_behind_a_prompt():
    assert PROBES["line"].is_in(["Enter your login: OK"])


def test_a_profile_survives_its_way_to_another_process():
    profile = learnt("echo", "announces-joins")
    assert Profile.from_json(profile.to_json()) == profile


def read(profile, *lines, **state):
    found = line.ClientState()
    found.name = state.get("name", "ann")
    reader = Reader(profile, found)
    return [one for text in lines for one in reader.read(text)]


def test_a_pattern_takes_other_names_texts_and_numbers():
    pattern = pattern_of("12:30 ann says hello you", ["ann"], ["hello you"])
    profile = Profile(rewrites=((pattern, r"MSG \g<name> \g<text>"),))
    assert read(profile, "23:59 bob says good  bye", "bob says so") == ["MSG bob good  bye", "bob says so"]


@pytest.mark.parametrize("profile, lines, expected", [
    (Profile(greeting=("Hello",)), ["Hello", "Hello"], ["Hello"]),
    (Profile(prompt="> "), ["> OK", "> > PONG"], ["OK", "PONG"]),
    (Profile(carriage_return=True), ["OK\r", "MSG a b\r\r"], ["OK", "MSG a b\r"]),
    (Profile(asides=(r"INFO (?P<name>\S+) joined",)), ["INFO bob joined", "INFO bob left"], ["INFO bob left"]),
    (Profile(lists=(("USERS (?P<names>.*)", ", ", "USER %s"),)), ["USERS ann, bob"], ["USER ann", "USER bob"]),
    (Profile(repeats=((r"INFO (\S+) disconnected", 2),)), ["INFO bob disconnected"] * 4, ["INFO bob disconnected"] * 2),
    (Profile(unasked=("USER .*",)), ["USER ann"], []),
    (Profile(acknowledgements=("OK",)), ["OK"], []),
])
def test_what_is_learnt_is_read_as_the_document_has_it(profile, lines, expected):
    assert read(profile, *lines) == expected


@pytest.mark.parametrize("manner, answers", [("acknowledged", [{"RESPONSE": []}]), ("no echo", [{"LISTRESPONSE": []}])])
def test_a_sender_is_given_back_what_he_has_sent(manner, answers):
    state = delimited.ClientState()
    state.name = "ann"
    sent = {"SEND": ["ann", "bob", "hello"]}
    state.sent(delimited.encode(sent) + delimited.encode(delimited.probe(), None))
    reader = Reader(Profile(manners=(manner,)), state, PROBES["delimited"].Manner)
    found = [one.fields for answer in answers for one in reader.read(Message(answer))]
    assert found == [sent] + [one for one in answers if "LISTRESPONSE" in one]


def test_an_acknowledgement_is_none_before_the_login():
    assert read(Profile(acknowledgements=("OK",)), "OK", name=None) == ["OK"]


def test_what_answers_quit_acknowledges_nothing():
    state = line.ClientState()
    state.name = "ann"
    reader = Reader(Profile(acknowledgements=("OK",), acknowledged=("DM",)), state)
    state.sent(b"QUIT now\nMSG hello\nDM bob hello\n")
    assert reader.read("OK") == []
    state.sent(b"QUIT\nDM bob not heard\n")
    assert reader.read("OK") == ["OK"]


@pytest.mark.parametrize("profile, lines, expected", [
    (Profile(colours=True, prompt="> ", greeting=("Hi",)), ["\x1b[1mHi\x1b[0m", "> \x1b[32mOK\x1b[0m"], ["OK"]),
    (Profile(asides=(r"PULSE \d+",), carriage_return=True), ["PULSE 12\r", "PONG\r"], ["PONG"]),
])
def test_what_is_only_there_for_the_eye_is_left_out(profile, lines, expected):
    assert read(profile, *lines) == expected


def test_names_are_written_in_the_servers_letters_unless_that_makes_them_the_same():
    assert Renaming(["Alice", "Bob"], "zz9", "lower").text("DM Bob hello Alice") == "DM bobzz9 hello alicezz9"
    assert Renaming(["alice", "bob"], "zz9", "title").text("DM bob hello alice") == "DM Bobzz9 hello Alicezz9"
    upper = Renaming(["Alice", "Bob"], "zzx", "upper")
    assert (upper.text("DM Bob hello"), upper.suffix) == ("DM BOBZZX hello", "ZZX")
    assert Renaming(["Bob", "bob"], "zz9", "lower").text("DM Bob hello") == "DM Bobzz9 hello"


def test_other_words_stand_for_an_answer():
    profile = Profile(answers=(("ERR unknown-command", (pattern_of("ERR what is that?"),)),))
    assert profile.accepts("ERR unknown-command", "ERR what is that?")
    assert not profile.accepts("ERR user-not-found", "ERR what is that?")
