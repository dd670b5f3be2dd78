// The file that names a node's peers: their public keys, what each may do, and where it serves. Its
// format is in schemas/peer-keys.md. One file may serve all nodes of a cluster: an entry with this
// node's own key is this node itself.
//
// Any thread. Errors are ConfigErrors that name the place as FILE:LINE:COLUMN.
#pragma once

#include "common/security/security.h"

#include <string>
#include <string_view>

namespace understudy {

// Pure. `path` is for the errors alone.
[[nodiscard]] PeerList parse_peers(std::string_view text, const std::string& path,
                                   const KeyPair& own);
// Refuses a file that others may write: whoever can add a key to it can read the database.
[[nodiscard]] PeerList read_peers_file(const std::string& path, const KeyPair& own);

}  // namespace understudy
