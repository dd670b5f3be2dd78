// PublisherOptions: what the operator may choose of a publisher; the command line fills it in.
#pragma once

#include "common/backend/backend.h"
#include "common/metering/meters.h"
#include "common/snapshot/snapshot_keeper.h"
#include "common/transport/endpoint.h"
#include "publisher/sync_options.h"
#include "publisher/sync_set.h"
#include "publisher/wal_tail.h"

#include <functional>
#include <memory>
#include <string>

namespace understudy {

class ClusterHandler;
class HeldListener;
class Security;

struct PublisherOptions {
  // Path of the application's database. It exists and is in WAL mode (checked before).
  std::string database;
  // Name that standbys see; set by whoever makes the Node.
  std::string node;
  // Live stream; requests are served on the next port.
  Endpoint listen{"127.0.0.1", 7600};
  // Whose confirmations count, where a lease decides who takes over; null: any standbys'.
  std::shared_ptr<SyncSet> sync_set = {};
  // Bound to it already, for whichever role serves first; null: nobody has.
  std::shared_ptr<HeldListener> held = {};
  // Own keys, and those of the others; null: without keys.
  std::shared_ptr<Security> security = {};
  // Switch a rollback-journal database to WAL mode first; else it is refused.
  bool enable_wal = false;
  // False: no port is opened; what is committed goes into the log, and no further (a primary that
  // is about to follow another one).
  bool serve = true;
  // Who answers the other nodes of the cluster; null: nobody. Outlives the publisher.
  ClusterHandler* cluster = nullptr;
  // Listen on other than loopback addresses although nothing is encrypted and nobody is asked who
  // they are.
  bool insecure = false;
  // Added to the process's nice value. On a machine with few processors our threads would else
  // interrupt the application's (measured: COMMIT p99 80 µs instead of 125 to 450).
  int niceness = 5;
  // What the backend keeps: 1 GiB and 24 hours, whichever is reached first.
  RetentionPolicy retention;
  // How often a snapshot is taken for restoring, at least; 0: never by itself.
  std::int64_t snapshot_every_us = kSnapshotEvery_us;
  // The queue keeps the records after this one until they are archived. Called on the log thread.
  std::function<Seq()> archive_floor = [] { return kNoSnapshotFloor; };
  // How the WAL is followed: window_frames (4000 frames), wal_hard_limit_bytes (1 GiB) and
  // may_take_write_lock (true) are for operators.
  TailOptions tail;
  // What commits wait for that ask to (the extension understudy_commit).
  SyncOptions sync;
  // Of the node; never null.
  std::shared_ptr<Meters> meters = std::make_shared<Meters>();
};

}  // namespace understudy
