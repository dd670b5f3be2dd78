# Running the suite through CTest, and telling what its random tests did.

# Sums the lines `understudy-count: key=number` that tests print, by key.
show_counts() {
  local log=$1
  awk '
    /^understudy-count: [A-Za-z0-9_ .-]+=[0-9]+$/ {
      split(substr($0, 19), pair, "=")
      sum[pair[1]] += pair[2]
    }
    END { for (key in sum) printf "  %14d  %s\n", sum[key], key }' "$log" | sort -k2
}

# run_ctest PRESET [ctest options]: CTest's own summary comes last, after the counts.
run_ctest() {
  local preset=$1 dir=build/$1 summary status=0
  shift
  summary=$(mktemp)
  say "Testing build/$preset with $(cores) jobs"
  ctest --test-dir "$dir" --output-on-failure --no-tests=error -j "$(cores)" "$@" |
    awk -v rest="$summary" '
      /^[0-9]+% tests passed/ { late = 1 }
      late { print > rest; next }
      { print; fflush() }' || status=$?
  if [[ -f $dir/Testing/Temporary/LastTest.log ]]; then
    printf '\nWhat the random tests did\n'
    show_counts "$dir/Testing/Temporary/LastTest.log"
  fi
  printf '\n'
  cat "$summary"
  rm -f "$summary"
  return "$status"
}

run_tests() {
  local preset=$1
  shift
  build_preset "$preset"
  install_packages "${browser_packages[@]}" "${network_packages[@]}" "${lease_packages[@]}"
  run_ctest "$preset" "$@"
}

# The sanitizers' options are in the presets; a finding ends the test that made it.
run_sanitizers() {
  local preset status=0
  local which=(asan tsan)
  if [[ ${1:-} == asan || ${1:-} == tsan ]]; then
    which=("$1")
    shift
  fi
  export ASAN_OPTIONS=abort_on_error=1:detect_leaks=1
  export UBSAN_OPTIONS=print_stacktrace=1
  export TSAN_OPTIONS="suppressions=$PWD/tests/tsan.suppressions:halt_on_error=1:second_deadlock_stack=1"
  for preset in "${which[@]}"; do
    run_tests "$preset" "$@" || status=$?
  done
  return "$status"
}

report_coverage() {
  run_tests coverage
  python3 dev.d/coverage.py build/coverage
}
