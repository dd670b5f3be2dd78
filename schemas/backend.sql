-- backend.db: the durable queue of one node, as an SQLite database (WAL mode, synchronous=FULL).
--
-- Look into it while it is live, read-only:   sqlite3 -readonly backend.db
-- Never write to it: its rows are chained, and a broken chain stops the node.
--
-- Unsigned 64-bit values (sums, epochs) are stored as signed ones; printf('%016x', value) shows a
-- sum as the product prints it. Times are microseconds since 1970:
-- datetime(time_us / 1000000, 'unixepoch').
--
--   what is there       SELECT min(first_seq), max(last_seq), sum(length(payload)) FROM live;
--   the newest ten      SELECT * FROM live ORDER BY id DESC LIMIT 10;
--   the position        SELECT epoch, last_seq, printf('%016x', sum_after) FROM live
--                       WHERE closed ORDER BY id DESC LIMIT 1;
--   who led when        SELECT epoch, node, first_seq, datetime(time_us / 1000000, 'unixepoch'),
--                       reason FROM epoch ORDER BY epoch;

-- 'UStg'; a file with another id is refused.
PRAGMA application_id = 0x55537467;
-- The version of this schema; a file with a higher one is refused. Version 1 had no table epoch: its
-- stream has the one epoch 1. Version 2 had no batch.cursor, and an index on (first_seq, first_part).
-- Files of both are upgraded when a node opens them for writing.
PRAGMA user_version = 3;

-- One row a batch: consecutive record parts that became durable with one fsync, as one blob
-- (batch.md). The columns repeat the blob's header. Rows follow on: each begins with the part after
-- the last one of the row before, and its sum_before is the sum_after of the row before. There is no
-- index: ids rise with the parts, so that a part is found by halving. A small batch costs one page then.
CREATE TABLE batch (
  id INTEGER PRIMARY KEY,       -- rises by one from row to row
  first_seq INTEGER NOT NULL,   -- the first part: number of its record …
  first_part INTEGER NOT NULL,  -- … and which part of that record, from 0
  last_seq INTEGER NOT NULL,    -- the last part
  last_part INTEGER NOT NULL,
  closed INTEGER NOT NULL,      -- 1: the last part ends its record; 0: the record goes on
  epoch INTEGER NOT NULL,       -- of all its records
  records INTEGER NOT NULL,     -- how many records end in this batch
  raw_bytes INTEGER NOT NULL,   -- its parts, before compression
  time_us INTEGER NOT NULL,     -- when the publisher saw the commit of the last part
  sum_before INTEGER NOT NULL,  -- state sum before the first record
  sum_after INTEGER NOT NULL,   -- state sum after the last record that ends here
  end_offset INTEGER NOT NULL,  -- bytes of all batches ever stored, this one included
  payload BLOB NOT NULL,        -- the batch
  cursor BLOB NOT NULL DEFAULT x''  -- where the publisher stands after this row, and XXH3-64 of that,
                                -- seeded with the id, as 8 bytes little-endian. Only that of the
                                -- last row counts; empty: that of meta
) STRICT;

-- One row: what the log is, and where it begins.
CREATE TABLE meta (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stream TEXT NOT NULL,          -- id of the stream, 32 hexadecimal digits
  base_epoch INTEGER NOT NULL,   -- the state that the first record starts from
  base_seq INTEGER NOT NULL,
  base_sum INTEGER NOT NULL,
  base_offset INTEGER NOT NULL,  -- end_offset of the last row that was dropped
  first_id INTEGER NOT NULL,     -- batches with a lower id are dropped; they are deleted bit by bit
  cursor BLOB NOT NULL,          -- where the publisher stands in the WAL of its database, unless
                                 -- the last batch says it
  checksum INTEGER NOT NULL      -- XXH3-64 of the columns above: integers as 8 bytes
                                 -- little-endian, text and blob as length and bytes
) STRICT;

-- The history: one row an epoch, from the first of the stream on. Rows stay when the records of
-- their epochs are dropped. The last one is the epoch of the position.
CREATE TABLE epoch (
  epoch INTEGER PRIMARY KEY,
  node TEXT NOT NULL,            -- who opened it; empty: not recorded
  tenure INTEGER NOT NULL,       -- random, drawn when it was opened
  first_seq INTEGER NOT NULL,    -- its first record: the one that opened it (1 for epoch 1, which
                                 -- begins with the stream)
  sum INTEGER NOT NULL,          -- state sum of first_seq - 1
  time_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  checksum INTEGER NOT NULL      -- XXH3-64 of the columns above as in meta, seeded with the checksum
                                 -- of the row before (0 for the first)
) STRICT;

-- The batches that count.
CREATE VIEW live AS
  SELECT id, first_seq, first_part, last_seq, last_part, closed, epoch, records, raw_bytes,
         time_us, sum_before, sum_after, end_offset, payload
  FROM batch WHERE id >= (SELECT first_id FROM meta);
