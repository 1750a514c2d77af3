"""Parley: one chat, every wire protocol."""

__version__ = "0.1.0"
