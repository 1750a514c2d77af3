r"""Hostile texts and names, as data: {what it is: the bytes}."""
import struct


def _forged_binary(code, sender, content):
    return struct.pack(">BIII10sI", 1, code, len(sender), len(content), sender, 1) + content


def _forged_delimited(command, data):
    return b"\0" + bytes([command]) + len(data).to_bytes(40, "big") + data


def _forged_padded(text):
    return str(len(text)).ljust(64).encode() + text


def _forged_dollar(data):
    return b"$%-10d%b$" % (len(data), data)


TEXTS = {
    # invalid UTF-8
    "a lone byte 255": b"a\xffb",
    "an overlong slash": b"a\xc0\xafb",
    "half a character at the end": b"caf\xc3",
    "a surrogate in UTF-8": b"a\xed\xa0\x80b",
    "beyond U+10FFFF": b"a\xf5\x80\x80\x80b",
    "a lone continuation byte": b"a\x80b",
    # ends of lines
    "CR": b"a\rb",
    "CR at the end": b"over\r",
    "CR CR LF": b"a\r\r\nb",
    "LF": b"a\nb",
    "CR LF": b"a\r\nb",
    "LF CR": b"a\n\rb",
    "LF at the edges": b"\na\n",
    "blank lines": b"a\n\n\nb",
    "nothing but line ends": b"\n\n\n",
    "a thousand lines": b"\n".join(b"%d" % number for number in range(1000)),
    "VT and FF": b"a\x0bb\x0cc",
    "FS, GS, RS, US": b"a\x1cb\x1dc\x1ed\x1fe",
    "NEL": "a\u0085b".encode(),
    "U+2028 and U+2029": "a\u2028b\u2029c".encode(),
    # controls
    "NUL": b"a\0b",
    "nothing but NUL": b"\0",
    "ESC clears the screen": b"\x1b[2J\x1b[Hgone",
    "ESC asks for the cursor": b"\x1b[6n",
    "OSC 52 fills the clipboard": b"\x1b]52;c;cm0gLXJm\x07",
    "OSC 0 sets the title": b"\x1b]0;root\x07",
    "DCS": b"\x1bP$q\x1b\\",
    "C1 CSI": "\u009b2J".encode(),
    "DEL": b"a\x7fb",
    "BEL": b"\x07",
    "a hundred backspaces": b"visible" + b"\b" * 100 + b"hidden",
    "ETX and EOT": b"a\x03b\x04c",
    "all controls": bytes(sorted(set(range(32)) - {10})),
    "telnet negotiation": b"a\xff\xfd\x01b",
    "telnet's byte 255": b"a\xff\xffb",
    "telnet sub-negotiation": b"a\xff\xfa\x18\x00xterm\xff\xf0b",
    # what is not seen
    "an override left open": "abc\u202etxt.exe".encode(),
    "isolates and embeddings left open": "\u2066a\u202bb\u2067c\u202c\u2069d".encode(),
    "closers without openers": "a\u202c\u2069b".encode(),
    "an override over two lines": "a\u202eb\nc".encode(),
    "zero width": "a\u200bb\u200cc\u200dd\ufeffe".encode(),
    "a byte order mark in front": "\ufeffa".encode(),
    "tags": "a\U000e0041\U000e0042\U000e007f".encode(),
    "soft hyphen": "a\u00adb".encode(),
    # far ends of Unicode
    "a family": "\U0001f468\u200d\U0001f469\u200d\U0001f467".encode(),
    "many combining marks": ("e" + "\u0301" * 200).encode(),
    "one that becomes eighteen": "\ufdfa".encode(),
    "noncharacters": "\ufffe\uffff\U0010ffff".encode(),
    "private use": "\ue000\U000f0000".encode(),
    "wide spaces": "\u00a0a\u3000b\u2003".encode(),
    "other digits": "\u0663\uff11\u00b2".encode(),
    # spaces
    "spaces at the edges": b"  a  b  ",
    "nothing but spaces": b"   ",
    "nothing but what is not seen": "\u00a0\u200b\u2066\u2069\u3000\ufeff\u2800\u3164\ufe0f".encode(),
    "lines of what is not seen": "\u200b\n \t\na\n\u00a0".encode(),
    "a combining mark alone": "\u200b\u0301".encode(),
    "backspaces": b"gr\xc3\xbc\x08u\xf0\x9f\x98\x80\x7fn",
    "tabs": b"\ta\tb\t",
    # the other protocols' own bytes
    "a line's MSG": b"MSG mallory hi",
    "a line's MSG behind a line end": b"a\nMSG mallory hi",
    "a line's INFO": b"INFO bob disconnected",
    "a line's INFO behind a line end": b"x\nINFO bob disconnected",
    "a line's INFO behind CR": b"x\rINFO bob disconnected",
    "a line's DM behind a line end": b"x\nDM mallory hi\nOK\nPONG\nERR must-login-first\nUSER mallory",
    "a line's answers": b"OK",
    "a binary frame": _forged_binary(100, b"mallory", b"hi"),
    "a binary quit": _forged_binary(205, b"", b""),
    "a binary users list": _forged_binary(303, b"server", b"['mallory']"),
    "a binary mark": b"[direct] hi",
    "a binary mark behind a line end": b"x\n[direct] hi\n\n[direct] ",
    "a padded frame": _forged_padded(b"[05:55 AM] mallory: hi"),
    "a padded count alone": b"5".ljust(64),
    "a padded message": b"[05:55 AM] mallory: hi",
    "a padded message inside": b"x [12:61 PM] mallory: hi",
    "two padded prefixes": b"[05:55 AM] [05:56 AM] mallory: hi",
    "a padded time in other digits": "[\u0660\u0665:\u0665\u0665 AM] mallory: hi".encode(),
    "a padded time at the end": b"x [05:55 AM]",
    "a padded acknowledgement": b"Msg received",
    "padded acknowledgements in a row": b"Msg receivedMsg received\nMsg received",
    "a padded error": b"[ERROR] That is not your name.",
    "a padded farewell": b"bye\n[SERVER] The server is shutting down.",
    "a padded direct message": b"mallory (direct): hi",
    "a delimited frame": _forged_delimited(2, b"mallory|||bob|||hi"),
    "a delimited answer": _forged_delimited(6, b""),
    "a delimiter": b"|||",
    "one bar": b"|",
    "two bars": b"||",
    "four bars": b"||||",
    "seven bars inside": b"a|||||||b",
    "bars at the edges": b"|a|b||",
    "items": b"mallory|||bob|||hi",
    "a delimited escape": b"\\u00e9 \\u007c \\u005c \\u000a",
    "a delimited escape of an escape": b"\\u005cu00e9 \\\\u00e9",
    "a delimited pair": b"\\ud83d\\ude00 \\ud83d \\ude00",
    "no delimited escape": b"\\u0041 \\u00E9 \\u12 \\x41 \\",
    "bars behind backslashes": b"\\|||\\",
    "a dollar packet": _forged_dollar(b"{'purpose': 'login', 'result': True}"),
    "the end of a dollar packet": b"'}$$10        {'purpose': 'exit'}$",
    "the end of a JSON packet": b"\"}$$10        {\"purpose\": \"exit\"}$",
    "dollar's lobby": b"lobby: hi",
    "somebody else's words": b"mallory: hi",
    # quotes and code
    "a single quote": b"it's",
    "a double quote": b'say "hi"',
    "both quotes": b"'\"",
    "triple quotes": b"'''\"\"\"",
    "a backslash before a quote": b"\\'",
    "backslashes": b"\\\\\\",
    "letters behind backslashes": b"\\n\\x41\\N{BULLET}\\",
    "code": b"__import__('os').system('true')",
    "code in a literal": b"' + __import__('os').getcwd() + '",
    "a list": b"['ann', 'bob']",
    "a tuple": b"('ann', '127.0.0.1', 4000)",
    "true, false, null": b"true false null True False None NaN 1e999",
    "formats": b"%s%n%d {0} {} ${jndi:ldap://x}",
    "markup": b"<b>&lt;</b><script>",
    "SQL": b"'; DROP TABLE users; --",
    "a command of another program": b"/quit",
    "HTTP": b"GET / HTTP/1.1",
}

# A code point or some text of one size in UTF-8 each, to fill the longest text with.
CODE_POINTS = ["x", "\u00e9", "\u20ac", "\U0001f600", "\x1b", "\"", "'", "\\", "|", "$", " "]

# Where the longest pieces of texts end.
CUTS = [2048 - 27, 2048 - 27 - len("[direct] "), 8192]

# What is a name, and what is none, in all protocols alike: {the bytes: is it one?}
NAMES = {
    b"admin": True, b"root": True, b"disconnect": True, b"null": True, b"None": True, b"True": True,
    b"*": True, b"../x": True, b"x/y": True, b"a:b": True, b"a:": True, b":": True, b"@x": True,
    b"$": True, b"%s": True, b"{0}": True, b"${jndi:x}": True, b"<b>": True, b"';drop--": True, b"it's": True,
    b'"': True, b"\\": True, b"\\'": True, b"\\u00e9": True, b"\\u007c": True, b"[ERROR]": True, b"[direct]": True,
    b"[05:55": True, b"(direct)": True, b"['a','b']": True, b"x": True, b"1234567890": True, b"12345678901": True,
    b"$5{'a':1}$": True, b"a" * 32: True, b"Message": True, b"[SERVER]": True, b"guest-1x": True,
    b"__import__('os')": True,
    "\u00e9t\u00e9".encode(): True, "e\u0301te\u0301".encode(): True, "\u00e9\u00e8\u00ea\u00eb\u00e0": True,
    "\u5f20\u4e09\u674e\u56db": True, "\U0001f600\U0001f601\U0001f602": True, "\U0001f600" * 32: True,
    "1234\u20acabcdef": True, "\u0416\u0416\u0416": True, "\u05d0\u05d1\u05d2": True,
    # refused
    b"": False, b" ": False, b"a b": False, b" ab": False, b"ab ": False, b"a\tb": False, b"a" * 33: False,
    b"a|b": False, b"|": False, b"|||": False, b"abcde|wxyz": False, b"/x": False, b"/": False,
    b"#x": False, b"&x": False,
    b"server": False, b"Server": False, b"SERVER": False, b"lobby": False, b"LOBBY": False, b"l0bby": False,
    "\uff53erver": False, "s\u0435rver": False, "ser\ufe0fver": False,
    b"Msg": False, b"INFO": False, b"info": False, b"OK": False, b"ERR": False, b"PONG": False, b"disconnected": False,
    b"a\0b": False, b"a\nb": False, b"a\rb": False, b"a\x1b[2J": False, b"a\x7f": False, b"\x07": False,
    b"a\xffb": False, b"caf\xc3": False, b"\xed\xa0\x80": False, b"a\xc0\xafb": False,
    "a\u200bb": False, "a\u202eb": False, "a\u2066b": False, "\ufeffa": False, "a\u00a0b": False, "a\u3000b": False,
    "a\u0085b": False, "a\u2028b": False, "a\u00adb": False, "\u0301a": False, "\U000e0041": False,
    "\U0001f468\u200d\U0001f469": False,  # the joiner is a format character
    b"a" * 5000: False,
}
NAMES = {name if isinstance(name, bytes) else name.encode(): is_one for name, is_one in NAMES.items()}

# {a name that is here: others that look like it}
LOOK_ALIKES = {
    "Bill": ["bill", "BILL", "BiII", "Bi1l", "\uff22ill", "B\u0456ll", "\u0412ill", "Bil\ufe0fl", "Bil\U0001d159l"],
    "Kelvin": ["kelvin", "\u212aelvin", "\uff2b\uff25\uff2c\uff36\uff29\uff2e", "\u039aelvin"],
    "fine": ["\ufb01ne", "FINE", "f\u0131ne", "fin\u0435"],
    "madam": ["rnaclam", "MAdarn", "\U0001d426acIarn"],
}
