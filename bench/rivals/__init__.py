"""Chat servers as they are usually written, for the `line` protocol: first, second, and then with many rooms."""
