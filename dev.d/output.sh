# What ./dev says: one short line a step; a step's own output goes to a log that is shown when it
# fails. Requires: the current folder is the top of the repository.

say() { printf '==> %s\n' "$*"; }

die() {
  printf './dev: %s\n' "$*" >&2
  exit 1
}

# run_logged NAME COMMAND…: runs it with its output in build/log/NAME.log.
run_logged() {
  local log=build/log/$1.log
  shift
  mkdir -p build/log
  if ! "$@" >"$log" 2>&1; then
    tail -n 200 "$log" >&2
    die "'$*' failed; all of its output is in $log"
  fi
}

cores() { nproc; }
