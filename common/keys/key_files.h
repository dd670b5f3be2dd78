// KeyFiles: both files of a node, read at its start and, the list of peers, again when asked to.
#pragma once

#include "common/security/security.h"
#include "common/transport/endpoint.h"

#include <memory>
#include <string>
#include <vector>

namespace understudy {

// Both are given, or neither: then nobody is asked who they are.
struct KeyFiles {
  std::string own;    // --key-file
  std::string peers;  // --peer-keys
};

// Throws ConfigError, IoError. Never null.
[[nodiscard]] std::shared_ptr<Security> load_security(const KeyFiles& files);

// Reads the list of peers again. What is wrong with it is told in the log, and the old list stays.
// True: there is a new list. Any thread.
bool reload_peers(const KeyFiles& files, Security& security);

// Those of them that may feed this node; all of them without keys.
[[nodiscard]] std::vector<Endpoint> feeders_among(const Security& security,
                                                  const std::vector<Endpoint>& peers);

// What a node of that name would do with them. Throws ConfigError when it could not: an endpoint
// that no entry has, records from one that may not feed, an own key that belongs to another name.
void check_security(const Security& security, const std::string& node,
                    const std::vector<Endpoint>& from, const std::vector<Endpoint>& peers);

}  // namespace understudy
