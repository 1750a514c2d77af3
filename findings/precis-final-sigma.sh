#!/usr/bin/env bash
# For Go's precis the name ΟΔΥΣΣΕΥΣ is not that of οδυσσευς, and for Python's precis-i18n it is.
#
# RFC 8265, 3.3 makes names comparable with Unicode's toLowerCase(), in which a Σ at the end of a word becomes ς and
# not σ (The Unicode Standard, 3.13 and SpecialCasing.txt); the same for the comparison of nicknames (RFC 8266, 2.4).
# precis-i18n does so. golang.org/x/text/secure/precis makes a σ of every Σ, so the name in capitals is no longer the
# name as it is written, but another one that nobody would type, and a peer with the other library asks for another.
# The other 19 of 21 names are the same for both.
# Seen with the PyPI package precis-i18n 1.1.2 and Go's x/text 0.7.0 (Debian packages golang-go and
# golang-golang-x-text-dev).
# Servers that keep accounts by the mapped name, and clients or peers that map it as well.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v go >/dev/null || [[ ! -d /usr/share/gocode/src/golang.org/x/text/secure/precis ]]; then
    timeout 300 apt-get -qq update
    timeout 500 apt-get -qq install -y --no-install-recommends golang-go golang-golang-x-text-dev >/dev/null
fi
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check precis-i18n==1.1.2
go version
echo "$(dpkg-query -W -f '${Package} ${Version}' golang-golang-x-text-dev); precis-i18n 1.1.2, $(python3 --version)"

cat >"$tmp/names.go" <<'GO'
// Reads names, one a line, and writes what the profiles make of each, separated by a tab.
package main

import (
	"bufio"
	"fmt"
	"os"

	"golang.org/x/text/secure/precis"
)

func mapped(name string, err error) string {
	if err != nil {
		return "refused"
	}
	return name
}

func main() {
	for names := bufio.NewScanner(os.Stdin); names.Scan(); {
		user := mapped(precis.UsernameCaseMapped.String(names.Text()))
		nick := mapped(precis.Nickname.CompareKey(names.Text()))
		fmt.Println(user + "\t" + nick)
	}
}
GO
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tmp/cache
(cd "$tmp" && timeout 300 go build -o names names.go)

cat >"$tmp/try.py" <<'PYTHON'
import subprocess, sys

from precis_i18n import get_profile

CAPITALS, WRITTEN, BY_GO = "ΟΔΥΣΣΕΥΣ", "οδυσσευς", "οδυσσευσ"
OTHERS = ["Ann", "STRASSE", "Straße", "İlk", "ﬁona", "Ｗｉｄｅ", "A\u030asa", "Åsa", "ǅ", "Ǆ", "ΐδα", "ᏣᎳᎩ", "ᲐᲑ", "Ünal",
          "l·l", "ı", "ϒ", "٣", "Ω"]


def by_python(name):
    profiles = []
    for profile in ("UsernameCaseMapped", "NicknameCaseMapped"):
        try:
            profiles.append(get_profile(profile).enforce(name))
        except UnicodeEncodeError:
            profiles.append("refused")
    return tuple(profiles)


names = [CAPITALS, WRITTEN] + OTHERS
command, text = [sys.argv[1] + "/names"], "\n".join(names).encode()
told = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=True, timeout=20)
by_go = dict(zip(names, (tuple(line.split("\t")) for line in told.stdout.decode().splitlines())))
different = []
for name, expected in ((CAPITALS, (WRITTEN, BY_GO)), (WRITTEN, (WRITTEN, WRITTEN))):
    for library, seen, one in (("precis-i18n", by_python(name), expected[0]), ("Go", by_go[name], expected[1])):
        print("  %-12s %s is %s as a user name, %s as a nickname" % ((library, name) + seen))
        if seen != (one, one):
            different.append("%s for %s" % (library, name))
same = [name for name in OTHERS if by_python(name) == by_go[name]]
print("  the other %d names are the same for both: %s" % (len(OTHERS), len(same) == len(OTHERS)))
if len(same) != len(OTHERS):
    different.append("other names: %a" % sorted(set(OTHERS) - set(same)))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
PYTHONIOENCODING=utf-8 timeout 60 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: one Greek name is two."
