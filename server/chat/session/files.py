"""Files that a client offers, and shares."""
from parley.server.chat.origins import network
from parley.server.chat.session.base import Base
from parley.server.chat.session.states import GONE, WAITING, handles
from parley.server.protocols import events
from parley.server.protocols.events import Reason
from parley.server.protocols.sealed import digest


class Files(Base):
    """Files, which are asked of the keeper; the hub knows nothing of them."""

    __slots__ = ()

    @handles(events.Offer)
    def _offer(self, offer):
        client = self.client
        is_account = client.name in client.rooms.accounts
        owner = "account " + client.name.decode() if is_account else "guest " + network(client.address()[0])
        self._ask_keeper(offer, do="offer", owner=owner, is_account=is_account,
                         name=offer.name.decode("utf-8", "replace"), size=offer.size, sha256=offer.sha256)

    @handles(events.Share)
    def _share(self, share):
        if not share.to and self._room_of(share) is None:
            self._refuse(Reason.NOT_INSIDE, share)
        else:
            self._ask_keeper(share, do="share", file=share.file, token=share.token,
                             teller=self.client.name.decode(), digest=digest(share.text) if share.text else "")

    def _ask_keeper(self, command, **request):
        """Send a request to the keeper."""
        client = self.client
        if client.files is None:
            self._refuse(Reason.FILES_OFF, command)
            return
        client.state = WAITING
        self._question = command
        client.files.ask(lambda answer: client.heed("hear_of_file", answer), **request)

    def hear_of_file(self, answer):
        """The keeper's answer to Offer or Share: a dictionary, see `server.files.keeping`."""
        question = self._question
        if self.client.state is GONE:
            return
        if "no" in answer:
            self.refuse(answer["no"])
        elif type(question) is events.Offer:
            self.answer(events.Offered(answer["file"], answer["token"], answer["text"].encode()))
        else:
            text = question.text or answer["text"].encode()
            self._answered()
            self._go_on(then=events.Whisper(question.to, text, None, None, question.tag) if question.to
                        else events.Say(text, None, None, question.room, question.tag))
