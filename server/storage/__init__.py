"""What outlives a connection, and, if it is to, the server: the log of all that was said, accounts, kept messages."""
