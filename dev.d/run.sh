# The product at work: the demo and the benchmarks, both on the release build.

run_demo() {
  build_preset release understudy
  exec python3 demo/conductor.py --understudy build/release/understudy "$@"
}

run_bench() {
  build_preset release
  [[ -x bench/run ]] || die "bench/run is missing"
  exec bench/run --build build/release "$@"
}
