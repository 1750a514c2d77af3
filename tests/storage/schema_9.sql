-- The database of a server of schema 9, as SQL: written by its `Database`.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 9;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER, devices BLOB);
INSERT INTO "accounts" VALUES(1,'ann',NULL,0,1795980000,NULL,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, last_place INTEGER NOT NULL DEFAULT 0, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','',0);
INSERT INTO "conversations" VALUES(1,'ann','bob',0);
INSERT INTO "conversations" VALUES(2,'ann','cid',0);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE extras (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, extra BLOB, checksum INTEGER);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('identity','8da7750b756a2706');
INSERT INTO "facts" VALUES('number',4);
INSERT INTO "facts" VALUES('reserved',0);
INSERT INTO "facts" VALUES('room',0);
INSERT INTO "facts" VALUES('run','run');
INSERT INTO "facts" VALUES('through',1);
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
CREATE TABLE markers (
        owner TEXT, room INTEGER, partner TEXT, number INTEGER, PRIMARY KEY (owner, room, partner)) WITHOUT ROWID;
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, place INTEGER);
INSERT INTO "messages" VALUES(1,0,1795980001000,'ann','hi all',1919226242,1);
INSERT INTO "messages" VALUES(2,1,1795980002000,'bob','one',2482729892,1);
INSERT INTO "messages" VALUES(3,2,1795980003000,'ann','two',1555830629,1);
INSERT INTO "messages" VALUES(4,1,1795980004000,'ann','three',2258338681,2);
CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER, source TEXT NOT NULL DEFAULT '') WITHOUT ROWID;
CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
CREATE INDEX kept_for ON kept (receiver, id);
CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
CREATE INDEX with_other ON conversations (other);
CREATE INDEX extras_in ON extras (conversation, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',1);
COMMIT;
