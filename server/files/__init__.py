"""Files that users send each other (docs/files.md): the process that keeps them, and how workers ask it."""
