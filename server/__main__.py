"""`python -m server`: see `parley.server.cli`."""
import sys

from parley.server.cli import main

sys.exit(main())
