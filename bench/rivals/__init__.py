"""Chat servers as they are usually written first and second, for the `line` protocol, to compare ours with."""
