"""`python -m client` in a script: lines in, lines out, one after the other."""
import io
import os
import re
import subprocess
import sys

import pytest
from surroundings import PROTOCOLS, ROOT, SECONDS, Answering, Scripted, alone, enter, hear

from parley.client import Said, Whispered, cli

TIME = r"\[\d\d:\d\d [AP]M\] "
# What is typed, and what it shows on stdout, or else on stderr.
SHOWN = [
    ("hi", r"\[SENT\] " + TIME + "me: hi"),
    ("/msg hi", r"\[SENT\] " + TIME + "me: hi"),
    ("//hi", r"\[SENT\] " + TIME + "me: /hi"),
    ("/dm me psst", TIME + r"me \(direct\): psst\n\[SENT\] " + TIME + r"me \(to me\): psst"),
    ("/users m?", "1 user: me"),
    ("/users nobody*", "Nobody of that name."),
    ("/ping", r"Round-trip time: (?!0\.00)\d+\.\d\d ms"),
    ("hi\n/history 1", "What was said before:\n" + TIME + "me: hi\nEnd of what was said before.\n"),
    ("/join #one\nhi\n/part",
     r"You are in #one\.\n#one has no topic\.\n1 in #one: me\n\[SENT\] " + TIME + r"me \(#one\): hi"),
    ("/join #two\n/topic for us\n/topic\n/rooms\n/part",
     "me set the topic: for us.\nThe topic of #two: for us\n#two  1  for us\n"),
    ("/join #three\n/part\nhi", r"You have left #three\.\n\[SENT\] " + TIME + "me: hi"),
    ("/me waves", r"\[SENT\] " + TIME + r"\* me waves"),
    ("/help", r"/nick NAME +be called NAME, now or once you are connected\n"),
]
REFUSED = [
    ("/nick two words", "[ERROR] A name or a password in `line` is one word. You are still you."),
    ("/nick you", "[ERROR] You are you already."),
    ("/nick " + "n" * 300, "[ERROR] This cannot be a name. You are still you."),
    ("/login nobody guess", "[ERROR] No account of this name has a password. You are still you."),
    ("/login Alice guess", "[ERROR] The password is wrong. You are still you."),
    ("/create x", "[ERROR] Without a terminal passwords must be written into the command."),
    ("/user me", "[ERROR] `line` does not tell where somebody is."),
    ("/delete", "[ERROR] `line` cannot delete an account."),
    ("/dm nobody psst", "[ERROR] Nobody here has that name. Not sent: /dm nobody psst\n"),
    ("/dm nobody", "[ERROR] This is written /dm NAME TEXT."),
    ("/ping twice", "[ERROR] This is written /ping."),
    ("/go #nowhere", "[ERROR] You are not in #nowhere: /join #nowhere."),
    ("/join nowhere", "[ERROR] The name of a room is one word that begins with #, such as #dev."),
    ("/kick #nowhere bob", "[ERROR] There is no such room."),
    ("/search x", "[ERROR] Only on a terminal"),
    ("/wat", "[ERROR] Unknown command /wat; /help shows them all."),
    ("/jion #dev", "[ERROR] Unknown command /jion: did you mean /join? /help shows them all."),
    ("/help kik", "[ERROR] Unknown command kik: did you mean /kick? /help shows them all."),
    ("/connect irc://x", "[ERROR] irc://x is not an address such as line://localhost:4000"),
    ("x" * 9000, "[ERROR] This message is too long: it has 9000 bytes, and `line` takes 8188. Not sent: xxx"),
    ("/history bob", "[ERROR] `line` keeps no conversations, only what was said in rooms."),
]


def run(url, typed, *arguments, settings=None):
    """(exit code, stdout, stderr) of the client with these lines piped in; settings: the folder of a file of them.

    In this process, as a start takes longer than what the client does. Others below have one of their own.
    """
    lines, end = os.pipe()
    os.write(end, typed.encode())  # which a pipe takes
    os.close(end)
    outputs = io.BytesIO(), io.BytesIO()
    with open(lines) as stdin, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", settings or os.devnull)
        patch.setattr(sys, "stdin", stdin)
        for name, output in zip(("stdout", "stderr"), outputs):
            patch.setattr(sys, name, io.TextIOWrapper(output, "utf-8", write_through=True))
        try:
            code = cli.main([*([url] if url else []), *arguments])
        except SystemExit as stop:
            code = stop.code
        return (code, *(output.getvalue().decode() for output in outputs))


def taken_back(run_it):
    """The first run whose name was free again."""
    for _ in range(100):
        result = run_it()
        if "is taken" not in result[2]:
            return result
    raise AssertionError(result)


@pytest.mark.parametrize("protocol", PROTOCOLS[:-1])
def test_a_name_a_word_and_good_bye(server, join, protocol):
    witness = alone(enter(join, server["line"], "wit"))
    code, out, err = run(server[protocol], "/nick Ann%s\nhello\n/quit\n" % protocol[:3])
    name = "Ann" + protocol[:3]
    place = server[protocol].rpartition("/")[2]
    assert (code, err) == (0, "")
    assert re.fullmatch(
        r"\[CONNECTED\] Connected to %s\n\[NICKNAME\] Nickname set to %s\n\[SENT\] %s%s: hello\n"
        r"Disconnected from the server\.\n" % (re.escape(place), name, TIME, name), out)
    hear(witness, lambda event: isinstance(event, Said) and (event.sender, event.text) == (name, "hello"))


def test_an_account_a_word_and_good_bye(server):
    code, out, err = taken_back(lambda: run(server["dollar"], "/login Alice 123\nhello\n/history lobby"))
    assert (code, err) == (0, "")
    assert "Nickname set to Alice" in out
    assert re.search(TIME + "Alice: hello\n", out)


def test_a_line_shows_what_it_gives(server):
    typed = "".join("%s\nbehind %d\n" % (line, number) for number, (line, _) in enumerate(SHOWN))
    code, out, err = taken_back(lambda: run(server["line"], "/nick me\n" + typed))
    assert (code, err) == (0, "")
    parts = re.split("(?m)^.*me.*: behind [0-9]+\n", out)
    assert len(parts) == len(SHOWN) + 1
    for (line, shown), part in zip(SHOWN, parts):
        assert re.search(shown, part), (line, part)


def test_what_cannot_be_done_is_one_sentence(server):
    typed = "".join("%s\nstill here %d\n" % (line, number) for number, (line, _) in enumerate(REFUSED))
    code, out, err = taken_back(lambda: run(server["line"], "/nick you\n" + typed))
    assert code == 1
    told = err.splitlines()
    assert len(told) == len(REFUSED), err
    for (_, sentence), line in zip(REFUSED, told):
        assert (line + "\n").startswith(sentence)
    assert [int(number) for number in re.findall("you: still here ([0-9]+)\n", out)] == list(range(len(REFUSED)))


def test_a_line_that_cannot_be_done_makes_the_exit_code_1(server):
    code, out, err = taken_back(lambda: run(server["line"], "/nick you\n/wat\nstill here\n"))
    assert (code, err.count("\n")) == (1, 1)
    assert "you: still here" in out


def test_a_script_can_connect_by_itself_and_keep_its_nickname(server):
    host = server["line"].rpartition("/")[2]
    code, out, err = taken_back(lambda: run(None, "/nick carol\n/connect %s\nhello\n" % host))
    assert (code, err) == (0, "")
    assert "carol: hello" in out


def test_the_settings_say_where_to_connect_to_and_who_one_is(server, tmp_path):
    folder = tmp_path / "parley"
    folder.mkdir()
    place = server["line"].rpartition("/")[2]
    (folder / "settings.ini").write_text("[parley]\naddress = %s\nname = setty\n" % place)
    code, out, err = taken_back(lambda: run(None, "hi\n", settings=str(tmp_path)))
    assert (code, err) == (0, "") and "setty: hi\n" in out
    code, out, err = taken_back(lambda: run("other@" + place, "hi\n", settings=str(tmp_path)))
    assert (code, err) == (0, "") and "other: hi\n" in out
    (folder / "settings.ini").write_text("address\n")
    code, out, err = run(None, "hi\n", settings=str(tmp_path))
    assert code == 2 and "settings.ini cannot be read" in err


def test_rooms_are_entered_again_under_another_name(server):
    code, out, err = taken_back(lambda: run(server["line"], "/nick was\n/join #stay\n/nick willbe\n/msg hi\n"))
    assert (code, err) == (0, "")
    assert re.search(r"come back as willbe\.\n(.*\n)*You are in #stay\.\n(.*\n)*.*willbe \(#stay\): hi\n", out), out


@pytest.mark.parametrize("protocol", PROTOCOLS[:-1])
def test_one_can_become_somebody_else(server, join, protocol):
    taken, names = "taken" + protocol[0], ["one" + protocol[:3], "two" + protocol[:3]]
    enter(join, server["line"], taken)
    code, out, err = run(server[protocol], "/nick %s\n/nick %s\nstill me\n/nick %s\nme again\n" % (
        names[0], taken, names[1]))
    said = [(names[0], "still me"), (names[1], "me again")]
    if protocol == "padded":  # where a name is refused with the first words that are said under it
        assert err == "[ERROR] The nickname is taken. Not sent: still me\n"
        said = said[1:]
    assert code == 1 and err.count("\n") == 1, err
    assert re.findall(r"\[SENT\] %s(.*): (.*)\n" % TIME, out) == said


def test_an_account_is_neither_renamed_nor_taken_along(server):
    host = server["line"].rpartition("/")[2]
    typed = "/nick al\n/login Alice 123\n/nick Bob\nas Alice\n/nick Alf\n/login Bob 456\n/connect %s\nas nobody\n"
    code, out, err = taken_back(lambda: run(server["line"], typed % host))
    assert code == 1
    assert err == ("[ERROR] The name has a password: /login NAME PASSWORD. You are still Alice.\n"
                   "[ERROR] You have not set a nickname. Not sent: as nobody\n")
    assert re.findall("Nickname set to (.*)", out) == ["al", "Alice", "Alf", "Bob"]
    assert "You leave as Alice, and come back as Alf.\n" in out


@pytest.mark.parametrize("protocol", PROTOCOLS[:-1])
def test_a_refused_nickname_is_not_taken_along(server, join, protocol):
    mine, hers = "mine" + protocol[:3], "hers" + protocol[:3]
    enter(join, server["line"], hers)
    code, out, err = run(server[protocol], "/nick %s\nhi\n/nick %s\nhi\n/connect %s\n/users %s\n" % (
        mine, hers, server["binary"], mine))
    assert (code, err.count("\n")) == (1, 1), err
    assert "1 user: %s\n" % mine in out


def test_nothing_can_be_said_to_nobody():
    assert run(None, "hello\n")[::2] == (1, "[ERROR] You are not connected to a server. Not sent: hello\n")


def test_nobody_can_say_anything(server):
    assert run(server["line"], "/dm Bob hi\n")[::2] == (
        1, "[ERROR] You have not set a nickname. Not sent: /dm Bob hi\n")


def test_a_password_is_not_asked_for_in_a_script(server):
    assert run(server["line"], "/login Bob\n")[::2] == (
        1, "[ERROR] Without a terminal passwords must be written into the command.\n")
    assert run(server["line"], "/login Bob guess\n")[::2] == (1, "[ERROR] The password is wrong.\n")


def test_a_taken_name_is_told(server, join):
    enter(join, server["binary"], "taken")
    code, _, err = run(server["line"], "/nick taken\nhello\n")
    assert code == 1
    assert err == "[ERROR] The name is taken.\n[ERROR] You have not set a nickname. Not sent: hello\n"


def test_a_script_ends_where_nobody_answers():
    code, out, err = run("line://127.0.0.1:1", "/nick Ann\nhello\n" * 100)
    assert (code, out) == (1, "")
    assert err == "[ERROR] Cannot connect to 127.0.0.1:1: connection refused.\n"


def test_a_bad_command_line_is_told():
    for url, sentence in (("irc://x", "is not an address such as"), ("line://x:0", "is not a port")):
        code, out, err = run(url, "")
        assert (code, out) == (2, "")
        assert sentence in err
    assert run(None, "", "--help")[0] == 0


def test_what_a_hostile_server_sends_acts_on_nothing():
    lines = b"OK\nMSG a\x1b[2J\x1b hi\x1b]0;x\x07\nDM b\xc2\x9b c\nINFO \x1b[31m disconnected\nUSER \x1b\nERR \x1b[1m\n"
    with Scripted([lines, b"END HISTORY 1 complete\n"], answers=True) as server:
        _, out, err = run("line://%s:%d" % server.address, "/nick a\n/quit\n")
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err)
    assert "a\u241b[2J\u241b: hi\u241b]0;x\u2407\n" in out


AWAY = {
    b"LOGIN": b"OK\nINFO 2 messages while you were away\n", b"PING": b"PONG\n", b"HISTORY": b"END HISTORY 1 complete\n",
    b"UNREAD": b"UNREAD 1600000000 bob hi\nUNREAD 1600000060 cid are you  there?\nEND UNREAD\n",
}


@pytest.mark.parametrize("typed", ["/login ann pw\nhello\n", "/login ann pw\n/users\n", "/login ann pw\n"])
def test_what_was_said_while_one_was_away_is_shown_with_its_time(typed):
    with Answering(AWAY) as server:
        code, out, err = run("line://%s:%d" % server.address, typed)
    assert (code, err) == (0, "")
    when = r"\[2020-09-1\d \d\d:\d\d [AP]M\] "
    assert re.search(
        "2 messages while you were away:\n%sbob \\(direct\\): hi\n%scid \\(direct\\): are you  there\\?\n"
        "That is all that was kept for you.\n" % (when, when), out), out
    assert server.heard.count("UNREAD") == 1


def test_a_server_that_cannot_give_what_it_has_kept_says_so():
    with Answering({**AWAY, b"UNREAD": b"ERR unknown-command\n"}) as server:
        code, out, err = run("line://%s:%d" % server.address, "/login ann pw\nhello\n")
    assert "2 messages while you were away:\n" in out and "hello" in out
    assert (code, err) == (1, "[ERROR] The server does not know this command.\n")


def test_whispers_find_their_receiver(server, join):
    ear = enter(join, server["dollar"], "Alice", "123")
    assert taken_back(lambda: run(server["line"], "/nick zed\n/dm Alice two words\n"))[0] == 0
    hear(ear, lambda event: type(event) is Whispered and event[:2] == ("zed", "two words"))


def test_whoever_reads_no_more_gets_no_traceback(server):
    script = "printf '/help\\n%%.0s' $(seq 500) | %s -m client %s | head -1" % (sys.executable, server["line"])
    process = subprocess.Popen(["sh", "-c", script], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    out, err = process.communicate(timeout=SECONDS)
    assert (out.count(b"\n"), err) == (1, b"")


def test_a_stream_that_knows_only_ascii_is_written_to(server, join):
    speaker = enter(join, server["line"], "uni")
    process = subprocess.Popen(
        [sys.executable, "-m", "client", server["padded"]], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env=dict(os.environ, PYTHONIOENCODING="ascii"))
    try:
        assert b"Connected" in process.stdout.readline()
        process.stdin.write(b"/nick asc\n")  # whose answer tells that the server, too, knows of the connection
        process.stdin.flush()
        assert b"Nickname set" in process.stdout.readline()
        speaker.say("h\u00e9")
        assert process.stdout.readline().rstrip().endswith(b"uni: h\\xe9")
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
