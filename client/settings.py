"""The settings of the terminal client: `~/.config/parley/settings.ini`."""
import configparser
import os

_SECTION = "parley"


class Settings:
    """address: where to connect to; name: which name to take; ignored: the names of those who are not shown.

    An absent setting is "" or empty. path: of the file, which need not be there; None: there is none, and nothing is
    kept. Raises ValueError, with a sentence, if it is there and cannot be read.
    """

    def __init__(self, path=None):
        self._path = path
        self._parser = configparser.ConfigParser(interpolation=None)
        try:
            self._parser.read([path] if path else [], encoding="utf-8")
        except (configparser.Error, OSError, UnicodeDecodeError) as error:
            raise ValueError("%s cannot be read: %s" % (path, str(error).replace("\n", " "))) from None
        if not self._parser.has_section(_SECTION):
            self._parser.add_section(_SECTION)
        self.address, self.name = self._get("address"), self._get("name")
        self.ignored = set(self._get("ignored").split())

    def _get(self, option):
        return self._parser.get(_SECTION, option, fallback="").strip()

    def ignore(self, name):
        """Ignore `name`, or no more if it was ignored; returns whether it is now."""
        self.ignored ^= {name}
        self._parser.set(_SECTION, "ignored", " ".join(sorted(self.ignored)))
        self._save()
        return name in self.ignored

    def _save(self):
        """Write the file; that it cannot be written matters to nobody who is chatting."""
        if self._path is None:
            return
        try:
            os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
            with open(self._path, "w", encoding="utf-8") as file:
                self._parser.write(file)
        except OSError:
            pass


def usual_path():
    """The path of the settings of whoever runs this."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")
    return os.path.join(folder, "parley", "settings.ini")
