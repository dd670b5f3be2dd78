# Configuring and building a preset of CMakePresets.json into build/PRESET.

# build_preset PRESET [TARGET…]: everything, or these targets.
build_preset() {
  local preset=$1 target targets=()
  shift
  for target in "$@"; do targets+=(--target "$target"); done
  install_packages "${build_packages[@]}"
  if [[ ! -f build/$preset/build.ninja ]]; then
    say "Configuring build/$preset"
    run_logged "configure-$preset" cmake --preset "$preset"
  fi
  say "Building build/$preset with $(cores) jobs"
  run_watched "build-$preset" cmake --build "build/$preset" -j "$(cores)" "${targets[@]}"
}
