"""Other Pythons than this one, in virtual environments with what the terminal client takes to seal."""
import glob
import os
import re
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST = (3, 6)
_FOLDER = os.path.join(ROOT, "build", "pythons")
_NEEDS = ("cryptography>=40.0.2", "wsproto")


def interpreters():
    """{(major, minor): path} of those that are on the PATH or with pyenv: the interpreters, not pyenv's shims."""
    found = {}
    pyenv = os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))
    places = [*glob.glob(os.path.join(pyenv, "versions/3.*/bin")),
              *(place for place in os.environ.get("PATH", "").split(os.pathsep) if not place.endswith("/shims"))]
    for place in places:
        for path in glob.glob(os.path.join(place, "python3.*")):
            named = re.fullmatch(r"python(3)\.(\d+)", os.path.basename(path))
            if named:
                found.setdefault((int(named.group(1)), int(named.group(2))), path)
    return found


def that_seals(version, path):
    """The interpreter of a virtual environment of this Python, which is made if there is none that works."""
    folder = os.path.join(_FOLDER, "%d.%d" % version)
    python = os.path.join(folder, "bin", "python")
    if not os.path.exists(python) or subprocess.call([python, "-c", "import cryptography, wsproto"]):
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run([path, "-m", "venv", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if version < (3, 8):
            subprocess.run([*pip, "pip>=21.3,<22"], check=True)  # an older one finds no wheel of cryptography
        subprocess.run([*pip, "--no-compile", *_NEEDS], check=True)
    return python
