"""A bot by the library `pydle`."""
import asyncio

import pydle
from driven import arguments, obey_from_loop, tell

host, port, nick, room = arguments()


class Bot(pydle.Client):
    """Tells what it hears."""

    async def on_connect(self):
        await super().on_connect()
        await self.join(room)

    async def on_raw_366(self, message):
        tell("inside")

    async def on_channel_message(self, target, by, message):
        tell("said", by, message)

    async def on_private_message(self, target, by, message):
        tell("whispered", by, message)

    async def on_join(self, channel, user):
        await super().on_join(channel, user)
        tell("entered", user)

    async def on_part(self, channel, user, message=None):
        await super().on_part(channel, user, message)
        tell("left", user)

    async def on_quit(self, user, message=None):
        await super().on_quit(user, message)
        tell("left", user)

    async def on_nick_change(self, old, new):
        await super().on_nick_change(old, new)
        tell("renamed", old, new)

    async def on_kick(self, channel, target, by, reason=None):
        await super().on_kick(channel, target, by, reason)
        tell("kicked", target, by)

    async def on_topic_change(self, channel, message, by):
        await super().on_topic_change(channel, message, by)
        tell("topic", message)


async def obey(verb, rest):
    if verb == "say":
        await bot.message(room, rest)
    elif verb == "whisper":
        await bot.message(*rest.split(" ", 1))
    elif verb == "rename":
        await bot.set_nickname(rest)
    elif verb == "leave":
        await bot.part(room)
    elif verb == "enter":
        await bot.rawmsg("JOIN", room)
    elif verb == "quit":
        await bot.quit("bye")
        loop.stop()


loop = asyncio.new_event_loop()
asyncio.set_event_loop(loop)
bot = Bot(nick, realname=nick)
obey_from_loop(loop, lambda verb, rest: loop.create_task(obey(verb, rest)))
loop.create_task(bot.connect(host, port, tls=False))
loop.run_forever()
