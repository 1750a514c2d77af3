"""What the client's tests share is in `client_world`, which they import by a name that no other tests have."""
from client_world import doorways, join, open_chat, restarted, server

__all__ = ["doorways", "join", "open_chat", "restarted", "server"]
