-- The database of a server of schema 2 (`python -m server --storage`), as SQL. Passwords: ann-1, bob-1.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 2;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER, made INTEGER, used INTEGER);
INSERT INTO "accounts" VALUES(1,'ann','scrypt$16384:8:5$CYtZRSeoFHvGBp77UDTp/g==$hO1/pTrRpqm75owMZ9BdauQRJAd0VgPQ503/hBAFVi9a6KaWTWq5+GkrRn2nXpBjhbghp7gLrmQECKX990xDyQ==',0,1795935399,NULL);
INSERT INTO "accounts" VALUES(2,'bob','scrypt$16384:8:5$mxEZmG9ojwPXYmUNSFYdZQ==$/92rma55oEU1EL2O7MYeJOJOucRJD4SmEokoeyqvQiyhIX/xPy4v4EXVjlw3Wu3HpV8V+Be3we4mWwZ9MvTuNw==',3,1795935399,NULL);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','');
INSERT INTO "conversations" VALUES(1,'ann','ann');
INSERT INTO "conversations" VALUES(2,'ann','bob');
INSERT INTO "conversations" VALUES(3,'bob','bob');
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20786,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('number',5);
INSERT INTO "facts" VALUES('run','82f0fe502ee2279c');
INSERT INTO "facts" VALUES('through',6);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER, source TEXT NOT NULL DEFAULT '');
INSERT INTO "kept" VALUES(1,'ann',1795935399,'bob','while you were away',353682127,'127.0.0.1');
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
INSERT INTO "messages" VALUES(1,0,1795935399,'ann','hello, all',2674394697);
INSERT INTO "messages" VALUES(2,0,1795935399,'ann','grüße 😀',4064403405);
INSERT INTO "messages" VALUES(3,1,1795935399,'ann','to myself',347035815);
INSERT INTO "messages" VALUES(4,2,1795935399,'bob','while you were away',353682127);
INSERT INTO "messages" VALUES(5,3,1795935399,'bob','to bob',1748488494);
CREATE INDEX said_in ON messages (conversation);
CREATE INDEX kept_for ON kept (receiver, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',2);
INSERT INTO "sqlite_sequence" VALUES('kept',1);
COMMIT;
