-- The database of a server that knew of fewer look-alikes (`python -m server --storage`), as SQL. The accounts were made
-- with REGISTER and CREATE. Passwords: tom-1, torn-1, aIice-1, ann-1, nothing-1 (of the one who has nothing behind
-- ann), drn-1, student-1; the last two have none. The secrets of tom and torn were made where Python had no scrypt.
PRAGMA auto_vacuum = INCREMENTAL;
PRAGMA user_version = 1;
BEGIN TRANSACTION;
CREATE TABLE accounts (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, secret TEXT, since INTEGER);
INSERT INTO "accounts" VALUES(1,'tom','pbkdf2$600000$3BBwY2xzleuC2ltoQqivFA==$DEsKqA+l9oliM5X42uUWoeNCOyV/R/V1RvryKKiEQGU=',0);
INSERT INTO "accounts" VALUES(2,'torn','pbkdf2$600000$RbKPM2RCmaA0G6Ep/gSPMA==$mgKDTVg2agIqUqXORyFZJa5yr8sNh1imuLPI2y+ChMY=',1);
INSERT INTO "accounts" VALUES(3,'aIice','scrypt$16384:8:1$gHI4AeAv5BDt0WumBZC4FA==$PZNPmSZBfoct1+Yt/Y+Vz3dn3udymYdMB/81ICNeNcy8EhJ5Qg27RgDlPlALVb4heDy2ZNr+QVG3d8Vvgqa5IQ==',2);
INSERT INTO "accounts" VALUES(4,'ann','scrypt$16384:8:1$FXw52w4V4eyjbFfE2NKsGQ==$0jNS7raCKF4ptEA2l7biCYRlot2zcAVa2Ru52Sl4DsDiUeYflxh023NGUEEVvZ3psW83Btg+m69pdguP0JmuBQ==',3);
INSERT INTO "accounts" VALUES(5,'ann' || char(0x1D159),'scrypt$16384:8:1$5KFtJqX60CG/y72UwJMvNg==$7QlzJk/T2VcgtZoEks8Vf+gyFd4TiM6LuRuy4cAQ+z7lNu3c3jDnoM8DR18k2H9lJYqjk1ZcPTyxFob0rW4zNg==',4);
INSERT INTO "accounts" VALUES(6,'drn','scrypt$16384:8:1$LCdhOo1DT3mpHgFmYCMfxA==$jAINGES+F5z131Mlq7gxINxoE5uxk1RXTI/u1rGg4Xv/eaPn75C5f5X2l/89ovtdWYYn9ON+xK2T8uQeQmqDLw==',5);
INSERT INTO "accounts" VALUES(7,'student-0105','scrypt$16384:8:1$mWZaA6PFLOOG/H3xEe0fhA==$PZMopUnf57BPFdL9KIZnVJh9pDN47rhsvlDANrUaHdx8RDTh96kfHoZltUHeANJCr2AypPQrWqUrUOTY9lu0SQ==',6);
INSERT INTO "accounts" VALUES(8,'wendy',NULL,7);
INSERT INTO "accounts" VALUES(9,'vvendy',NULL,7);
CREATE TABLE conversations (id INTEGER PRIMARY KEY, one TEXT, other TEXT, UNIQUE (one, other));
INSERT INTO "conversations" VALUES(0,'','');
INSERT INTO "conversations" VALUES(1,'ann','vvendy');
INSERT INTO "conversations" VALUES(2,'ann','torn');
CREATE TABLE days (day INTEGER PRIMARY KEY, first INTEGER);
INSERT INTO "days" VALUES(20785,1);
CREATE TABLE facts (key TEXT PRIMARY KEY, value) WITHOUT ROWID;
INSERT INTO "facts" VALUES('number',9);
INSERT INTO "facts" VALUES('run','69e3c3845d1bfc0a');
INSERT INTO "facts" VALUES('through',14);
CREATE TABLE kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, receiver TEXT, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
INSERT INTO "kept" VALUES(1,'vvendy',1795905503,'ann','are you there?',842763906);
CREATE TABLE messages (
        number INTEGER PRIMARY KEY, conversation INTEGER, time INTEGER, sender TEXT, text TEXT, checksum INTEGER);
INSERT INTO "messages" VALUES(1,0,1795905492,'tom','hello from here',1688564346);
INSERT INTO "messages" VALUES(2,0,1795905495,'torn','hello from here',3833492917);
INSERT INTO "messages" VALUES(3,0,1795905500,'aIice','hello from here',2552239795);
INSERT INTO "messages" VALUES(4,0,1795905501,'ann','hello from here',3148022616);
INSERT INTO "messages" VALUES(5,0,1795905501,'ann' || char(0x1D159),'hello from here',2159340432);
INSERT INTO "messages" VALUES(6,0,1795905502,'drn','hello from here',3429706003);
INSERT INTO "messages" VALUES(7,0,1795905502,'student-0105','hello from here',85006645);
INSERT INTO "messages" VALUES(8,1,1795905503,'ann','are you there?',842763906);
INSERT INTO "messages" VALUES(9,2,1795905503,'ann','hi torn',2556198466);
CREATE INDEX said_in ON messages (conversation);
CREATE INDEX kept_for ON kept (receiver, id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',9);
INSERT INTO "sqlite_sequence" VALUES('kept',1);
COMMIT;
