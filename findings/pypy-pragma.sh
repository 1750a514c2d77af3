#!/usr/bin/env bash
# In PyPy `connection.execute("PRAGMA journal_mode=wal")` makes the next COMMIT fail; in CPython it does not.
#
# This PRAGMA answers with a row. While nobody has fetched it, its statement counts as one that writes,
# and COMMIT says "cannot commit transaction - SQL statements in progress". CPython ends the statement
# when the cursor that nobody kept is dropped, that is at once; PyPy when garbage is collected, some time
# later. fetchone() or fetchall() helps both, and a CPython program that keeps the cursor fails as well.
# Seen with PyPy 7.3.11 (Python 3.9; Debian package pypy3) and CPython 3.9 to 3.13, SQLite 3.40.1.
# A server that sets up its database with such a line fails in PyPy at its first transaction.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

if ! command -v pypy3 >/dev/null; then
    timeout 300 apt-get -qq update
    timeout 300 apt-get -qq install -y --no-install-recommends pypy3 >/dev/null
fi

cat >"$tmp/try.py" <<'PYTHON'
import gc, platform, sqlite3, sys

implementation = platform.python_implementation()
REFUSED = "cannot commit transaction - SQL statements in progress"
TOLD = {
    "CPython": {"dropped": "done", "kept": REFUSED, "fetched": "done", "collected": "done"},
    "PyPy": {"dropped": REFUSED, "kept": REFUSED, "fetched": "done", "collected": "done"},
}[implementation]
print(implementation, platform.python_version(), "- SQLite", sqlite3.sqlite_version)


def commit(what):
    """What COMMIT says, depending on what has become of the PRAGMA's cursor."""
    connection = sqlite3.connect("%s/%s-%s.db" % (sys.argv[1], implementation, what), isolation_level=None)
    cursor = connection.execute("PRAGMA journal_mode=wal")
    if what == "fetched":
        cursor.fetchall()
    if what != "kept":
        del cursor
    if what == "collected":
        gc.collect()
    connection.execute("BEGIN")
    connection.execute("CREATE TABLE said (text)")
    try:
        connection.execute("COMMIT")
        return "done"
    except sqlite3.OperationalError as error:
        return str(error)


for what, told in TOLD.items():
    seen = commit(what)
    print("  cursor %-10s COMMIT: %s" % (what + ",", seen))
    if seen != told:
        sys.exit("DIFFERENT: expected " + told)
PYTHON
timeout 60 python3 "$tmp/try.py" "$tmp"
timeout 60 pypy3 "$tmp/try.py" "$tmp"
echo "As told: without the cursor CPython commits and PyPy does not."
