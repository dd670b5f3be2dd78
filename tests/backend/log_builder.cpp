#include "tests/backend/log_builder.h"

#include "common/core/hash.h"

#include <doctest/doctest.h>

#include <random>

namespace understudy::test {
namespace {

// Bytes that do not compress.
Bytes noise(Seq seq, std::uint32_t part, std::size_t size) {
  std::minstd_rand random(static_cast<std::uint32_t>(seq * 31 + part));
  Bytes bytes(size);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random() >> 8);
  return bytes;
}

}  // namespace

StreamId test_stream() {
  return *StreamId::parse("00112233445566778899aabbccddeeff");
}

StateSum sum_after(Seq seq) {
  if (seq == 0) return kBase.sum;
  return xxh3(std::as_bytes(std::span(&seq, 1)));
}

LogBuilder::LogBuilder(const Position& base, const StreamId& stream)
    : stream_(stream), epoch_(base.epoch), next_{base.seq + 1, 0}, last_(base) {}

LogBuilder& LogBuilder::part(std::size_t bytes, bool last) {
  if (raw_.empty()) {
    header_ = {.stream = stream_, .epoch = epoch_, .first = next_, .last = next_};
    header_.sum_before = header_.sum_after = last_.sum;
  }
  // Pages are of fixed sizes; so: whole pages of 512 bytes, and a delta for the rest.
  PartBuilder builder;
  const Bytes content = noise(next_.seq, next_.part, bytes);
  ByteView rest(content);
  for (PageNo page = 1; !rest.empty(); ++page) {
    const auto body = rest.first(std::min<std::size_t>(rest.size(), 512));
    const auto encoding = body.size() == 512 ? PageEncoding::whole : PageEncoding::delta;
    builder.add({page, 0, encoding, body});
    rest = rest.subspan(body.size());
  }
  PartHeader header{.epoch = epoch_,
                    .seq = next_.seq,
                    .part = next_.part,
                    .last = last,
                    .page_size = 512,
                    .time_us = static_cast<std::int64_t>(next_.seq),
                    .sum_before = last_.sum};
  header_.last = next_;
  header_.closed = last;
  if (last) {
    header.page_count = 100;
    header.sum_after = sum_after(next_.seq);
    last_ = {epoch_, next_.seq, header.sum_after};
    header_.sum_after = header.sum_after;
    header_.records += 1;
    next_ = {next_.seq + 1, 0};
  } else {
    next_.part += 1;
  }
  builder.finish(header, raw_);
  return *this;
}

LogBuilder& LogBuilder::records(int count, std::size_t bytes_each) {
  for (int i = 0; i < count; ++i) part(bytes_each, true);
  return *this;
}

Bytes LogBuilder::open_epoch(Epoch epoch, const EpochOpening& opening) {
  epoch_ = epoch;
  header_ = {.stream = stream_, .epoch = epoch_, .first = next_, .last = next_};
  header_.closed = true;
  header_.records = 1;
  header_.sum_before = header_.sum_after = last_.sum;
  PartBuilder builder;
  builder.open_epoch(opening);
  builder.finish({.kind = RecordKind::epoch,
                  .epoch = epoch_,
                  .seq = next_.seq,
                  .last = true,
                  .page_size = 512,
                  .time_us = static_cast<std::int64_t>(next_.seq),
                  .sum_before = last_.sum,
                  .page_count = 100,
                  .sum_after = last_.sum},
                 raw_);
  last_ = {epoch_, next_.seq, last_.sum};
  next_ = {next_.seq + 1, 0};
  return batch();
}

Bytes LogBuilder::batch(std::int64_t time_us) {
  header_.time_us = time_us;
  Bytes blob = encode_batch(header_, raw_);
  raw_.clear();
  return blob;
}

BatchView view(const Bytes& blob) {
  const auto batch = BatchView::parse(blob);
  REQUIRE(batch.has_value());
  return *batch;
}

std::vector<PartHeader> parts_of(const std::vector<Bytes>& blobs) {
  std::vector<PartHeader> headers;
  for (const auto& blob : blobs) {
    Bytes raw;
    REQUIRE(view(blob).unpack(raw));
    ByteView rest(raw);
    RecordPart part;
    while (!rest.empty()) {
      REQUIRE(decode_part(rest, part));
      headers.push_back(part.header);
    }
  }
  return headers;
}

}  // namespace understudy::test
