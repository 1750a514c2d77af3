"""Groups of members that hear the same of a tick: see `server.worker.fanout`."""
import bisect
import itertools


class Group:
    """Those of the tick's frames that are heard by all who are in the same of its active rooms.

    everything: the list of all frames. indices: of those in it that are heard; None if they all are.
    size: how many are heard. When the list of all grows, it takes another group.
    text: these joined; offsets: where each of them begins in it. Both are None until they are wanted.
    """

    __slots__ = ("everything", "indices", "size", "text", "offsets")

    def __init__(self, everything, indices=None):
        self.everything = everything
        self.indices = indices
        self.size = len(everything if indices is None else indices)
        self.text = self.offsets = None

    @property
    def frames(self):
        """Those that are heard."""
        return self.everything if self.indices is None else [*map(self.everything.__getitem__, self.indices)]

    def join(self):
        """The one text that all who are in the group are sent, or parts of it."""
        if self.text is None:
            self.text = memoryview(b"".join(self.frames))
        return self.text

    def measure(self):
        """The offsets."""
        self.join()
        self.offsets = [0, *itertools.accumulate(map(len, self.frames))]
        return self.offsets

    def place(self, index):
        """How many of the group's frames come before the one of this index in the list of all?"""
        return index if self.indices is None else bisect.bisect_left(self.indices, index)


NO_FRAMES = Group([], [])
