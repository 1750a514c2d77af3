"""Lists of masks: who is meant, what comes of it for those who are in the room, and who may look at them."""
import pytest
from cases import for_each
from roomed import BEGIN, DONE, Roomed

from parley.server.chat.gate import Gate
from parley.server.chat.rooms import MEMBER, OP, VOICE, Room
from parley.server.protocols.events import MORE_ACTS, Managed, Reason
from parley.server.protocols.happenings import sentence


@pytest.fixture
def chat():
    """ann, who is the op, bob and cid are in #dev; dan is not; acc has an account."""
    chat = Roomed(operators=[b"op"])
    for name in (b"acc", b"op"):
        chat.account(name)
    chat.make(b"ann", b"bob", b"cid")
    chat.come(b"dan")
    chat.come(b"acc")
    chat.drain()
    return chat


MEANT = [
    (b"bob", [(b"bob", b""), (b"b0b", b"")], [(b"rob", b"")]),
    (b"b*", [(b"bob", b""), (b"Bea", b"")], [(b"rob", b"")]),
    (b"$a:acc", [(b"bob", b"acc"), (b"acc", b"acc")], [(b"acc", b""), (b"bob", b"acd")]),
    (b"account:a*", [(b"bob", b"acc")], [(b"bob", b""), (b"ann", b"")]),
    (b"b*!*@*", [(b"bob", b"")], [(b"rob", b"")]),
    (b"*!b*@*", [(b"bob", b"")], [(b"rob", b"")]),
    (b"*!*@user/acc", [(b"bob", b"acc")], [(b"bob", b""), (b"bob", b"acd")]),
    (b"*!*@parley", [(b"bob", b"")], [(b"bob", b"acc")]),
    (b"we!rd", [(b"we!rd", b"")], [(b"we", b"")]),
]


@for_each("mask, meant, others", MEANT)
def test_a_mask_means_names_accounts_or_both(mask, meant, others):
    room = Room(7, b"#dev")
    room.banned[mask] = b"ann", b"", 0
    assert [(name, account) for name, account in meant + others if room.bans(name, account=account)] == meant
    room.excepted[mask] = b"ann", b"", 0
    assert not any(room.bans(name, account=account) for name, account in meant)


def test_who_is_barred_stays_and_may_not_speak_and_who_is_not_here_cannot_enter(chat):
    assert chat.do(b"ann", "bar", b"b*!*@*", b"why") == DONE
    ((_, act, _, *managed),) = [told for told in chat.drain() if told[1] == "managed"]
    assert (act, managed) == ("managed", ["bar", b"ann", b"b*!*@*", b"why", []])
    assert chat.say(b"bob") == (Reason.BANNED, [])
    assert chat.say(b"cid")[0] == DONE
    chat.come(b"ben")
    assert chat.enter(b"ben") == Reason.BANNED
    assert chat.do(b"ann", "voice", b"bob") == DONE
    assert chat.say(b"bob")[0] == DONE
    assert chat.do(b"ann", "devoice", b"bob") == DONE
    assert chat.say(b"bob")[0] == Reason.BANNED
    assert chat.do(b"ann", "except", b"bo?") == DONE
    assert chat.say(b"bob")[0] == DONE
    assert chat.do(b"ann", "unexcept", b"bo?") == DONE
    assert chat.say(b"bob")[0] == Reason.BANNED
    assert chat.do(b"ann", "unban", b"b*!*@*") == DONE
    assert (chat.say(b"bob")[0], chat.rooms.by_name[b"#dev"].barred) == (DONE, {})


def test_who_is_muted_by_a_mask_may_not_speak_even_if_it_comes_later(chat):
    assert chat.do(b"ann", "mute", b"[bd]*") == DONE
    chat.make(b"dan")
    assert [chat.say(name)[0] for name in (b"bob", b"cid", b"dan")] == [Reason.MUTED, DONE, Reason.MUTED]
    chat.exit(b"dan")
    chat.rename(b"cid", b"bea")
    assert chat.say(b"bea")[0] == Reason.MUTED
    assert chat.do(b"ann", "unmute", b"[bd]*") == DONE
    assert [chat.say(name)[0] for name in (b"bob", b"bea")] == [DONE, DONE]


def test_an_exception_from_mutes_lets_one_speak_and_none_from_bans_does(chat):
    for mute in (b"bob", b"b*!*@*"):
        assert chat.do(b"ann", "mute", mute) == DONE
        for mask, expected in (
                (b"bo?", Reason.MUTED), (b"mute:cid", Reason.MUTED), (b"mute:bob", DONE), (b"mute:*!b*@*", DONE)):
            assert chat.do(b"ann", "except", mask) == DONE
            assert (chat.say(b"bob")[0], mask) == (expected, mask)
            assert chat.do(b"ann", "unexcept", mask) == DONE
            assert chat.say(b"bob")[0] == Reason.MUTED
        assert chat.do(b"ann", "unmute", mute) == DONE
    assert chat.do(b"ann", "bar", b"bob") == chat.do(b"ann", "except", b"mute:bob") == DONE
    assert chat.say(b"bob")[0] == Reason.BANNED


def test_what_somebody_says_to_be_called_at_home_counts_in_exceptions_alone(chat):
    worker, session = chat.people[b"bob"]
    chat.register.real_name(worker, session, b"Bob", b"Evan")
    for act, mask in (("bar", b"*!evan@*"), ("mute", b"*!evan@*"), ("invex", b"*!evan@*")):
        assert chat.do(b"ann", act, mask) == DONE
    assert chat.say(b"bob")[0] == DONE
    for act, pairs, reason in (("bar", (b"mute:*!evan@*", b"*!evan@*"), Reason.BANNED),
                               ("mute", (b"*!evan@*", b"mute:*!ev*@*"), Reason.MUTED)):
        assert chat.do(b"ann", act, b"bob") == chat.do(b"ann", "except", pairs[0]) == DONE
        assert chat.say(b"bob")[0] == reason
        assert chat.do(b"ann", "except", pairs[1]) == DONE
        assert chat.say(b"bob")[0] == DONE
        assert [chat.do(b"ann", "unexcept", mask) for mask in pairs] == [DONE, DONE]
    chat.exit(b"bob")
    assert chat.do(b"ann", "unban", b"bob") == chat.do(b"ann", "set", b"invite", b"on") == DONE
    assert chat.enter(b"bob") == Reason.INVITE_ONLY


def test_a_ban_of_an_account_is_of_whoever_has_it(chat):
    chat.is_watched = False
    chat._ask("identified", chat.people[b"dan"], b"acc", chat.accounts.accounts[b"acc"].serial, None, False)
    assert chat.do(b"ann", "bar", b"$a:acc") == DONE
    assert (chat.enter(b"dan"), chat.enter(b"acc")) == (Reason.BANNED, Reason.BANNED)
    assert chat.do(b"ann", "except", b"acc") == DONE
    assert (chat.enter(b"dan"), chat.enter(b"acc")) == (Reason.BANNED, None)


def test_who_is_on_the_list_of_the_invited_needs_no_invitation(chat):
    chat.do(b"ann", "set", b"invite", b"on")
    assert chat.enter(b"dan") == Reason.INVITE_ONLY
    assert chat.do(b"ann", "invex", b"d*!*@*") == DONE
    assert chat.enter(b"dan") is None
    chat.exit(b"dan")
    assert chat.do(b"ann", "uninvex", b"d*!*@*") == DONE
    assert chat.enter(b"dan") == Reason.INVITE_ONLY


def test_lists_tell_who_has_put_what_there_and_when(chat):
    chat.wait(5)
    chat.do(b"ann", "bar", b"eve!*@*", b"why")
    for act, kind in (("except", "except"), ("invex", "invex"), ("mute", "mute")):
        assert chat.do(b"ann", act, b"eva") == DONE
        assert ask(chat, b"ann", kind) == [(b"eva", b"ann", BEGIN + 5)]
    assert ask(chat, b"bob", "ban") == [(b"eve!*@*", b"ann", BEGIN + 5)]
    assert ask(chat, b"bob", "except") == ask(chat, b"bob", "invex") == Reason.NOT_ALLOWED
    assert ask(chat, b"dan", "ban") == Reason.NOT_INSIDE
    assert ask(chat, b"ann", "colour") == Reason.INVALID_SETTING
    assert ask(chat, b"ann", "ban", b"#none") == Reason.NO_ROOM


def ask(chat, name, kind, room=b"#dev"):
    """A list, or why not."""
    chat.drain()
    answer = chat._ask("masks", chat.people[name], room, kind)
    return chat.drain()[0][-1] if answer is None else answer


def test_lists_are_the_ops_and_have_bounds(chat):
    chat.gate.limits = dict(chat.gate.limits, bans=1)
    for act, back in (("bar", "unban"), ("except", "unexcept"), ("invex", "uninvex")):
        assert chat.do(b"bob", act, b"eve") == Reason.NOT_ALLOWED
        assert chat.do(b"ann", act, b"eve") == DONE
        assert chat.do(b"ann", act, b"eva") == Reason.LIST_FULL
        assert chat.do(b"ann", back, b"eva") == (Reason.NOT_BANNED if back == "unban" else Reason.NOBODY)
        assert chat.do(b"ann", back, b"eve") == DONE
        for mask in (b"", b"a b", "a\u00a0b!*@*".encode(), "\u3000".encode()):
            assert chat.do(b"ann", act, mask) == Reason.NOBODY
    assert chat.do(b"bob", "bar", b"ann") == Reason.NOT_ALLOWED


def test_where_the_topic_is_open_every_member_may_set_it(chat):
    assert chat.do(b"bob", "topic", text=b"news") == Reason.NOT_ALLOWED
    assert chat.do(b"ann", "set", b"open_topic", b"on") == DONE
    assert chat.do(b"bob", "topic", text=b"news") == DONE
    assert chat.do(b"dan", "topic", text=b"olds") == Reason.NOT_INSIDE


def test_a_room_knows_when_it_was_made(chat):
    chat.wait(7)
    assert chat.make(b"dan", room=b"#new").made_at == BEGIN + 7


def test_every_act_has_words_for_those_who_have_none_of_their_own():
    for act in MORE_ACTS:
        words = sentence(Managed(b"#dev", act, b"ann", b"eve|x", b"why"), lambda name: name + b"!")
        assert words.startswith(b"ann! ") and b" eve|x" in words, act
        assert words.endswith(b": why") == (act in ("bar", "rename", "redact"))


def test_what_an_operator_says_to_operators_is_heard_by_them_and_by_who_wants_to(chat):
    chat.is_watched = False
    chat.come(b"op")
    chat._ask("set_flag", chat.people[b"cid"], b"w", True)
    chat.drain()
    assert chat._ask("wallops", chat.people[b"bob"], b"hi") == Reason.NOT_ALLOWED
    assert chat._ask("wallops", chat.people[b"op"], b"hi") == DONE
    told = [(told[2], *told[3:]) for told in chat.drain() if told[1] == "Wallopped"]
    assert sorted(told) == sorted([(chat.people[name][1], b"op", b"hi") for name in (b"op", b"cid")])


def test_an_op_stays_one_whether_it_has_a_voice_or_not(chat):
    room = chat.rooms.by_name[b"#dev"]
    for act in ("voice", "devoice"):
        assert chat.do(b"ann", act, b"ann") == DONE
        assert room.members[chat.holder(b"ann")] == OP
    assert chat.do(b"ann", "deop", b"ann") == DONE
    assert room.members[chat.holder(b"ann")] == MEMBER


VOICES = [  # what is done to a member, its role then, and whether it has a voice beside that
    (("voice", "op"), OP, True), (("op", "voice"), OP, True), (("voice", "op", "deop"), VOICE, False),
    (("voice", "op", "devoice"), OP, False), (("op", "voice", "devoice", "deop"), MEMBER, False),
    (("voice", "deop"), VOICE, False), (("op", "op", "deop"), MEMBER, False), (("voice", "op", "op"), OP, True),
]


@for_each("acts, role, is_voiced", VOICES)
def test_a_voice_stays_beside_a_better_role(acts, role, is_voiced, chat):
    room, bob = chat.rooms.by_name[b"#dev"], chat.holder(b"bob")
    assert [chat.do(b"ann", act, b"bob") for act in acts] == [DONE] * len(acts)
    assert (room.members[bob], room.voiced) == (role, {bob} if is_voiced else set())
    chat.drain()
    assert chat.tell(b"ann", "look", b"#dev")[-1] == ([b"bob"] if is_voiced else [])
    chat.exit(b"bob")
    assert (chat.enter(b"bob"), room.members[bob], room.voiced) == (None, MEMBER, set())


def test_who_logs_in_to_an_account_with_a_role_keeps_the_voice_beside_it(chat):
    room, bob = chat.rooms.by_name[b"#dev"], chat.holder(b"bob")
    room.roles[b"acc"] = OP
    chat.do(b"ann", "voice", b"bob")
    chat._ask("identified", chat.people[b"bob"], b"acc", chat.accounts.accounts[b"acc"].serial, None, False)
    assert (room.members[bob], room.voiced) == (OP, {bob})
    assert (chat.do(b"ann", "deop", b"bob"), room.members[bob], room.roles) == (DONE, VOICE, {b"acc": VOICE})


def test_whoever_gets_another_account_is_barred_by_masks_of_accounts_from_then_on(chat):
    assert [chat.do(b"ann", act, mask) for act, mask in (("bar", b"$a:acc"), ("mute", b"$a:op"))] == [DONE, DONE]
    assert chat.say(b"bob")[0] == DONE
    for account, reason in ((b"acc", Reason.BANNED), (b"op", Reason.MUTED)):
        chat._ask("identified", chat.people[b"cid"], account, chat.accounts.accounts[account].serial, None, False)
        assert chat.rooms.by_name[b"#dev"].barred == {chat.holder(b"cid"): reason}


def test_whoever_gets_an_account_is_muted_by_its_mask_where_nobody_is_banned(chat):
    assert chat.do(b"ann", "mute", b"$a:acc") == DONE
    assert chat.say(b"cid")[0] == DONE
    chat._ask("identified", chat.people[b"cid"], b"acc", chat.accounts.accounts[b"acc"].serial, None, False)
    assert chat.say(b"cid")[0] == Reason.MUTED


@pytest.mark.parametrize("act, mask, back", [("mute", b"b*!*@*", "unmute"), ("bar", b"b*!*@*", "unban")])
def test_a_mask_that_was_taken_back_while_one_was_outside_keeps_nobody_from_speaking(chat, act, mask, back):
    assert chat.do(b"ann", act, mask) == DONE
    assert chat.say(b"bob")[0] != DONE
    chat.exit(b"bob")
    assert chat.do(b"ann", back, mask) == DONE
    chat.enter(b"bob")
    chat.drain()
    assert chat.say(b"bob")[0] == DONE


def test_an_exception_is_taken_back_as_it_was_given_whoever_is_called_so_now(chat):
    chat.come(b"Bartholomew-the-long")
    _, alias, _ = chat.members.introduction(b"Bartholomew-the-long")
    for act in ("except", "invex", "unexcept", "uninvex"):
        assert chat.do(b"ann", act, alias) == DONE


def test_an_act_about_a_mask_looks_only_at_those_whom_that_means(chat, monkeypatch):
    looked_at, real = [], Gate.why_barred
    monkeypatch.setattr(Gate, "why_barred", lambda *others: looked_at.append(others[-1]) or real(*others))
    chat.rename(b"cid", b"cyd")
    looked_at.clear()
    for act, mask, meant in (
            ("bar", b"b*!*@*", [b"bob"]), ("bar", b"x*", []), ("mute", b"c?d", [b"cyd"]), ("except", b"bo?", [b"bob"]),
            ("except", b"mute:c*", [b"cyd"]), ("unexcept", b"mute:c*", [b"cyd"]), ("unban", b"b*!*@*", [b"bob"]),
            ("mute", b"cid*", [b"cyd"])):
        assert chat.do(b"ann", act, mask) == DONE
        assert [looked_at.pop() for _ in looked_at[:]] == [chat.holder(name) for name in meant], act
