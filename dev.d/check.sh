# Formatter, linter and fuzzers. They need clang, which building and testing do not.

# Every C++ source of the tree: what git tracks, and what is new and not ignored.
own_sources() {
  git ls-files --cached --others --exclude-standard -- '*.cpp' '*.h' | sort
}

format_sources() {
  install_packages clang-format
  if [[ ${1:-} == --check ]]; then
    own_sources | xargs clang-format --dry-run --Werror
    say "All sources are formatted"
  else
    own_sources | xargs clang-format -i
    say "Formatted $(own_sources | wc -l) files"
  fi
}

lint_sources() {
  install_packages "${build_packages[@]}" clang-tidy
  say "Checking includes, lengths and names"
  python3 tests/architecture/check_architecture.py
  say "Checking shell scripts"
  bash -n dev dev.d/*.sh .ci/run tests/*.sh
  cmake --preset dev >/dev/null
  say "Checking sources with clang-tidy (log: build/log/clang-tidy.log)"
  run_logged clang-tidy run-clang-tidy -quiet -p build/dev -j "$(cores)" \
    -extra-arg=-Wno-unknown-warning-option -extra-arg=-Wthread-safety \
    "^$PWD/(?!tests/|build/)"
  say "No findings"
}

# run_fuzzers SECONDS: each target for so long; a finding is left in build/fuzz/findings/.
run_fuzzers() {
  local seconds=$1 target name corpus
  [[ $seconds =~ ^[0-9]+$ ]] || die "fuzz takes a number of seconds, not '$seconds'"
  install_packages "${tool_packages[@]}"
  build_preset fuzz fuzz_targets
  mkdir -p build/fuzz/findings
  for target in build/fuzz/tests/fuzz/*_fuzz; do
    [[ -x $target ]] || die "there is no fuzz target in build/fuzz/tests/fuzz"
    name=$(basename "$target" _fuzz)
    corpus=build/fuzz/corpus/$name
    mkdir -p "$corpus" "tests/fuzz/corpus/$name"
    say "Fuzzing $name for $seconds s"
    run_logged "fuzz-$name" "$target" -max_total_time="$seconds" -rss_limit_mb=1024 \
      -artifact_prefix="build/fuzz/findings/$name-" -print_final_stats=1 \
      "$corpus" "tests/fuzz/corpus/$name"
    grep -E 'number_of_executed_units' "build/log/fuzz-$name.log" || true
  done
}
