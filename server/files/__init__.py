"""Files that clients send each other: the process that keeps them, and how workers ask it (docs/files.md)."""
