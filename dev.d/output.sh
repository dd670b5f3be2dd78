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

# run_watched NAME COMMAND…: as run_logged; on a terminal the steps that Ninja counts are shown.
run_watched() {
  if [[ ! -t 1 ]]; then
    run_logged "$@"
    return
  fi
  local log=build/log/$1.log watcher
  mkdir -p build/log
  : >"$log"
  show_steps "$log" &
  watcher=$!
  # shellcheck disable=SC2064
  trap "kill $watcher 2>/dev/null" EXIT
  run_logged "$@"
  trap - EXIT
  kill "$watcher" 2>/dev/null || true
  wait "$watcher" 2>/dev/null || true
  printf '\r\033[K'
}

# Twice a second, the last "[n/m]" of a log that grows; until it is killed.
show_steps() {
  local step
  while sleep 0.5; do
    step=$(tail -c 2000 "$1" | grep -oE '^\[[0-9]+/[0-9]+\]' | tail -n 1) || continue
    printf '\r    %s\033[K' "$step"
  done
}

cores() { nproc; }
