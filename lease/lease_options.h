// LeaseOptions: what the operator chose of the lease; the command line fills it in.
#pragma once

#include "lease/etcd_options.h"
#include "lease/lease_rules.h"

namespace understudy {

struct LeaseOptions {
  EtcdOptions etcd;
  std::int64_t ttl_us = kDefaultTtl_us;
  Seq max_lag = kDefaultMaxLag;  // transactions
  // Run when the application cannot be fenced in time; it should stop the application.
  std::string kill_command;
};

// What an operator says of a node, for whoever chooses among them.
struct NodeTags {
  bool nofailover = false;     // it never takes over by itself
  bool noloadbalance = false;  // it is not for readers (HTTP: /replica, /read-only)
  std::int64_t priority = 0;   // of two that have the same, the higher one takes over
};

}  // namespace understudy
