"""Run mypy on what `[tool.mypy]` says, under the names that the modules have: arguments are mypy's.

In the checkout `parley` finds the folders that lie beside it as it is imported, which mypy does not do. So it gets a
folder in which they lie as in the wheel.
"""
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CHECKED = ["-m", "parley.client", "-m", "parley.server.chat"]
for _package in ("chat.gate", "http", "ipc", "order", "protocols", "storage"):
    CHECKED += ["-p", "parley.server." + _package]
for _module in (
        "accounts", "aliases", "census", "claims", "contract", "direct", "enrollment", "entering", "login_throttle",
        "members", "moderation", "names", "operators", "origins", "patterns", "prover", "questions", "register",
        "room_questions", "rooms", "sizes"):
    CHECKED += ["-m", "parley.server.chat." + _module]
for _module in ("address", "chat", "events", "files", "following", "opening", "position", "protocol", "reactions",
                "requests", "rooms", "transfers", "typed"):
    CHECKED += ["-m", "parley.client." + _module]


def main():
    """The exit status of mypy."""
    with tempfile.TemporaryDirectory(prefix="types-") as folder:
        package = os.path.join(folder, "parley")
        os.mkdir(package)
        for name in ("server", "client"):
            os.symlink(os.path.join(ROOT, name), os.path.join(package, name))
        for name in ("__init__.py", "called.py", "py.typed"):
            os.symlink(os.path.join(ROOT, "parley", name), os.path.join(package, name))
        return subprocess.call(
            [sys.executable, "-m", "mypy", "--config-file", os.path.join(ROOT, "pyproject.toml"), *CHECKED,
             *sys.argv[1:]], cwd=folder)


if __name__ == "__main__":
    sys.exit(main())
