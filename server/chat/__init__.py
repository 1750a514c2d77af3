"""The chat: who is here, what happens, who hears it. No socket, no wire format."""
