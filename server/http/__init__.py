"""HTTP in front of WebSocket: bytes to requests (`head`), and requests to answers (`site`). No sockets, no clocks."""
