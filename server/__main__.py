"""`python -m server`: see `server.cli`."""
import sys

from parley.server.cli import main

sys.exit(main())
