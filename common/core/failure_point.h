// failure_point: a named step of something that must survive a kill, at which a test can make the
// process die as by kill −9 (environment UNDERSTUDY_DIE_AT=<name>). The names are listed in
// docs/TESTING.md.
// is_left_out: a step that is not to be done at all (UNDERSTUDY_LEAVE_OUT=<name>): what shows that
// a test would see it missing. For tests alone: it takes away what GUARANTEES promise.

namespace understudy {

void failure_point(const char* name);
[[nodiscard]] bool is_left_out(const char* name);

}  // namespace understudy
