"""What Python's objects take in memory: bounds of what clients can make grow count this, not only the bytes of texts.

In bytes, as the largest CPython on 64 bits has it (`sys.getsizeof`, 3.6 to 3.15), rounded up to the 16 of its
allocator. Tables are counted as large as they are right after they have grown.
"""
BYTES = 48  # beside its content
INT = 32
OBJECT = 64  # with up to two attributes in __slots__
LIST = 112  # with up to four items
DICT = 256  # with up to five entries
ITEM = 16  # a place in a list or a deque, and the spare ones that come with it
SLOT = 64  # an entry of a dictionary or a set
ORDERED_SLOT = 128  # an entry of an OrderedDict


def tuple_of(items: int) -> int:
    """A tuple with this many items."""
    return 64 + 8 * items
