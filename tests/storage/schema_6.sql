-- The database of a server of schema 6, as SQL: written by its `Database`.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 6;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER);
INSERT INTO "accounts" VALUES(1,'ann','pbkdf2$600000$MSeIVEjOfIkXaNWG6XRAEA==$T9cQQKf1jCkzDZZ2Oqv2tw5pTqR2vqxO0wZb3P3Z6nM=',0,1795960000,NULL);
INSERT INTO "accounts" VALUES(2,'bob',NULL,0,1795960000,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, last_place INTEGER NOT NULL DEFAULT 0, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','',0);
INSERT INTO "conversations" VALUES(1,'','#1',0);
INSERT INTO "conversations" VALUES(2,'ann','bob',0);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('identity','b53af3a7a466986b');
INSERT INTO "facts" VALUES('number',4);
INSERT INTO "facts" VALUES('reserved',4);
INSERT INTO "facts" VALUES('room',1);
INSERT INTO "facts" VALUES('run','');
INSERT INTO "facts" VALUES('through',0);
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
INSERT INTO "kept" VALUES(1,'bob',1795960004250,'ann','while you were away',1865517096,'127.0.0.1');
CREATE TABLE markers (
        owner TEXT, room INTEGER, partner TEXT, number INTEGER, PRIMARY KEY (owner, room, partner)) WITHOUT ROWID;
INSERT INTO "markers" VALUES('ann',1,'',2);
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, place INTEGER);
INSERT INTO "messages" VALUES(1,0,1795960001250,'ann','hi all',442069162,1);
INSERT INTO "messages" VALUES(2,1,1795960002250,'ann','first in dev',2446810385,1);
INSERT INTO "messages" VALUES(3,1,1795960003250,'bob','second in dev',2610294578,2);
INSERT INTO "messages" VALUES(4,2,1795960004250,'ann','while you were away',1865517096,1);
CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
INSERT INTO "rooms" VALUES(1,'#dev','{"banned": {"cid": ["ann", "rude"], "troll*": ["ann", ""]}, "invite": false, "key": null, "left_at": 1795960000, "limit": 0, "moderated": false, "muted": {"dan": ["ann", "loud"]}, "private": false, "roles": {"ann": 4}, "since": {}, "slow": 0, "topic": ["work", "ann", 1795960000]}');
CREATE TABLE sessions (key BLOB PRIMARY KEY, name TEXT, account INTEGER, since INTEGER) WITHOUT ROWID;
INSERT INTO "sessions" VALUES(X'0101010101010101010101010101010101010101010101010101010101010101','ann',1,0);
CREATE TABLE tags (number INTEGER PRIMARY KEY, session BLOB, tag BLOB, time INTEGER);
CREATE INDEX kept_for ON kept (receiver, id);
CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
CREATE INDEX with_other ON conversations (other);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',2);
INSERT INTO "sqlite_sequence" VALUES('kept',1);
COMMIT;
