"""The settings of the terminal client: `~/.config/parley/settings.ini`."""
import configparser
import os
import re

_SECTION = "parley"


class Settings:
    """address: where to connect to; name: which name to take; ignored: the names of those who are not shown.

    An absent setting is "" or empty. path: of the file, which need not be there; None: there is none, and nothing is
    kept. Raises ValueError, with a sentence, if it is there and cannot be read.
    """

    def __init__(self, path=None):
        self._path = path
        self._parser = configparser.ConfigParser(interpolation=None)
        self._written = ""
        try:
            if path and os.path.exists(path):
                with open(path, encoding="utf-8") as file:
                    self._written = file.read()
            self._parser.read_string(self._written, path)
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            raise ValueError("%s cannot be read: %s" % (path, str(error).replace("\n", " "))) from None
        self.address, self.name = self._get("address"), self._get("name")
        self.ignored = set(self._get("ignored").split())

    @property
    def folder(self):
        """The folder of the settings, where other things may be kept, or None."""
        return self._path and os.path.dirname(self._path)

    def _get(self, option):
        return self._parser.get(_SECTION, option, fallback="").strip()

    def ignore(self, name):
        """Ignore `name`, or no more if it was ignored; returns whether it is now."""
        self.ignored ^= {name}
        self._save("ignored", " ".join(sorted(self.ignored)))
        return name in self.ignored

    def _save(self, option, value):
        """Write the file with a new value; that it cannot be written matters to nobody who is chatting."""
        self._written = _with(self._written, option, value)
        if self._path is None:
            return
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with open(self._path, "w", encoding="utf-8") as file:
                file.write(self._written)
        except OSError:
            pass


def _with(written, option, value):
    """The text of a file in which the option has the value, and all else is as it was written."""
    lines = written.splitlines()
    section = next((at for at, line in enumerate(lines) if line.strip() == "[%s]" % _SECTION), None)
    if section is None:
        lines += ["[%s]" % _SECTION]
        section = len(lines) - 1
    end = next((at for at, line in enumerate(lines) if at > section and line.startswith("[")), len(lines))
    is_it = re.compile(option + r"\s*[=:]", re.IGNORECASE).match
    start = next((at for at in range(section + 1, end) if is_it(lines[at])), None)
    if start is None:
        start = stop = section + 1
    else:
        stop = start + 1
        while stop < end and lines[stop][:1].isspace() and lines[stop].strip():  # the value goes on there
            stop += 1
    lines[start:stop] = ["%s = %s" % (option, value)]
    return "\n".join(lines) + "\n"


def usual_path():
    """The path of the settings of whoever runs this."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(folder, "parley", "settings.ini")
