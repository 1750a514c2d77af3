"""What the processes of the server say to each other, and the queues that carry it."""
