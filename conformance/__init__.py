"""The conformance suite: documented sessions and sentences, replayed against a chat server.

It shares no code with the server it judges: a mistake that both sides make would pass unseen.
"""
