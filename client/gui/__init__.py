"""The desktop client: `python -m client.gui`. It speaks `dollar` and `web`.

`client.gui.model` is the client without a window; `client.gui.window` shows it.
"""
