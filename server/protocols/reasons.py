"""Why something was refused, in one English sentence for each reason, and without its full stop.

A protocol departs from this where its document has other words for things, or its clients have always been told others.
"""
from typing import Dict

from parley.server.protocols.events import Reason

SENTENCES: Dict[str, str] = {
    Reason.UNKNOWN_COMMAND: "there is no such command",
    Reason.BAD_FORM: "the message is not of the right form",
    Reason.NOT_UTF8: "the message is not valid UTF-8",
    Reason.INVALID_SETTING: "there is no such setting or value",
    Reason.TEXT_TOO_LONG: "the message is too long",
    Reason.MUST_LOGIN: "you must log in first",
    Reason.ALREADY_IN: "you have logged in already",
    Reason.NOT_YOU: "that is not your name",
    Reason.INVALID_NAME: "this cannot be a name",
    Reason.NAME_TAKEN: "the name is taken",
    Reason.NO_ACCOUNT: "there is no such account",
    Reason.OLDER_LIST: "there is a newer list of your devices",
    Reason.TOO_MANY_ACCOUNTS: "there are too many accounts",
    Reason.REGISTRATION_CLOSED: "new accounts cannot be made here",
    Reason.ACCOUNT_REQUIRED: "only names that have an account can be used here",
    Reason.PASSWORD_REQUIRED: "the name needs its password",
    Reason.WRONG_PASSWORD: "the password is wrong",
    Reason.NO_PASSWORD: "the name has no password",
    Reason.INVALID_PASSWORD: "this cannot be a password",
    Reason.UNVERIFIABLE: "the password cannot be verified here",
    Reason.TRY_LATER: "try again later",
    Reason.NO_SESSION: "this session is over",
    Reason.NOBODY: "nobody here has that name",
    Reason.YOURSELF: "that is you",
    Reason.BOX_FULL: "the mailbox is full",
    Reason.INVALID_ROOM: "this cannot be the name of a room",
    Reason.NO_ROOM: "there is no such room",
    Reason.NOT_INSIDE: "you are not in this room",
    Reason.NOT_THERE: "that user is not in the room",
    Reason.BANNED: "you are banned here",
    Reason.INVITE_ONLY: "you need an invitation to enter this room",
    Reason.WRONG_KEY: "the key of the room is missing or wrong",
    Reason.ROOM_FULL: "the room is full",
    Reason.TOO_MANY_ROOMS: "there are too many rooms",
    Reason.TOO_MANY_OWNED: "you own too many rooms",
    Reason.TOO_MANY_JOINED: "you are in too many rooms",
    Reason.JOINS_TOO_FAST: "you enter rooms too fast",
    Reason.MUTED: "you are muted here",
    Reason.MODERATED: "you need a voice to speak here",
    Reason.SLOW_MODE: "you cannot speak again so soon",
    Reason.NOT_ALLOWED: "you are not allowed to do this",
    Reason.OUTRANKED: "that user has the same role as you or a higher one",
    Reason.LIST_FULL: "the list is full",
    Reason.NOT_BANNED: "nobody is banned here by that name",
    Reason.NOT_MUTED: "nobody is muted here by that name",
    Reason.SEALED_ROOM: "this room is for accounts and clients that can seal",
    Reason.NOT_SEALED: "only sealed messages can be sent to this room",
    Reason.CANNOT_SEAL: "not everybody in the room can seal",
    Reason.IS_LOBBY: "this cannot be done to the lobby",
    Reason.NOT_STORED: "the server could not store this",
    Reason.NO_SUCH_NUMBER: "there is no such message",
    Reason.FILES_OFF: "no files are kept here",
    Reason.FILE_TOO_BIG: "the file is too big",
    Reason.QUOTA_FULL: "your files take too much space already",
    Reason.DISK_FULL: "there is no space left for files",
    Reason.NO_FILE: "there is no such file",
    Reason.NOT_WHOLE: "not all of the file is here yet",
    Reason.BROKEN: "the server does not understand this client",
    Reason.TOO_LONG: "the message is too long",
    Reason.TOO_SLOW: "the message did not arrive in time",
    Reason.FOREIGN: "this is another protocol",
    Reason.IDLE: "you were silent for too long",
    Reason.SLOW_READER: "you read too slowly",
    Reason.TOO_MANY_CONNECTIONS: "there are too many connections",
    Reason.REPLACED: "you have logged in elsewhere",
    Reason.ACCOUNT_DELETED: "your account was deleted by an operator",
    Reason.KICKED: "you were kicked",
    Reason.SHUTDOWN: "the server is shutting down",
    Reason.BUG: "the server made a mistake",
}


def in_lower_case() -> Dict[str, bytes]:
    """The sentences as they stand in the table."""
    return {reason: words.encode() for reason, words in SENTENCES.items()}


def with_full_stops() -> Dict[str, bytes]:
    """The sentences with a capital letter in front and a full stop at the end."""
    return {reason: b"%b%b." % (words[:1].upper().encode(), words[1:].encode()) for reason, words in SENTENCES.items()}
