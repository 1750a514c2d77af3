"""The selector of a worker's loop."""
import select
import selectors

READ, WRITE = selectors.EVENT_READ, selectors.EVENT_WRITE


class Epoll:
    """As `selectors.EpollSelector`, but `select` gives (what was registered with the file, mask) pairs.

    watched: how many files are.

    For each file, that one has a key, a number and an entry in a dictionary: 190 bytes. This one needs 9 bytes, as
    descriptors are small numbers.
    """

    def __init__(self):
        self._epoll = select.epoll()
        self._sources = []  # by descriptor
        self._masks = bytearray()  # likewise; 0 of a file that is not watched
        self.watched = 0

    def register(self, file, mask, source=None):
        """Watch a file from now on: for READ, for WRITE or both."""
        descriptor = file.fileno()
        self._epoll.register(descriptor, _events(mask))
        missing = descriptor + 1 - len(self._sources)
        if missing > 0:
            self._sources += [None] * missing
            self._masks += bytes(missing)
        self._sources[descriptor] = source
        self._masks[descriptor] = mask
        self.watched += 1

    def modify(self, file, mask, source):
        """Watch it for something else."""
        descriptor = file.fileno()
        self._epoll.modify(descriptor, _events(mask))
        self._sources[descriptor] = source
        self._masks[descriptor] = mask

    def unregister(self, file):
        """Stop watching a file."""
        descriptor = file.fileno()
        self._epoll.unregister(descriptor)
        self._sources[descriptor] = None
        self._masks[descriptor] = 0
        self.watched -= 1

    def mask(self, file):
        """What a file is watched for; 0 if it is not."""
        descriptor = file.fileno()
        return self._masks[descriptor] if descriptor < len(self._masks) else 0

    def close(self):
        """Watch nothing any more."""
        self._epoll.close()

    def select(self, seconds):
        """What is ready within `seconds`. The end of a file, or an error, counts as what the file is watched for."""
        sources, masks, ready = self._sources, self._masks, []
        for descriptor, events in self._epoll.poll(seconds, max(1, self.watched)):
            mask = masks[descriptor] & (
                (READ if events & ~select.EPOLLOUT else 0) | (WRITE if events & ~select.EPOLLIN else 0))
            if mask:
                ready.append((sources[descriptor], mask))
        return ready


def _events(mask):
    return (select.EPOLLIN if mask & READ else 0) | (select.EPOLLOUT if mask & WRITE else 0)


class Elsewhere(selectors.DefaultSelector):
    """The same where there is no epoll."""

    def select(self, seconds):
        """As of `Epoll`."""
        return [(key.data, mask) for key, mask in super().select(seconds)]

    def mask(self, file):
        """As of `Epoll`."""
        key = self.get_map().get(file)
        return 0 if key is None else key.events


Selector = Epoll if hasattr(select, "epoll") else Elsewhere


def watch(selector, transport, source, mask):
    """Have the selector tell `source` of the events in `mask`, and of no others; 0 is none."""
    before = selector.mask(transport)
    if mask == before:
        return
    if not before:
        selector.register(transport, mask, source)
    elif not mask:
        selector.unregister(transport)
    else:
        selector.modify(transport, mask, source)
