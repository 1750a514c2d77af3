"""Files over `web`: sent and saved by HTTP, beside the chat's connection, each in a thread of its own.

A file is read once for its hash, then offered, uploaded, and shared. If the chat's connection or the file's breaks
meanwhile, the transfer resumes where it stopped. A download is accepted only with the hash that the server gives.

In a sealed (end-to-end encrypted) conversation an encrypted copy is uploaded. It is made once, in a file without a
name, and only if a message could be encrypted for all members. So no key encrypts two different contents, even if the
file changes meanwhile or the server asks for a part again. A download is decrypted as it comes, and accepted only if
it matches the sealed message.
"""
import base64
import http.client
import os
import re
import threading
import urllib.parse
from typing import Any, Callable, Dict, List, NamedTuple, Optional, Sequence, Tuple

from parley.client import events
from parley.client.address import Address
from parley.client.opening import SECONDS, Failed, tls_context
from parley.client.protocol import Impossible
from parley.client.sealed import SealedFile
from parley.client.transfers import (
    CHANGED,
    PIECE,
    Coming,
    OpenedAsItComes,
    Rejected,
    Sending,
    Transfer,
    reserved,
    sha256_of,
)
from parley.server.files.shown import LINE, clean, size_of

_SHARED = (200, 201)
_TRY_AGAIN = (409, 429, 500, 502, 503, 504)
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")
_MOST_WORDS = 4096  # bytes of an answer in words
_SEALED_NAME = "sealed"  # for the server


class Told(NamedTuple):
    """A file that a message announces. size: as people write it, "1.2 MB". path: of its URL, relative to the page's."""

    name: str
    size: str
    path: str


def told_in(text: str) -> Optional[Told]:
    """The file that a message announces, or None."""
    if isinstance(text, SealedFile):
        return Told(text.name, size_of(text.size), "/files/%s/%s" % (text.file, _SEALED_NAME))
    found = LINE.fullmatch(text)
    if found is None:
        return None
    # Not the end of the address that was said: it may be anything, and the server takes any name.
    return Told(found.group("name"), found.group("size"), "/files/%s/%s" % (
        found.group("file"), urllib.parse.quote(clean(found.group("name")), safe="-._~")))


def meant_by(typed: str, to: Optional[str]) -> Tuple[str, Optional[str]]:
    """(path, receiver) that somebody means who types this behind /send: a path, and perhaps a receiver behind it.

    to: the receiver if none is typed; None is the lobby. The path may have blanks in it, and stand between quotes.
    """
    path = typed.strip('"')
    if not os.path.exists(os.path.expanduser(path)):
        front, _, last = typed.rpartition(" ")
        if front:
            path, to = front.rstrip().strip('"'), last
    return os.path.expanduser(path), to


def chosen(told: Sequence[str], which: str) -> str:
    """The one of these texts that is meant by `which`: a number, of which 1 is the latest text, or the name of a file.

    told: texts that tell of files, the latest one last. Raises `Impossible` if none is meant.
    """
    latest_first = list(reversed(told))
    if which.isdecimal() and len(which) < 5:
        found = latest_first[int(which) - 1:int(which)] if int(which) else []
    else:
        found = [text for text in latest_first for told_of in [told_in(text)] if told_of and told_of.name == which]
    if not found:
        raise Impossible("There is no such file here: " + (
            "1 is the latest one, 2 the one before it." if told else "nobody has sent any."))
    return found[0]


class Files:
    """The files of one chat that are on their way.

    post: post(function) has the chat's own thread call function(), which returns events. ask: ask(method, *arguments)
    makes a request of the protocol and returns True; False if nobody is logged in, so that it cannot be made.
    """

    def __init__(self, address: Address, trust: Optional[str], post: Callable[[Callable[[], List[events.Event]]], None],
                 ask: Callable[..., bool]) -> None:
        self._address = address
        self._trust = trust
        self._post = post
        self._ask = ask
        self._sendings: Dict[str, Sending] = {}  # by their tags
        self._savings: List[Transfer] = []

    @property
    def is_busy(self) -> bool:
        """Are there files on their way?"""
        return bool(self._sendings or self._savings)

    def stop(self) -> None:
        """Stop all transfers, as the chat is closed."""
        for sending in self._sendings.values():
            sending.close()
        for saving in self._savings:
            saving.stopped = True

    # ---- sending

    def send(self, path: str, to: Optional[str], is_sealed: bool) -> None:
        """Begin to send the file at `path`, sealed or openly; Impossible if there is none, or nothing can be sealed."""
        try:
            size = os.stat(path).st_size
            with open(path, "rb"):
                pass
        except OSError as error:
            raise Impossible("%s cannot be read: %s." % (path, (error.strerror or str(error)).lower())) from None
        if not size:
            raise Impossible("%s is empty." % path)
        sending = Sending(path, to, size, is_sealed)
        if is_sealed:
            self._ask("can_seal", to, lambda why_not: self._post(lambda: self._looked(sending, why_not)))
        self._sendings[sending.tag] = sending
        if not is_sealed:
            self._in_thread(sending, self._hash)

    def _looked(self, sending: Sending, why_not: Optional[str]) -> List[events.Event]:
        """It is known now whether a message could be sealed for its receivers; `why_not`: a sentence, or None."""
        if why_not is not None:
            return self._fail(sending, why_not)
        self._in_thread(sending, self._hash)
        return []

    def _in_thread(self, transfer: Any, action: Callable[[Any], Callable[[], List[events.Event]]]) -> None:
        """Call action(transfer) in a thread of its own, and the function that it returns in the chat's thread."""

        def run() -> None:
            try:
                then = action(transfer)
            except Rejected as rejected:
                why = str(rejected)
                then = lambda: self._fail(transfer, why)  # noqa: E731
            except (OSError, Failed) as error:
                why = "%s." % (error.strerror or str(error)).rstrip(".")
                then = lambda: self._fail(transfer, why)  # noqa: E731
            except ValueError:  # a number or a hash that is none
                then = lambda: self._fail(transfer, "The server gives an answer that cannot be read.")  # noqa: E731
            if not transfer.stopped:
                self._post(then)

        threading.Thread(target=run, daemon=True).start()

    def _fail(self, transfer: Transfer, why: str) -> List[events.Event]:
        self._forget(transfer)
        return [events.Refused(transfer.request, why)]

    def _forget(self, transfer: Transfer) -> None:
        transfer.stopped = True
        if isinstance(transfer, Sending):
            transfer.close()
            self._sendings.pop(transfer.tag, None)
        elif transfer in self._savings:
            self._savings.remove(transfer)

    def _hash(self, sending: Sending) -> Callable[[], List[events.Event]]:
        sha256 = sending.seal() if sending.is_sealed else sha256_of(sending.path)

        def then() -> List[events.Event]:
            sending.sha256, sending.wants = sha256, "offer"
            return self._go_on()

        return then

    def come_back(self) -> List[events.Event]:
        """There is a new connection: repeat the requests that have no answer."""
        for sending in self._sendings.values():
            sending.is_asked = False
        return self._go_on()

    def _go_on(self) -> List[events.Event]:
        """Make the requests that are due."""
        failed: List[events.Event] = []
        for sending in list(self._sendings.values()):
            if sending.wants is None or sending.is_asked:
                continue
            try:
                self._ask_for(sending)
            except Impossible as impossible:
                failed += self._fail(sending, str(impossible))
        return failed

    def _ask_for(self, sending: Sending) -> None:
        if sending.wants == "offer":
            name = os.path.basename(sending.path).encode("utf-8", "replace").decode()
            sending.is_asked = self._ask("offer", sending.tag, _SEALED_NAME if sending.is_sealed else name,
                                         sending.total, sending.sha256)
        elif not sending.is_sealed:
            sending.is_asked = self._ask("share", sending.tag, sending.file, sending.token, sending.to)
        elif self._ask("say_file", sending.told, sending.to):
            sending.wants = None  # it is on its way as any text is

    def offered(self, event: events.Offered) -> List[events.Event]:
        """The server accepts the file: upload it."""
        sending = self._sendings.get(event.request.about or "")
        if sending is not None:
            sending.file, sending.token, sending.wants, sending.is_asked = event.file, event.token, None, False
            if sending.told is not None:
                sending.told.file, sending.told.token = event.file, event.token
            self._in_thread(sending, self._send)
        return []

    def done(self, request: events.Request) -> List[events.Event]:
        """A request was done; if that was to share a file, everybody has been told of it."""
        sending = self._sendings.get(request.about or "")
        if sending is None or request.kind != "share":
            return []
        self._forget(sending)
        return [events.Done(sending.request)]

    def told(self, file: SealedFile, why_not: Optional[str] = None) -> List[events.Event]:
        """The sealed message that announces a file has arrived; or it has not, and `why_not` says why."""
        sending = next((one for one in self._sendings.values() if one.file == file.file), None)
        if sending is None:
            return []
        if why_not is not None:
            return self._fail(sending, why_not)
        self._forget(sending)
        return [events.Done(sending.request)]

    def refused(self, event: events.Refused) -> List[events.Event]:
        """A request was refused: the server does not accept the file, or the message that announces it."""
        sending = self._sendings.get(event.request.about or "")
        return [] if sending is None else self._fail(sending, event.why)

    def _send(self, sending: Sending) -> Callable[[], List[events.Event]]:
        while not sending.stopped:
            try:
                seconds = self._send_rest(sending)
            except (OSError, http.client.HTTPException):
                seconds = 0.0
            if seconds is None:
                break
            sending.wait(seconds)

        def then() -> List[events.Event]:
            sending.wants = "share"
            return self._go_on()

        return then

    def _send_rest(self, sending: Sending) -> Optional[float]:
        """Upload the rest. Returns None if the file is complete, or the seconds after which to continue."""
        path = "%s/files/%s" % (self._address.path, sending.file)
        shown = {"Authorization": "Bearer " + sending.token}
        connection = self._connection()
        try:
            connection.request("HEAD", path, headers=shown)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                return _judged(answer, b"The server does not know the file any more")
            at = int(answer.getheader("Upload-Offset") or 0)
            if answer.getheader("Upload-Complete") == "?1":
                return None
            if answer.will_close:
                connection.close()
            connection.putrequest("PUT", path)
            connection.putheader("Authorization", shown["Authorization"])
            connection.putheader("Content-Length", str(sending.total - at))
            connection.putheader("Content-Range", "bytes %s/%d" % (
                "%d-%d" % (at, sending.total - 1) if at < sending.total else "*", sending.total))
            connection.endheaders()
            try:
                self._send_bytes(connection, sending, at)
            except OSError:
                pass  # why it takes no more, the server may have said
            answer = connection.getresponse()
            text = answer.read(_MOST_WORDS)
            return None if answer.status in _SHARED else _judged(answer, text)
        finally:
            connection.close()

    def _send_bytes(self, connection: http.client.HTTPConnection, sending: Sending, at: int) -> None:
        with sending.open() as file:
            file.seek(at)
            while at < sending.total:
                data = file.read(min(PIECE, sending.total - at))
                if not data or sending.stopped:
                    raise Rejected("The file has become shorter." if not data else "It was stopped.")
                connection.send(data)
                at += len(data)
                self._tell(sending, at)

    def _tell(self, transfer: Transfer, done: int) -> None:
        moved = transfer.moved(done)
        if moved is not None:
            told: events.Event = moved
            self._post(lambda: [told])

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.host, self._address.port
        if self._address.tls:
            return http.client.HTTPSConnection(host, port, timeout=SECONDS, context=tls_context(self._trust))
        return http.client.HTTPConnection(host, port, timeout=SECONDS)

    # ---- saving

    def save(self, text: str, folder: str, name: Optional[str]) -> None:
        """Begin to save the file that a message tells of into `folder`. Raises `Impossible` if it tells of none.

        name: the name to save it under; None for its own.
        """
        told = told_in(text)
        if told is None:
            raise Impossible("This tells of no file: %s" % text)
        if not os.path.isdir(folder):
            raise Impossible("%s is no folder." % folder)
        saving = Transfer(events.Request("save_file", None, told.name), 0)
        self._savings.append(saving)
        opening = None
        if isinstance(text, SealedFile):
            from parley.client.seal import files as sealing
            opening = sealing.Opening(text)
        self._in_thread(saving, lambda saving: self._save(saving, told, folder, name or clean(told.name), opening))

    def _save(self, saving: Transfer, told: Told, folder: str, name: str,
              opening: Any) -> Callable[[], List[events.Event]]:
        to, beside = reserved(folder, name)
        try:
            with open(beside, "xb") as file:
                self._fetch(saving, told, Coming(file) if opening is None else OpenedAsItComes(file, opening))
            os.replace(beside, to)
        except BaseException:
            os.unlink(to)
            if os.path.exists(beside):
                os.unlink(beside)
            raise

        def then() -> List[events.Event]:
            self._forget(saving)
            return [events.Saved(to, told.name), events.Done(saving.request)]

        return then

    def _fetch(self, saving: Transfer, told: Told, coming: Any) -> None:
        while not saving.stopped:
            try:
                seconds = self._fetch_rest(saving, told, coming)
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "filename", None) or getattr(error, "errno", None) == 28:  # of our own disk
                    raise
                seconds = 0.0
            if seconds is None:
                return
            saving.wait(seconds)
        raise Rejected("It was stopped.")

    def _fetch_rest(self, saving: Transfer, told: Told, coming: Any) -> Optional[float]:
        """Download the rest. Returns None if the file is complete, or the seconds after which to continue."""
        headers = {"Range": "bytes=%d-" % coming.at, "If-Range": coming.tag} if coming.at else {}
        connection = self._connection()
        try:
            connection.request("GET", self._address.path + told.path, headers=headers)
            answer = connection.getresponse()
            if answer.status not in (200, 206):
                return _judged(answer, answer.read(_MOST_WORDS))
            tag, digest = answer.getheader("ETag"), _DIGEST.search(answer.getheader("Repr-Digest") or "")
            if digest is None or coming.at and (answer.status != 206 or tag != coming.tag):
                raise Rejected(CHANGED)
            coming.tag = tag
            saving.total = coming.at + int(answer.getheader("Content-Length") or 0)
            if coming.total not in (None, saving.total):
                raise Rejected(CHANGED)
            while coming.at < saving.total:
                data = answer.read(min(PIECE, saving.total - coming.at))
                if not data:
                    return 0.0
                coming.write(data)
                self._tell(saving, coming.at)
            coming.end(base64.b64decode(digest.group(1)))
            return None
        finally:
            connection.close()


def _judged(answer: http.client.HTTPResponse, text: bytes) -> float:
    """The seconds after which to try again; Rejected if that would not help."""
    if answer.status in _TRY_AGAIN:
        given = answer.getheader("Retry-After") or "0"
        return min(float(given), 30.0) if given.isdigit() else 0.0
    words = text.decode("utf-8", "replace").strip().partition("\n")[0]
    raise Rejected("%s%s." % (words[:1].upper(), words[1:200].rstrip(".")) if words else "It is not there.")
