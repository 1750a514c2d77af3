"""The parent process: the hub, which puts everything into one order, and the supervisor, which keeps workers alive."""
