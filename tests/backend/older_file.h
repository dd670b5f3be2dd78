// make_older: turns a backend.db of this version into one that an earlier version would have made.
#pragma once

#include <string>

namespace understudy::test {

// `version`: 1 or 2. Nobody has the file open.
void make_older(const std::string& path, int version);

}  // namespace understudy::test
