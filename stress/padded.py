"""Reading `padded` where nothing must be lost, although nothing marks the end of a message."""
from parley.conformance.wire import padded


class Decoder:
    """Bytes in, texts out. Keeps the last one until it has its end: the next one, or a period."""

    def __init__(self):
        self.unfinished = b""

    def feed(self, data):
        *whole, last = padded.parted(self.unfinished + data)
        if last == padded.RECEIVED.encode() or last.endswith(b"."):
            whole, last = whole + [last], b""
        self.unfinished = last
        return [text.decode("utf-8", "backslashreplace") for text in whole if text]
