# The product at work: the demo and the benchmarks, both on the release build; and pictures of its page.

run_demo() {
  build_preset release understudy
  exec python3 demo/conductor.py --understudy build/release/understudy "$@"
}

run_bench() {
  build_preset release
  [[ -x bench/run ]] || die "bench/run is missing"
  exec bench/run --build build/release "$@"
}

# run_screenshots [--all]: of the page, with scripted clusters; docs/images/, or with --all every scene into build/.
run_screenshots() {
  install_packages "${browser_packages[@]}" fonts-inter fonts-jetbrains-mono
  if [[ ${1:-} == --all ]]; then
    exec python3 tests/end_to_end/page_screenshots.py build/screenshots --all
  fi
  exec python3 tests/end_to_end/page_screenshots.py docs/images
}

# Network namespaces need root; the programs are started as root, too.
run_story() {
  install_packages "${network_packages[@]}"
  build_preset release understudy understudy_commit
  as_root python3 deploy/three-servers/story.py --understudy build/release/understudy \
    --extension build/release/understudy_commit.so "$@"
}
