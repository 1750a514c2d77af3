"""What the programs are called, for their help."""
import sys

_OURS = ("parley", "server", "client", "conformance")
_MAIN = ".__main__"


def called(installed):
    """How this program was started: `python -m` and a module, or by the name that it has where it is installed."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    if spec is None or spec.name.split(".")[0] not in _OURS:
        return installed
    return "python -m " + (spec.name[:-len(_MAIN)] if spec.name.endswith(_MAIN) else spec.name)
