// failure_point: a named step of something that must survive a kill, or a disk that hangs. A test
// can make the process die there as by kill −9 (environment UNDERSTUDY_DIE_AT=<name>), or hold the
// thread there, as a disk would, for as long as a file exists (UNDERSTUDY_HOLD_AT=<name>:<file>;
// <file>.held is made when a thread is held). The names are listed in docs/TESTING.md.
// is_left_out: a step that is not to be done at all (UNDERSTUDY_LEAVE_OUT=<name>): what shows that
// a test would see it missing. For tests alone: it takes away what GUARANTEES promise.

namespace understudy {

void failure_point(const char* name);
[[nodiscard]] bool is_left_out(const char* name);

}  // namespace understudy
