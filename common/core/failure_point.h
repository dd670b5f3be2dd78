// failure_point: a named step of something that must survive a kill, at which a test can make the
// process die as by kill −9 (environment UNDERSTUDY_DIE_AT=<name>). The names are listed in
// docs/TESTING.md.

namespace understudy {

void failure_point(const char* name);

}  // namespace understudy
