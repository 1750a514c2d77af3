"""python -m client.gui [SERVER] [--name NAME] [--scale N] [--trust FILE]"""
import argparse
import signal
import sys

from parley import __version__
from parley.called import called
from parley.client.settings import Settings, usual_path
from parley.server.stdout import quiet_when_closed


def scale(text):
    """A factor from 0.5 to 8."""
    value = float(text)
    if not 0.5 <= value <= 8:
        raise ValueError
    return value


@quiet_when_closed()
def main(arguments=None):
    parser = argparse.ArgumentParser(prog=called("parley-window"), description="The desktop client of Parley.")
    parser.add_argument("server", nargs="?", default="localhost", metavar="SERVER",
                        help="host, host:port, name@host, dollar+tls://host:port or web://host (default: localhost)")
    parser.add_argument("--name", default="", help="the name to log in with")
    parser.add_argument("--scale", type=scale, metavar="N", help="make everything N times as large")
    parser.add_argument("--trust", metavar="FILE",
                        help="certificates (PEM) to trust besides the system's: of CAs, or the server's own")
    parser.add_argument("--version", action="version", version="parley-window " + __version__)
    options = parser.parse_args(arguments)
    try:
        settings = Settings(usual_path())
    except ValueError as error:
        parser.error(str(error))
    try:
        import tkinter
    except ImportError:
        return "This Python has no tkinter: install it (Debian: apt install python3-tk), or use the terminal client."
    from parley.client.gui.window import Window
    try:
        root = tkinter.Tk(className="Parley")
    except tkinter.TclError as error:
        return "There is no screen to show a window on (%s); the terminal client needs none." % error
    window = Window(root, options.server, options.name, options.scale, options.trust, settings)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *received: root.after_idle(window.leave))
    root.mainloop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
