"""Makes server/chat/lookalikes.py from Unicode's own files:

    python tools/make_lookalikes.py confusables.txt DerivedCoreProperties.txt

confusables.txt belongs to UTS 39 (Unicode Security Mechanisms), DerivedCoreProperties.txt to the Unicode Character
Database; both must be of one version. Unicode publishes them; the source of ICU has the first (source/data/unidata) and
Debian's package unicode-data the second as they are. Another version changes who looks like whom, and with it the
digest in tests/chat/test_names.py; accounts there are keep their names.
"""
import os
import re
import sys
import unicodedata

TARGET = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "server", "chat", "lookalikes.py")
WIDTH = 120  # columns

# Prototypes that are capitals of a Unicode newer than that of most Pythons, which could not fold them; their small
# letter stands for both, so that names claim the same on every Python.
SMALL = {"\ua7ce": "\ua7cf"}

# Drawn as nothing though Unicode has no property that says so. They were found by their names, and by having no outline
# in the Noto fonts: the empty Braille cell, the viramas of Masaram Gondi and of Gunjala Gondi (which only join), the
# blanks of Egyptian hieroglyphs, the filler of the Khitan small script, the notehead that is none.
NOT_DRAWN = (0x2800, 0x11D45, 0x11D97, 0x13441, 0x13442, 0x16FE4, 0x1D159)

# Two letters that look like one, where UTS 39 has only "rn" for "m".
PAIRS = {"w": "vv", "d": "cl"}

HEAD = '''"""What looks like what, and what is drawn as nothing. Made by tools/make_lookalikes.py; change that instead.

From Unicode %s: confusables.txt (UTS 39) of %s,
and Default_Ignorable_Code_Point in DerivedCoreProperties.txt of %s.
Copyright Unicode, Inc., under the Unicode License v3 (https://www.unicode.org/license.txt).

What the normal form NFD takes apart is not in the table. It is one text, as a dictionary takes twice the memory.
"""
'''


class Unfit(ValueError):
    """A file is not what it should be; the text says why."""


def table(lines):
    """{character: its prototype, in NFD} of confusables.txt."""
    found = {}
    for fields in _records(lines, 3):
        source, prototype = _text(fields[0]), unicodedata.normalize("NFD", _text(fields[1]))
        if len(source) != 1 or fields[2] != "MA":
            raise Unfit("confusables.txt: not one character of class MA: %r" % fields)
        if unicodedata.normalize("NFD", source) == source:
            found[source] = SMALL.get(prototype, prototype)
    for capital, small in SMALL.items():
        if found.pop(small, None):
            found[capital] = small
    return found


def not_drawn(lines):
    """[(first, last)] of the assigned characters that are drawn as nothing and can be printed nevertheless."""
    found = [(code, code) for code in NOT_DRAWN]
    for fields in _records(lines, 2, keep_comment=True):
        name, _, comment = fields[1].partition("#")
        if name.strip() != "Default_Ignorable_Code_Point":
            continue
        if not comment.strip():
            raise Unfit("DerivedCoreProperties.txt: without the categories that Unicode has in its comments")
        if comment.split()[0][0] != "C":  # those are in no name
            first, _, last = fields[0].partition("..")
            found.append((int(first, 16), int(last or first, 16)))
    return sorted(found)


def version_and_date(text):
    """("17.0.0", "2025-07-22") of a file of Unicode's."""
    version = re.search(r"^# (?:Version: |\w+-)(\d+\.\d+\.\d+)", text, re.MULTILINE)
    date = re.search(r"^# Date: (\d{4}-\d\d-\d\d)", text, re.MULTILINE)
    if not version or not date:
        raise Unfit("not a file of Unicode's: no version and date at its beginning")
    return version.group(1), date.group(1)


def _records(lines, count, keep_comment=False):
    for line in lines:
        data = line if keep_comment else line.split("#")[0]
        if line.split("#")[0].strip():
            fields = [field.strip() for field in data.split(";", count - 1)]
            if len(fields) != count:
                raise Unfit("not of the form: %s" % line)
            yield fields


def _text(codes):
    return "".join(chr(int(code, 16)) for code in codes.split())


def module(confusables, properties):
    """The text of the module that is made of the texts of the two files."""
    version, date = version_and_date(confusables)
    other_version, other_date = version_and_date(properties)
    if version != other_version:
        raise Unfit("the files are of different versions: %s and %s" % (version, other_version))
    copies, pairs = {}, dict(PAIRS)
    for source, prototype in sorted(table(confusables.splitlines()).items()):
        if "a" <= source <= "z":
            pairs[source] = prototype
        else:
            copies.setdefault(prototype, []).append(source)
    lines = [HEAD % (version, date, other_date), 'UNICODE = "%s"' % version, ""]
    lines += ["# Two letters that look like one: {the one: the two}.", "PAIRS = %s" % _dictionary(pairs), ""]
    lines += ["# (first, last) of what is drawn as nothing.", "NOT_DRAWN = ("]
    lines += ["    (0x%04X, 0x%04X)," % span for span in not_drawn(properties.splitlines())]
    lines += [")", "", "# On each line a prototype, a tab, and the characters that look like it.", "LOOKS_LIKE = ("]
    for prototype, sources in sorted(copies.items()):
        lines += _rows("%s\t%s\n" % (prototype, "".join(sources)))
    return "\n".join(lines) + "\n)\n"


def _dictionary(pairs):
    return "{%s}" % ", ".join("%s: %s" % (_literal(one), _literal(two)) for one, two in pairs.items())


def _literal(text):
    return '"%s"' % "".join(
        "\\" + one if one in '"\\' else ascii(one)[1:-1] if not "!" <= one <= "~" else one for one in text)


def _rows(text):
    """Lines of source that are `text` together."""
    row = ""
    for one in text:
        if len(_literal(row + one)) > WIDTH - 4:
            yield "    " + _literal(row)
            row = ""
        row += one
    yield "    " + _literal(row)


def main(arguments):
    """Make the module from the files that are named."""
    if len(arguments) != 2:
        sys.exit("usage: python tools/make_lookalikes.py confusables.txt DerivedCoreProperties.txt")
    texts = []
    try:
        for path in arguments:
            with open(path, encoding="utf-8-sig") as file:
                texts.append(file.read())
        made = module(*texts)
    except (OSError, ValueError) as error:
        sys.exit("make_lookalikes: %s" % error)
    with open(TARGET, "w", encoding="ascii") as file:
        file.write(made)


if __name__ == "__main__":
    main(sys.argv[1:])
