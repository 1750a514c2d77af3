"""Our server, which hashes passwords at almost no cost here: `python -m parley.conformance.cheap_server ARGUMENTS`.

A good hash takes a tenth of a second and more, on Python 3.6 a whole one, and the scenarios log in thousands of times.
"""
import sys

from parley.server.entry import main
from parley.server.supervisor import passwords

if __name__ == "__main__":
    passwords.COSTS.update({"scrypt": (2, 1, 1), "pbkdf2": (1,)})
    sys.exit(main())
