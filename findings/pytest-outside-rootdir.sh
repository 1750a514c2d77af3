#!/usr/bin/env bash
# pytest gives tests outside its rootdir ids without a folder, even without a file name.
#
# With --rootdir (or -c) set, a folder outside it that is named on the command line is left out of the
# node ids: one/test_it.py and two/test_it.py are both "test_it.py::test". If the file itself is named,
# the id is "::test" and the classname in the JUnit XML is empty. Two different tests then have one id,
# so --lf runs both when only one failed, and pytest does not find the id that it printed itself.
# Seen with pytest 8.3.4.
# A test suite shared by a server and its clients, each with its own rootdir, meets this.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pytest==8.3.4
mkdir -p "$tmp/root" "$tmp/one" "$tmp/two"
echo 'def test(): assert False' >"$tmp/one/test_it.py"
echo 'def test(): pass' >"$tmp/two/test_it.py"
cd "$tmp/root"
timeout 60 ../venv/bin/pytest --version

run() {
    timeout 60 ../venv/bin/pytest --rootdir=. --import-mode=importlib -q --tb=no "$@" || true
}
expect() {
    [[ $2 == *"$1"* ]] || { echo "DIFFERENT: no '$1' in: $2"; exit 1; }
}
same_twice() {
    (($(grep -c -x "$1" <<<"$2") == 2)) || { echo "DIFFERENT: not twice '$1' in: $2"; exit 1; }
}

seen=$(run --collect-only ../one ../two)
echo "-- folders named:" && head -n 2 <<<"$seen"
same_twice test_it.py::test "$seen"
seen=$(run --collect-only ../one/test_it.py ../two/test_it.py)
echo "-- files named:" && head -n 2 <<<"$seen"
same_twice ::test "$seen"

run --junitxml=junit.xml ../one/test_it.py ../two/test_it.py >/dev/null
grep -o 'testcase classname="[^"]*" name="[^"]*"' junit.xml
expect 'classname="" name="test"' "$(cat junit.xml)"

seen=$(run --lf ../one/test_it.py ../two/test_it.py)
echo "-- the last failed one again (--lf):" && tail -n 1 <<<"$seen"
expect "1 failed, 1 passed" "$seen"
seen=$(run test_it.py::test 2>&1)
echo "-- the id as it was printed:" && grep ERROR <<<"$seen"
expect "not found" "$seen"
echo "As told: two tests have the same id."
