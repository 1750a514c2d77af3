#!/usr/bin/env bash
# A caught "database or disk is full" takes the rows before it with it, and commit() succeeds all the same.
#
# A statement that breaks a constraint is undone alone; the transaction goes on. At SQLITE_FULL SQLite
# ends the whole transaction by itself. Python's sqlite3 then opens a new one for the next statement
# unasked, so: insert A, insert B (full, caught), insert C, commit() - no error, and A is gone.
# Also: on a database that cannot grow, DELETE works (in WAL mode too) and makes room for INSERT, and
# PRAGMA max_page_count, the way to such a limit, is forgotten when the database is closed.
# Seen with SQLite 3.40.1, Python 3.11, in the journal modes wal and delete.
# A chat server that drops one message when the disk is full has dropped its neighbours too.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

cat >"$tmp/try.py" <<'PYTHON'
import sqlite3, sys

print("Python", sys.version.split()[0], "- SQLite", sqlite3.sqlite_version)
SMALL, BIG = "small", "x" * 100000


def check(what, seen, expected):
    print("%-54s %s" % (what, seen))
    if seen != expected:
        sys.exit("DIFFERENT: expected %s" % (expected,))


def caught(connection, identity, text):
    try:
        connection.execute("INSERT INTO said VALUES (?, ?)", (identity, text))
    except sqlite3.Error as error:
        return str(error)


for mode in "wal", "delete":
    print("journal mode", mode)
    path = "%s/%s.db" % (sys.argv[1], mode)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode=" + mode).fetchall()
    connection.execute("CREATE TABLE said (id TEXT PRIMARY KEY, text)")
    connection.commit()
    connection.execute("PRAGMA max_page_count=10").fetchall()

    caught(connection, "A", SMALL)
    check("  the same key again", caught(connection, "A", SMALL), "UNIQUE constraint failed: said.id")
    check("  still in the transaction", connection.in_transaction, True)
    check("  more than there is room for", caught(connection, "B", BIG), "database or disk is full")
    check("  still in the transaction", connection.in_transaction, False)
    check("  a small row again", caught(connection, "C", SMALL), None)
    connection.commit()
    check("  after commit() there is", connection.execute("SELECT id FROM said").fetchall(), [("C",)])

    rows = 0
    while caught(connection, "row %d" % rows, "x" * 300) is None:
        connection.commit()
        rows += 1
    deleted = connection.execute("DELETE FROM said WHERE id LIKE 'row %'").rowcount
    connection.commit()
    check("  of a full database DELETE takes all rows", deleted == rows > 10, True)
    check("  and there is room again", caught(connection, "D", SMALL), None)
    connection.commit()
    connection.close()
    connection = sqlite3.connect(path)
    limit = connection.execute("PRAGMA max_page_count").fetchone()[0]
    check("  the limit of 10 pages holds after closing", limit == 10, False)
    connection.close()
PYTHON
timeout 60 python3 "$tmp/try.py" "$tmp"
echo "As told: A was lost without an error at commit()."
