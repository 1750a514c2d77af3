"""Parley: one chat, every wire protocol."""
