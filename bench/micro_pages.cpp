// What each changed page costs: delta, hash, and SQLite's checksum of its frame.
#include "bench/micro_pages.h"

#include "common/record/delta.h"
#include "common/record/page_hash.h"
#include "common/wal/wal_format.h"

#include <benchmark/benchmark.h>

namespace understudy::bench {
namespace {

void count_page_bytes(benchmark::State& state) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(kPageSize));
}

void encode_delta_of_insert(benchmark::State& state) {
  const Bytes before = random_page(1);
  const Bytes after = after_insert(before);
  Bytes out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(encode_delta(before, after, out));
  }
  state.counters["delta_bytes"] = static_cast<double>(out.size());
  count_page_bytes(state);
}
BENCHMARK(encode_delta_of_insert);

void encode_delta_of_other_page(benchmark::State& state) {
  const Bytes before = random_page(1);
  const Bytes after = random_page(2);
  Bytes out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(encode_delta(before, after, out));
  }
  count_page_bytes(state);
}
BENCHMARK(encode_delta_of_other_page);

void apply_delta_of_insert(benchmark::State& state) {
  const Bytes before = random_page(1);
  Bytes delta;
  if (!encode_delta(before, after_insert(before), delta)) {
    state.SkipWithError("no delta");
    return;
  }
  Bytes page = before;
  for (auto _ : state) {
    benchmark::DoNotOptimize(apply_delta(page, delta));
  }
  count_page_bytes(state);
}
BENCHMARK(apply_delta_of_insert);

void hash_of_page(benchmark::State& state) {
  const Bytes page = random_page(1);
  for (auto _ : state) {
    benchmark::DoNotOptimize(hash_page(7, page));
  }
  count_page_bytes(state);
}
BENCHMARK(hash_of_page);

void wal_frame_checksum(benchmark::State& state) {
  const Bytes page = random_page(1);
  const bool big_endian = state.range(0) != 0;
  wal::Checksum sum;
  for (auto _ : state) {
    sum = wal::advance(sum, page, big_endian);
    benchmark::DoNotOptimize(sum);
  }
  count_page_bytes(state);
}
BENCHMARK(wal_frame_checksum)->ArgName("big_endian")->Arg(0)->Arg(1);

}  // namespace
}  // namespace understudy::bench
