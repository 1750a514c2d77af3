#!/usr/bin/env bash
# `CHANNEL=#room` in a .env file is "#room" for four readers, empty for Node's dotenv, and not there for honcho.
#
# For a shell a `#` begins a comment at the beginning of a word only (POSIX, Shell Command Language, 2.3), so `#room`
# and `pa#ss` behind a `=` are values. python-dotenv, django-environ and godotenv have it so too. dotenv (npm) begins a
# comment at any `#`, which its readme says: the room is "", the password "pa", and there is no error. honcho does as
# well, and leaves out a name without a value: os.environ["CHANNEL"] then raises KeyError, or has what was in the
# environment before. Quotes help with all six.
# Seen with the npm package dotenv 18.0.10, the PyPI packages python-dotenv 1.2.4, django-environ 0.14.0 and honcho
# 2.0.0, godotenv 1.5.1 (Debian package golang-github-joho-godotenv-dev) and bash 5.2.
# Bots whose rooms and passwords are in one file for a program in Python and one in Node.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v go >/dev/null || missing+=(golang-go)
[[ -d /usr/share/gocode/src/github.com/joho/godotenv ]] || missing+=(golang-github-joho-godotenv-dev)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 500 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts dotenv@18.0.10 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check \
    python-dotenv==1.2.4 django-environ==0.14.0 honcho==2.0.0
echo "dotenv 18.0.10, Node $(node --version)"
echo "python-dotenv 1.2.4, django-environ 0.14.0, honcho 2.0.0, $(python3 --version)"
echo "$(dpkg-query -W -f 'godotenv ${Version}' golang-github-joho-godotenv-dev), $(go version); bash $BASH_VERSION"

printf '%s\n' 'CHANNEL=#room' 'PASSWORD=pa#ss' 'QUOTED="#room"' >"$tmp/.env"
cat >"$tmp/read.go" <<'GO'
package main

import (
	"encoding/json"
	"os"

	"github.com/joho/godotenv"
)

func main() {
	values, err := godotenv.Read(".env")
	if err != nil {
		panic(err)
	}
	json.NewEncoder(os.Stdout).Encode(values)
}
GO
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$tmp/cache
(cd "$tmp" && timeout 400 go build -o read read.go)

cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys

import dotenv
import environ
import honcho.environ

os.chdir(sys.argv[1])
NAMES = ("CHANNEL", "PASSWORD", "QUOTED")
NODE = 'console.log(JSON.stringify(require("dotenv").parse(require("fs").readFileSync(".env"))))'
BASH = "set -a; . ./.env; env -0"
WHOLE = ["#room", "pa#ss", "#room"]


def told(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, timeout=30).stdout.decode()


def by_bash():
    return dict(line.split("=", 1) for line in told("bash", "-c", BASH).split("\0") if "=" in line)


def by_django_environ():
    environ.Env.read_env(".env")
    return {name: os.environ.pop(name) for name in NAMES if name in os.environ}


with open(".env") as file:
    TEXT = file.read()
CASES = [
    ("bash", by_bash, WHOLE),
    ("python-dotenv", lambda: dotenv.dotenv_values(".env"), WHOLE),
    ("django-environ", by_django_environ, WHOLE),
    ("godotenv", lambda: json.loads(told("./read")), WHOLE),
    ("dotenv (npm)", lambda: json.loads(told("node", "-e", NODE)), ["", "pa", "#room"]),
    ("honcho", lambda: honcho.environ.parse(TEXT), [None, "pa", "#room"]),
]
print("  %-16s %s" % ("file", TEXT.split()))
different = []
for name, read, expected in CASES:
    values = read()
    seen = [values.get(one) for one in NAMES]
    print("  %-16s %s" % (name, seen))
    if seen != expected:
        different.append("%s, expected %s" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 90 env -u CHANNEL -u PASSWORD -u QUOTED "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: the room's name is a comment for two of six."
