#!/usr/bin/env bash
# Lets irctest (https://github.com/progval/irctest), which judges servers of IRC, judge ours: two minutes on two cores.
#
#   tools/irctest.sh DIR [OPTION ...]    DIR: a checkout of irctest; OPTION: one of pytest
#
# DIR/.venv/bin/python runs it if there is one, otherwise python3. It needs what DIR/requirements.txt names; with
# pytest-xdist it runs as many tests at once as there are cores. .ci/run does this with PARLEY_IRCTEST=DIR.
set -euo pipefail
root="$(cd "$(dirname "$0")/.." && pwd)"
cd "$1"
shift
python=.venv/bin/python
[ -x "$python" ] || python=python3
if "$python" -c 'import xdist' 2>/dev/null; then set -- -n "$(getconf _NPROCESSORS_ONLN)" "$@"; fi
export PARLEY_PYTHON="${PARLEY_PYTHON:-$root/.venv/bin/python}" PYTHONPATH="$root/tests"
exec "$python" -m pytest -q -rfEs --controller irctest_controller \
    -m "not Ergo and not Sable and not deprecated and not strict" irctest/server_tests "$@"
