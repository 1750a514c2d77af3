"""The fault battery: what a hostile or broken client, a full disk or a dying process does to our server.

`rows.yaml` lists the faults, with the outcome that we promise and the checks that show it. `python -m conformance
faults` runs them all. Most checks are tests, or scenarios, that run with the others anyway. The modules here hold those
that take longer, or need a machine: pytest collects them only when they are named, which is what the command does.
"""
