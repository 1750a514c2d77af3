"""`python -m server`: see `parley.server.cli`."""
import sys

try:
    import wsproto  # noqa: F401

    from parley.server.cli import main
except ImportError as error:
    if error.name not in ("h11", "wsproto"):
        raise
    sys.exit("parley: %s is not installed for this Python: run `%s -m pip install h11 wsproto`, or use ./dev serve"
             % (error.name, sys.executable or "python3"))

sys.exit(main())
