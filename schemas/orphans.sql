-- An orphans file (state directory, orphans/<name>.db): the records of one node that no other has,
-- kept when its log was rewound to the last record that it shares with the primary. An SQLite
-- database, written in one transaction, never changed; made for people and their tools:
--
--   what was lost       SELECT seq, datetime(time_us / 1000000, 'unixepoch'), pages FROM record;
--   a page's content    SELECT content FROM page WHERE pgno = 1;
--
-- A database without a row in table orphans is a file whose writing did not end.
-- Unsigned 64-bit values (sums, epochs, hashes) are stored as signed ones. Times are microseconds
-- since 1970.

-- 'UStO'; a file with another id is no orphans file.
PRAGMA application_id = 0x5553744f;
-- The version of this schema.
PRAGMA user_version = 1;

-- One row: where the records come from.
CREATE TABLE orphans (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  stream TEXT NOT NULL,         -- id of the stream, 32 hexadecimal digits
  node TEXT NOT NULL,           -- whose records these are
  fork_epoch INTEGER NOT NULL,  -- the position that they start from
  fork_seq INTEGER NOT NULL,
  fork_sum INTEGER NOT NULL,
  last_epoch INTEGER NOT NULL,  -- the position that they lead to
  last_seq INTEGER NOT NULL,
  last_sum INTEGER NOT NULL,
  page_size INTEGER NOT NULL,
  page_count INTEGER NOT NULL,  -- of the database after the last record
  kept_us INTEGER NOT NULL,     -- when this file was made
  why TEXT NOT NULL,
  checksum INTEGER NOT NULL     -- XXH3-64 of the columns above, each as text with a line feed
) STRICT;

-- The history of the node, its orphaned epochs included; as in backend.sql.
CREATE TABLE epoch (
  epoch INTEGER PRIMARY KEY,
  node TEXT NOT NULL,
  tenure INTEGER NOT NULL,
  first_seq INTEGER NOT NULL,
  sum INTEGER NOT NULL,
  time_us INTEGER NOT NULL,
  reason TEXT NOT NULL,
  checksum INTEGER NOT NULL
) STRICT;

-- The batches as the log held them (batch.md). The first may begin with records up to fork_seq,
-- which are no orphans; the last may end inside a record behind last_seq, which never ended.
CREATE TABLE batch (
  id INTEGER PRIMARY KEY,       -- rises by one from row to row
  first_seq INTEGER NOT NULL,
  first_part INTEGER NOT NULL,
  payload BLOB NOT NULL
) STRICT;

-- One row an orphan.
CREATE TABLE record (
  seq INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL,
  kind TEXT NOT NULL,           -- transaction, repair, epoch
  time_us INTEGER NOT NULL,     -- of the commit
  pages INTEGER NOT NULL,       -- that it changed
  bytes INTEGER NOT NULL        -- of its changes
) STRICT;

-- The pages that the orphans changed, as the last of them left the database.
CREATE TABLE page (
  pgno INTEGER PRIMARY KEY,
  seq INTEGER NOT NULL,         -- the last orphan that changed it
  hash INTEGER NOT NULL,        -- state-sum.md
  content BLOB                  -- NULL: unknown; the records hold differences to a former content
) STRICT;
