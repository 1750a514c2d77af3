"""Direct messages: delivered at once, or kept until the receiver logs in. Decided in the order of the entries."""
from typing import Dict, List, Optional, Sequence

from parley.server.chat.accounts import Accounts, Held
from parley.server.chat.contract import Post
from parley.server.chat.gate import Gate
from parley.server.chat.members import Members, holder_of, split
from parley.server.chat.origins import network
from parley.server.chat.sessions import Sessions
from parley.server.ipc.asked import AskedStore
from parley.server.ipc.messages import Listed, ReadStore, Settled, ToStore, ToWorker, entry
from parley.server.order.numbers import Numbers
from parley.server.protocols import events
from parley.server.protocols.events import Reason

# How much of a box is sent at once to a client that reads one frame at a time, and needs a moment for each.
FRAMES_OF_PORTION, BYTES_OF_FRAME = 4, 1500
MOST_DIGITS = 18  # of the number of a message


class DirectMessages:
    """Direct messages, and what is kept. The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(
            self, post: Post, members: Members, accounts: Accounts, store: AskedStore, numbers: Numbers,
            sessions: Sessions, gate: Gate) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts
        self._store = store
        self._numbers = numbers
        self._sessions = sessions
        self._gate = gate
        self._handed: Dict[int, int] = {}  # holder that is being sent what was kept for it -> the last message's id
        self._untold: Dict[int, Dict[int, Held]] = {}  # holder -> {mark: what is kept if it is not sent}
        self._last_mark = 0

    def whisper(self, worker: int, session: int, sender: bytes, to: bytes, text: bytes, time: Optional[int],
                host: str, tag: bytes = b"", extra: bytes = b"") -> None:
        """Deliver to the member called exactly `to`, or keep the text if that is an account whose owner is away.

        extra: it is not kept, nor is a message without a text.
        """
        if tag and self._is_settled(holder_of(worker, session), tag):
            return
        asker, holder, source = holder_of(worker, session), self._members.called(to), network(host)
        reason = None if holder is not None else self._why_not_kept(to, sender, text, source)
        number = self._numbers.take() if reason is None else None
        if number is None:
            self._post.refuse(asker, reason or Reason.NOT_STORED)
        elif holder is None:
            self._accounts.keep(
                to, sender, text, source, number, asker, self._sessions.note(asker, tag, number), tag, extra)
        else:
            to_worker, to_session = split(holder)
            now = self._accounts.order.now
            told = now // 1000 if time is None else time
            self._post.worker(to_worker, ToWorker.Whispered(to_session, sender, text, told, number, now, extra))
            if text and to in self._accounts.accounts:
                self._mark(holder, to, sender, text, source)
            key = self._sessions.note(asker, tag, number)
            answer = self._sessions.settler(key, tag) if key else self._post.guarded(
                worker, session, lambda stored: self._post.confirm(asker, stored, number, now // 1000, at=now))
            self._store.ask(answer, ToStore.Whisper(number, now, sender, to, text, False, source, key, tag, extra))

    def _is_settled(self, asker: int, tag: bytes) -> bool:
        """Is there nothing left to do about a message with this tag?

        If its session has another connection by now, that one has sent the message already, or sends it again.
        """
        return asker not in self._members or self._sessions.was_said(asker, tag)

    def kept(self, worker: int, asker: int, name: bytes, serial: int, source: str, size: int, number: int, time: int,
             key: bytes, tag: bytes, stored: Optional[bool]) -> None:
        """The store's answer to a message that is to be kept; nobody may wait for it."""
        self._post.change()
        self._accounts.settle_kept(name, serial, source, size, stored)
        if key:
            self._sessions.said(worker, asker, key, tag, stored)
        elif asker:
            self._post.confirm(asker, stored, number, time, at=time * 1000)

    def _why_not_kept(self, to: bytes, sender: bytes, text: bytes, source: str) -> Optional[str]:
        """Why a message for somebody who is not here cannot be kept; None if it can."""
        account = self._accounts.accounts.get(to)
        if account is None or account.closing or not text:
            return Reason.NOBODY
        self._accounts.tidy(to)
        return None if self._accounts.has_room(to, sender, text, source) else Reason.BOX_FULL

    def _mark(self, holder: int, to: bytes, sender: bytes, text: bytes, source: str) -> None:
        """Reserve space in the box for a message to a member, until the worker says that it has been sent."""
        held = self._accounts.reserve(to, sender, text, source)
        if held is not None:
            self._last_mark += 1
            self._untold.setdefault(holder, {})[self._last_mark] = held
            worker, session = split(holder)
            self._post.worker(worker, ToWorker.Mark(session, self._last_mark))

    def told(self, worker: int, session: int, mark: int) -> None:
        """The member has been sent all direct messages before this mark."""
        holder = holder_of(worker, session)
        marks = self._untold.get(holder, {})
        if mark in marks:
            self._accounts.forgo(marks.pop(mark))
            if not marks:
                del self._untold[holder]

    # ---- what is taken back

    def redact(self, worker: int, session: int, to: bytes, number: bytes, text: bytes) -> None:
        """Remove a direct message of the member; the answer comes once that is stored."""
        asker = holder_of(worker, session)
        if asker not in self._members:
            return  # its name was taken over meanwhile
        limit, by = self._gate.limits["topic_bytes"], self._members.names[asker]
        if not number.isdigit() or len(number) > MOST_DIGITS:
            self._post.refuse(asker, Reason.NO_SUCH_NUMBER)
        elif limit and len(text) > limit:
            self._post.refuse(asker, Reason.TEXT_TOO_LONG)
        else:
            self._post.change()
            self._store.ask(
                lambda stored: self._accounts.order.submit(0, entry(Settled.RedactedAlone(
                    asker, by, to, number, text, stored))),
                ToStore.RedactAlone(
                    int(number), by, to, self._gate.since_of_messages(asker), b"(removed by %b)" % by))

    def redacted_alone(self, worker: int, asker: int, by: bytes, to: bytes, message: bytes, why: bytes,
                       stored: Optional[bool]) -> None:
        """The store's answer about a message that is to be removed; False: there is none that may be."""
        holder = self._members.called(to)
        if stored and holder is not None and holder != asker:
            self._post.tell(holder, events.Redacted(by, message, why))
        if asker in self._members and stored:
            self._post.confirm(asker, True)
        elif asker in self._members:
            self._post.refuse(asker, Reason.NOT_STORED if stored is None else Reason.NO_SUCH_NUMBER)

    # ---- what is kept

    def deliver(self, worker: int, sessions: Sequence[int], name: bytes, in_portions: bool) -> None:
        """Send a member what is kept for it, once; it stays in the box until it has been sent (`taken`).

        in_portions: the client reads one frame at a time, and would lose messages of a flood.
        """
        holder = holder_of(worker, sessions[0])
        handed = self._handed.get(holder, 0)  # as of now: by the time of the answer that may have been taken

        def hand_over(kept: Optional[List[Listed]]) -> None:
            if kept is None:
                self._post.refuse_all(worker, sessions, Reason.NOT_STORED)
                return
            left = [message for message in kept if message[0] > handed]
            messages = _portion(left) if in_portions else left
            if messages and holder in self._members:
                self._handed[holder] = messages[-1][0]
            self._post.worker(worker, ToWorker.Kept(sessions, name, messages, len(messages) < len(left)))

        self._accounts.tidy(name)
        self._store.ask(self._post.guarded(worker, sessions, hand_over), ReadStore.Kept(name))

    def taken(self, worker: int, session: int, name: bytes, last: int) -> None:
        """The member has been sent what was kept up to the id `last`."""
        if self._handed.get(holder_of(worker, session)) == last:
            del self._handed[holder_of(worker, session)]
        self._accounts.taken(name, last)

    def read(self, worker: int, session: int, name: bytes, partner: bytes, last: int) -> None:
        """The member has been sent, with its conversation, what was kept from the partner up to the id `last`."""
        self._accounts.taken(name, last, partner)

    # ---- who is gone

    def forget(self, holder: int) -> None:
        """The session is gone: what it has not been sent is kept."""
        self._handed.pop(holder, None)
        for held in self._untold.pop(holder, {}).values():
            self._accounts.keep_missed(held)

    def begin_anew(self, holder: int, old: bytes, new: bytes) -> None:
        """The session has another name, and so another box."""
        self._handed.pop(holder, None)


def _portion(messages: List[Listed]) -> List[Listed]:
    """As many of the first messages as can be sent at once to a client that takes a frame at a time."""
    most, left = 0, FRAMES_OF_PORTION
    for _, _, text, _ in messages:
        left -= 1 + len(text) // BYTES_OF_FRAME
        if left < 0 and most:
            break
        most += 1
    return messages[:most]
