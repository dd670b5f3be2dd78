// Looks at things, and changes none: takes no lock, binds no port, leaves no file.
//
// In a process that has no SQLite connection to the database: closing a descriptor of it would drop
// the process's locks.
#pragma once

#include "doctor/facts.h"

namespace understudy::doctor {

[[nodiscard]] NodeFacts gather_node(const Patient& patient);
// Looks for half a second at who holds which lock.
[[nodiscard]] DatabaseFacts gather_database(const Patient& patient, const NodeFacts& node);
[[nodiscard]] std::vector<DiskFacts> gather_disks(const Patient& patient);
[[nodiscard]] std::vector<FileFacts> gather_files(const Patient& patient);
[[nodiscard]] MachineFacts gather_machine(const NodeFacts& node);
// Four seconds at most for each peer: whether its ports answer, and a handshake.
[[nodiscard]] NetworkFacts gather_network(const Patient& patient, const NodeFacts& node);

}  // namespace understudy::doctor
