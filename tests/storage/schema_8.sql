-- The database of a server of schema 8, as SQL: written by its `Database`.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 8;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER, devices BLOB);
INSERT INTO "accounts" VALUES(1,'ann',NULL,0,1795970000,NULL,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, last_place INTEGER NOT NULL DEFAULT 0, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','',0);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE extras (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, extra BLOB, checksum INTEGER);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('identity','d77dd59ebfd006ac');
INSERT INTO "facts" VALUES('number',1);
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
INSERT INTO "messages" VALUES(1,0,1795970001000,'ann','hi all',838502220,1);
CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'0101010101010101010101010101010101010101010101010101010101010101','ann',1,0);
INSERT INTO "sessions" VALUES(X'0202020202020202020202020202020202020202020202020202020202020202','bob',0,1);
CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
INSERT INTO "tags" VALUES(1,X'0202020202020202020202020202020202020202020202020202020202020202',X'7431',1795970000000);
CREATE INDEX kept_for ON kept (receiver, id);
CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
CREATE INDEX with_other ON conversations (other);
CREATE INDEX extras_in ON extras (conversation, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',1);
COMMIT;
