-- The database of a server of schema 4, as SQL: written by its `Database`. The account of cid was deleted just before
-- the end, so what cid had said to ann was not yet pruned, nor what was said in a room that was closed.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 4;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER);
INSERT INTO "accounts" VALUES(1,'ann','scrypt$16384:8:5$inhLsYxFXn2ey5eUH/PZKw==$z34ghEVWT8RWAn7GDxM3m2wmXGqbHcboM+X8CNHYDHKF12a1SnkQA0MCDZO52WTcyYuW6VudttIKn5OcweCKLQ==',0,1795960000,NULL);
INSERT INTO "accounts" VALUES(2,'bob',NULL,0,1795960000,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, last_place INTEGER NOT NULL DEFAULT 0, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','',0);
INSERT INTO "conversations" VALUES(1,'ann','bob',0);
INSERT INTO "conversations" VALUES(2,'','#1',0);
INSERT INTO "conversations" VALUES(3,NULL,NULL,0);
INSERT INTO "conversations" VALUES(4,NULL,NULL,0);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('number',10);
INSERT INTO "facts" VALUES('reserved',10);
INSERT INTO "facts" VALUES('room',2);
INSERT INTO "facts" VALUES('run','c0cd5955ac77dd70');
INSERT INTO "facts" VALUES('through',17);
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
INSERT INTO "kept" VALUES(1,'bob',1795960009250,'ann','while you were away',1711040937,'127.0.0.1');
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, place INTEGER);
INSERT INTO "messages" VALUES(1,0,1795960001250,'ann','hello, all',2191866154,1);
INSERT INTO "messages" VALUES(2,1,1795960002250,'ann','hi bob',3321354830,1);
INSERT INTO "messages" VALUES(3,1,1795960003250,'bob','hi ann',3305404570,2);
INSERT INTO "messages" VALUES(4,2,1795960004250,'ann','first in dev',1743411415,1);
INSERT INTO "messages" VALUES(5,2,1795960005250,'bob','second in dev',3915691442,2);
INSERT INTO "messages" VALUES(6,3,1795960006250,'dan','soon forgotten',3616868796,1);
INSERT INTO "messages" VALUES(7,4,1795960007250,'cid','I am going',3642121046,1);
INSERT INTO "messages" VALUES(8,0,1795960008250,'cid','grüße 😀',2118757715,2);
INSERT INTO "messages" VALUES(9,1,1795960009250,'ann','while you were away',1711040937,3);
INSERT INTO "messages" VALUES(10,0,1795960010250,'ann','the last word',1700025614,3);
CREATE TABLE rooms (number INTEGER PRIMARY KEY, name TEXT, state TEXT);
INSERT INTO "rooms" VALUES(1,'#dev','{"banned": {}, "invite": false, "key": null, "left_at": 1795960000, "limit": 0, "moderated": false, "muted": {}, "private": true, "roles": {"ann": 4}, "since": {}, "slow": 0, "topic": ["work", "ann", 1795960000]}');
CREATE INDEX kept_for ON kept (receiver, id);
CREATE UNIQUE INDEX placed_in ON messages (conversation, place);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',3);
INSERT INTO "sqlite_sequence" VALUES('kept',1);
COMMIT;
