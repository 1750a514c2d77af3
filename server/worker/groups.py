"""Groups of members that get the same frames of a tick: see `server.worker.fanout`."""
import bisect
import itertools


class Group:
    """Those of the tick's frames that members get who are in the same set of its active rooms.

    everything: the list of all frames. indices: of the group's frames in it; None if these are all.
    size: how many frames are the group's. When the list of all frames grows, a new group is needed.
    text: the group's frames joined; offsets: where each of them begins in it. Both are None until they are needed.
    """

    __slots__ = ("everything", "indices", "size", "text", "offsets")

    def __init__(self, everything, indices=None):
        self.everything = everything
        self.indices = indices
        self.size = len(everything if indices is None else indices)
        self.text = self.offsets = None

    @property
    def frames(self):
        """The group's frames."""
        return self.everything if self.indices is None else [*map(self.everything.__getitem__, self.indices)]

    def join(self):
        """Join the frames into `text`."""
        if self.text is None:
            self.text = memoryview(b"".join(self.frames))
        return self.text

    def measure(self):
        """Compute the offsets."""
        self.join()
        self.offsets = [0, *itertools.accumulate(map(len, self.frames))]
        return self.offsets

    def place(self, index):
        """How many of the group's frames come before the one of this index in the list of all?"""
        return index if self.indices is None else bisect.bisect_left(self.indices, index)


NO_FRAMES = Group([], [])
