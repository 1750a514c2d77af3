"""The tool that makes server/chat/lookalikes.py, on files of the form of Unicode's."""
import runpy

import pytest

from parley.server.chat import lookalikes
from tools import make_lookalikes

CONFUSABLES = """\ufeff# confusables.txt
# Date: 2025-07-22, 05:49:37 GMT
# Version: 17.0.0
#
0430 ;\t0061 ;\tMA\t# ( \u0430 \u2192 a ) CYRILLIC SMALL LETTER A \u2192 LATIN SMALL LETTER A\t#

FF41 ;\t0061 ;\tMA\t# ( \uff41 \u2192 a ) FULLWIDTH LATIN SMALL LETTER A \u2192 LATIN SMALL LETTER A\t#
0022 ;\t0027 0027 ;\tMA\t#* ( " \u2192 '' ) QUOTATION MARK \u2192 APOSTROPHE, APOSTROPHE\t#
2216 ;\t005C ;\tMA\t#* ( \u2216 \u2192 \\ ) SET MINUS \u2192 REVERSE SOLIDUS\t#
006D ;\t0072 006E ;\tMA\t# ( m \u2192 rn ) LATIN SMALL LETTER M \u2192 LATIN SMALL LETTER R, LATIN SMALL LETTER N\t#
1D426 ;\t0072 006E ;\tMA\t# ( \U0001d426 \u2192 rn ) MATHEMATICAL BOLD SMALL M\t#
01CE ;\t0103 ;\tMA\t# ( \u01ce \u2192 \u0103 ) NFD takes it apart\t#
0227 ;\t00E5 ;\tMA\t# ( \u0227 \u2192 \u00e5 ) so does it this, and what it looks like\t#
2A6F ;\t00E5 ;\tMA\t# ( invented ) a prototype that NFD takes apart\t#

# total: 9
"""
PROPERTIES = """# DerivedCoreProperties-17.0.0.txt
# Date: 2025-07-30, 23:55:08 GMT

0041..005A    ; Lowercase # Lu  [26] ...
00AD          ; Default_Ignorable_Code_Point # Cf       SOFT HYPHEN
034F          ; Default_Ignorable_Code_Point # Mn       COMBINING GRAPHEME JOINER
115F..1160    ; Default_Ignorable_Code_Point # Lo   [2] HANGUL CHOSEONG FILLER..HANGUL JUNGSEONG FILLER
2065          ; Default_Ignorable_Code_Point # Cn       <reserved-2065>
1CF5 ; InCB; Linker # Mn another form of line
"""


@pytest.fixture
def files(tmp_path, monkeypatch):
    """Makes the module of two texts; gives what is in it."""

    def make(confusables=CONFUSABLES, properties=PROPERTIES):
        paths = []
        for name, text in ("confusables.txt", confusables), ("DerivedCoreProperties.txt", properties):
            path = tmp_path / name
            path.write_text(text, encoding="utf-8")
            paths.append(str(path))
        monkeypatch.setattr(make_lookalikes, "TARGET", str(tmp_path / "made.py"))
        make_lookalikes.main(paths)
        return runpy.run_path(str(tmp_path / "made.py"))

    return make


def test_the_module_has_what_the_files_say(files):
    made = files()
    assert made["UNICODE"] == "17.0.0"
    assert "2025-07-22" in made["__doc__"] and "2025-07-30" in made["__doc__"]
    assert made["LOOKS_LIKE"] == "''\t\"\n\\\t\u2216\na\t\u0430\uff41\na\u030a\t\u2a6f\nrn\t\U0001d426\n"
    assert made["PAIRS"] == {"m": "rn", "w": "vv", "d": "cl"}
    by_hand = [(code, code) for code in make_lookalikes.NOT_DRAWN]
    assert set(made["NOT_DRAWN"]) - set(by_hand) == {(0x034F, 0x034F), (0x115F, 0x1160)}
    assert list(made["NOT_DRAWN"]) == sorted(made["NOT_DRAWN"])


def test_the_module_there_is_was_made_so(tmp_path):
    with open(lookalikes.__file__, encoding="ascii") as file:
        text = file.read()
    assert text.startswith(make_lookalikes.HEAD[:make_lookalikes.HEAD.index("%s")] + lookalikes.UNICODE)
    assert all(len(line) <= make_lookalikes.WIDTH for line in text.splitlines())
    assert {(code, code) for code in make_lookalikes.NOT_DRAWN} <= set(lookalikes.NOT_DRAWN)


@pytest.mark.parametrize("change, words", [
    ({"confusables": CONFUSABLES.replace("# Version: 17.0.0\n", "")}, "no version and date"),
    ({"confusables": "", "properties": ""}, "no version and date"),
    ({"confusables": CONFUSABLES.replace("17.0.0", "16.0.0")}, "different versions: 16.0.0 and 17.0.0"),
    ({"confusables": CONFUSABLES + "0430 ; 0061\n"}, "not of the form: 0430 ; 0061"),
    ({"confusables": CONFUSABLES + "0430 0431 ; 0061 ; MA\n"}, "not one character of class MA"),
    ({"confusables": CONFUSABLES + "043G ; 0061 ; MA\n"}, "043G"),
    ({"properties": PROPERTIES.replace(" # Mn       COMBINING", "\n#")}, "without the categories"),
], ids=repr)  # fmt: skip
def test_a_file_that_is_unfit_is_one_line(files, change, words):
    with pytest.raises(SystemExit) as ended:
        files(**change)
    assert str(ended.value).startswith("make_lookalikes: ") and words in str(ended.value)
    assert "\n" not in str(ended.value)


@pytest.mark.parametrize("arguments, words", [([], "usage"), (["nowhere.txt", "nowhere.txt"], "nowhere.txt")])
def test_a_wrong_call_is_one_line(arguments, words):
    with pytest.raises(SystemExit, match=words):
        make_lookalikes.main(arguments)
