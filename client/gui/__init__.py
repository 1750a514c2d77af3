"""The desktop client: `python -m client.gui`. It speaks `dollar`.

`client.gui.model` is what a window shows, without a window; `client.gui.window` shows it.
"""
