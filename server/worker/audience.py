"""Those of one worker's clients who hear in the same protocol, and what this tick tells them.

What happens is rendered once and kept as one text; at the end of the tick everybody gets it in one send. Who is to
hear something else (a speaker not its own words, a newcomer only what follows, somebody an answer) gets the same text
with cuts. A cut is (start, stop, instead): `instead` takes the place of text[start:stop].
"""


class Audience:
    """The members of one protocol on this worker, and the tick's text for them.

    protocol: its name.
    encode: a happening to bytes.
    echo: do speakers hear themselves?
    """

    def __init__(self, protocol, encode, echo=False):
        self.protocol = protocol
        self.echo = echo
        self.members = {}  # an ordered set of sessions
        self._encode = encode
        self._clear()

    def _clear(self):
        self._text = []
        self._size = 0
        self._cuts = {}

    def enter(self, session):
        """From here on it hears everything."""
        self._cut(session, 0, b"")
        self.members[session] = None

    def leave(self, session):
        """It gets what it has heard so far, and nothing of what follows."""
        pieces = self._pieces(session, self._cuts.pop(session, ()), b"".join(self._text))
        self.members.pop(session, None)
        session.send(pieces)

    def hear(self, happening, origin=None):
        """All members hear it; the session it comes from only if it wants an echo."""
        data = self._encode(happening)
        if not data:
            return
        start = self._size
        self._text.append(data)
        self._size += len(data)
        if origin in self.members and not self.echo:
            self._cut(origin, start, b"")

    def tell(self, session, happening):
        """One session hears it, in its place; a stranger hears nothing else."""
        data = self._encode(happening)
        if data:
            self._cut(session, self._size if session in self.members else 0, data)

    def _cut(self, session, start, instead):
        self._cuts.setdefault(session, []).append((start, self._size, instead))

    def flush(self):
        """Send the tick's text: the one loop in which a busy server spends its time."""
        text = b"".join(self._text)
        cuts = self._cuts
        if text:
            pieces = [text]
            for member in self.members:
                if member not in cuts:
                    member.send(pieces)
        for session in cuts:
            session.send(self._pieces(session, cuts[session], text))
        self._clear()

    def _pieces(self, session, cuts, text):
        view, position, pieces = memoryview(text), 0, []
        for start, stop, instead in cuts:
            if start > position:
                pieces.append(view[position:start])
            if instead:
                pieces.append(instead)
            position = max(position, stop)
        if session in self.members and position < len(text):
            pieces.append(view[position:])
        return pieces
