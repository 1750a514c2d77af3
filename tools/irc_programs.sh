#!/usr/bin/env bash
# Installs the programs for IRC that tests/irc tries with our server, in the versions that were tried: clients from
# Debian, and libraries for bots into ~/.cache/parley-irc. What cannot be installed does not take part.
#
#   tools/irc_programs.sh          those that are installed in seconds
#   tools/irc_programs.sh all      all of them
set -euo pipefail
cache="$HOME/.cache/parley-irc"
python="${PYTHON:-python3}"
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

clients="irssi ii weechat-headless"
bots="irc==20.5.0 irc3==1.1.12 pydle==1.2.0 miniirc==1.10.0"
if [ "${1:-}" = all ]; then
    clients="$clients hexchat xvfb xdotool"
    bots="$bots sopel==8.0.4 limnoria==2026.10.4"
fi
missing=
for client in $clients; do
    [ "$(dpkg-query --show --showformat '${db:Status-Status}' "$client" 2>/dev/null)" = installed ] || missing="$missing $client"
done
if [ -n "$missing" ]; then
    # shellcheck disable=SC2086  # several words
    as_root apt-get install -q -y --no-install-recommends $missing || echo "not installed:$missing"
fi
if [ "$(cat "$cache/bots" 2>/dev/null)" != "$bots" ]; then
    rm -rf "$cache/python"
    # shellcheck disable=SC2086  # several words
    if "$python" -m pip install --quiet --disable-pip-version-check --no-compile --target "$cache/python" $bots; then
        echo "$bots" >"$cache/bots"
    else
        echo "not installed: $bots"
    fi
fi
if [ "${1:-}" = all ] && command -v npm >/dev/null && [ ! -e "$cache/node_modules/irc-framework" ]; then
    npm install --silent --no-save --prefix "$cache" irc-framework@4.14.0 || echo "not installed: irc-framework"
fi
