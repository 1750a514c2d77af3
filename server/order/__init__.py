"""The total order, with two engines: an entry submitted on any node is delivered on every node, in one order."""
