"""`python -m server`: see `parley.server.entry`."""
import sys

from parley.server.entry import main

sys.exit(main())
