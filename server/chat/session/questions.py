"""What a client asks to be told: of people, of the past, of the server."""
from parley.server.chat.names import spelled
from parley.server.chat.room import LOBBY_NAME
from parley.server.chat.session.base import LOOKED_THROUGH, Base
from parley.server.chat.session.states import handles
from parley.server.ipc.messages import ToHub
from parley.server.protocols import events
from parley.server.protocols.events import Reason


class Questions(Base):
    """Questions, which change nothing, except that Deliver and histories empty the client's box."""

    __slots__ = ()

    # ---- people

    @handles(events.Who)
    def _who(self, who):
        name = self._named(who.room)
        if self._traits.converses:
            self._charge_for_all()  # one such answer is made for this client alone
        self._look_up(who, ToHub.Who(()) if name == LOBBY_NAME else ToHub.Within((), name))

    @handles(events.Accounts)
    def _accounts(self, accounts):
        self._look_up(accounts, ToHub.Accounts((), accounts.pattern))

    @handles(events.Describe)
    def _describe(self, describe):
        self._ask(describe, ToHub.Describe(self.client.number, spelled(describe.name)))

    @handles(events.Whois)
    def _whois(self, whois):
        self._ask(whois, ToHub.Whois(self.client.number, spelled(whois.name)))

    @handles(events.WhoWas)
    def _who_was(self, who_was):
        self._ask(who_was, ToHub.WhoWas(self.client.number, spelled(who_was.name), who_was.most))

    # ---- the past

    @handles(events.History)
    def _history(self, history):
        self._look_up(history, ToHub.History((), self.client.name, spelled(history.partner)))

    @handles(events.Recall)
    def _recall(self, recall):
        name = self._named(recall.room)
        if name == LOBBY_NAME and self.client.audience.home:
            self._refuse(Reason.NOT_INSIDE, recall)
        elif name == LOBBY_NAME:
            self._look_up(recall, ToHub.Recall((), recall.since, recall.most))
        else:
            self._look_up(recall, ToHub.Reread((), name, recall.since, recall.most))

    @handles(events.Browse)
    def _browse(self, browse):
        room = b"" if browse.room is None else self._named(browse.room)
        partner = b"" if browse.partner is None else self._whom(browse.partner)
        if not room and not partner:  # no user can have the name; an empty one would mean neither a room nor anybody
            self._refuse(Reason.NO_ROOM if browse.partner is None else Reason.INVALID_NAME, browse)
            return
        wanted = room, partner, browse.before, browse.after, browse.most
        if browse.exactly:
            self._look_up(browse, ToHub.BrowseExactly(
                (), *wanted, browse.before_time, browse.after_time, browse.latest))
        else:
            self._look_up(browse, ToHub.Browse((), *wanted))

    @handles(events.Partners)
    def _partners(self, partners):
        self.client.charge(LOOKED_THROUGH)
        self._look_up(partners, ToHub.Partners((), *partners))

    @handles(events.Deliver)
    def _deliver(self, deliver):
        self._look_up(deliver, ToHub.Deliver((), self.client.name, not self._traits.coalesces))

    @handles(events.Unread)
    def _unread(self, unread):
        self._look_up(unread, ToHub.Unread((), self.client.name))

    @handles(events.Poll)
    def _poll(self, poll):
        self._look_up(poll, ToHub.News(()))

    @handles(events.ReadMark)
    def _read_mark(self, mark):
        partner = mark.partner and self._whom(mark.partner)
        if mark.partner and not partner:
            self._refuse(Reason.INVALID_NAME, mark)
        else:
            room = b"" if partner else self._named(mark.room)
            self._ask(mark, ToHub.ReadMark(self.client.number, room, partner, mark.time))

    # ---- the server

    @handles(events.Count)
    def _count(self, command):
        self._ask(command, ToHub.Tally(self.client.number))

    @handles(events.ReadMotd)
    def _read_motd(self, command):
        self._reply(events.Notice(self.client.audience.motd))

    # ---- what the hub answers

    def list_users(self, marked):
        """The answer to Unread: its own list of users, a Marked."""
        self.client.audience.tell_list(self.client, marked)
        self.confirm()
