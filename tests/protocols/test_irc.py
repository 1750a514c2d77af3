"""IRC without a server: lines in, commands out, and what a client is told."""
import os
import re

import pytest
from cases import for_each
from hypothesis import given
from hypothesis import strategies as st

from parley.server.chat.roll import Roll
from parley.server.chat.room import People
from parley.server.protocols import events, irc, irc_caps, irc_words
from parley.server.protocols.events import Reason

AT = 1600000000123  # milliseconds
STAMP = b"2020-09-13T12:26:40.123Z"


class Known:
    """What a worker knows of people."""

    def __init__(self, accounts=(), **people):
        self.accounts = set(accounts)
        self.roll = Roll()
        self.most_members = 0
        self.people = People()
        for name, person in people.items():
            self.people[name.encode()] = person


def decoder(known=None, line_bytes=8192, guests=True):
    return irc.Decoder({"line_bytes": line_bytes, "known": known or Known(),
                        "irc": {"name": b"irc.test", "network": b"Test", "scram": False, "topic_bytes": 390,
                                "guests": guests}})


class Client:
    """A decoder, and the chat around it as far as these tests need one: each command has the answer that is set.

    name: None before it is a member. told: the lines that it was told. asked: the commands, without their labels.
    """

    def __init__(self, name=None, caps=b"", **settings):
        self.decoder = decoder(**settings)
        self.name, self.told, self.asked, self.answers = name, [], [], {}
        if caps:
            self.send(b"CAP REQ :" + caps)
            self.told.clear()
            self.asked.clear()

    def send(self, *lines):
        """Send lines, and give what is told then."""
        start = len(self.told)
        self._do(self.decoder.feed(b"".join([line + b"\r\n" for line in lines])))
        return self.told[start:]

    def _do(self, commands):
        for command in commands:
            if type(command) is events.Turn:
                frames, more = command.take(self.name)
                self.told += frames
                self._do(more)
                continue
            if type(command) is events.Labelled:
                self.decoder.label(command.label)
                command = command.command
            if type(command) is not events.Nothing:
                self.asked.append(command)
            answer = self.answers.get(type(command))
            if answer is not None:
                self.hear(answer(command) if callable(answer) else answer)

    def hear(self, happening):
        if type(happening) is events.Welcome:
            self.name = happening.name
        self.told += self.decoder.tell(happening, self.name)


def coming():
    client = Client()
    client.answers = {
        events.Login: lambda login: events.Welcome(login.name, login), events.Count: events.Counted(3, 2, 0),
        events.ReadMotd: events.Notice(b"")}
    return client


def codes(lines):
    return [re.sub(rb"^(@\S+ )?(:\S+ )?", b"", line).split(b" ")[0].strip().decode() for line in lines]


def of(*commands):
    """The commands that a member asks by these lines."""
    client = Client(b"ann")
    client.send(*commands)
    return client.asked


# ---- lines in

WIRE = (b"NICK ann\r\nUSER ann 0 * :Ann Example\n\r\n @label=1 join #dev\r\nPRIVMSG #dev :hi  there \r\n"
        b":ann!x@y  privmsg  #dev   word \r\nTOPIC #dev :\r\nQUIT :bye\r\n")
ASKED = [
    events.Introduce(b"Ann Example", b"ann"), events.Login(b"ann", None), events.Count(), events.ReadMotd(),
    events.Enter(b"#dev", None), events.Say(b"hi  there ", None, None, b"#dev"),
    events.Say(b"word", None, None, b"#dev"), events.Manage(b"#dev", "topic", b"", b""), events.Quit(b"Quit: bye")]


def heard_in(pieces):
    client = coming()
    for piece in pieces:
        client._do(client.decoder.feed(piece))
    return client.asked


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(WIRE)])
def test_lines_are_the_same_however_they_are_cut(size):
    assert heard_in([WIRE[start:start + size] for start in range(0, len(WIRE), size)]) == ASKED


def test_a_cut_at_any_point_changes_nothing():
    for cut in range(len(WIRE)):
        assert heard_in([WIRE[:cut], WIRE[cut:]]) == ASKED, cut


def test_what_is_unfinished_is_held_and_bounded():
    one = decoder(line_bytes=100)
    assert one.feed(b"NICK a") == [] and one.unfinished == 6
    assert len(one.feed(b"x" * 20000)) == 1 and one.unfinished == 0
    (turn,) = one.feed(b"the rest\r\nNICK bob\r\n")
    assert turn.take(None) == ((), ()), "the rest of the long line is nothing, and NICK waits for USER"


@for_each("line, code", [
    (b"FOO", "421"), (b"foo bar", "421"), (b"JOIN", "461"), (b"PRIVMSG", "411"), (b"PRIVMSG bob", "412"),
    (b"NICK", "431"), (b"NICK :", "431"), (b"NICK 1a", "432"), (b"NICK #a", "432"), (b"NICK a|b", "432"),
    (b"USER a b c :d", "462"), (b"PING", "409"), (b"CAP FOO", "410"), (b"JOIN dev", "403"), (b"WHOIS", "461"),
    (b"MODE bob +i", "502"), (b"MODE ann +x", "501"), (b"MODE #dev +y", "472"), (b"MODE #dev +o", "461"),
    (b"PRIVMSG a,b,c,d,e :hi", "407"), (b"PRIVMSG #dev :\xff", "FAIL"),
    (b"@" + b"a" * 5000 + b" PING x", "417"), (b"PING " + b"x" * 9000, "417"), (b"AUTHENTICATE PLAIN", "904"),
    (b"TAGMSG #dev", "421"), (b"REGISTER bob * pw", "FAIL"), (b"SETNAME :", "FAIL")])
def test_what_is_no_command_is_told_so(line, code):
    client = Client(b"ann")
    assert codes(client.send(line)) == [code]
    assert client.asked == []


MANY = [b"%x" % number for number in range(1500)]


@for_each("line, most", [
    (b"MODE #a +" + b"x" * 8000, 51), (b"MODE #a -" + b"l" * 8000, 51), (b"MODE ann +" + b"x" * 8000, 50),
    (b"JOIN " + b"a," * 4000, 1), (b"JOIN " + b"#a," * 2600, 2), (b"JOIN " + b",".join(MANY), 501),
    (b"PART #" + b",#".join(MANY), 501), (b"NAMES " + b",".join(MANY), 502),
    (b"METADATA * GET " + b"k " * 3000, 1), (b"METADATA * SUB " + b"k " * 3000, 1),
    (b"MONITOR + " + b".,".join(MANY), 25), (b"USERHOST " + b"a " * 4000, 1), (b"KICK #a " + b"a," * 3000, 5)])
def test_no_line_has_thousands_of_answers(line, most):
    client = Client(b"ann", caps=b"draft/metadata-3")
    before = len(irc_words._aliases)
    told = client.send(line)
    assert len(told) + len(client.asked) <= most
    assert len(irc_words._aliases) - before <= 200


@for_each("line, done, told", [
    (b"MODE #a +" + b"l" * 51 + b" 5" * 51, 50, [b" 407 ann +l :"]),
    (b"MODE #a " + b"+o-o" * 26 + b" b" * 52, 50, [b" 407 ann +o :"]),
    (b"MODE ann +" + b"i" * 60 + b"B", 2, []),
    (b"MODE ann +" + b"x" * 60 + b"B", 1, [b" 501 ann :"]),
    (b"KICK #a a,b,c,d,e,f", 4, [b" 407 ann e :"]),
    (b"TAGMSG a,b,c,d,e", 0, [b" 407 ann a,b,c,d,e :"]),
    (b"WHOIS bob,eve", 0, [b" 407 ann eve :"]),
    (b"MONITOR +", 0, [b" 461 ann MONITOR :"]), (b"MONITOR - ,", 0, [b" 461 ann MONITOR :"]),
    (b"MONITOR X a", 0, [b" FAIL MONITOR INVALID_PARAMS X :"])])
def test_what_is_left_out_of_a_line_is_told(line, done, told):
    client = Client(b"ann", caps=b"message-tags")
    lines = client.send(b"@+typing=active " + line)
    assert len([one for one in client.asked if type(one) is not events.Count]) == done
    assert len(lines) == len(told) and all(map(bytes.startswith, lines, [b":irc.test" + one for one in told])), lines


def test_whom_a_list_has_no_room_for_is_told_by_name():
    client = Client(b"ann")
    wanted = [b"n%d" % number for number in range(1000)]
    told = client.send(b"MONITOR + " + b",".join(wanted))
    assert client.asked[0] == events.Watch(tuple(wanted[:100]))
    assert [name for line in told for name in line.split(b" ")[4].split(b",")] == wanted[100:]
    assert codes(told) == ["734"] * len(told) and max(map(len, told)) <= 512
    assert codes(client.send(b"MONITOR + N99,new,n1")) == ["734"], "who is on the list may be named again"
    assert codes(client.send(b"MONITOR - " + b",".join(wanted))) == ["407"]
    assert client.asked[-1] == events.Watch(()) and client.decoder.watched is None


def test_of_too_many_values_the_client_is_told_that_these_are_not_all():
    client = Client(b"ann", caps=b"draft/metadata-3")
    client.answers = {events.ReadMetadata: events.MetadataTold(b"#dev", [(b"bob", b"url", b"x")], True)}
    assert client.send(b"METADATA #dev SYNC")[1:] == [
        b":irc.test WARN METADATA INCOMPLETE #dev :There are too many values; only the first 1 are told\r\n"]


def test_where_an_address_may_not_watch_more_the_list_stays_as_it_was():
    client = Client(b"ann")
    client.answers = {events.Count: events.Counted(1, 1, 1)}
    client.send(b"MONITOR + a,b")
    client.answers[events.Watch] = lambda asked: events.Refused(Reason.LIST_FULL, asked)
    told = client.send(b"MONITOR + c,d")
    assert told == [b":irc.test 734 ann 100 c,d :The lists of your address are full\r\n"]
    assert client.send(b"MONITOR L")[0] == b":irc.test 732 ann :a,b\r\n"


def test_many_who_are_asked_for_are_all_told_of():
    names = [b"n%d" % number for number in range(200)]
    client = Client(b"ann")
    client.answers = {events.Who: events.Present(names)}
    for line, code in ((b"ISON " + b" ".join(names), "303"), (b"USERHOST " + b" ".join(names), "302")):
        told = client.send(line)
        assert set(codes(told)) == {code} and max(map(len, told)) <= 512
        assert [one.split(b"=")[0] for line in told for one in line.partition(b" :")[2].split()] == names
    assert codes(client.send(b"ISON x")) == ["303"] and codes(client.send(b"USERHOST x")) == ["302"]


def test_what_a_client_has_sent_is_told_it_again_in_lines_that_are_not_too_long():
    client = Client(b"ann", caps=b"draft/metadata-3 draft/multiline batch draft/read-marker")
    for kind in events.COMMANDS:
        client.answers[kind] = lambda asked: events.Refused(Reason.NOBODY, asked)
    for command in irc.COMMANDS:
        for params in (b"x%b", b"#x%b", b"x%b y%b", b"#x%b y%b z", b"* x%b y%b", b"+x%b draft/multiline #y%b"):
            for told in client.send(command + b" " + params.replace(b"%b", "\u00e9".encode() * 300)):
                assert len(told) <= 512 and told.decode(), (command, params)
    client.answers[events.Exit] = lambda asked: events.Done(asked)
    for line in (b"PART #dev :" + b"x" * 600, b"CAP REQ :" + b"batch -batch " * 60, b"CAP REQ " + b"x" * 600,
                 b"CAP REQ :" + b" ".join(irc_caps.CAPABILITIES) + b" -" + b" -".join(irc_caps.CAPABILITIES)):
        told = client.send(line)
        assert told and max(map(len, told)) <= 512
    client.send(b"CAP REQ :draft/multiline batch")
    client.send(b"BATCH +1 draft/multiline #" + b"x" * 600)
    assert len(client.send(b"@batch=1 PRIVMSG #" + b"y" * 600 + b" :hi")[0]) <= 512
    assert all(len(line) <= 512 for line in Client().send(b"NICK " + b"x" * 600, b"CAP LS 302", b"FOO"))


def test_the_rooms_of_somebody_are_told_in_lines_that_are_not_too_long():
    rooms = [(b"#" + "\u1234".encode() * 30 + b"%d" % number, b"op") for number in range(20)]
    client = Client(b"ann")
    client.answers = {events.Whois: events.WhoisTold(b"bob", rooms, 0, 0, False, "")}
    told = [line for line in client.send(b"WHOIS bob") if b" 319 " in line]
    assert b" ".join(line.partition(b" :")[2].strip() for line in told) == b" ".join(b"@" + room for room, _ in rooms)
    assert max(map(len, told)) <= 512


def test_who_cannot_be_away_for_so_long_a_reason_is_not_told_to_be():
    client = Client(b"ann")
    client.answers = {events.Away: lambda asked: events.Refused(Reason.TEXT_TOO_LONG, asked),
                      events.Count: events.Counted(1, 1, 1)}
    assert codes(client.send(b"AWAY :" + b"x" * 400)) == ["417"]
    client.answers.pop(events.Away)
    assert codes(client.send(b"AWAY :lunch")) == ["306"]


def test_a_long_real_name_is_cut_at_the_door_and_refused_inside():
    client = Client()
    client.send(b"NICK ann", b"USER u 0 * :" + "\u00e9".encode() * 200)
    assert client.asked[0] == events.Introduce("\u00e9".encode() * 75, b"u")
    assert codes(Client(b"ann").send(b"SETNAME :" + b"x" * 151)) == ["FAIL"]


def test_a_length_without_limit_is_not_told_as_zero():
    assert not [token for token in irc_words.supported(b"Test", 0) if token.endswith(b"=0")]
    assert {b"TOPICLEN=390", b"KICKLEN=390", b"AWAYLEN=390"} <= set(irc_words.supported(b"Test", 390))


def test_a_message_to_a_role_that_nobody_else_has_is_refused():
    client = Client(b"ann")
    client.answers = {events.Look: lambda asked: events.Looked(b"#dev", True, ((b"ann", b"op"),))}
    assert codes(client.send(b"PRIVMSG @#dev :hi")) == ["401"] and codes(client.send(b"NOTICE @#dev :hi")) == []


@for_each("line", [b"JOIN :", b"PRIVMSG #a :hi", b"WHO", b"LIST", b"TOPIC #a", b"MODE ann +i"])
def test_before_the_registration_all_is_answered_at_once(line):
    assert codes(Client().send(line)) == ["451"]


def test_a_password_may_be_sent_to_a_name_that_has_none():
    client = coming()
    welcome = client.answers[events.Login]
    client.answers[events.Login] = lambda login: events.Refused(
        Reason.NO_PASSWORD, login) if login.password else welcome(login)
    assert codes(client.send(b"PASS x", b"NICK ann", b"USER a b c d"))[0] == "001"


def test_a_wrong_password_is_no_reason_to_take_another_nick():
    client = coming()
    client.answers[events.Login] = lambda login: events.Refused(Reason.WRONG_PASSWORD, login)
    client.answers[events.Quit] = events.Done
    assert client.send(b"PASS wrong", b"NICK ann", b"USER a b c d") == [
        b":irc.test 464 ann :The password is wrong\r\n", b"ERROR :Closing link: The password is wrong\r\n"]
    assert type(client.asked[-1]) is events.Quit
    client = coming()
    client.answers[events.Quit] = events.Done
    client.answers[events.Login] = lambda login: events.Refused(Reason.WRONG_PASSWORD, login)
    told = client.send(b"CAP REQ :labeled-response batch", b"PASS wrong", b"NICK ann", b"USER a b c d",
                       b"@label=x CAP END")
    farewell = told.index(b"@label=x ERROR :Closing link: The password is wrong\r\n")
    assert told[farewell - 1] == b":irc.test 464 ann :The password is wrong\r\n"


def test_the_farewell_of_a_labelled_quit_is_told():
    client = Client(b"ann", b"labeled-response batch")
    client.answers[events.Quit] = events.Done
    (line,) = client.send(b"@label=x QUIT :bye")[:1]
    assert line == b"@label=x ERROR :Closing link: Quit: bye\r\n"


@for_each("lines", [
    (b"NICK ann", b"USER a 0 * :A"), (b"USER a 0 * A", b"nick :ann"),
    (b"CAP LS :302", b"NICK ann", b"USER a b c d", b"CAP END"),
    (b"@a=b CAP LS", b"USER a 8 * x", b"NICK ann", b"@a CAP :END")])
def test_a_client_registers_in_any_order(lines):
    client = coming()
    told = codes(client.send(*lines))
    assert [code for code in told if code != "CAP"] == [
        "001", "002", "003", "004", "005", "005", "005", "251", "252", "254", "255", "265", "266", "422"]
    assert client.send(b"PING :a b") == [b":irc.test PONG irc.test :a b\r\n"]


def test_whoever_is_refused_its_name_may_take_another():
    client = coming()
    client.answers[events.Login] = lambda login: events.Refused(Reason.NAME_TAKEN, login)
    assert client.send(b"NICK ann", b"USER a b c d") == [b":irc.test 433 * ann :The name is taken\r\n"]
    client.answers[events.Login] = lambda login: events.Welcome(login.name, login)
    assert codes(client.send(b"NICK bob"))[0] == "001"


def test_where_names_need_accounts_one_is_made_before_the_registration():
    client, told = Client(guests=False), lambda *lines: codes(client.send(*lines))
    client.answers = {events.SignUp: lambda asked: events.Welcome(asked.name, asked),
                      events.Count: events.Counted(3, 2, 0), events.ReadMotd: events.Notice(b"")}
    assert b"draft/account-registration=before-connect " in client.send(b"CAP LS 302")[0]
    assert b"NEED_NICK" in client.send(b"REGISTER * * secret")[0]
    assert told(b"NICK ann", b"REGISTER bob * secret") == ["FAIL"]
    client.answers[events.SignUp] = lambda asked: events.Refused(Reason.INVALID_PASSWORD, asked)
    assert b"UNACCEPTABLE_PASSWORD" in client.send(b"REGISTER * * secret")[0]
    client.answers[events.SignUp] = lambda asked: events.Welcome(asked.name, asked)
    assert told(b"REGISTER ann * secret") == ["REGISTER", "900"]
    assert told(b"JOIN #a", b"NICK bob", b"NICK ann", b"USER ann 0 * :Ann") == ["451", "433"]
    assert told(b"CAP END")[:5] == ["001", "002", "003", "004", "005"]
    assert client.asked[2:] == [
        events.Introduce(b"Ann", b"ann"), events.Count(), events.ReadMotd()]
    assert told(b"REGISTER * * secret") == ["FAIL"] and told(b"NICK bob") == []
    assert client.asked[-1] == events.Rename(b"bob")
    early = Client()
    assert b"draft/account-registration " in early.send(b"CAP LS 302")[0]
    assert b"COMPLETE_CONNECTION_REQUIRED" in early.send(b"NICK ann", b"REGISTER * * secret")[0]


METADATA = b"draft/metadata-3 batch"


def rows(*told):
    return lambda asked: events.MetadataTold(b"#dev" if asked.room else asked.name, told)


@for_each("line, asked, told", [
    (b"ann SET url :x y", events.SetMetadata(b"", b"ann", b"url", b"x y"), "761 ann ann url * :x y"),
    (b"* set url x", events.SetMetadata(b"", b"ann", b"url", b"x"), "761 ann ann url * :x"),
    (b"* SET url", events.SetMetadata(b"", b"ann", b"url", None), "766 ann ann url :no value is set"),
    (b"#dev SET url :x", events.SetMetadata(b"#dev", b"", b"url", b"x"), "761 ann #dev url * :x"),
    (b"* SET U", None, "FAIL METADATA INVALID_KEY U :A key is of a-z, 0-9 and _./-"),
    (b"* SET url :" + b"x" * 301, None, "FAIL METADATA INVALID_VALUE url :A value has at most 300 bytes"),
    (b"* GET url U", None, "FAIL METADATA INVALID_KEY U :A key is of a-z, 0-9 and _./-"),
    (b"* SUB " + b" ".join(b"k%d" % number for number in range(51)), None,
     "FAIL METADATA TOO_MANY_SUBS k0 :At most 50 keys can be followed"),
    (b"* DO", None, "FAIL METADATA SUBCOMMAND_INVALID DO :There is no such subcommand"),
    (b"* GET", None, "461 ann METADATA :Not enough parameters"),
])
def test_metadata_is_set_and_asked_for(line, asked, told):
    client = Client(b"ann", caps=METADATA)
    client.answers = {events.SetMetadata: lambda one: rows((one.name or one.room, one.key, one.value))(one)}
    assert client.send(b"METADATA " + line) == [b":irc.test %b\r\n" % told.encode()]
    assert client.asked == ([asked] if asked else [])


@for_each("reason, code", [
    (Reason.NOBODY, b"INVALID_TARGET bob"), (Reason.NO_ROOM, b"INVALID_TARGET bob"),
    (Reason.NOT_ALLOWED, b"KEY_NO_PERMISSION bob url"), (Reason.NOT_INSIDE, b"KEY_NO_PERMISSION bob url"),
    (Reason.LIST_FULL, b"LIMIT_REACHED bob url"), (Reason.TEXT_TOO_LONG, b"INVALID_VALUE url")])
def test_why_metadata_is_not_set_or_told_is_said(reason, code):
    client = Client(b"ann", caps=METADATA)
    client.answers = dict.fromkeys([events.SetMetadata, events.ReadMetadata], lambda one: events.Refused(reason, one))
    for line in (b"SET url :x", b"GET url"):
        (told,) = client.send(b"METADATA bob " + line)
        assert told.startswith(b":irc.test FAIL METADATA %b :" % code)
    for line in (b"CLEAR", b"LIST", b"SYNC"):
        (told,) = client.send(b"METADATA bob " + line)
        assert told.startswith(b":irc.test FAIL METADATA %b :" % code.replace(b"url", b"*"))
    client.answers[events.SetMetadata] = rows()
    assert b" KEY_NOT_SET bob url :" in client.send(b"METADATA bob SET url")[0]
    assert codes(Client(b"ann").send(b"METADATA * LIST")) == ["421"]


def test_what_is_asked_of_metadata_is_told_as_a_batch():
    client = Client(b"ann", caps=METADATA)
    client.answers = dict.fromkeys([events.SetMetadata, events.ReadMetadata], rows((b"bob", b"url", b"x")))
    batch = [b":irc.test BATCH +b1 metadata bob\r\n", b"@batch=b1 :irc.test 761 ann bob url * :x\r\n",
             b"@batch=b1 :irc.test 766 ann bob bot :no value is set\r\n", b":irc.test BATCH -b1\r\n"]
    assert client.send(b"METADATA bob GET url bot") == batch
    assert client.send(b"METADATA bob LIST") == [line.replace(b"b1", b"b2") for line in batch if b"bot" not in line]
    assert codes(client.send(b"METADATA bob CLEAR")) == ["BATCH", "761", "BATCH"]
    client.answers[events.Whois] = lambda whois: events.WhoisTold(whois.name, [], 5, 7, False)
    assert codes(client.send(b"WHOIS bob")) == ["311", "312", "317", "760", "318"]
    bare = Client(b"ann", caps=b"draft/metadata-3")
    bare.answers = client.answers
    assert codes(bare.send(b"METADATA bob LIST")) == ["761"]


def test_who_follows_keys_of_metadata_is_told_of_them():
    client = Client(b"ann", caps=METADATA)
    client.answers = {
        events.Rooms: events.RoomList([(b"#dev", 2, b"", True)]),
        events.ReadMetadata: rows((b"bob", b"url", b"x")), events.Look: events.Looked(b"#dev", True, ()),
        events.Enter: lambda enter: events.Inside(b"#dev", b"", enter)}
    assert codes(client.send(b"METADATA * SUB url bot url")) == ["770", "BATCH", "761", "BATCH"]
    assert client.asked == [events.Follow((b"url", b"bot")), events.Rooms(None),
                            events.ReadMetadata(b"#dev", b"", (b"url", b"bot"), True)]
    assert client.send(b"METADATA * SUBS") == [b":irc.test 772 ann url bot\r\n"]
    assert codes(client.send(b"JOIN #dev")) == ["JOIN", "366", "BATCH", "761", "BATCH"]
    client.told.clear()
    for value in (b"y", None):
        client.hear(events.MetadataChanged(b"#dev", b"url", value))
    assert client.told == [b":irc.test 761 ann #dev url * :y\r\n", b":irc.test 766 ann #dev url :no value is set\r\n"]
    assert client.send(b"METADATA * UNSUB url bot") == [b":irc.test 771 ann url bot\r\n"]
    assert client.asked[-1] == events.Follow(()) and client.send(b"METADATA * SUBS") == []
    client.send(b"CAP REQ :-draft/metadata-3")
    client.told.clear()
    client.hear(events.MetadataChanged(b"#dev", b"url", b"y"))
    assert client.told == []


def test_metadata_that_is_set_before_the_registration_is_set_then():
    client = coming()
    client.answers[events.SetMetadata] = client.answers[events.ReadMetadata] = rows((b"ann", b"url", b"x"))
    assert codes(client.send(b"CAP REQ :" + METADATA, b"METADATA bob GET url", b"METADATA #dev SYNC")) == [
        "CAP", "451", "451"]
    assert client.send(b"METADATA * SET url :x") == [b":irc.test 761 * * url * :x\r\n"]
    assert codes(client.send(b"METADATA * SET bot :x", b"METADATA * SET bot", b"METADATA * SET bot")) == [
        "761", "766", "FAIL"]
    assert codes(client.send(b"METADATA * GET url bot", b"METADATA * LIST")) == [
        "BATCH", "761", "766", "BATCH", "BATCH", "761", "BATCH"]
    assert codes(client.send(b"METADATA * SUB url", b"METADATA * SUBS")) == ["770", "772"]
    assert client.asked == []
    told = codes(client.send(b"NICK ann", b"USER ann 0 * :Ann", b"CAP END"))
    assert told[told.index("BATCH"):][:3] == ["BATCH", "761", "BATCH"]
    assert client.asked[2:5] == [
        events.Follow((b"url",)), events.SetMetadata(b"", b"ann", b"url", b"x"),
        events.ReadMetadata(b"", b"ann", None)]
    one = Client()
    one.send(b"CAP REQ :" + METADATA, *[b"METADATA * SET k%d :x" % number for number in range(30)])
    assert b"LIMIT_REACHED" in one.send(b"METADATA * SET more :x")[0]
    assert len(one.send(b"METADATA * CLEAR")) == 32 and codes(one.send(b"METADATA * LIST")) == ["BATCH", "BATCH"]


def test_all_that_can_be_asked_for_is_listed_and_granted():
    client = Client()
    (line,) = client.send(b"CAP LS")
    caps = line.partition(b" :")[2].split()
    assert set(caps) == set(irc_caps.CAPABILITIES)
    for cap in caps:
        assert client.send(b"CAP REQ :" + cap)[-1].endswith(b"CAP * ACK :" + cap + b"\r\n")
    assert codes(client.send(b"CAP REQ :nothing"))[-1] == "CAP" and b" NAK " in client.told[-1]
    assert client.decoder.form == irc_caps.form_of(frozenset(caps))
    client.send(b"CAP REQ :-server-time -message-tags")
    assert "time" not in client.decoder.form


# ---- commands

@for_each("line, asked", [
    (b"JOIN #a,#b k", [events.Enter(b"#a", b"k"), events.Enter(b"#b", None)]),
    (b"PART #a,#b :bye", [events.Exit(b"#a", b"bye"), events.Exit(b"#b", b"bye")]),
    (b"PART #a good bye all", [events.Exit(b"#a", b"good bye all")]),
    (b"TOPIC #a", [events.Topic(b"#a")]), (b"TOPIC #a :t", [events.Manage(b"#a", "topic", b"", b"t")]),
    (b"NAMES #a", [events.Look(b"#a")]), (b"WHO #a", [events.Look(b"#a")]), (b"WHO a*", [events.Who()]),
    (b"KICK #a b,c :why", [events.Manage(b"#a", "kick", name, b"why") for name in (b"b", b"c")]),
    (b"MODE #a", [events.Look(b"#a")]), (b"MODE #a b", [events.Masks(b"#a", "ban"), events.Masks(b"#a", "mute")]),
    (b"MODE #a +v b", [events.Manage(b"#a", "voice", b"b", b"")]),
    (b"MODE #a +o+b b d!*@*", [events.Manage(b"#a", act, name, b"") for act, name in (
        ("op", b"b"), ("bar", b"d"))]),
    (b"MODE #a +e-e m:*!x@* m:b!*@*", [events.Manage(b"#a", act, mask, b"") for act, mask in (
        ("except", b"mute:*!x@*"), ("unexcept", b"mute:b"))]),
    (b"INVITE", [events.Rooms(None, True, True)]), (b"INVITE bob", []),
    (b"MODE #a +b a:acc", [events.Manage(b"#a", "bar", b"account:acc", b"")]), (b"PING x", [events.Count()]),
    (b"MODE #a +ik-l x", [events.Manage(b"#a", "set", *one) for one in (
        (b"invite", b"on"), (b"key", b"x"), (b"limit", b"off"))]),
    (b"MODE #a -t", [events.Manage(b"#a", "set", b"open_topic", b"on")]),
    (b"PRIVMSG bob :hi", [events.Whisper(b"bob", b"hi", None, None)]),
    (b"PRIVMSG bob :\x02b\x0f\x0304,05c", [events.Whisper(
        b"bob", b"bc", None, None, extra=b"PRIVMSG \n\x02b\x0f\x0304,05c")]),
    (b"NOTICE #a :hi", [events.Say(b"hi", None, None, b"#a", extra=b"NOTICE \n")]),
    (b"PRIVMSG #a :\x01ACTION waves\x01", [events.Say(
        b"* ann waves", None, None, b"#a", extra=b"PRIVMSG \n\x01ACTION waves\x01")]),
    (b"MONITOR + a,b", [events.Watch((b"a", b"b")), events.Count()]), (b"WHOIS x bob", [events.Whois(b"bob")]),
    (b"AWAY :lunch", [events.Away(True, b"lunch"), events.Count()]),
    (b"AWAY", [events.Away(False, b""), events.Count()]),
    (b"NS REGISTER secret", [events.SignUp(b"ann", b"secret")]),
    (b"PRIVMSG NickServ :IDENTIFY bob secret", [events.Identify(b"bob", b"secret")]),
    (b"OPER boss pw", [events.Oper(b"boss", b"pw")]), (b"LIST", [events.Rooms(b"*")])])
def test_a_command_asks_this(line, asked):
    assert of(line) == asked


def test_client_tags_go_along_with_what_is_said():
    client = Client(b"ann", caps=b"message-tags")
    client.send(b"@+draft/react=x;foo=1 TAGMSG #a", b"@+a=b PRIVMSG #a :hi", b"@+typing=active TAGMSG #a")
    assert client.asked == [
        events.Say(b"", None, None, b"#a", extra=b"TAGMSG +draft/react=x\n"),
        events.Say(b"hi", None, None, b"#a", extra=b"PRIVMSG +a=b\n"), events.Typing(b"#a", b"")]


def test_who_enters_hears_of_the_topic_and_of_who_is_there():
    client = Client(b"ann")
    client.answers = {
        events.Enter: lambda enter: events.Inside(b"#dev", b"t", enter),
        events.Look: events.Looked(
            b"#dev", True, ((b"bob", b"owner"), (b"cid", b"voice"), (b"ann", b"")), b"t", b"bob", 7)}
    assert client.send(b"JOIN #DEV") == [
        b":ann!ann@parley JOIN #dev\r\n", b":irc.test 332 ann #dev :t\r\n", b":irc.test 333 ann #dev bob 7\r\n",
        b":irc.test 353 ann = #dev :@bob +cid ann\r\n", b":irc.test 366 ann #dev :End of /NAMES list\r\n"]


def test_who_wants_all_prefixes_is_told_of_a_voice_beside_a_better_role():
    looked = events.Looked(b"#dev", True, ((b"bob", b"owner"), (b"cid", b"voice"), (b"ann", b"op")), voiced=(b"bob",))
    for caps, prefix in ((b"", b"@"), (b"multi-prefix", b"@+")):
        client = Client(b"ann", caps=caps)
        client.answers = {events.Look: looked}
        assert client.send(b"NAMES #dev")[0] == b":irc.test 353 ann = #dev :%bbob +cid @ann\r\n" % prefix
        assert [line.split(b" :")[0].split()[-1] for line in client.send(b"WHO #dev")[:3]] == [
            b"H" + prefix, b"H+", b"H@"]


@for_each("reason, code", [
    (Reason.BANNED, "474"), (Reason.INVITE_ONLY, "473"), (Reason.WRONG_KEY, "475"), (Reason.ROOM_FULL, "471"),
    (Reason.TOO_MANY_JOINED, "405"), (Reason.INVALID_ROOM, "403"), (Reason.NOT_STORED, "400")])
def test_who_may_not_enter_hears_why_and_nothing_else(reason, code):
    client = Client(b"ann")
    client.answers = {events.Enter: lambda enter: events.Refused(reason, enter)}
    assert codes(client.send(b"JOIN #dev")) == [code]
    assert client.asked == [events.Enter(b"#dev", None)]


# ---- labels

def test_an_answer_bears_the_label_as_a_line_a_batch_or_an_acknowledgement():
    client = Client(b"ann", caps=b"labeled-response batch")
    client.answers = {events.Count: events.Counted(1, 1, 0)}
    assert client.send(b"@label=a PING x") == [b"@label=a :irc.test PONG irc.test :x\r\n"]
    assert client.send(b"@label=b PONG x") == [b"@label=b :irc.test ACK\r\n"]
    first, *rest, last = client.send(b"@label=c INFO")
    assert first == b"@label=c :irc.test BATCH +b1 labeled-response\r\n" and last == b":irc.test BATCH -b1\r\n"
    assert len(rest) == 3 and all(line.startswith(b"@batch=b1 :irc.test 37") for line in rest)
    assert client.send(b"PING x") == [b":irc.test PONG irc.test :x\r\n"]


def test_what_is_told_meanwhile_has_no_label():
    client = Client(b"ann", caps=b"labeled-response batch")

    def count(command):
        client.hear(events.Whispered(b"bob", b"hi", 7))
        return events.Counted(1, 1, 0)

    client.answers = {events.Count: count}
    told = client.send(b"@label=a LUSERS")
    assert told[0] == b":bob!bob@parley PRIVMSG ann :hi\r\n" and told[1].startswith(b"@label=a ")


# ---- what many hear

def form(*caps):
    return irc_caps.Form(frozenset(caps))


TALK = [(1, b"ann", b"hi\0: ho", 7, 2), (2, b"bob", b"x", 7, 1)]


def test_talk_is_the_same_however_it_is_written():
    known = Known(accounts=[b"ann"], bob=events.Person(user=b"bee", flags=b"B"))
    for caps in ((), (b"server-time",), (b"message-tags",), (b"account-tag",),
                 (b"server-time", b"message-tags", b"account-tag")):
        one = form(*caps)
        single = [line for number, (sender, text) in enumerate([(b"ann", b"hi"), (b"ann", b": ho"), (b"bob", b"x")], 5)
                  for line in one.encode(known, events.Said(sender, text, 7, number, b"#dev", AT), None)]
        told = one.encode_talk(known, b"#dev", TALK, 5, AT)
        assert (b"".join(told), len(told), told[2]) == (b"".join(single), 3, single[2]), caps
    assert single[0] == b"@time=%b;msgid=5;account=ann :ann!ann@parley PRIVMSG #dev :hi\r\n" % STAMP
    assert single[2] == b"@time=%b;msgid=7;bot :bob!bee@parley PRIVMSG #dev :x\r\n" % STAMP
    assert form().encode_talk(known, b"", TALK, 5, AT)[0] == (
        b":ann!ann@parley PRIVMSG #lobby :hi\r\n:ann!ann@parley PRIVMSG #lobby :: ho\r\n")


@for_each("happening, line", [
    (events.Joined(b"ann"), b":ann!ann@parley JOIN #lobby"),
    (events.Entered(b"#a", b"ann"), b":ann!ann@parley JOIN #a"),
    (events.Left(b"ann", True, b"idle"), b":ann!ann@parley QUIT :you were silent for too long"),
    (events.Left(b"ann", False, b"bye"), b":ann!ann@parley PART #lobby :bye"),
    (events.Exited(b"#a", b"ann"), b":ann!ann@parley PART #a :"),
    (events.Exited(b"#a", b"ann", True, b"Quit: x"), b":ann!ann@parley QUIT :Quit: x"),
    (events.Renamed(b"ann", b"bob"), b":ann!ann@parley NICK bob"),
    (events.Managed(b"#a", "topic", b"ann", b"", b"t"), b":ann!ann@parley TOPIC #a :t"),
    (events.Managed(b"#a", "kick", b"ann", b"bob", b""), b":ann!ann@parley KICK #a bob :ann"),
    (events.Managed(b"#a", "op", b"ann", b"bob", b""), b":ann!ann@parley MODE #a +o bob"),
    (events.Managed(b"#a", "ban", b"ann", b"b*", b""), b":ann!ann@parley MODE #a +b b*!*@*"),
    (events.Managed(b"#a", "set", b"ann", b"private", b"on"), b":ann!ann@parley MODE #a +s"),
    (events.Managed(b"#a", "except", b"ann", b"mute:b", b""), b":ann!ann@parley MODE #a +e m:b!*@*"),
    (events.Managed(b"#a", "set", b"ann", b"limit", b"7"), b":ann!ann@parley MODE #a +l 7"),
    (events.Managed(b"#a", "set", b"ann", b"key", b"secret"), b":ann!ann@parley MODE #a +k *")])
def test_what_happens_in_a_room_is_a_line(happening, line):
    assert form().encode(Known(), happening, None) == (line + b"\r\n",)


def test_bans_and_mutes_are_one_list_of_masks():
    client = Client(b"ann")
    client.answers[events.Masks] = lambda asked: events.MasksTold(
        b"#a", asked.kind, [(b"account:eve", b"ann", 7)] if asked.kind == "ban" else [(b"bob", b"ann", 8)])
    assert client.send(b"MODE #a b") == [
        b":irc.test 367 ann #a account:eve ann 7\r\n", b":irc.test 367 ann #a m:bob!*@* ann 8\r\n",
        b":irc.test 368 ann #a :End of list\r\n"]
    client.answers[events.Masks] = lambda asked: events.MasksTold(
        b"#a", asked.kind, [(b"mute:*!x@*", b"ann", 7), (b"bob", b"ann", 8)])
    assert client.send(b"MODE #a e")[:2] == [
        b":irc.test 348 ann #a m:*!x@* ann 7\r\n", b":irc.test 348 ann #a bob!*@* ann 8\r\n"]
    client.answers[events.Masks] = lambda asked: events.Refused(Reason.NO_ROOM, asked)
    assert codes(client.send(b"MODE #a b")) == ["403"]


def test_a_topic_is_played_back_to_who_asks_for_events():
    messages = [(7, b"bob", b"\0" + events.noted("topic", b"", b"new"), AT), (8, b"bob", b"hi", AT)]
    for caps, most in ((b"batch message-tags draft/event-playback", 2), (b"batch message-tags", 1)):
        client = Client(b"ann", caps=caps)
        client.answers[events.Browse] = events.Browsed(b"#a", None, messages, False)
        told = client.send(b"CHATHISTORY LATEST #a * 9")[1:-1]
        assert told == [b"@batch=b1;msgid=7 :bob!bob@parley TOPIC #a :new\r\n",
                        b"@batch=b1;msgid=8 :bob!bob@parley PRIVMSG #a :hi\r\n"][-most:]
    managed = events.Managed(b"#a", "topic", b"bob", b"", b"new", 7, AT)
    live = irc_caps.form("message-tags").encode(Known(), managed, None)
    assert live == (b"@msgid=7 :bob!bob@parley TOPIC #a :new\r\n",)


def test_who_wants_to_know_is_told_what_was_removed_of_a_conversation():
    told = events.Redacted(b"bob", b"7", b"why")
    for caps, lines in ((b"draft/message-redaction", [b":bob!bob@parley REDACT ann 7 :why\r\n"]), (b"batch", [])):
        client = Client(b"ann", caps=caps)
        client.hear(told)
        assert client.told == lines
        client.answers[events.Redact] = lambda asked: events.Done(asked)
        assert client.send(b"REDACT bob 8") == [b":ann!ann@parley REDACT bob 8\r\n"] * len(lines)
        assert client.asked == [events.Redact(b"bob", b"8", b"")]
        client.answers[events.Redact] = lambda asked: events.Refused(Reason.NO_SUCH_NUMBER, asked)
        assert b" FAIL REDACT UNKNOWN_MSGID bob 8 :" in client.send(b"REDACT bob 8")[0]
    assert of(b"REDACT bob 007", b"REDACT #dev 00") == [
        events.Redact(b"bob", b"7", b""), events.Manage(b"#dev", "redact", b"0", b"")]


def test_tags_are_told_to_those_only_who_have_asked():
    extra = irc_words.packed_extra(b"TAGMSG", [b"+a=b"], b"")
    said = events.Said(b"ann", b"", 7, 5, b"#a", AT, extra)
    assert form().encode(Known(), said, None) == ()
    assert form(b"message-tags").encode(Known(), said, None) == (b"@+a=b;msgid=5 :ann!ann@parley TAGMSG #a\r\n",)
    assert form().encode(Known(), events.IsTyping(b"ann", b"#a"), None) == ()
    assert form(b"message-tags").encode(Known(), events.IsTyping(b"ann", b"#a"), None) == (
        b"@+typing=active :ann!ann@parley TAGMSG #a\r\n",)


def test_colours_and_actions_are_whole_for_irc():
    said = events.Said(b"ann", b"* ann waves", 7, 5, b"#a", AT, b"PRIVMSG \n\x01ACTION waves\x01")
    assert form().encode(Known(), said, None) == (b":ann!ann@parley PRIVMSG #a :\x01ACTION waves\x01\r\n",)


# ---- words

def test_who_is_not_to_be_found_is_found_by_its_nick_and_in_common_rooms():
    hidden = events.Person(flags=b"i")
    client = Client(b"ann", known=Known(bob=hidden, ben=hidden, ann=hidden))
    client.answers = {
        events.Who: events.Present([b"ann", b"bob", b"ben", b"cid"]),
        events.Rooms: events.RoomList([(b"#dev", 2, b"", True)]), events.TimingMark: events.Done(events.TimingMark()),
        events.Look: lambda look: events.Looked(look.room, look.room == b"#dev", [(b"ann", b""), (b"bob", b"")])}

    def found(mask):
        return [line.split()[7].decode() for line in client.send(b"WHO " + mask) if b" 352 " in line]

    assert found(b"*") == ["ann", "cid", "bob"] and found(b"be?") == [] and found(b"ben") == ["ben"]
    assert client.send(b"WHO b*")[-1].split()[1] == b"315"
    assert [asked.room for asked in client.asked if type(asked) is events.Look][:2] == [b"#lobby", b"#dev"]


@for_each("mask, texts", [
    (b"*", {b"": True, b"a\nb": True}), (b"a*c", {b"abbc": True, b"ABc": True, b"abcd": False, b"xabc": False}),
    (b"a?c", {b"abc": True, b"ac": False}), (b"*b*", {b"abc": True, b"b": True, b"ac": False}),
    (b"a*ab", {b"aab": True, b"ab": False}), (b"a*b*c", {b"axbxc": True, b"acb": False}), (b"a**b", {b"ab": True}),
    (b"[x].*", {b"[x].y": True, b"x.y": False}), (b"\xc3\xa4*", {"\u00c4b".encode(): True}),
    (b"", {b"": True, b"a": False}),
    (b"a" * 600, {b"a" * 600: False}),
    (b"*a" * 16 + b"*b", {b"#" + b"a" * 32: False, b"#" + b"a" * 31 + b"b": True})])  # which would take years
def test_a_mask_fits_what_it_has_to_and_takes_no_time(mask, texts):
    fits = irc_words.mask_matcher(mask)
    assert {text: bool(fits(text)) for text in texts} == texts


def test_rooms_are_listed_by_name_in_any_case_and_by_conditions_of_which_there_are_few():
    client = Client(b"ann")
    client.answers = {events.Rooms: events.RoomList([(b"#lobby", 9, b"", True), (b"#dev", 2, b"", True)])}

    def rooms(wanted):
        return [line.split()[3] for line in client.send(b"LIST " + wanted) if b" 322 " in line]

    assert rooms(b"#DEV,#no") == rooms(b"#d*") == rooms(b"<3,!*x*") == [b"#dev"] and rooms(b">2") == [b"#lobby"]
    assert rooms(b",".join([b"!%d*" % number for number in range(8)])) == [b"#lobby", b"#dev"]
    assert codes(client.send(b"LIST " + b",".join([b"!%d" % number for number in range(1000)]))) == ["407"]


def test_each_list_of_a_room_is_asked_for_once_in_a_line_and_so_is_each_key():
    assert of(b"MODE #dev " + b"b" * 5000 + b"eIb") == [
        events.Masks(b"#dev", kind) for kind in ("ban", "mute", "except", "invex")]
    assert of(b"MODE #dev bb x") == [events.Manage(b"#dev", "bar", b"x", b""), *of(b"MODE #dev b")]
    client = Client(b"ann", caps=b"draft/metadata-3")
    client.send(b"METADATA bob GET" + b" url" * 500)
    assert client.asked == [events.ReadMetadata(events.HOME, b"bob", (b"url",))]


@for_each("mask", [b"*", b"#dev"])
def test_of_thousands_some_are_told_at_a_time(mask):
    names, client = [b"u%d" % number for number in range(1100)], Client(b"ann", caps=b"labeled-response batch")
    client.answers = {events.Who: events.Present(names), events.Count: events.Counted(1100, 2, 0),
                      events.Look: events.Looked(b"#dev", True, [(name, b"") for name in names])}
    told = client.send(b"WHO " + mask)
    assert [line.split()[7] for line in told[:-1]] == names and codes(told[-1:]) == ["315"]
    assert [type(asked) for asked in client.asked[1:]] == [events.Count, events.Count]
    client.answers[events.Count] = lambda asked: told.append(len(client.told)) or events.Counted(1100, 2, 0)
    told.clear()
    start = len(client.told)
    client.send(b"WHO " + mask)
    assert [number - start for number in told] == [500, 1000]
    assert len(client.send(b"@label=x WHO " + mask)) == 1103, "with a label they are one batch"


def test_who_is_asked_for_may_be_written_in_any_case():
    client = Client(b"ann")
    client.answers = {events.Who: events.Present([b"ann", b"Bob", b"1x"])}
    alias = irc_words.nick(b"1x")
    assert client.send(b"USERHOST BOB eve " + alias)[0] == b":irc.test 302 ann :Bob=+Bob@parley %b=+%b@parley\r\n" % (
        alias, alias)
    assert client.send(b"ISON bob eve ANN")[0] == b":irc.test 303 ann :Bob ann\r\n"


def test_who_is_watched_may_be_written_in_any_case():
    client = Client(b"ann")
    client.answers = {events.Count: events.Counted(3, 2, 0)}
    client.send(b"MONITOR + Qux,qUX,bob")
    assert client.asked[0] == events.Watch((b"qUX", b"bob"))
    for name, state, told in ((b"QUX", "here", ["730"]), (b"qux", "here", []), (b"qux", "away", []),
                              (b"QUX", "gone", ["731"]), (b"eve", "here", [])):
        client.told.clear()
        client.hear(events.Presence(name, state))
        assert codes(client.told) == told
    assert client.send(b"MONITOR L")[0] == b":irc.test 732 ann :QUX,bob\r\n"
    client.send(b"MONITOR - quX")
    assert client.asked[-1] == events.Watch((b"bob",))


def test_modes_that_are_on_or_off_are_set_and_told_together():
    assert of(b"MODE #dev -in+st") == [
        events.Manage(b"#dev", "set", b"invite,open_talk,private,open_topic", b"off,on,on,off")]
    assert of(b"MODE #dev -E") == [events.Manage(b"#dev", "set", b"sealed", b"off")]
    assert irc_caps.lines_about(Known(), events.Managed(b"#dev", "set", b"ann", b"sealed", b"on")) == [
        b":ann!ann@parley MODE #dev +E"]
    assert of(b"MODE #dev +ml 5") == [
        events.Manage(b"#dev", "set", b"moderated", b"on"), events.Manage(b"#dev", "set", b"limit", b"5")]
    managed = events.Managed(b"#dev", "set", b"ann", b"invite,open_talk,private,open_topic", b"off,on,on,off")
    assert irc_caps.lines_about(Known(), managed) == [b":ann!ann@parley MODE #dev -in+st"]


def test_that_a_room_was_closed_is_told_as_a_part_and_a_key_is_set_as_it_is_given():
    client = Client(b"ann")
    client.hear(events.Exited(b"#dev", b"ann"))
    assert client.told == [b":ann!ann@parley PART #dev :The room was closed\r\n"]
    client.send(b"MODE #dev +k a\x02b", b"JOIN #dev a\x02b")
    assert client.asked[0] == events.Manage(b"#dev", "set", b"key", "a\u2402b".encode())


def test_ctcp_passes_in_a_room_unless_it_is_unwanted_there():
    client, looked = Client(b"ann"), events.Looked(b"#dev", True, ())
    client.answers = {events.Look: looked}
    assert client.send(b"PRIVMSG #dev :\x01VERSION\x01") == []
    assert client.asked == [events.Look(b"#dev"), events.Say(
        b"", None, None, b"#dev", extra=b"PRIVMSG \n\x01VERSION\x01")]
    client.answers = {events.Look: looked._replace(settings=[(b"noctcp", 1)])}
    for line, told in ((b"PRIVMSG #dev :\x01VERSION\x01", ["404"]), (b"NOTICE #dev :\x01VERSION x\x01", [])):
        assert codes(client.send(line)) == told and client.asked[-1] == events.Look(b"#dev")
    client.send(b"PRIVMSG #dev :\x01ACTION waves\x01")
    assert client.asked[-1].text == b"* ann waves"


FORGED = b"\r:bob!bob@parley PRIVMSG #dev :forged"  # where a CR alone ends a line, as it does for many programs


@for_each("line", [
    b"PRIVMSG cid :\x01VERSION%b\x01", b"PRIVMSG #dev :\x01ACTION waves%b\x01", b"NOTICE cid :\x01PING 1\x01%b",
    b"PRIVMSG @#dev :\x01ACTION waves%b\x01", b"@+x=%b;+y=1 PRIVMSG cid :hi", b"@+%b TAGMSG cid", b"PRIVMSG cid :a%b"])
def test_no_text_and_no_tag_has_in_it_what_ends_a_line_or_what_a_terminal_obeys(line):
    for bad in (FORGED, b"\x1b[2J", b"\x85", "\u2028".encode(), b"\x0b", b"\x7f"):
        client = Client(b"ann", caps=b"message-tags")
        client.answers = {events.Look: events.Looked(b"#dev", True, [(b"cid", b"op")])}
        if line[:1] == b"@":
            bad = bad.replace(b" ", b"")
        client.send(line % bad)
        for asked in client.asked:
            for raw in (getattr(asked, "text", b""), getattr(asked, "extra", b"")):
                assert not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", raw.replace(b"\x01", b"")), raw
                assert raw == raw.decode().encode() and not re.search("[\x80-\x9f\u2028]", raw.decode())


@for_each("line", [
    b"JOIN %b", b"PART %b", b"TOPIC %b", b"KICK %b bob", b"INVITE bob %b", b"WHOIS %b", b"NAMES %b", b"WHO %b",
    b"FOO%b", b"PRIVMSG %b :hi", b"MODE %b +x", b"MODE #dev +%b", b"MODE ann +%b", b"CAP %b", b"BATCH %b",
    b"CHATHISTORY %b", b"REDACT #dev %b", b"MARKREAD #dev %b", b"WHOWAS %b", b"NICK %b", b"PART #dev :%b", b"QUIT :%b",
    b"RENAME #dev %b", b"REGISTER %b * x", b"METADATA %b GET url"])
def test_what_a_client_has_sent_is_told_it_again_without_controls_and_in_whole_characters(line):
    client = Client(b"ann", caps=b"draft/metadata-3 draft/multiline batch")
    for kind in events.COMMANDS:
        client.answers[kind] = lambda asked: events.Refused(Reason.NOBODY, asked)
    client.answers[events.Exit] = client.answers[events.Quit] = events.Done(events.Quit())
    for bad in (b"a" + FORGED.replace(b" ", b""), "\u00e9".encode(), b"\x1b", b"\x02bold"):
        for told in client.send(line % bad):
            assert not re.search(rb"[\x00-\x1f\x7f]", told[:-2]) and told.decode()


@for_each("line, asked", [
    (b"TOPIC #dev :\x01x\x01", events.Manage(b"#dev", "topic", b"", "\u2401x\u2401".encode())),
    (b"KICK #dev bob :\x01x", events.Manage(b"#dev", "kick", b"bob", "\u2401x".encode())),
    (b"PART #dev :\x01x", events.Exit(b"#dev", "\u2401x".encode())),
    (b"QUIT :\x01x", events.Quit("Quit: \u2401x".encode()))])
def test_what_is_no_message_is_no_ctcp(line, asked):
    """It was taken for empty, which takes a topic away."""
    assert of(line) == [asked]


@for_each("line", [b"POST / HTTP/1.1", b"GET /x HTTP/1.0", b"SSH-2.0-x", b"EHLO a", b"@x=y OPTIONS * HTTP/1.1"])
def test_who_begins_with_another_protocol_is_ended_before_it_has_a_name(line):
    """A web page can let the browser of somebody who reads it send lines, behind those of HTTP."""
    client = Client()
    assert client.send(line) == [] and client.asked == [events.Broken(Reason.FOREIGN)]
    assert codes(Client(b"ann").send(line)) == ["421"]


def test_no_tag_that_is_passed_on_has_white_space_of_any_kind():
    client = Client(b"ann", caps=b"message-tags")
    for space in "\u00a0\u3000\u2003\x1c\x85\t":
        client.send(("@+x=a%s:bob!b@h%sPRIVMSG PRIVMSG #dev :hi" % (space, space)).encode())
        assert client.asked.pop() == events.Say(b"hi", None, None, b"#dev"), ascii(space)


def test_why_somebody_leaves_has_no_colours():
    assert of(b"PART #dev :\x02\x0304bye", b"QUIT :\x02\x0304bye") == [
        events.Exit(b"#dev", b"bye"), events.Quit(b"Quit: bye")]


def test_a_line_whose_tags_are_no_utf8_is_refused_and_so_is_such_a_label():
    client = Client(b"ann", caps=b"labeled-response message-tags")
    assert codes(client.send(b"@label=\xff;+x=\xff PRIVMSG #dev :hi")) == ["FAIL"] and client.asked == []
    assert client.send(b"@label=a\rb TIME")[0].startswith(b":irc.test 391 "), "a label is told again"


def test_a_name_that_irc_cannot_carry_has_an_alias_by_which_it_is_meant():
    for name in (b"4you", b"a.b", b"*", b"a b".replace(b" ", b"!"), "\u00e4@\u00f6".encode(), b"x" * 31 + b"@"):
        alias = irc_words.nick(name)
        assert decoder().name_of(alias) == name and b"|" in alias
        assert not re.search(rb"[ !*,.:?@]", alias) and len(alias.decode()) <= 32
    assert irc_words.nick("b\u00f6b".encode()) == "b\u00f6b".encode()


def test_the_alias_of_somebody_who_is_here_is_known_whatever_has_been_shown():
    client = Client(b"ann")
    roll, name = client.decoder.known.roll, "\u00e4@\u00f6".encode()
    roll.enter(name)
    alias = irc_words.nick(name)
    for number in range(4100):
        irc_words.nick(b"%d." % number)
    client.send(b"PRIVMSG %b :hi" % alias)
    assert client.asked[-1] == events.Whisper(name, b"hi", None, None)
    client.send(b"MARKREAD %b" % alias)
    assert client.asked[-1] == events.ReadMark(events.HOME, name, None)
    client.send(b"CHATHISTORY LATEST %b * 5" % alias)
    assert (client.asked[-1].room, client.asked[-1].partner) == (None, name)


@for_each("name, alias", [
    (b"4you", b"_you|fdjs"), (b"john.doe", b"john_doe|gd3j"), (b"a.b.c.d", b"a_b_c_d|"), (b"4.5", b"__5|"),
    (b"a" * 26 + b".", b"a" * 26 + b"_|"), (b"a" * 27 + b".", b"a" * 19 + b"|")])
def test_an_alias_has_a_long_digest_where_somebody_could_choose_another_name_with_a_short_one(name, alias):
    shown_as = irc_words.nick(name)
    assert shown_as.startswith(alias) and len(shown_as.partition(b"|")[2]) == (
        4 if name in (b"4you", b"john.doe", b"a" * 26 + b".") else 12)
    pair = [irc_words.nick(b"4this-is-a-very-long-name-of" + end) for end in (b"-me!", b"enpa")]
    assert pair[0] != pair[1], "their digests have the same beginning, as half a million names were tried for"


def test_a_long_text_is_cut_between_characters_and_a_short_one_is_whole():
    start = b":ann!ann@parley PRIVMSG #dev :"
    fits = b"x" * (512 - len(b"PRIVMSG #dev :") - 2)
    assert irc_words.lines_of(b"", start, fits) == [start + fits + b"\r\n"]
    text = "\u20ac".encode() * 700
    lines = irc_words.lines_of(b"@t=1 ", start, text)
    assert all(len(line) <= 512 + len(b"@t=1 ") for line in lines)
    assert b"".join(line[len(b"@t=1 ") + len(start):-2] for line in lines) == text
    assert irc_words.lines_of(b"", start, b"a\n \nb") == [start + b"a\r\n", start + b"b\r\n"]


@for_each("when", [b"9999-99-99T99:99:99Z", b"2026-13-01T00:00:00Z", b"0000-01-01T00:00:00Z", b"2026-1-1T00:00:00Z"])
def test_a_time_that_there_is_not_is_refused(when):
    client = Client(b"ann")
    (told,) = client.send(b"CHATHISTORY BEFORE #dev timestamp=%b 5" % when)
    assert told.startswith(b":irc.test FAIL CHATHISTORY INVALID_PARAMS BEFORE #dev") and client.asked == []


def test_a_text_of_more_lines_than_irc_has_for_one_is_told_in_few_and_whole():
    start = b":ann!ann@parley PRIVMSG #dev :"
    assert len(irc_words.lines_of(b"", start, b"a\n" * 99 + b"a")) == irc_words.MOST_LINES
    lines = irc_words.lines_of(b"", start, b"a\n" * 8000 + b"a")
    assert all(len(line) <= 512 for line in lines) and len(lines) < irc_words.MOST_LINES
    assert b"".join(line[len(start):-2] for line in lines) == "a\u2424".encode() * 8000 + b"a"


def test_what_is_said_to_those_of_a_role_reaches_each_of_them_and_says_where():
    client = Client(b"ann", caps=b"echo-message message-tags")
    roles = [(b"ann", b"op"), (b"bob", b"owner"), (b"eve", b""), (b"cid", b"voice")]
    client.answers = {
        events.Look: lambda look: events.Looked(b"#a", True, roles),
        events.Whisper: lambda whisper: events.Stored(whisper, 7, 5, AT)}
    for target, receivers in ((b"@#a", [b"bob"]), (b"+#a", [b"bob", b"cid"])):
        client.asked.clear()
        assert client.send(b"PRIVMSG %b :h\x02i" % target) == [
            b"@msgid=7 :ann!ann@parley PRIVMSG %b :h\x02i\r\n" % target]
        assert [(said.to, said.text) for said in client.asked[1:]] == [
            (name, b"[%b] hi" % target) for name in receivers]
    other = Client(b"bob")
    other.hear(events.Whispered(b"ann", b"[+#a] hi", 5, 7, AT, client.asked[1].extra))
    assert other.told == [b":ann!ann@parley PRIVMSG +#a :h\x02i\r\n"]
    client.answers[events.Look] = lambda look: events.Looked(b"#a")
    assert (codes(client.send(b"PRIVMSG @#a :hi")), client.send(b"NOTICE @#a :hi")) == (["404"], [])
    client.answers[events.Look] = lambda look: events.Looked(b"#a", True, [(b"m%d" % one, b"op") for one in range(51)])
    assert codes(client.send(b"PRIVMSG @#a :hi")) == ["407"]


# ---- texts of several lines

ALL = b"draft/multiline batch message-tags labeled-response echo-message"


def drafted(*parts, command=b"PRIVMSG", target=b"#a"):
    """The lines of a client that send a text in these parts; what goes on in the line before begins with "+"."""
    tags = {True: b"@batch=r;draft/multiline-concat ", False: b"@batch=r "}
    return [b"BATCH +r draft/multiline #a",
            *[b"%b%b %b :%b" % (tags[part[:1] == b"+"], command, target, part.lstrip(b"+")) for part in parts],
            b"BATCH -r"]


def test_a_text_of_several_lines_is_one_message_in_whatever_form_it_is_told():
    client = Client(b"ann", caps=ALL)
    assert client.send(*drafted(b"one", b"+ and", b"", b"\x02two")) == []
    (said,) = client.asked
    assert said.text == b"one and\n\ntwo" and said.room == b"#a"
    start = b":ann!ann@parley PRIVMSG #a :"

    def told(caps):
        return irc_caps.form(irc_caps.form_of(frozenset(caps.split()))).talk(
            Known(), b"ann", b"#a", said.text, said.extra, 7, AT)

    assert told(b"draft/multiline batch message-tags server-time") == [
        b"@time=%b;msgid=7 :ann!ann@parley BATCH +m7 draft/multiline #a\r\n" % STAMP,
        b"@batch=m7 %bone\r\n" % start, b"@batch=m7;draft/multiline-concat %b and\r\n" % start,
        b"@batch=m7 %b\r\n" % start, b"@batch=m7 %b\x02two\r\n" % start, b":ann!ann@parley BATCH -m7\r\n"]
    assert told(b"draft/multiline message-tags") == [
        b"@msgid=7 %bone\r\n" % start, start + b" and\r\n", start + b"\x02two\r\n"]
    assert told(b"") == [start + b"one\r\n", start + b" and\r\n", start + b"\x02two\r\n"]


@for_each("lines, code", [
    (drafted(b"a", b"+"), b"MULTILINE_INVALID "), (drafted(b"", b""), b"MULTILINE_INVALID "),
    (drafted(b"a", b"\x01ACTION b\x01"), b"MULTILINE_INVALID "),
    (drafted(b"a", target=b"#b"), b"MULTILINE_INVALID_TARGET"),
    (drafted(*[b"a"] * 101), b"MULTILINE_MAX_LINES 100"), (drafted(*[b"a" * 500] * 9), b"MULTILINE_MAX_BYTES 4096"),
    ([drafted(b"a")[0], b"@batch=r NOTICE #a :b", *drafted(b"a")[1:]], b"MULTILINE_INVALID "),
    ([b"@batch=r PRIVMSG #a :a"], b"MULTILINE_INVALID "), ([b"BATCH -r"], b"INVALID_REFTAG"),
    ([b"BATCH +r"], b"INVALID_TYPE"),
    (drafted(b"a")[:2] + [b"BATCH +s other #a"] + drafted(b"a")[2:], b"MULTILINE_INVALID ")])
def test_what_cannot_be_a_text_of_several_lines_is_refused_and_nothing_of_it_said(lines, code):
    client = Client(b"ann", caps=ALL)
    told = client.send(*lines)
    assert told[0].startswith(b":irc.test FAIL BATCH " + code) and not client.asked
    assert len(told) == 1 + any(b"other" in line for line in lines), told
    assert codes(Client(b"ann").send(lines[0])) != ["FAIL"], "nobody knows of batches who has not asked for them"


def test_times_do_not_go_back_unless_the_clock_was_set():
    stamps = irc_words._Stamps()
    assert [stamps.next(at) for at in (AT, AT - 5, AT + 7, AT - 100000)] == [AT, AT, AT + 7, AT - 100000]
    assert irc_words.stamp(AT) == STAMP


def test_no_control_that_others_send_comes_out():
    for raw in (b"\x02\x03a", b"a\x1bb", b"\x01DCC x\x01", b"a\x01b", b"\x7f"):
        heard = irc_words.heard(raw, b"ann")
        assert heard.plain is None or not re.search(rb"[\x00-\x08\x0b-\x1f\x7f]", heard.plain)
    assert irc_words.heard(b"a\x1bb", b"ann").whole == b"", "what a terminal would obey is told to nobody"


def test_a_long_list_of_names_is_told_in_lines_that_are_not_too_long():
    members = [("n\u00e4me %d" % number if number % 9 == 0 else "name%d" % number).encode() for number in range(300)]
    roles = [b"", b"", b"owner", b"voice"]
    looked = events.Looked(b"#dev", True, [(name, roles[number % 4]) for number, name in enumerate(members)])
    client = Client(b"ann")
    client.answers[events.Look] = looked
    *lines, end = client.send(b"NAMES #dev")
    assert b" 366 " in end
    assert all(300 < len(line) <= 512 for line in lines[:-1]) and len(lines) < 10
    assert b" ".join([line.rstrip().partition(b" :")[2] for line in lines]).split(b" ") == [
        (b"", b"", b"@", b"+")[number % 4] + irc_words.nick(name) for number, name in enumerate(members)]


def test_clients_that_have_come_and_want_nothing_special_keep_the_same_objects():
    clients = [Client() for _ in range(2)]
    for number, client in enumerate(clients):
        client.answers = {events.Login: lambda login: events.Welcome(login.name, login)}
        client.send(b"NICK a%d" % number, b"USER u%d 0 * :real %d" % (number, number))
        assert b" 001 " in client.told[0]
    own = {slot for part in irc.Decoder.__mro__ for slot in getattr(part, "__slots__", ())
           if len({id(getattr(client.decoder, slot)) for client in clients}) == 2}
    assert own <= {"me", "name", "known", "_limits"}


@given(st.lists(st.tuples(
    st.sampled_from([b"PRIVMSG #a :", b"PRIVMSG #a  :", b"privmsg #a :", b"PRIVMSG #b :", b" PRIVMSG #a :", b"PING "]),
    st.sampled_from([b"hi", b" hi ", b"", b"h\0i", b"a\tb", b"\x02b", b"\xff", "\u00e9".encode(), b"a" * 60]),
    st.sampled_from([b"\n", b"\r\n"])), max_size=6))
def test_lines_that_come_together_ask_for_what_each_asks_for_alone(lines):
    together, apart = Client(b"ann", line_bytes=50), Client(b"ann", line_bytes=50)
    for client in (together, apart):
        client.send(b"PING :1")
        client.told.clear()
    together._do(together.decoder.feed(b"".join([b"".join(line) for line in lines])))
    for line in lines:
        apart._do(apart.decoder.feed(b"".join(line)))
    assert (together.asked, together.told) == (apart.asked, apart.told)


def test_the_page_for_users_lists_what_can_be_asked_for():
    folder = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    with open(os.path.join(folder, "docs", "irc.md"), encoding="utf-8") as file:
        listed = file.read().partition("## Capabilities\n")[2].partition("; and")[0]
    listed = re.sub(r"\([^)]*\)", "", listed)
    assert sorted(name.strip() for name in listed.split(",")) == sorted(map(bytes.decode, irc_caps.CAPABILITIES))
