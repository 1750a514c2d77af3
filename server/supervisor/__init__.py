"""The parent process: the hub that gives everything its order, and the supervisor that keeps the workers alive."""
