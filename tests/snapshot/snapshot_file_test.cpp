// The file of a snapshot: golden bytes, what is written comes back, and not one changed bit or cut
// goes unnoticed.
#include "common/core/errors.h"
#include "common/core/hash.h"
#include "common/record/batch.h"
#include "common/record/page_hash.h"
#include "common/record/record.h"
#include "common/snapshot/snapshot_writer.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace understudy::test {
namespace {

constexpr std::uint32_t kPageSize = 512;
const StreamId kStream{{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Does not compress: so the bytes do not depend on the version of zstd.
Bytes noise(PageNo pages) {
  Bytes bytes(std::size_t{pages} * kPageSize);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto number = static_cast<std::uint64_t>(i);
    bytes[i] = static_cast<std::byte>(xxh3(std::as_bytes(std::span(&number, 1)), 0) & 0xff);
  }
  return bytes;
}

StateSum sum_of(ByteView contents) {
  StateSum sum = 0;
  for (std::size_t at = 0; at < contents.size(); at += kPageSize) {
    const auto page = static_cast<PageNo>(at / kPageSize + 1);
    sum += hash_page(page, contents.subspan(at, kPageSize));
  }
  return sum;
}

EpochStart first_epoch() {
  return {.epoch = 1,
          .node = "a",
          .tenure = 77,
          .first_seq = 1,
          .sum = 5,
          .time_us = 1'700'000'000'000'000,
          .reason = "first"};
}

// A state of `pages` pages as of seq 3, and, when asked for, the record that changes its first
// page.
std::string make(const TemporaryDirectory& folder, PageNo pages, bool with_record) {
  const auto path = folder.file("made.snapshot");
  SnapshotWriter writer(path + ".partial", {kStream, kPageSize, 1'700'000'000'000'001});
  auto contents = noise(pages);
  for (PageNo page = 1; page <= pages; page += 2) {
    const auto count = std::min<PageNo>(2, pages - page + 1);
    writer.add_pages(3, page,
                     ByteView(contents).subspan(std::size_t{page - 1} * kPageSize,
                                                std::size_t{count} * kPageSize));
  }
  const auto before = sum_of(contents);
  Seq seq = 3;
  if (with_record) {
    std::ranges::fill(std::span(contents).first(kPageSize), std::byte{7});
    const auto page = ByteView(contents).first(kPageSize);
    PartBuilder builder;
    builder.add({1, hash_page(1, page), PageEncoding::whole, page});
    seq = 4;
    PartHeader header{.epoch = 1,
                      .seq = seq,
                      .last = true,
                      .page_size = kPageSize,
                      .time_us = 9,
                      .sum_before = before,
                      .page_count = pages,
                      .sum_after = sum_of(contents)};
    Bytes raw;
    builder.finish(header, raw);
    BatchHeader batch{.stream = kStream,
                      .epoch = 1,
                      .first = {seq, 0},
                      .last = {seq, 0},
                      .closed = true,
                      .records = 1,
                      .raw_bytes = static_cast<std::uint32_t>(raw.size()),
                      .sum_before = before,
                      .sum_after = header.sum_after,
                      .time_us = 9};
    writer.add_batch(encode_batch(batch, raw));
  }
  SnapshotFooter footer{.position = {1, seq, sum_of(contents)},
                        .page_count = pages,
                        .time_us = 1'700'000'000'000'002,
                        .first_as_of = 3,
                        .history = {first_epoch()}};
  REQUIRE(writer.finish(footer, path));
  return path;
}

// Reads all of it; what is wrong, in words. Empty: it is whole.
std::string problem_of(const std::string& path) {
  try {
    const auto reader = open_snapshot(path);
    for (;;) {
      const auto frame = reader->next();
      if (const auto* damage = std::get_if<SnapshotDamage>(&frame)) return damage->what;
      if (std::holds_alternative<SnapshotEnd>(frame)) return {};
    }
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("golden file: a snapshot of one page") {
  const TemporaryDirectory folder;
  const auto path = make(folder, 1, false);
  CHECK(read_all(path) == read_all(UNDERSTUDY_GOLDEN_SNAPSHOT));
  CHECK(problem_of(UNDERSTUDY_GOLDEN_SNAPSHOT).empty());
}

TEST_CASE("what is written comes back") {
  const TemporaryDirectory folder;
  const auto reader = open_snapshot(make(folder, 5, true));
  CHECK(reader->header() == SnapshotHeader{kStream, kPageSize, 1'700'000'000'000'001});
  CHECK(reader->footer().position.seq == 4);
  CHECK(reader->footer().pages == 5);
  CHECK(reader->footer().batches == 1);
  CHECK(reader->footer().history == History{first_epoch()});
  Bytes contents;
  PageNo expected = 1;
  std::size_t batches = 0;
  for (;;) {
    auto frame = reader->next();
    if (std::holds_alternative<SnapshotEnd>(frame)) break;
    if (const auto* pages = std::get_if<SnapshotPages>(&frame)) {
      CHECK(pages->first == expected);
      CHECK(pages->as_of == 3);
      expected += pages->count;
      contents.insert(contents.end(), pages->contents.begin(), pages->contents.end());
    } else {
      REQUIRE(std::holds_alternative<SnapshotBatch>(frame));
      ++batches;
    }
  }
  CHECK(contents == noise(5));
  CHECK(batches == 1);
}

TEST_CASE("every flipped bit is found") {
  const TemporaryDirectory folder;
  const auto whole = read_all(make(folder, 3, true));
  const auto path = folder.file("flipped.snapshot");
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    auto bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    write_all(path, bytes);
    CAPTURE(bit);
    REQUIRE_FALSE(problem_of(path).empty());
  }
}

TEST_CASE("every cut is found, and so is what was put behind") {
  const TemporaryDirectory folder;
  const auto whole = read_all(make(folder, 3, true));
  const auto path = folder.file("cut.snapshot");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_all(path, whole.substr(0, size));
    CAPTURE(size);
    REQUIRE_FALSE(problem_of(path).empty());
  }
  write_all(path, whole + "x");
  CHECK_FALSE(problem_of(path).empty());
}

TEST_CASE("frames of another snapshot do not fit") {
  const TemporaryDirectory folder;
  const auto one = read_all(make(folder, 3, true));
  std::filesystem::remove(folder.file("made.snapshot"));
  auto other = one;
  {
    // The same frames under another header: begun a microsecond later.
    const auto header = snapshot_format::encode_header({kStream, kPageSize, 1'700'000'000'000'002});
    std::memcpy(other.data(), header.bytes.data(), header.bytes.size());
  }
  const auto path = folder.file("mixed.snapshot");
  write_all(path, other);
  CHECK_FALSE(problem_of(path).empty());
}

TEST_CASE("nothing is replaced, and an unfinished file goes") {
  const TemporaryDirectory folder;
  const auto path = make(folder, 1, false);
  const auto before = read_all(path);
  {
    SnapshotWriter writer(path + ".partial", {kStream, kPageSize, 1});
    writer.add_pages(0, 1, noise(1));
    SnapshotFooter footer{.position = {1, 0, 1}, .page_count = 1, .history = {first_epoch()}};
    CHECK_FALSE(writer.finish(footer, path));
  }
  CHECK(read_all(path) == before);
  CHECK_FALSE(std::filesystem::exists(path + ".partial"));
}

}  // namespace understudy::test
