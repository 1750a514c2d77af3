"""Files over HTTP: uploads are passed on to the keeper, downloads are read from the disk.

    PUT /files/<id>           upload a part of a file, or all of it; with Authorization: Bearer TOKEN, and Content-Range
    HEAD /files/<id>          how much of it has come; with the token
    DELETE /files/<id>        delete it; with the token
    GET /files/<id>/<name>    download it: for anyone who knows the id; the name is ignored
"""
import base64
import collections
import os
import re
import time
import urllib.parse

from parley.server.files.budget import Budget
from parley.server.files.desk import Call
from parley.server.files.kinds import PICTURES
from parley.server.files.shelf import ALREADY_WHOLE, NOT_CLEAN, WRONG_HASH, WRONG_PLACE
from parley.server.http.head import Answer
from parley.server.protocols.events import Reason
from parley.server.protocols.reasons import SENTENCES
from parley.server.worker.transports.plain import Plain
from parley.server.worker.watching import READ, WRITE

PIECE = 256 << 10  # bytes that are moved at once; also the most that is buffered of an upload
METHODS = b"GET, HEAD, PUT, DELETE"

_BEARER = re.compile(rb"(?i:bearer) +([0-9A-Za-z._~+/-]{1,64}=*)")
_PART = re.compile(rb"bytes (?:([0-9]{1,15})-([0-9]{1,15})|\*)/([0-9]{1,15})")
_RANGE = re.compile(rb"bytes=([0-9]{0,15})-([0-9]{0,15})")
_ID = re.compile(rb"[0-9a-f]{32}")
# A browser that opens a file shows no page, whatever is in it.
_SAFE = [
    (b"Content-Security-Policy", b"sandbox; default-src 'none'"),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Resource-Policy", b"same-origin"),
    (b"Accept-Ranges", b"bytes"),
    (b"Cache-Control", b"private, max-age=86400, immutable"),
]
# Reason of a refusal -> the status, and the words for those for which `reasons.SENTENCES` has none, or others.
_STATUS = {
    Reason.BAD_FORM: 400, Reason.NOT_ALLOWED: 403, Reason.NO_FILE: 404, Reason.FILE_TOO_BIG: 413,
    WRONG_PLACE: 409, WRONG_HASH: 422, NOT_CLEAN: 422, Reason.BUG: 500, Reason.NOT_STORED: 503, Reason.TRY_LATER: 503,
    Reason.DISK_FULL: 507}
_WORDS = {
    WRONG_PLACE: "the file goes on at Upload-Offset", WRONG_HASH: "the file has another SHA-256; it is deleted",
    NOT_CLEAN: "the file is refused by the scanner of this server; it is deleted",
    Reason.NOT_ALLOWED: "the token is not that of the file"}


class Transfers:
    """The uploads and downloads of one worker.

    site: `server.http.site.Site`, which formats refusals. turn: when the next piece may be moved, in monotonic seconds.
    All bodies together are one participant of `Worker.turns`, which needs turn, pace, transport, take_turn and crash.
    """

    transport = None

    def __init__(self, worker):
        self.site = None
        self._budget = Budget()
        self._worker = worker
        self._desk = worker.files
        self._line = collections.OrderedDict()  # bodies that wait for their turn; the values mean nothing

    @property
    def pace(self):
        """See `server.worker.paced.Turns`."""
        return self

    @property
    def turn(self):
        """See the class."""
        return self._budget.next

    def move(self, body, transport):
        """Move a piece of a body, now or in its turn; while it waits for that, its `waits` is true."""
        if self._line or time.monotonic() < self.turn:
            body.waits = True
            self._line[body] = None
            self._worker.turns.wait(self)
            body.visitor.watch_body()
        else:
            self._budget.spend(body.move, transport)

    def take_turn(self, _):
        """Move a piece of the body that has waited longest. Returns whether others wait."""
        if self._line:
            body, _ = self._line.popitem(last=False)
            body.waits = False
            body.visitor.serve_body(lambda transport: self._budget.spend(body.move, transport))
        return bool(self._line)

    def forget(self, body):
        """The body is complete or given up."""
        self._line.pop(body, None)

    def crash(self):
        """Called in an exception handler."""
        self._worker.admission.lose_one()

    def begin(self, visitor, request, path):
        """Handle a visitor's request. path: the parts of its path below /files/."""
        if request.method not in (b"GET", b"HEAD", b"PUT", b"DELETE"):
            self._end(visitor, request, 405, "this is not done to files", [(b"Allow", METHODS)])
        elif not _ID.fullmatch(path[0]) or len(path) > 2:
            self._refuse(visitor, request, {"no": Reason.NO_FILE})
        elif request.method in (b"GET", b"HEAD") and len(path) == 2:
            self._desk.ask(lambda answer: self._hand_out(visitor, request, answer, path[0].decode()),
                           do="get", file=path[0].decode())
        elif request.method == b"GET" or len(path) == 2:
            self._end(visitor, request, 405, "a file is got with its name, and sent without", [(b"Allow", METHODS)])
        else:
            self._begin_with_token(visitor, request, path[0].decode())

    def _begin_with_token(self, visitor, request, file):
        shown = _BEARER.fullmatch(request.one(b"authorization") or b"")
        if shown is None:
            self._end(visitor, request, 401, "the token of the file has to be shown", [
                (b"WWW-Authenticate", b"Bearer")])
            return
        token = shown.group(1).decode()
        if request.method == b"PUT":
            self._take(visitor, request, file, token)
        elif request.method == b"DELETE":
            self._desk.ask(lambda answer: self._dropped(visitor, request, answer), do="drop", file=file, token=token)
        else:
            self._desk.ask(lambda answer: self._tell(visitor, request, 200, answer), do="state", file=file, token=token)

    # ---- answers

    def _end(self, visitor, request, status, text, headers=(), unread=None):
        """Answer with one line. unread: how many bytes of the body will not be read; None for all."""
        closes = bool(request.length if unread is None else unread)
        visitor.end_body(request, self.site.text(status, text, headers, closes))

    def _refuse(self, visitor, request, answer, unread=None):
        reason = answer["no"]
        headers = [(b"Upload-Offset", b"%d" % answer["at"])] if "at" in answer else []
        if reason == Reason.TRY_LATER:
            headers.append((b"Retry-After", b"2"))
        self._end(visitor, request, _STATUS.get(reason, 500), _WORDS.get(reason) or SENTENCES[reason], headers, unread)

    def _tell(self, visitor, request, status, answer, unread=None):
        """Answer with how much of the file has come, or with the error."""
        if answer.get("no") == ALREADY_WHOLE:
            answer, status = {"at": answer["at"], "size": answer["at"], "whole": True}, 200
        if "no" in answer:
            self._refuse(visitor, request, answer, unread)
        else:
            self._end(visitor, request, status, "%d of %d bytes are here" % (answer["at"], answer["size"]), [
                (b"Upload-Offset", b"%d" % answer["at"]), (b"Upload-Length", b"%d" % answer["size"]),
                (b"Upload-Complete", b"?1" if answer["whole"] else b"?0")], unread)

    def _dropped(self, visitor, request, answer):
        if "no" in answer:
            self._refuse(visitor, request, answer)
        else:
            self._end(visitor, request, 200, "the file is deleted")

    # ---- uploads

    def _take(self, visitor, request, file, token):
        first, total = 0, request.length
        given = request.one(b"content-range")
        if given is not None or request.all(b"content-range"):
            part = _PART.fullmatch(given or b"")
            if part is None:
                self._refuse(visitor, request, {"no": Reason.BAD_FORM})
                return
            total = int(part.group(3))
            first = None if part.group(1) is None else int(part.group(1))
            length = 0 if first is None else int(part.group(2)) - first + 1
            if length != request.length or first is not None and not length:
                self._refuse(visitor, request, {"no": Reason.BAD_FORM})
                return
        if first is not None and not request.length:
            self._refuse(visitor, request, {"no": Reason.BAD_FORM})
            return
        upload = Upload(self, visitor, request)
        upload.call = self._desk.ask(upload.hear, kind=Bytes, do="put", file=file, token=token, first=first,
                                     length=request.length, total=total)
        upload.call.upload = upload

    def taken(self, upload, answer):
        """Answer with the result of an upload."""
        self.forget(upload)
        whole = answer.get("whole")
        self._tell(upload.visitor, upload.request, 201 if whole else 202, answer, upload.left)

    # ---- downloads

    def _hand_out(self, visitor, request, told, file):
        if "no" in told:
            self._refuse(visitor, request, told)
            return
        tag = b'"%b"' % told["sha256"].encode()
        headers = [*_SAFE, (b"ETag", tag)]
        if tag in [one[2:] if one.startswith(b"W/") else one for one in request.all(b"if-none-match")]:
            visitor.end_body(request, Answer(304, headers, b""))
            return
        kind = told["kind"] if told["kind"] in PICTURES else "application/octet-stream"
        headers += [
            (b"Content-Type", kind.encode()), (b"Content-Disposition", _disposition(told["name"], kind in PICTURES)),
            (b"Repr-Digest", b"sha-256=:%b:" % base64.b64encode(bytes.fromhex(told["sha256"])))]
        begin, end, status = 0, told["size"], 200
        wanted = _RANGE.fullmatch(request.one(b"range") or b"")
        if wanted and any(wanted.groups()) and request.one(b"if-range") in (None, tag):
            begin, end = _span(wanted, told["size"])
            if begin >= end:
                self._end(visitor, request, 416, "there are no such bytes", [
                    (b"Content-Range", b"bytes */%d" % told["size"])])
                return
            status = 206
            headers.append((b"Content-Range", b"bytes %d-%d/%d" % (begin, end - 1, told["size"])))
        answer = Answer(status, headers, b"", length=end - begin)
        if request.method == b"HEAD":
            visitor.end_body(request, answer)
            return
        try:
            fd = os.open(os.path.join(self._desk.folder, file), os.O_RDONLY)
        except OSError:
            self._refuse(visitor, request, {"no": Reason.NO_FILE})  # it has just been deleted
        else:
            visitor.begin_body(request, answer, Download(self, visitor, fd, begin, end))


class Bytes(Call):
    """The call over which the bytes of an upload go."""

    upload = None

    def can_write(self):
        self.upload.send()


class Upload:
    """The upload of one visitor. left: bytes that have not come yet. waits: is it waiting for its turn?

    It buffers at most PIECE bytes, and reads on once these have been passed on: TCP flow control slows the client down.
    """

    waits = False

    def __init__(self, transfers, visitor, request):
        self.visitor = visitor
        self.request = request
        self.left = request.length
        self.call = None
        self._transfers = transfers
        self._held = b""

    @property
    def mask(self):
        """For what the selector has to watch the visitor's transport."""
        return READ if self.left and not self._held and not self.waits else 0

    def hear(self, answer):
        """An answer of the keeper: the upload may begin; or its result."""
        if "go" not in answer:
            self._held = b""
            self._transfers.taken(self, answer)
            return
        if self.request.has(b"expect", b"100-continue") and self.left:
            self.visitor.say_go_on()
        rest = self.visitor.pass_on(self)
        if rest:
            self._take(rest)

    def go_on(self, transport):
        """The transport has input."""
        if self.left and not self._held and not self.waits:
            self._transfers.move(self, transport)

    def move(self, transport):
        """Read a piece, and pass it on. Returns the number of its bytes."""
        try:
            data = transport.recv(min(PIECE, self.left))
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if data:
            self._take(data)
        else:
            self.visitor.close()
        return len(data)

    def _take(self, data):
        if len(data) > self.left:
            self.visitor.give_back(data[self.left:])
            data = data[:self.left]
        self.left -= len(data)
        self._held = memoryview(data)
        self.send()

    def send(self):
        """Pass on the buffered bytes, as far as the keeper takes them."""
        try:
            sent = self.call.sock.send(self._held)
        except BlockingIOError:
            sent = 0
        except OSError:
            sent = len(self._held)  # the call notices that the keeper is gone
        self._held = self._held[sent:] if sent < len(self._held) else b""
        self.call.watch(READ | WRITE if self._held else READ)
        if sent:
            self.visitor.await_more(is_last=not self.left)
        self.visitor.watch_body()

    def close(self):
        """The visitor's connection has ended."""
        self._transfers.forget(self)
        self.call.close()


class Download:
    """The download of one visitor: the bytes of a file from `begin` up to `end`. waits: is it waiting for its turn?"""

    waits = False

    def __init__(self, transfers, visitor, fd, begin, end):
        self.visitor = visitor
        self._transfers = transfers
        self._fd = fd
        self._at = begin
        self._end = end

    @property
    def mask(self):
        """For what the selector has to watch the visitor's transport."""
        return 0 if self.waits else WRITE

    def go_on(self, transport):
        """The transport takes output."""
        if not self.waits:
            self._transfers.move(self, transport)

    def move(self, transport):
        """Send a piece. Returns the number of its bytes."""
        most = min(PIECE, self._end - self._at)
        try:
            if isinstance(transport, Plain):
                sent = os.sendfile(transport.fileno(), self._fd, self._at, most)
                is_over = not sent
            else:
                data = os.pread(self._fd, most, self._at)
                sent = transport.write([data]) if data else 0
                is_over = not data
        except BlockingIOError:
            return 0
        except OSError:
            is_over, sent = True, 0
        if is_over:
            self.visitor.close()  # the client is gone, or the file is shorter than it was
            return 0
        self._at += sent
        if sent:
            self.visitor.await_more()
        if self._at == self._end:
            self.close()
            self.visitor.answered()
        return sent

    def close(self):
        """End the download."""
        self._transfers.forget(self)
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _disposition(name, is_picture):
    plain = "".join(character if 32 <= ord(character) < 127 and character not in '"\\%' else "_" for character in name)
    return b"%b; filename=\"%b\"; filename*=UTF-8''%b" % (
        b"inline" if is_picture else b"attachment", plain.encode(),
        urllib.parse.quote(name, safe="-._~").encode())


def _span(wanted, size):
    """(begin, end) of a range, within the size of the file."""
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size
