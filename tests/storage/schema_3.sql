-- The database of a server of schema 3 (`python -m server --storage`), as SQL. Passwords: ann-1, bob-1. The account of
-- cid was deleted just before the end, so what cid had said to ann was not yet pruned.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 3;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER);
INSERT INTO "accounts" VALUES(1,'ann','scrypt$16384:8:5$inhLsYxFXn2ey5eUH/PZKw==$z34ghEVWT8RWAn7GDxM3m2wmXGqbHcboM+X8CNHYDHKF12a1SnkQA0MCDZO52WTcyYuW6VudttIKn5OcweCKLQ==',0,1795952127,1795952127);
INSERT INTO "accounts" VALUES(2,'bob','scrypt$16384:8:5$/uwWcSpnoaX/ezZQVo6XUg==$+NGs76PSh9jHeTaKRZo0ltrVUEVBra3R/f7YTR0hm46AnUpF0k/0+Dj+qBRZUMuBg5mvKV/2fHJKyxD8tHc58A==',0,1795952128,1795952128);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','');
INSERT INTO "conversations" VALUES(1,'ann','bob');
INSERT INTO "conversations" VALUES(2,NULL,NULL);
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('number',9);
INSERT INTO "facts" VALUES('reserved',9);
INSERT INTO "facts" VALUES('run','c0cd5955ac77dd70');
INSERT INTO "facts" VALUES('through',17);
CREATE TABLE gaps (last INTEGER PRIMARY KEY, first INTEGER);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
INSERT INTO "messages" VALUES(1,0,1795952129387,'ann','hello, all',2259733638);
INSERT INTO "messages" VALUES(2,1,1795952129393,'ann','hi bob',3450664391);
INSERT INTO "messages" VALUES(3,1,1795952129429,'bob','hi ann',479687161);
INSERT INTO "messages" VALUES(4,0,1795952129445,'bob','hello, ann',232995233);
INSERT INTO "messages" VALUES(5,2,1795952129489,'cid','I am going',2171820326);
INSERT INTO "messages" VALUES(6,0,1795952129509,'cid','grüße 😀',2678801409);
INSERT INTO "messages" VALUES(7,1,1795952129555,'ann','how are you?',3498066556);
INSERT INTO "messages" VALUES(8,1,1795952130101,'ann','while you were away',4291338401);
INSERT INTO "messages" VALUES(9,0,1795952130145,'ann','the last word',1260723322);
CREATE INDEX said_in ON messages (conversation);
CREATE INDEX kept_for ON kept (receiver, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',3);
COMMIT;
