#!/usr/bin/env bash
# `pytest --lf` is green although the test that failed last still fails, if pytest-xdist has grouped it.
#
# With `--dist loadgroup` a test that is marked `xdist_group("db")` reports under another id, `test_one@db`.
# Under that id the failure goes into pytest's cache, the JUnit file and the summary. The next run collects
# `test_one`, which is in no list of failures: where another test has failed as well, `--lf` leaves the
# grouped one out and passes when the other is mended, with `-n 2 --dist loadgroup`, too.
# Seen with pytest 8.3.4 and pytest-xdist 3.6.1 (PyPI).
# A build that first runs `--lf` and trusts it; and whoever pastes an id from the summary: `pytest
# test_it.py::test_one@db` finds nothing.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

python3 -m venv "$tmp/venv"
timeout 300 "$tmp/venv/bin/pip" install -qq --disable-pip-version-check pytest==8.3.4 pytest-xdist==3.6.1
cd "$tmp"
pytest=(timeout 60 "$tmp/venv/bin/python" -m pytest -q --tb=no --rootdir "$tmp")
"$tmp/venv/bin/python" -c 'import pytest, sys, xdist; print("pytest", pytest.__version__, "- xdist", xdist.__version__,
                           "- Python", sys.version.split()[0])'
cat >test_it.py <<'PYTHON'
import os

import pytest


@pytest.mark.xdist_group("db")
def test_one():
    assert False


def test_two():
    assert "MENDED" in os.environ
PYTHON

echo "first run:"
"${pytest[@]}" -n 2 --dist loadgroup -rf >first || true
grep "^FAILED\|failed" first | sort | sed 's/ - .*//; s/ in .*//; s/^/  /'
for options in "" "-n 2 --dist loadgroup"; do
    cp -r .pytest_cache kept
    # shellcheck disable=SC2086
    if MENDED=1 "${pytest[@]}" $options --lf >last; then status=0; else status=$?; fi
    rm -rf .pytest_cache && mv kept .pytest_cache
    echo "with test_two mended, pytest --lf $options: exit status $status, $(tail -1 last | sed 's/ in .*//')"
    if [[ $status != 0 ]] || ! grep -q "^1 passed" last; then
        echo "DIFFERENT: expected 1 passed"
        exit 1
    fi
done
if "${pytest[@]}" "test_it.py::test_one@db" >pasted 2>&1; then status=0; else status=$?; fi
echo "pytest test_it.py::test_one@db: exit status $status"
[[ $status == 4 ]] || { echo "DIFFERENT: expected 4"; exit 1; }
echo "As told: the test that still fails is not among those that failed last."
