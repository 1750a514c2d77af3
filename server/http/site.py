"""The answers at the web port: the page, the upgrade to WebSocket, and the health checks.

    /                       the page
    /static/<hash>/<name>   its files; the hash is that of all files of the page, so a file at a path never changes
    /chat                   WebSocket, with the subprotocol `parley.1`
    /livez, /readyz         one line of text

With a path prefix all of these are below it, and the last two without it too.

No request is trusted for anything that a browser adds by itself: there are no cookies, and clients log in on the
WebSocket. A WebSocket from another site's page is refused by its Origin.
"""
import base64
import binascii
import functools
import gzip
import hashlib
import ipaddress
import os
import re
from typing import Any, Callable, Collection, Dict, List, NamedTuple, Optional, Sequence, Tuple, Union

from parley.server.http.bundle import joined
from parley.server.http.head import Answer, Headers, Request

SUBPROTOCOL = b"parley.1"
PAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "page")
FIRST = "index.html"
SCRIPT = "app.js"  # with all that it imports

_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; media-src blob:; "
    b"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
_ALWAYS: List[Tuple[bytes, bytes]] = [
    (b"Content-Security-Policy", _POLICY),
    (b"X-Content-Type-Options", b"nosniff"),
    (b"Referrer-Policy", b"no-referrer"),
    (b"Cross-Origin-Opener-Policy", b"same-origin"),
]
_HSTS = (b"Strict-Transport-Security", b"max-age=31536000")
_TEXT = (b"Content-Type", b"text/plain; charset=utf-8")
_TYPES = {
    "html": b"text/html; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "css": b"text/css; charset=utf-8",
    "svg": b"image/svg+xml",
    "png": b"image/png",
    "ico": b"image/x-icon",
    "woff2": b"font/woff2",
}
_ZIPPED = ("html", "js", "css", "svg")
_FOREVER = b"public, max-age=31536000, immutable"
FILES = b"/files/"
_COUNTED = (b"/", b"/chat", b"/livez", b"/readyz")
OTHER = "other"  # the label of all other paths
_METHODS = (b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"CONNECT")
_REFERENCE = re.compile(rb'((?:src|href)=")static/')
_WEBSOCKET_KEY_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::[0-9]+)?|([0-9.]+)(?::[0-9]+)?")
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]


class File(NamedTuple):
    """A file of the page.

    zipped: the content in gzip, or None if that is not smaller. kind: the media type. tag: for the ETag. caching: the
    Cache-Control.
    """

    content: bytes
    zipped: Optional[bytes]
    kind: bytes
    tag: str
    caching: bytes


class Upgrade(NamedTuple):
    """The connection becomes a WebSocket after this answer. address: the client's, if a trusted proxy tells it."""

    answer: Answer
    address: Optional[str]


class Pending(NamedTuple):
    """The hub has to be asked first. then: then(answer of the hub) is the answer."""

    then: Callable[[Any], Answer]


@functools.lru_cache(maxsize=None)
def read_page(folder: str = PAGE) -> Dict[bytes, File]:
    """{path without a prefix: file} of the page, read once from the folder; empty if there is no page."""
    contents = {}
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.rpartition(".")[2] in _TYPES:
            with open(os.path.join(folder, name), "rb") as file:
                contents[name] = file.read()
    scripts = {name: contents.pop(name).decode() for name in list(contents) if name.endswith(".js")}
    if scripts:
        contents[SCRIPT] = joined(scripts, SCRIPT).encode()
    whole = hashlib.sha256(b"".join(b"%b\0%b\0" % (name.encode(), content) for name, content in contents.items()))
    version = whole.hexdigest()[:16]
    files = {}
    for name, content in contents.items():
        if name == FIRST:
            content = _REFERENCE.sub(b"\\1static/%b/" % version.encode(), content)
            files[b"/"] = _file(name, content, b"no-cache")
        else:
            files[b"/static/%b/%b" % (version.encode(), name.encode())] = _file(name, content, _FOREVER)
    return files


def _file(name: str, content: bytes, caching: bytes) -> File:
    ending = name.rpartition(".")[2]
    zipped: Optional[bytes] = gzip.compress(content, 9) if ending in _ZIPPED else None
    if zipped is not None and len(zipped) >= len(content):
        zipped = None
    return File(content, zipped, _TYPES[ending], hashlib.sha256(content).hexdigest()[:16], caching)


class Site:
    """Answers requests.

    files: see `read_page`. prefix: of all paths, such as b"/parley", or empty. proxies: networks (`ipaddress`) of the
    trusted proxies. origins: of other sites' pages that may open a WebSocket, such as b"https://example.org".
    only_tls: is there no port without TLS?
    """

    def __init__(self, files: Dict[bytes, File], prefix: bytes = b"", proxies: Sequence[Any] = (),
                 origins: Collection[bytes] = (), only_tls: bool = False) -> None:
        self._files = {prefix + path: file for path, file in files.items()}
        self._prefix = prefix
        self._proxies = proxies
        self._origins = frozenset(origins)
        self._headers = [*_ALWAYS, _HSTS] if only_tls else _ALWAYS

    def answer(self, request: Request, peer: str) -> Union[Answer, Upgrade, Pending]:
        """The answer to a request for anything but a file. peer: the address of the connection, perhaps a proxy's."""
        path = request.path
        if not path.startswith(b"/"):
            whole = b"//%b/" % (request.one(b"host") or b"")
            _, found, path = path.partition(whole)
            if not found:
                return self.text(421, "this server is no proxy")
            path = b"/" + path
        if request.method not in (b"GET", b"HEAD"):
            if request.method in _METHODS:
                return self.text(405, "only GET and HEAD are answered here", [(b"Allow", b"GET, HEAD")])
            return self.text(501, "there is no such method")
        if path in self._files:
            return self._file(self._files[path], request)
        bare = path[len(self._prefix):] if path.startswith(self._prefix) else path
        if path == self._prefix + b"/chat":
            return self._upgrade(request, peer)
        if bare in (b"/livez", b"/readyz"):
            return Pending(self._ready if bare == b"/readyz" else self._live)
        if self._prefix and path in (b"/", self._prefix):
            return self.text(308, "the page is at %s/" % self._prefix.decode(), [(b"Location", self._prefix + b"/")])
        return self.text(404, "there is nothing here")

    def file_path(self, request: Request) -> Optional[List[bytes]]:
        """The parts of the path below /files/; None if the request is about anything else."""
        below = self._prefix + FILES
        return request.path[len(below):].split(b"/") if request.path.startswith(below) else None

    def client(self, request: Request, peer: str) -> str:
        """The address of the client: what a trusted proxy tells, or else the address of the connection."""
        return self._is_trusted(peer) and self._forwarded_for(request) or peer

    def label(self, request: Request) -> str:
        """The label under which a request is counted: one of a few, whatever the path."""
        path = request.path
        bare = path[len(self._prefix):] if path.startswith(self._prefix) else path
        if bare in _COUNTED:
            return bare.decode()
        if bare.startswith(FILES):
            return "/files"
        return "/static" if path in self._files else OTHER

    def _live(self, troubles: Sequence[str]) -> Answer:
        return self.text(200, "ok")

    def _ready(self, troubles: Sequence[str]) -> Answer:
        return self.text(503 if troubles else 200, "; ".join(troubles) or "ok")

    def text(self, status: int, text: str, headers: Headers = (), closes: bool = False) -> Answer:
        """An answer with one line of text. closes: see `Answer`."""
        always = [*self._headers, _TEXT, (b"Cache-Control", b"no-store")]
        return Answer(status, [*always, *headers], text.encode() + b"\n", closes)

    def _file(self, file: File, request: Request) -> Answer:
        zips = file.zipped is not None and _takes_gzip(request)
        headers = [*self._headers, (b"Cache-Control", file.caching), (b"Vary", b"Accept-Encoding"),
                   (b"ETag", b'"%b%b"' % (file.tag.encode(), b"-gz" if zips else b""))]
        known = [tag[2:] if tag.startswith(b"W/") else tag for tag in request.all(b"if-none-match")]
        if b"*" in known or b'"%b"' % file.tag.encode() in known or b'"%b-gz"' % file.tag.encode() in known:
            return Answer(304, headers, b"")
        headers.append((b"Content-Type", file.kind))
        if zips and file.zipped is not None:
            return Answer(200, [*headers, (b"Content-Encoding", b"gzip")], file.zipped)
        return Answer(200, headers, file.content)

    # ---- WebSocket

    def _upgrade(self, request: Request, peer: str) -> Union[Answer, Upgrade]:
        if not (request.has(b"connection", b"upgrade") and request.has(b"upgrade", b"websocket")
                and request.method == b"GET" and request.version == b"1.1"):
            return self.text(426, "this is spoken to by WebSocket", [
                (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade")])
        if request.one(b"sec-websocket-version") != b"13":
            return self.text(426, "version 13 of WebSocket is spoken here", [
                (b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Version", b"13")])
        key = request.one(b"sec-websocket-key")
        if key is None or not _is_key(key):
            return self.text(400, "Sec-WebSocket-Key has to be 16 bytes in base64")
        offered = request.all(b"sec-websocket-protocol")
        if offered and SUBPROTOCOL not in offered:
            return self.text(400, "the only subprotocol here is " + SUBPROTOCOL.decode())
        is_proxied = self._is_trusted(peer)
        if not self._may_come_from(request, is_proxied):
            return self.text(403, "pages of other hosts may not connect; see `web: origins` in the configuration")
        accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_KEY_SUFFIX).digest())
        headers = [(b"Upgrade", b"websocket"), (b"Connection", b"Upgrade"), (b"Sec-WebSocket-Accept", accept)]
        if offered:
            headers.append((b"Sec-WebSocket-Protocol", SUBPROTOCOL))
        return Upgrade(Answer(101, headers, b""), self._forwarded_for(request) if is_proxied else None)

    def _may_come_from(self, request: Request, is_proxied: bool) -> bool:
        """Is there no Origin (a program), or is it the requested host, or one of the configured origins?"""
        origins = [value for name, value in request.headers if name == b"origin"]
        if not origins:
            return True
        origin = origins[0].lower()
        if len(origins) > 1:
            return False
        if origin in self._origins:
            return True
        hosts = request.all(b"x-forwarded-host") if is_proxied else []
        host = (hosts[-1] if hosts else request.one(b"host") or b"").lower()
        scheme, _, authority = origin.partition(b"://")
        return bool(authority) and _bare(authority, scheme) == _bare(host, scheme)

    # ---- proxies

    def _is_trusted(self, address: str) -> bool:
        parsed = _address(address)
        return parsed is not None and any(parsed in network for network in self._proxies)

    def _forwarded_for(self, request: Request) -> Optional[str]:
        """The client's address in X-Forwarded-For: the last that is not a trusted proxy's, or the first if all are.

        None if there is no valid one. Each proxy appends the address that it was asked from, so whatever stands left of
        an untrusted address may have been made up.
        """
        found = None
        for entry in reversed(request.all(b"x-forwarded-for")):
            address = _address(entry.decode("latin-1"))
            if address is None:
                break
            found = str(address)
            if not self._is_trusted(found):
                break
        return found


def _is_key(key: bytes) -> bool:
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def _takes_gzip(request: Request) -> bool:
    for coding in request.all(b"accept-encoding"):
        name, _, quality = coding.lower().partition(b";")
        if name.strip() in (b"gzip", b"x-gzip", b"*"):
            return re.match(rb"\s*q\s*=\s*0(\.0*)?\s*$", quality) is None
    return False


def _bare(authority: bytes, scheme: bytes) -> bytes:
    """A host with its port, unless that is the default port of the scheme."""
    port = _DEFAULT_PORTS.get(scheme, b"")
    return authority[:-len(port)] if port and authority.endswith(port) else authority


def _address(text: str) -> Optional[Address]:
    """The address in a text, which may have a port behind it; None if there is none. IPv4-mapped ones become IPv4."""
    with_port = _WITH_PORT.fullmatch(text)
    bare = (with_port.group(1) or with_port.group(2)) if with_port else text
    try:
        address = ipaddress.ip_address(bare.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
