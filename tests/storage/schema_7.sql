-- The database of a server of schema 7, as SQL: written by its `Database`.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER);
INSERT INTO "accounts" VALUES(1,'ann','pbkdf2$600000$MSeIVEjOfIkXaNWG6XRAEA==$T9cQQKf1jCkzDZZ2Oqv2tw5pTqR2vqxO0wZb3P3Z6nM=',0,1795970000,1795970000);
INSERT INTO "accounts" VALUES(2,'bob',NULL,0,1795970000,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, last_place INTEGER NOT NULL DEFAULT 0, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','',0);
INSERT INTO "conversations" VALUES(1,'ann','bob',0);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE extras (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, extra BLOB, checksum INTEGER);
INSERT INTO "extras" VALUES(2,0,1795970002250,'ann',X'6D6F7265',2490240470);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('identity','f911e2633cec4b79');
INSERT INTO "facts" VALUES('number',3);
INSERT INTO "facts" VALUES('reserved',0);
INSERT INTO "facts" VALUES('room',0);
INSERT INTO "facts" VALUES('run','');
INSERT INTO "facts" VALUES('through',0);
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
INSERT INTO "kept" VALUES(1,'bob',1795970003250,'ann','while you were away',2598534865,'127.0.0.1');
CREATE TABLE markers (
        owner TEXT, room INTEGER, partner TEXT, number INTEGER, PRIMARY KEY (owner, room, partner)) WITHOUT ROWID;
INSERT INTO "markers" VALUES('ann',0,'',1);
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, place INTEGER);
INSERT INTO "messages" VALUES(1,0,1795970001250,'ann','hi all',3451646194,1);
INSERT INTO "messages" VALUES(2,0,1795970002250,'ann','hi',3339450595,2);
INSERT INTO "messages" VALUES(3,1,1795970003250,'ann','while you were away',2598534865,1);
CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER) WITHOUT ROWID;
CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
CREATE INDEX kept_for ON kept (receiver, id);
CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
CREATE INDEX with_other ON conversations (other);
CREATE INDEX extras_in ON extras (conversation, number);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',2);
INSERT INTO "sqlite_sequence" VALUES('kept',1);
COMMIT;
