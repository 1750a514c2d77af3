"""Why something was refused, or a connection ended."""


class Reason:
    """Why a request was refused or a connection ended. Each protocol has its own words for these."""

    # the command
    UNKNOWN_COMMAND = "unknown-command"
    BAD_FORM = "bad-form"  # a known command in a wrong form: missing items, a wrong type, no text
    NOT_UTF8 = "not-utf8"
    INVALID_SETTING = "invalid-setting"  # of a room
    TEXT_TOO_LONG = "text-too-long"
    # who asks
    MUST_LOGIN = "must-login"
    ALREADY_IN = "already-in"
    NOT_YOU = "not-you"  # the client claims to be somebody else
    # names
    INVALID_NAME = "invalid-name"
    NAME_TAKEN = "name-taken"
    NO_ACCOUNT = "no-account"
    OLDER_LIST = "older-list"  # of devices
    TOO_MANY_ACCOUNTS = "too-many-accounts"
    REGISTRATION_CLOSED = "registration-closed"  # clients may make no accounts here
    ACCOUNT_REQUIRED = "account-required"  # names without an account may not be used here
    PASSWORD_REQUIRED = "password-required"
    WRONG_PASSWORD = "wrong-password"
    NO_PASSWORD = "no-password"  # one was given for a name that has none
    INVALID_PASSWORD = "invalid-password"  # it can be nobody's
    UNVERIFIABLE = "unverifiable-password"  # by this Python
    TRY_LATER = "try-again-later"  # too many wrong passwords, or too many at once
    NO_SESSION = "no-session"  # there is no such session to resume, or no longer
    # whispers
    NOBODY = "nobody"  # of that name
    YOURSELF = "yourself"
    BOX_FULL = "box-full"  # too much is kept for somebody who is away
    # rooms
    INVALID_ROOM = "invalid-room"  # no room can have this name, or it looks like that of another room
    NO_ROOM = "no-such-room"  # or none that the asker may know of
    NOT_INSIDE = "not-in-room"
    NOT_THERE = "user-not-in-room"  # the target of an act
    BANNED = "banned"
    INVITE_ONLY = "invite-only"
    WRONG_KEY = "wrong-key"
    ROOM_FULL = "room-full"
    TOO_MANY_ROOMS = "too-many-rooms"  # on this server
    TOO_MANY_OWNED = "too-many-rooms-owned"
    TOO_MANY_JOINED = "too-many-rooms-joined"
    JOINS_TOO_FAST = "joining-too-fast"
    MUTED = "muted"
    MODERATED = "moderated"
    SLOW_MODE = "slow-mode"
    NOT_ALLOWED = "not-allowed"  # it takes another role
    OUTRANKED = "outranked"  # the target has a better role, or is an owner or operator, too
    LIST_FULL = "list-full"  # of bans or mutes
    NOT_BANNED = "not-banned"  # so there is no ban to take back
    NOT_MUTED = "not-muted"
    SEALED_ROOM = "sealed-room"  # only members who can seal messages may enter
    NOT_SEALED = "not-sealed"  # a message in such a room is not sealed
    CANNOT_SEAL = "cannot-seal"  # the room cannot be sealed, as not all members can seal messages
    IS_LOBBY = "is-lobby"  # this cannot be done with the lobby, or with a room that has a port
    # the store
    NOT_STORED = "not-stored"  # or it could not be read
    NO_SUCH_NUMBER = "no-such-number"  # of a message
    # files
    FILES_OFF = "files-off"  # none are kept here
    FILE_TOO_BIG = "file-too-big"
    QUOTA_FULL = "quota-full"  # of the user who offers the file
    DISK_FULL = "disk-full"  # or the space for all files
    NO_FILE = "no-such-file"
    NOT_WHOLE = "not-whole"  # not all of it is here
    # the end of the connection
    BROKEN = "broken"
    TOO_LONG = "too-long"
    TOO_SLOW = "too-slow"
    FOREIGN = "foreign-protocol"
    IDLE = "idle"
    SLOW_READER = "slow-reader"
    TOO_MANY_CONNECTIONS = "too-many-connections"
    REPLACED = "logged-in-elsewhere"
    ACCOUNT_DELETED = "account-deleted"  # by an operator
    KICKED = "kicked"
    SHUTDOWN = "shutdown"
    BUG = "bug"


# Why something that has to do with rooms was refused.
ROOM_REASONS = (
    Reason.INVALID_SETTING, Reason.INVALID_ROOM, Reason.NO_ROOM, Reason.NOT_INSIDE, Reason.NOT_THERE, Reason.BANNED,
    Reason.INVITE_ONLY, Reason.WRONG_KEY, Reason.ROOM_FULL, Reason.SEALED_ROOM, Reason.NOT_SEALED, Reason.CANNOT_SEAL,
    Reason.TOO_MANY_ROOMS, Reason.TOO_MANY_OWNED,
    Reason.TOO_MANY_JOINED, Reason.JOINS_TOO_FAST, Reason.MUTED, Reason.MODERATED, Reason.SLOW_MODE, Reason.NOT_ALLOWED,
    Reason.OUTRANKED, Reason.LIST_FULL, Reason.NOT_BANNED, Reason.NOT_MUTED, Reason.IS_LOBBY, Reason.TEXT_TOO_LONG)
REASONS = tuple(value for name, value in sorted(vars(Reason).items()) if name.isupper())
