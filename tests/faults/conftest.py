"""The servers and clients that these tests share with the fault battery."""
import sys

from stress.fixtures import bystanders, enter, join, knock, run, settings, start  # noqa: F401

# The processes are watched through /proc.
collect_ignore_glob = [] if sys.platform.startswith("linux") else ["test_*.py"]
