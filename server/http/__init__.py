"""HTTP without sockets and clocks: bytes to requests (`head`), requests to answers (`site`, `metrics`)."""
