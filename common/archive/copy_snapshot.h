// A snapshot is copied from one folder to another: byte for byte, proved where it has arrived, and
// only then named. Any thread.
#pragma once

#include <functional>
#include <string>

namespace understudy {

// `between` is called every few MiB; false: give up. True: it is there under the name `to`, durable
// (or was before). False: given up, and nothing is left. Throws IoError; CorruptionError when the
// copy is not whole.
[[nodiscard]] bool copy_snapshot(const std::string& from, const std::string& partial,
                                 const std::string& to, const std::function<bool()>& between);

}  // namespace understudy
