"""`python -m tools.cheap_server` is `python -m server`, except that passwords cost next to nothing. For tests only.

A real password takes a third of a second of CPU, and the tests start servers by the hundred.
"""
import sys

from server import cli
from server.supervisor import hashing

if __name__ == "__main__":
    hashing.COSTS.update({"scrypt": (2, 8, 1), "pbkdf2": (1,)})
    sys.exit(cli.main())
