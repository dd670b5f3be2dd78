// failure_point: a named step of a takeover, at which a test can make the process die as by kill −9
// (environment UNDERSTUDY_DIE_AT=<name>). The names are listed in docs/TESTING.md.
#pragma once

namespace understudy {

void failure_point(const char* name);

}  // namespace understudy
