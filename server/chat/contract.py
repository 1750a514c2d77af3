"""The interfaces that the parts of the register need: implemented by the hub, and by tests."""
from typing import Any, Callable, Iterable, List, Optional, Sequence, Tuple, TypeVar, Union

from parley.server.chat.accounts import Account
from parley.server.chat.members import split
from parley.server.ipc.messages import Message, ToWorker
from parley.server.protocols.events import Reason

# Called with (trouble, secret): a Reason or None; and a hashed password, or None. See `Passwords`.
Looked = Callable[[Optional[str], Any], object]
_Handler = TypeVar("_Handler", bound=Callable[..., Any])


def changes_nothing(handler: _Handler) -> _Handler:
    """Mark the handler of a question in a part that decides in the order: this is answered as it comes.

    Parts that only answer questions, such as `RoomQuestions`, need no mark: see `Register.tables`.
    """
    handler.changes_nothing = True  # type: ignore[attr-defined]
    return handler


class Post:
    """Sends decisions to the workers concerned. Messages are of `ToWorker`, reasons of `Reason`."""

    def everyone(self, message: Message) -> None:
        """Tell all workers, in the same order."""
        raise NotImplementedError

    def some(self, workers: Iterable[int], message: Message) -> None:
        """Tell these workers."""
        raise NotImplementedError

    def worker(self, worker: int, message: Message) -> None:
        """Tell one worker."""
        raise NotImplementedError

    def answer(self, worker: int, sessions: Sequence[int], event: Tuple[Any, ...]) -> None:
        """Answer what these sessions of a worker have asked. Its fields are plain: no named tuples within."""
        self.worker(worker, ToWorker.Answer(sessions, type(event).__name__, tuple(event)))

    def tell(self, holder: int, event: Tuple[Any, ...]) -> None:
        """Send the session an event that concerns it alone; likewise."""
        worker, session = split(holder)
        self.worker(worker, ToWorker.Tell(session, type(event).__name__, tuple(event)))

    def refuse(self, holder: int, reason: str) -> None:
        """Refuse what the session has asked."""
        worker, session = split(holder)
        self.worker(worker, ToWorker.Refused(session, reason))

    def refuse_all(self, worker: int, sessions: Sequence[int], reason: str) -> None:
        """Refuse what these sessions of a worker have asked."""
        for session in sessions:
            self.worker(worker, ToWorker.Refused(session, reason))

    def confirm(self, holder: int, stored: Optional[bool], number: int = 0, time: int = 0, serial: int = 0,
                at: int = 0) -> None:
        """Confirm what the session has asked, if it is stored.

        number, time: of the message that it has sent, if it was one. serial: the message's number within the session,
            if several may be pending. at: the time in milliseconds.
        """
        worker, session = split(holder)
        if serial:
            self.worker(worker, ToWorker.Stored([(session, serial, 1)], number, time, at) if stored
                        else ToWorker.Unsaid([(session, serial)], Reason.NOT_STORED))
        elif stored:
            self.worker(worker, ToWorker.Confirmed(session, number, time, at))
        else:
            self.refuse(holder, Reason.NOT_STORED)

    def reply(self, token: int, error: Optional[str]) -> None:
        """Answer the operator who was given this token: None if it is done, or why not, in words."""
        raise NotImplementedError

    def announce(self, frame: bytes, then: Callable[[Optional[bool]], object]) -> None:
        """Send everybody a message of the administrator, as talk in the lobby. then: is it stored?"""
        raise NotImplementedError

    def spread(self, frame: bytes, workers: Optional[Iterable[int]]) -> None:
        """Send these workers, or all, talk that has its number and time already."""
        raise NotImplementedError

    def audit(self, who: bytes, holder: int, act: str, room: bytes, about: bytes, text: bytes) -> None:
        """Log what somebody has done to a room, or the administrator to anything else.

        holder: the session that asked for it; 0 if it was asked through the control socket. about, text: as in
            `parley.server.protocols.events.ACTS`, without what is secret.
        """
        raise NotImplementedError

    def report(self, host: str, name: bytes, reason: str) -> None:
        """Log that somebody at `host` was refused a password or an account."""
        raise NotImplementedError

    def prove(self, holder: int, trouble: Optional[str]) -> None:
        """See `parley.server.chat.prover.Prover.prove`."""
        raise NotImplementedError

    def change(self) -> None:
        """Called before anything changes, because a bug that shows only after that cannot be undone."""
        raise NotImplementedError

    def guarded(self, worker: int, asker: Union[int, Sequence[int]], then: Callable[..., Any]) -> Callable[..., Any]:
        """The callback `then` in a form in which a bug in it costs only the session, or the sessions, `asker`."""
        raise NotImplementedError


class Passwords:
    """Checks and hashes passwords, one after the other, and calls `then(trouble, secret)` with each result.

    trouble: the Reason why there is no result, or None. host: of the client whose password it is.
    """

    def verify(self, holder: int, host: str, name: bytes, account: Account, password: bytes, then: Looked) -> None:
        """Is this the account's password? The secret is one that is to replace the account's, or None."""
        raise NotImplementedError

    def hash(self, holder: int, host: str, password: bytes, then: Looked) -> None:
        """Hash a new password. The secret is None if there is trouble."""
        raise NotImplementedError

    def scram(self, account: Account) -> Optional[Tuple[bytes, int]]:
        """(salt, rounds), if one may prove by SCRAM-SHA-256 that one knows the account's password; else None."""
        raise NotImplementedError

    def verify_proof(self, holder: int, host: str, name: bytes, account: Account, message: bytes, proof: bytes,
                     then: Looked) -> None:
        """Is this proof right? `then` gets the server's signature in the place of a secret."""
        raise NotImplementedError

    def leave(self, holder: int) -> None:
        """The session is gone: forget its request, and its result."""
        raise NotImplementedError

    def holders(self) -> List[int]:
        """The sessions that wait for a result."""
        raise NotImplementedError
