-- A store as version 0.1.0 wrote it under schema 1: a board with counter running and blink installed. Never edited.
BEGIN TRANSACTION;
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY,
    time_ms INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,1795242124836,'gateway','gateway.opened','','after a clean end','0000000000000000000000000000000000000000000000000000000000000000','39ab93507f1ad45153ee38649e6cdc61649697f06e94d1ac1c053255cd51d4df');
INSERT INTO "audit" VALUES(2,1795242126309,'operator','pairing.created','dev-5277b9d006f102ec','for a new device','39ab93507f1ad45153ee38649e6cdc61649697f06e94d1ac1c053255cd51d4df','6ef9a20392f48bd33d075b6fd16b9763fb1348e9f14a11b1d83afbb17bd390c3');
INSERT INTO "audit" VALUES(3,1795242126384,'operator','package.signed','counter#1','counter 0.1.0 with sha256 70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e','6ef9a20392f48bd33d075b6fd16b9763fb1348e9f14a11b1d83afbb17bd390c3','fde98a811fefabc14a0fcb0ecfc9be0bb183def1a6ee1bed714815667a98899a');
INSERT INTO "audit" VALUES(4,1795242126385,'operator','package.deployed','counter#1','to bench-1','fde98a811fefabc14a0fcb0ecfc9be0bb183def1a6ee1bed714815667a98899a','5a082b9ad1799bf42cd4577e88b00a75f560dd7d42a48a9c67cefe4215ea7244');
INSERT INTO "audit" VALUES(5,1795242126393,'operator','pairing.created','dev-5277b9d006f102ec','for a new certificate of a known device','5a082b9ad1799bf42cd4577e88b00a75f560dd7d42a48a9c67cefe4215ea7244','ce00d623e1631e7d355f6e1f74ceaa68375407dd390a0464e7ad5f85d73f4d0e');
INSERT INTO "audit" VALUES(6,1795242126900,'gateway','device.enrolled','dev-5277b9d006f102ec','certificate 4fd43264c752c459 for key 4590b1b4739ee94277112cce48e2257eaa3ac92dac5802fc1c95af655a50c563, over emulated bench-1','ce00d623e1631e7d355f6e1f74ceaa68375407dd390a0464e7ad5f85d73f4d0e','a7cd641f11debd3e47c766e8b7a918de6f8151167279fe49d90aae25cef6a53b');
INSERT INTO "audit" VALUES(7,1795242127238,'operator','package.signed','blink#1','blink 1.0.0 with sha256 5a5a08eb1309ee0714cb0d192e2c7e17a4a21d0ded272b50ec933834ba353a88','a7cd641f11debd3e47c766e8b7a918de6f8151167279fe49d90aae25cef6a53b','c207863bf74e38fc476879ce3712ab96b4d4809ea49f39bef1b7323ab4c3840d');
INSERT INTO "audit" VALUES(8,1795242127238,'operator','package.deployed','blink#1','to bench-1','c207863bf74e38fc476879ce3712ab96b4d4809ea49f39bef1b7323ab4c3840d','393f1864afe1f2c1b314f560d4f85a26fe10d385b071a75d16acb80d2cf89c65');
CREATE TABLE deployment_targets (
    deployment INTEGER NOT NULL,
    device TEXT NOT NULL,
    status TEXT NOT NULL,
    detail TEXT NOT NULL,
    changed_ms INTEGER NOT NULL,
    PRIMARY KEY (deployment, device)
) STRICT;
INSERT INTO "deployment_targets" VALUES(1,'dev-5277b9d006f102ec','done','counter 0.1.0 runs',1795242127220);
INSERT INTO "deployment_targets" VALUES(2,'dev-5277b9d006f102ec','done','blink 1.0.0 is installed',1795242127460);
CREATE TABLE deployments (
    id INTEGER PRIMARY KEY,
    package TEXT NOT NULL,
    app TEXT NOT NULL,
    start INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "deployments" VALUES(1,'counter#1','counter',1,1795242126385);
INSERT INTO "deployments" VALUES(2,'blink#1','blink',0,1795242127238);
CREATE TABLE devices (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    board TEXT NOT NULL,
    chip_id TEXT NOT NULL,
    state TEXT NOT NULL,
    firmware TEXT NOT NULL,
    last_heard_ms INTEGER,
    session_seq INTEGER NOT NULL,
    boot_count INTEGER NOT NULL,
    reset_reason TEXT,
    last_fault TEXT,
    heap_bytes INTEGER,
    store_bytes INTEGER,
    store_free_bytes INTEGER,
    enrolled_ms INTEGER,
    certificate_serial TEXT,
    certificate_key BLOB
) STRICT;
INSERT INTO "devices" VALUES('dev-5277b9d006f102ec','bench-1','nano33ble','95a13d89b459f8dc','disconnected','0.1.0',1795242127924,1,1,'power_on',NULL,232520,376832,376032,1795242126900,'4fd43264c752c459',X'4590B1B4739EE94277112CCE48E2257EAA3AC92DAC5802FC1C95AF655A50C563');
CREATE TABLE events (revision INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, fact TEXT NOT NULL) STRICT;
INSERT INTO "events" VALUES(1,1795242124836,'{"event":"gateway_opened","recovered":[]}');
INSERT INTO "events" VALUES(2,1795242126309,'{"event":"device_changed","device":{"id":"dev-5277b9d006f102ec","name":"bench-1","board":"","chip_id":"","state":"pending","last_heard_ms":null,"heard_ms_ago":null,"firmware":"","session_id":null,"peer":null,"uptime_ms":null,"boot_count":0,"reset_reason":null,"last_fault":null,"heap_bytes":null,"store_bytes":null,"store_free_bytes":null,"enrolled_ms":null,"certificate_serial":null,"apps":[],"wishes":[]},"change":"paired"}');
INSERT INTO "events" VALUES(3,1795242126384,'{"event":"package_signed","package":{"id":"counter#1","app":"counter","version":"0.1.0","sequence":1,"digest":"70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e","size_bytes":164,"memory_bytes":64,"stack_bytes":4096,"heap_bytes":13008,"callback_ms":500,"capabilities":["log","metrics","timer","gpio:6,13,16,24,41"],"targets":["nano33ble"],"signed_ms":1795242126384,"rollback_of":null}}');
INSERT INTO "events" VALUES(4,1795242126385,'{"event":"deployment_created","deployment":{"id":1,"package":"counter#1","app":"counter","start":true,"created_ms":1795242126385,"targets":[{"device":"dev-5277b9d006f102ec","status":"waiting","detail":"waits for the board to connect","changed_ms":1795242126385}]}}');
INSERT INTO "events" VALUES(5,1795242126385,'{"event":"wish_changed","device":"dev-5277b9d006f102ec","wish":{"app":"counter","package":"counter#1","run":true},"app":"counter"}');
INSERT INTO "events" VALUES(6,1795242126900,'{"event":"device_changed","device":{"id":"dev-5277b9d006f102ec","name":"bench-1","board":"nano33ble","chip_id":"95a13d89b459f8dc","state":"enrolled","last_heard_ms":null,"heard_ms_ago":null,"firmware":"0.1.0","session_id":null,"peer":null,"uptime_ms":null,"boot_count":0,"reset_reason":null,"last_fault":null,"heap_bytes":null,"store_bytes":null,"store_free_bytes":null,"enrolled_ms":1795242126900,"certificate_serial":"4fd43264c752c459","apps":[],"wishes":[{"app":"counter","package":"counter#1","run":true}]},"change":"enrolled"}');
INSERT INTO "events" VALUES(7,1795242127113,'{"event":"device_changed","device":{"id":"dev-5277b9d006f102ec","name":"bench-1","board":"nano33ble","chip_id":"95a13d89b459f8dc","state":"connected","last_heard_ms":1795242127113,"heard_ms_ago":null,"firmware":"0.1.0","session_id":null,"peer":null,"uptime_ms":null,"boot_count":1,"reset_reason":"power_on","last_fault":null,"heap_bytes":232520,"store_bytes":376832,"store_free_bytes":376032,"enrolled_ms":1795242126900,"certificate_serial":"4fd43264c752c459","apps":[],"wishes":[{"app":"counter","package":"counter#1","run":true}]},"change":"connected"}');
INSERT INTO "events" VALUES(8,1795242127114,'{"event":"deployment_moved","deployment":1,"package":"counter#1","target":{"device":"dev-5277b9d006f102ec","status":"transferring","detail":"the package is on its way","changed_ms":1795242127114}}');
INSERT INTO "events" VALUES(9,1795242127209,'{"event":"deployment_moved","deployment":1,"package":"counter#1","target":{"device":"dev-5277b9d006f102ec","status":"committing","detail":"the device checks and stores it","changed_ms":1795242127209}}');
INSERT INTO "events" VALUES(10,1795242127218,'{"event":"instance_changed","device":"dev-5277b9d006f102ec","instance":{"app":"counter","version":"0.1.0","sequence":1,"digest":"70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e","state":"starting","failure":null,"autostart":true,"uptime_ms":2722,"reported_ms":1795242127218}}');
INSERT INTO "events" VALUES(11,1795242127219,'{"event":"wish_changed","device":"dev-5277b9d006f102ec","wish":{"app":"counter","package":"counter#1","run":true},"app":"counter"}');
INSERT INTO "events" VALUES(12,1795242127220,'{"event":"instance_changed","device":"dev-5277b9d006f102ec","instance":{"app":"counter","version":"0.1.0","sequence":1,"digest":"70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e","state":"running","failure":null,"autostart":true,"uptime_ms":2723,"reported_ms":1795242127220}}');
INSERT INTO "events" VALUES(13,1795242127220,'{"event":"deployment_moved","deployment":1,"package":"counter#1","target":{"device":"dev-5277b9d006f102ec","status":"done","detail":"counter 0.1.0 runs","changed_ms":1795242127220}}');
INSERT INTO "events" VALUES(14,1795242127220,'{"event":"wish_changed","device":"dev-5277b9d006f102ec","wish":{"app":"counter","package":"counter#1","run":true},"app":"counter"}');
INSERT INTO "events" VALUES(15,1795242127238,'{"event":"package_signed","package":{"id":"blink#1","app":"blink","version":"1.0.0","sequence":1,"digest":"5a5a08eb1309ee0714cb0d192e2c7e17a4a21d0ded272b50ec933834ba353a88","size_bytes":5397,"memory_bytes":2768,"stack_bytes":4096,"heap_bytes":36692,"callback_ms":500,"capabilities":["log","metrics","timer","gpio:13"],"targets":["nano33ble"],"signed_ms":1795242127238,"rollback_of":null}}');
INSERT INTO "events" VALUES(16,1795242127238,'{"event":"deployment_created","deployment":{"id":2,"package":"blink#1","app":"blink","start":false,"created_ms":1795242127238,"targets":[{"device":"dev-5277b9d006f102ec","status":"waiting","detail":"about to be sent","changed_ms":1795242127238}]}}');
INSERT INTO "events" VALUES(17,1795242127238,'{"event":"wish_changed","device":"dev-5277b9d006f102ec","wish":{"app":"blink","package":"blink#1","run":false},"app":"blink"}');
INSERT INTO "events" VALUES(18,1795242127239,'{"event":"deployment_moved","deployment":2,"package":"blink#1","target":{"device":"dev-5277b9d006f102ec","status":"transferring","detail":"the package is on its way","changed_ms":1795242127239}}');
INSERT INTO "events" VALUES(19,1795242127371,'{"event":"deployment_moved","deployment":2,"package":"blink#1","target":{"device":"dev-5277b9d006f102ec","status":"committing","detail":"the device checks and stores it","changed_ms":1795242127371}}');
INSERT INTO "events" VALUES(20,1795242127456,'{"event":"instance_changed","device":"dev-5277b9d006f102ec","instance":{"app":"blink","version":"1.0.0","sequence":1,"digest":"5a5a08eb1309ee0714cb0d192e2c7e17a4a21d0ded272b50ec933834ba353a88","state":"installed","failure":null,"autostart":false,"uptime_ms":3441,"reported_ms":1795242127456}}');
INSERT INTO "events" VALUES(21,1795242127460,'{"event":"deployment_moved","deployment":2,"package":"blink#1","target":{"device":"dev-5277b9d006f102ec","status":"done","detail":"blink 1.0.0 is installed","changed_ms":1795242127460}}');
INSERT INTO "events" VALUES(22,1795242127460,'{"event":"wish_changed","device":"dev-5277b9d006f102ec","wish":{"app":"blink","package":"blink#1","run":false},"app":"blink"}');
INSERT INTO "events" VALUES(23,1795242128036,'{"event":"device_changed","device":{"id":"dev-5277b9d006f102ec","name":"bench-1","board":"nano33ble","chip_id":"95a13d89b459f8dc","state":"disconnected","last_heard_ms":1795242127924,"heard_ms_ago":null,"firmware":"0.1.0","session_id":null,"peer":null,"uptime_ms":null,"boot_count":1,"reset_reason":"power_on","last_fault":null,"heap_bytes":232520,"store_bytes":376832,"store_free_bytes":376032,"enrolled_ms":1795242126900,"certificate_serial":"4fd43264c752c459","apps":[{"app":"blink","version":"1.0.0","sequence":1,"digest":"5a5a08eb1309ee0714cb0d192e2c7e17a4a21d0ded272b50ec933834ba353a88","state":"installed","failure":null,"autostart":false,"uptime_ms":3441,"reported_ms":1795242127456},{"app":"counter","version":"0.1.0","sequence":1,"digest":"70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e","state":"running","failure":null,"autostart":true,"uptime_ms":2723,"reported_ms":1795242127220}],"wishes":[{"app":"blink","package":"blink#1","run":false},{"app":"counter","package":"counter#1","run":true}]},"change":"disconnected"}');
CREATE TABLE instances (
    device TEXT NOT NULL,
    app TEXT NOT NULL,
    version TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    failure TEXT,
    autostart INTEGER NOT NULL,
    uptime_ms INTEGER NOT NULL,
    reported_ms INTEGER NOT NULL,
    PRIMARY KEY (device, app)
) STRICT;
INSERT INTO "instances" VALUES('dev-5277b9d006f102ec','counter','0.1.0',1,'70c9c845487a777b69538100e37559ca71392b59f5f2ecb461f2994069cc9f5e','running',NULL,1,2723,1795242127220);
INSERT INTO "instances" VALUES('dev-5277b9d006f102ec','blink','1.0.0',1,'5a5a08eb1309ee0714cb0d192e2c7e17a4a21d0ded272b50ec933834ba353a88','installed',NULL,0,3441,1795242127456);
CREATE TABLE packages (
    id TEXT PRIMARY KEY,
    app TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    signed_ms INTEGER NOT NULL,
    rollback_of TEXT,
    envelope BLOB NOT NULL,
    UNIQUE (app, sequence)
) STRICT;
INSERT INTO "packages" VALUES('counter#1','counter',1,1795242126384,NULL,X'D28443A10126A05877AA00010167636F756E7465720283000100030104582070C9C845487A777B69538100E37559CA71392B59F5F2ECB461F2994069CC9F5E0518A406A400F401F502F503F407A400184001191000021932D0031901F408848200808201808202808203811B00000200010120400981696E616E6F3333626C6558400E6AB7EFFDF5BCAE05674523782E824B388075CC414CBB3CF64925B6016D55EF6CFE4A38808858B7695F101B48C0B7DE31790E9614CC377A38C87A6DD6229FE0');
INSERT INTO "packages" VALUES('blink#1','blink',1,1795242127238,NULL,X'D28443A10126A05871AA00010165626C696E6B028301000003010458205A5A08EB1309EE0714CB0D192E2C7E17A4A21D0DED272B50EC933834BA353A880519151506A400F401F502F503F407A400190AD00119100002198F54031901F408848200808201808202808203811920000981696E616E6F3333626C6558402B365786E720EA730423D4380B9593A02A78CE59D77F72C2D87ED81B115F4690FE643C4CEEC11F96E16234303CCA8E0D063752AD36E54F798701D78B886A4C84');
CREATE TABLE pairings (
    token_hash BLOB PRIMARY KEY,
    device TEXT NOT NULL,
    chip_id TEXT NOT NULL,
    expires_ms INTEGER NOT NULL,
    used INTEGER NOT NULL,
    again INTEGER NOT NULL
) STRICT;
INSERT INTO "pairings" VALUES(X'62A9D229D0AFC798398E7552BE27CC867FA7DB239F29F869491B4539420F89FD','dev-5277b9d006f102ec','',1795242726393,1,1);
CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE wishes (
    device TEXT NOT NULL,
    app TEXT NOT NULL,
    package TEXT,
    run INTEGER NOT NULL,
    start_once INTEGER NOT NULL,
    deployment INTEGER,
    previous_package TEXT,
    previous_run INTEGER NOT NULL,
    PRIMARY KEY (device, app)
) STRICT;
INSERT INTO "wishes" VALUES('dev-5277b9d006f102ec','counter','counter#1',1,0,1,NULL,0);
INSERT INTO "wishes" VALUES('dev-5277b9d006f102ec','blink','blink#1',0,0,2,NULL,0);
CREATE UNIQUE INDEX device_chips ON devices (chip_id) WHERE chip_id <> '' AND state <> 'retired';
CREATE UNIQUE INDEX device_names ON devices (name) WHERE state <> 'retired';
COMMIT;