"""`python -m server`: see `parley.server.cli`."""
import sys

try:
    from parley.server.cli import main
except ImportError as error:
    if error.name not in ("h11", "wsproto"):
        raise
    print("parley: %s is not installed for this Python: run `%s -m pip install h11 wsproto`, or use ./dev serve"
          % (error.name, sys.executable or "python3"), file=sys.stderr)
    sys.exit(78)  # EX_CONFIG, as where PyYAML is missing

sys.exit(main())
