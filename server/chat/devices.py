"""The device lists of accounts, for end-to-end encryption. Decided in the order of the entries.

The devices sign these lists, and other clients verify them. The server only passes them on, and never replaces a list
by an older one. See docs/sealing.md.
"""
from typing import Optional

from parley.server.chat.accounts import Accounts
from parley.server.chat.contract import Post, changes_nothing
from parley.server.chat.members import Members, holder_of
from parley.server.ipc.messages import ToWorker
from parley.server.protocols import events
from parley.server.protocols.events import Reason


class DeviceLists:
    """The methods handle messages: see `parley.server.ipc.messages`."""

    def __init__(self, post: Post, members: Members, accounts: Accounts) -> None:
        self._post = post
        self._members = members
        self._accounts = accounts

    def publish_devices(self, worker: int, session: int, number: int, data: bytes) -> None:
        """The member's account has another list of devices from now on, once that is stored."""
        holder = holder_of(worker, session)
        if holder not in self._members:
            return  # its name was taken over meanwhile
        name = self._members.names[holder]
        account = self._accounts.accounts.get(name)
        if account is None or account.closing:
            self._post.refuse(holder, Reason.NO_ACCOUNT)
        elif number <= account.list_number:
            self._post.refuse(holder, Reason.OLDER_LIST)
        else:
            self._post.change()
            self._accounts.publish(name, number, data, holder)

    def published(self, worker: int, asker: int, name: bytes, serial: int, number: int, data: bytes,
                  stored: Optional[bool]) -> None:
        """The store's answer to a new list."""
        self._post.change()
        if self._accounts.settle_published(name, serial, number, data, stored):
            self._post.everyone(ToWorker.DevicesChanged(name, number))
        if asker in self._members:
            self._post.confirm(asker, stored)

    @changes_nothing
    def devices_of(self, worker: int, session: int, name: bytes) -> None:
        """Tell a member of an account's devices."""
        account = self._accounts.accounts.get(name)
        self._post.answer(worker, [session], events.DevicesTold(name, account.devices if account else b""))
