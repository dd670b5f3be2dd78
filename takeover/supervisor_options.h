// SupervisorOptions: what the operator may choose of a node, for each role that it may come to
// play.
#pragma once

#include "common/api/http_options.h"
#include "common/archive/archiver.h"
#include "common/keys/key_files.h"
#include "common/node/node_options.h"
#include "lease/lease_options.h"
#include "publisher/publisher_options.h"
#include "subscriber/subscriber_options.h"
#include "takeover/hook.h"

#include <chrono>
#include <optional>
#include <vector>

namespace understudy {

struct SupervisorOptions {
  NodeOptions node;
  PublisherOptions publish;     // as a primary; node and cluster are filled in
  SubscriberOptions follow;     // as a standby; likewise
  std::vector<Endpoint> peers;  // all nodes of the cluster; this one may be among them
  KeyFiles keys;                // none: whoever can connect may do all
  HookOptions hooks;
  std::optional<HttpOptions> http;        // none: only the control socket
  std::optional<ArchiveOptions> archive;  // directory and keep_us; empty: none
  std::optional<LeaseOptions> lease;      // none: nodes are promoted by hand
  NodeTags tags;
  // How long a start waits for the first word of its peers before it goes by its own log.
  std::chrono::milliseconds peer_patience{3000};

  // Is there anything that SIGHUP reads again?
  [[nodiscard]] bool has_files_to_reload() const {
    return !keys.peers.empty() || (http && !http->certificate_file.empty());
  }
};

}  // namespace understudy
