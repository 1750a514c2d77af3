"""Who says what comes first. A seam: what is submitted on any node is delivered on every node, in one order."""
