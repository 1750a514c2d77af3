#!/usr/bin/env bash
# What `json.dumps()` makes of the name 𠮷野 is, read as YAML, a text that cannot be sent, or an error.
#
# By the specification of YAML 1.2 every JSON text is YAML. json.dumps() writes a letter beyond U+FFFF as two escapes,
# "\ud842\udfb7". yaml.safe_load() and ruamel.yaml make two surrogates of them, which raise UnicodeEncodeError where the
# text is sent or stored; CSafeLoader of the same PyYAML, and Ruby's, raise at once; js-yaml and yaml have the letter.
# `1e3` is a text for both loaders of PyYAML and for Ruby, and a number for the others.
# Seen with the PyPI packages PyYAML 6.0.4 and ruamel.yaml 0.19.1, the npm packages js-yaml 5.5.0 and yaml 2.9.1, and
# Ruby 3.1.2 with Psych (Debian package ruby).
# Configurations that one program writes as JSON and another reads as YAML, because it can: `ensure_ascii=False` helps
# with the names.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

missing=()
command -v npm >/dev/null || missing+=(nodejs npm)
command -v ruby >/dev/null || missing+=(ruby)
if ((${#missing[@]})); then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
timeout 300 npm install --prefix "$tmp" --silent --no-audit --no-fund --ignore-scripts \
    js-yaml@5.5.0 yaml@2.9.1 >/dev/null
python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pyyaml==6.0.4 ruamel.yaml==0.19.1
echo "PyYAML 6.0.4, ruamel.yaml 0.19.1, $(python3 --version); js-yaml 5.5.0, yaml 2.9.1, Node $(node --version)"
ruby -rpsych -e 'puts "Ruby #{RUBY_VERSION}, Psych #{Psych::VERSION}"'

# These print as JSON what they read, or nothing after an error.
echo 'console.log(JSON.stringify(require("js-yaml").load(process.argv[2])))' >"$tmp/js_yaml.cjs"
echo 'console.log(JSON.stringify(require("yaml").parse(process.argv[2])))' >"$tmp/yaml.cjs"
echo 'require "json"; require "yaml"; puts JSON.generate(YAML.load(ARGV[0]))' >"$tmp/psych.rb"
cat >"$tmp/try.py" <<'PYTHON'
import json, os, subprocess, sys

import ruamel.yaml
import yaml

FOLDER = sys.argv[1]
NAME = "\U00020bb7\u91ce"
VALUES = [NAME, 1000.0]
TEXTS = [json.dumps([NAME]), "[1e3]"]
ERROR = "an error"
SURROGATES = "surrogates"


def by_command(*command):
    def load(text):
        ran = subprocess.run(command + (text,), cwd=FOLDER, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                             timeout=30)
        return ERROR if ran.returncode else json.loads(ran.stdout)[0]
    return load


def by_python(load):
    def first(text):
        try:
            value = load(text)[0]
        except (yaml.YAMLError, ruamel.yaml.error.YAMLError):
            return ERROR
        try:
            str(value).encode()
        except UnicodeEncodeError:
            return SURROGATES
        return value
    return first


different = []
for text, value in zip(TEXTS, VALUES):
    if json.loads(text) != [value]:
        different.append("json reads %s otherwise" % text)
print("  %-20s %s" % ("", "  ".join("%-28s" % text for text in map(ascii, TEXTS))))
for name, load, expected in (
    ("safe_load", by_python(yaml.safe_load), [SURROGATES, "1e3"]),
    ("CSafeLoader", by_python(lambda text: yaml.load(text, Loader=yaml.CSafeLoader)), [ERROR, "1e3"]),
    ("ruamel.yaml", by_python(ruamel.yaml.YAML(typ="safe", pure=True).load), [SURROGATES, 1000.0]),
    ("js-yaml", by_command("node", "js_yaml.cjs"), [NAME, 1000.0]),
    ("yaml", by_command("node", "yaml.cjs"), [NAME, 1000.0]),
    ("Ruby", by_command("ruby", "psych.rb"), [ERROR, "1e3"]),
):
    seen = [load(text) for text in TEXTS]
    print("  %-20s %s" % (name, "  ".join("%-28s" % (one if one in (ERROR, SURROGATES) else ascii(one))
                                          for one in seen)))
    if seen != expected:
        different.append("%s, expected %a" % (name, expected))
if different:
    sys.exit("DIFFERENT: " + "; ".join(different))
PYTHON
timeout 100 "$tmp/venv/bin/python" "$tmp/try.py" "$tmp"
echo "As told: two of six read what JSON says."
