"""What the selector is to tell of a transport."""


def watch(selector, transport, source, before, mask):
    """Have the selector tell `source` of the events in `mask`, and no more of those in `before`; 0 is none."""
    if mask == before:
        return
    if not before:
        selector.register(transport, mask, source)
    elif not mask:
        selector.unregister(transport)
    else:
        selector.modify(transport, mask, source)
