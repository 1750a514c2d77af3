"""The server as it is, but for the cost of passwords: `python tests/cheap_server.py ARGUMENTS`, as `python -m server`.

A good hash takes a tenth of a second and more, on Python 3.6 a whole one, and the tests log in thousands of times.
"""
import os
import sys

sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

from parley.server.entry import main  # noqa: E402
from parley.server.supervisor import hashing  # noqa: E402

hashing.COSTS.update({"scrypt": (2, 1, 1), "pbkdf2": (1,)})
sys.exit(main())
