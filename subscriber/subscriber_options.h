// SubscriberOptions: what the operator may choose of a standby; the command line fills it in.
#pragma once

#include "common/backend/backend.h"
#include "common/metering/meters.h"
#include "common/snapshot/snapshot_keeper.h"
#include "common/transport/endpoint.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace understudy {

class ClusterHandler;
class HeldListener;
class Security;

struct SubscriberOptions {
  // Path of the standby's database. Made when it does not exist; its folder does (checked before).
  std::string database;
  // Name that the publisher sees; set by whoever makes the Node.
  std::string node;
  // Whom to ask, in this order of preference; at least one.
  std::vector<Endpoint> from;
  // Where to serve further standbys; requests are served on the next port. None: does not serve.
  std::optional<Endpoint> listen;
  // Bound to it already, for whichever role serves first; null: nobody has.
  std::shared_ptr<HeldListener> held = {};
  // Own keys, and those of the others; null: without keys.
  std::shared_ptr<Security> security = {};
  // Who answers the other nodes of the cluster; null: nobody. Outlives the subscriber.
  ClusterHandler* cluster = nullptr;
  // Follow only a primary, while one may be found among `from`.
  bool prefer_primary = false;
  // Listen on other than loopback addresses although nothing is encrypted.
  bool insecure = false;
  // Make a standby of a database file that is there already: its pages are compared with the
  // primary's, and those that differ are replaced. Without it such a file is refused, untouched.
  bool adopt = false;
  // What the backend keeps: 1 GiB and 24 hours, whichever is reached first.
  RetentionPolicy retention;
  // How often a snapshot is taken for restoring, at least; 0: never by itself.
  std::int64_t snapshot_every_us = kSnapshotEvery_us;
  // Of the node; never null.
  std::shared_ptr<Meters> meters = std::make_shared<Meters>();
  // The queue keeps the records after this one until they are archived. Called on the log thread.
  std::function<Seq()> archive_floor = [] { return kNoSnapshotFloor; };
};

}  // namespace understudy
