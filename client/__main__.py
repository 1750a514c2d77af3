"""`python -m client`."""
import sys

from parley.client.cli import main

sys.exit(main())
