"""The chat: who is online, what happens, who hears of it. No sockets, no wire formats."""
