"""One worker process: sockets, a selectors loop, timers, and the two queues to the hub."""
