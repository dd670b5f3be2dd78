// What each record costs: a part of a single-row insert (two pages changed), alone and in batches
// of as many as are fsynced together.
#include "bench/micro_pages.h"
#include "common/record/batch.h"
#include "common/record/delta.h"
#include "common/record/record.h"

#include <benchmark/benchmark.h>

namespace understudy::bench {
namespace {

PartHeader header_of(Seq seq) {
  PartHeader header;
  header.epoch = 1;
  header.seq = seq;
  header.last = true;
  header.page_size = kPageSize;
  header.page_count = 1000;
  header.sum_before = seq * 3;
  header.sum_after = (seq + 1) * 3;
  return header;
}

// Deltas that differ from record to record, as those of an application do.
Bytes delta_of(std::uint64_t seed) {
  const Bytes before = random_page(seed);
  Bytes delta;
  (void)encode_delta(before, after_insert(before, ~seed), delta);
  return delta;
}

void add_part(PartBuilder& builder, Seq seq, ByteView delta, Bytes& out) {
  builder.add({.page = 7, .hash = seq, .encoding = PageEncoding::delta, .body = delta});
  builder.add({.page = 9, .hash = seq + 1, .encoding = PageEncoding::delta, .body = delta});
  builder.finish(header_of(seq), out);
}

Bytes parts(std::uint64_t count) {
  PartBuilder builder;
  Bytes raw;
  for (Seq seq = 1; seq <= count; ++seq) {
    add_part(builder, seq, delta_of(seq), raw);
  }
  return raw;
}

void encode_part(benchmark::State& state) {
  const Bytes delta = delta_of(1);
  PartBuilder builder;
  Bytes out;
  for (auto _ : state) {
    out.clear();
    add_part(builder, 5, delta, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["part_bytes"] = static_cast<double>(out.size());
}
BENCHMARK(encode_part);

void decode_parts(benchmark::State& state) {
  constexpr std::uint64_t kCount = 100;
  const Bytes raw = parts(kCount);
  RecordPart part;
  for (auto _ : state) {
    ByteView left = raw;
    while (!left.empty()) {
      if (!decode_part(left, part)) {
        state.SkipWithError("does not decode");
        return;
      }
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCount));
}
BENCHMARK(decode_parts);

BatchHeader batch_header(std::uint64_t count, const Bytes& raw) {
  BatchHeader header;
  header.epoch = 1;
  header.first = {1, 0};
  header.last = {count, 0};
  header.closed = true;
  header.records = static_cast<std::uint32_t>(count);
  header.raw_bytes = static_cast<std::uint32_t>(raw.size());
  return header;
}

void make_batch(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const Bytes raw = parts(count);
  const BatchHeader header = batch_header(count, raw);
  std::size_t blob_bytes = 0;
  for (auto _ : state) {
    blob_bytes = encode_batch(header, raw).size();
  }
  state.counters["bytes_a_record"] = static_cast<double>(blob_bytes) / static_cast<double>(count);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(make_batch)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

void parse_and_unpack_batch(benchmark::State& state) {
  const auto count = static_cast<std::uint64_t>(state.range(0));
  const Bytes raw = parts(count);
  const Bytes blob = encode_batch(batch_header(count, raw), raw);
  Bytes unpacked;
  for (auto _ : state) {
    const auto batch = BatchView::parse(blob);
    if (!batch || !batch->unpack(unpacked)) {
      state.SkipWithError("does not unpack");
      return;
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(parse_and_unpack_batch)->Arg(1)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace understudy::bench
