"""The total order: an entry that is submitted on any node is delivered on every node, in the same order.

`at_hand` is the order of a server on one machine, `replicated` that of a cluster, whose log is in the *engine* (Redis).
"""
