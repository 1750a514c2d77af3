"""Sealed messages: what only the devices of those who talk can read, whatever the server does (docs/sealing.md).

`hpke` is RFC 9180; `devices` has keys, and the lists of them that the server hands out; `envelope` is what is said
instead of a text; `ring` is what a device keeps; `talk` ties it to a chat. All but the last know of no network. It
takes `cryptography` (the extra `seal`).
"""
import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # that this Python will not be supported for ever, which is no news for a user
    import cryptography  # noqa: F401 - it warns once, when it is first imported
