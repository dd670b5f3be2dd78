// What `--help` says below the options: examples first, then what a newcomer asks next.
#pragma once

namespace understudy::help {

inline constexpr const char* kProgram = R"(
Begin with two commands, one beside the application, one on the other machine:

  understudy publish app.db
  understudy subscribe standby.db --from tcp://127.0.0.1:7600

The application changes nothing; standby.db can be queried all the time:

  sqlite3 -readonly standby.db 'SELECT count(*) FROM message'

Exit codes: 0 ok; 1 the answer is no (verify differs, wait timed out); 2 wrong
usage or unsuitable database; 3 the environment failed; 4 damaged files.)";

inline constexpr const char* kPublish = R"(
Examples:
  understudy publish app.db
  understudy publish app.db --listen tcp://127.0.0.1:9000 --node db1
  understudy publish old.db --enable-wal

Runs until SIGTERM or Ctrl-C; the application never waits for it. A killed
publisher picks up where it was when it is started again.)";

inline constexpr const char* kSubscribe = R"(
Examples:
  understudy subscribe standby.db --from tcp://db1:7600
  understudy subscribe standby.db --from tcp://db1:7600,tcp://db2:7600 \
      --listen tcp://127.0.0.1:7700

Copies the whole database first, then follows. Anybody may read standby.db at
any time; writing to it answers "database is locked". Runs until SIGTERM or
Ctrl-C; keeps trying while nobody answers.)";

inline constexpr const char* kRun = R"(
Example:
  understudy run --config /etc/understudy/understudy.toml

  [[database]]
  path = "/var/lib/chat/chat.db"
  role = "publish"
  listen = "tcp://127.0.0.1:7600"

Keys are the long options of `publish` and `subscribe`; [defaults] holds what
several databases share. Each database has a node of its own in this process:
one that fails is begun again and leaves the others alone. SIGHUP begins nodes
anew that ended for good, and says what of a changed file needs a restart.)";

inline constexpr const char* kCheckConfig = R"(
Example:
  understudy check-config /etc/understudy/understudy.toml

Lists the nodes that the file names, or each thing that is wrong with its line
and column (exit code 2). Nothing is started or changed.)";

inline constexpr const char* kDoctor = R"(
Examples:
  understudy doctor app.db
  understudy doctor app.db --listen tcp://127.0.0.1:7600 --peers tcp://db2:7600
  understudy doctor --config /etc/understudy/understudy.toml

Looks at database, WAL, disks, files, node, ports, peers and clock, beside a node
that runs or before one does, and says what to do about what it finds. Changes
nothing. Run it as the node's user. Exit code 1: there is a problem.)";

inline constexpr const char* kStatus = R"(
Examples:
  understudy status app.db
  understudy status app.db --json
  understudy status --state /var/lib/app/app.db-understudy --watch

Works without a running process too; the state is "stopped" then.)";

inline constexpr const char* kVerify = R"(
Examples:
  understudy verify app.db
  understudy verify standby.db

Reads every page, sums them up and compares with the sum on record, while
others read and write. Prints the position as epoch/seq/sum: equal on two nodes
means equal bytes. Exit code 1: it differs.)";

inline constexpr const char* kWait = R"(
Examples:
  understudy wait app.db --seq 1042 --timeout 2s
  understudy wait app.db --seq 1042 --level durable --standbys 2
  understudy wait standby.db --seq 1042

Asked on a publisher: until so many standbys have the transaction. Asked on a
standby: until itself has it. Exit code 0: it is there; 1: the time is over.
Levels: received (in memory), durable (on disk), applied (readers see it).)";

inline constexpr const char* kPromote = R"(
Examples:
  understudy promote standby.db --dry-run
  understudy promote standby.db

For when the primary is lost. Refuses, and says how many transactions are at
stake, when this standby misses some, is being resynced, or the primary still
answers; --force overrides what can be overridden. The other standbys follow by
themselves (--peers), and so does the old primary when it returns; what it alone
had is kept: understudy orphans. Exit code 1: refused.)";

inline constexpr const char* kSwitchover = R"(
Examples:
  understudy switchover app.db --to db2 --dry-run
  understudy switchover app.db --to db2

Asked of any node of the cluster. The primary's application is kept from writing
(SQLITE_BUSY), the node named gets the last transaction and leads, the old
primary follows it. Not one transaction is lost. Exit code 1: refused.)";

inline constexpr const char* kFence = R"(
Examples:
  understudy fence app.db
  understudy unfence app.db

A fenced application reads on and gets SQLITE_BUSY when it writes. The fence
lasts as long as the publisher runs, and is taken again when it is restarted.)";

inline constexpr const char* kHistory = R"(
Example:
  understudy history app.db

An epoch is one node's time as the primary. Works without a running process.)";

inline constexpr const char* kOrphans = R"(
Examples:
  understudy orphans app.db
  understudy orphans app.db show NAME
  understudy orphans app.db export NAME --output orphans.db
  understudy orphans app.db discard NAME

Transactions that an old primary committed and no successor has. They are kept
until you discard them. An export is an SQLite database: table record has the
transactions, table page the last content of each page that they changed.)";

inline constexpr const char* kSnapshot = R"(
Examples:
  understudy snapshot app.db
  understudy snapshot app.db --output /backup/app-monday.snapshot
  understudy snapshot --state /var/lib/app/app.db-understudy

Of a running node, without disturbing the application; or of a database whose
node does not run. The file is proved while it is written, and gets its name
only then; an existing file is never replaced. `understudy restore` makes a
database of it. A node takes snapshots by itself, too (--snapshot-every).)";

inline constexpr const char* kArchive = R"(
Examples:
  understudy archive app.db --to /mnt/backup/app
  understudy archive app.db --to /mnt/backup/app --once
  understudy restore --log /mnt/backup/app --output app.db
  understudy log /mnt/backup/app check

Copies records and snapshots to a folder, which must be there: another disk, a
mounted bucket. Beside a running node, or of one that does not run. Goes on until
SIGTERM or Ctrl-C, at most about a minute behind; with --once it copies all that is
there now. Killed at any instant, it goes on from there. Several nodes of a cluster
may share a folder. A node does it by itself with publish or subscribe --archive.)";

inline constexpr const char* kRestore = R"(
Examples:
  understudy restore --state app.db-understudy --output yesterday.db
  understudy restore --state app.db-understudy --output before.db \
      --to-time "2026-11-24 14:02:59+01:00"
  understudy restore --log /copy/backend.db --log /backup/monday.snapshot \
      --to-seq 1042 --output found.db

Begins from the latest snapshot before the moment, applies the records after it,
and proves the result by its state sum before it gets its name. The node may run
meanwhile. Nothing that exists is ever replaced. Says which transaction it chose;
--to-time takes the last one that was committed by then.)";

inline constexpr const char* kReplay = R"(
Examples:
  understudy replay app.db --log /media/usb/backend.db
  understudy replay app.db --log /archive/monday.db --log /archive/tuesday.db
  understudy replay app.db --log /media/usb/backend.db --to-time "15m ago" --dry-run

For a replica that no node feeds: a standby whose subscriber is stopped, or a
copy of the database. Finds where it stands, refuses logs that do not go on from
there and says which records are missing, applies them while others may read it,
proves the result, and prints the new position. Interrupted at any instant it can
be run again. A subscriber goes on from there.)";

inline constexpr const char* kLog = R"(
Examples:
  understudy log app.db                      the last 20 transactions
  understudy log app.db --follow             and what comes
  understudy log app.db --from "1h ago" --to 1042
  understudy log app.db show 1042            each page that it changed
  understudy log app.db stats                by hour and by table
  understudy log /copy/backend.db check      is it whole? what is damaged where?

Works beside a running node and without one. Which table a page belongs to is
asked of the database as it is now, which reads it once; --no-tables spares that.)";

inline constexpr const char* kCompletion = R"(
Examples:
  understudy completion bash > /etc/bash_completion.d/understudy
  source <(understudy completion bash)
  understudy completion zsh > ~/.zfunc/_understudy

The Debian package has all three in place already.)";

inline constexpr const char* kKeygen = R"(
Examples:
  understudy keygen --node db2 --output /etc/understudy/db2.key
  understudy keygen --public /etc/understudy/db2.key      its public key again

The file holds the secret key: it stays on its machine. The public key, with a name
and rights, goes into the list of peers of every node. A node then runs with

  understudy publish app.db --key-file /etc/understudy/db2.key \
      --peer-keys /etc/understudy/peers.toml

docs/OPERATING.md has the steps for three servers, for changing a key, and for
shutting one out.)";

inline constexpr const char* kCluster = R"(
Examples:
  understudy cluster app.db
  understudy cluster app.db --json

All nodes as the one asked sees them. Tags and why a standby would not take
over are known where the nodes have a --lease.)";

inline constexpr const char* kPause = R"(
Examples:
  understudy pause app.db
  understudy resume app.db

For maintenance, for all nodes that share the lease. While it is paused nobody
takes over by itself, and the primary goes on even when etcd is gone; promote
and switchover work as ever.)";

inline constexpr const char* kReinit = R"(
Examples:
  understudy reinit standby.db
  understudy reinit app.db --node db3

The standby puts its log aside (understudy orphans lists it), and fetches all
of the database anew from the primary.)";

}  // namespace understudy::help
