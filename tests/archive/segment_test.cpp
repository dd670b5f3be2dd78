// The file of a segment: golden bytes, what is written comes back, and not one changed bit or cut
// goes unnoticed; a damaged batch costs its own records alone.
#include "common/archive/segment_reader.h"
#include "common/archive/segment_writer.h"
#include "common/core/errors.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>

namespace understudy::test {
namespace {

namespace fs = std::filesystem;

using Blobs = std::vector<Bytes>;

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void write_all(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// Records 1 to 5 in batches of two, one part and one and a half, one, one: of bytes that do not
// compress, so that they do not depend on the version of zstd.
Blobs batches() {
  LogBuilder log;
  Blobs blobs;
  blobs.push_back(log.batch_of(2, 100));
  blobs.push_back(log.part(60, false).batch());
  blobs.push_back(log.part(60, true).records(1, 80).batch());
  blobs.push_back(log.batch_of(1, 40));
  return blobs;
}

std::string make(const TemporaryDirectory& folder, const Blobs& blobs) {
  SegmentWriter writer(folder.file("a.1.2.3.partial"), {test_stream(), kBase});
  for (const auto& blob : blobs) writer.add_batch(view(blob));
  REQUIRE(writer.is_at_record_end());
  REQUIRE(writer.finish(kHistory, folder.file("")));
  return folder.file(writer.name().to_string());
}

// What is wrong with it, in words. Empty: nothing.
std::string problem_of(const std::string& path) {
  try {
    SegmentReader reader(path);
    return reader.damages().empty() ? std::string{} : reader.damages().front().what;
  } catch (const Error& error) {
    return error.what();
  }
}

}  // namespace

TEST_CASE("golden file: a segment of four batches, and its name") {
  const TemporaryDirectory folder;
  const fs::path path = make(folder, batches());
  const auto golden = UNDERSTUDY_GOLDEN_FOLDER + path.filename().string();
  CHECK(read_all(path) == read_all(golden));
  CHECK(problem_of(golden).empty());
}

TEST_CASE("what is written comes back, from any part on") {
  const TemporaryDirectory folder;
  const auto blobs = batches();
  SegmentReader reader(make(folder, blobs));
  CHECK(reader.header() == SegmentHeader{test_stream(), kBase});
  CHECK(reader.footer().last == Position{1, 5, sum_after(5)});
  CHECK(reader.footer().batches == blobs.size());
  CHECK(reader.footer().history == kHistory);
  constexpr std::size_t kAll = 1 << 20;
  CHECK(reader.read({1, 0}, kAll) == blobs);
  CHECK(reader.read({2, 0}, kAll) == blobs);
  CHECK(reader.read({3, 0}, 1) == Blobs{blobs[1]});
  CHECK(reader.read({3, 1}, 1) == Blobs{blobs[2]});
  CHECK(reader.read({5, 0}, kAll) == Blobs{blobs[3]});
  CHECK(reader.read({6, 0}, kAll).empty());
  CHECK(reader.read({0, 0}, kAll).empty());
}

TEST_CASE("names: one spelling, both ways") {
  const SegmentName name{7, 42, 3, 0x0123456789abcdef, 0xfedcba9876543210};
  const std::string text =
      "00000000000000000007-00000000000000000042-3-0123456789abcdef-fedcba9876543210.segment";
  CHECK(name.to_string() == text);
  CHECK(SegmentName::parse(text) == name);
  for (std::size_t at = 0; at < text.size(); ++at) {
    auto other = text;
    other.erase(at, 1);
    CAPTURE(other);
    CHECK_FALSE(SegmentName::parse(other).has_value());
    other.insert(at, 1, '?');
    CHECK_FALSE(SegmentName::parse(other).has_value());
  }
  for (const auto* wrong :
       {"", ".segment", "----.segment",
        "00000000000000000043-00000000000000000042-3-0123456789abcdef-fedcba9876543210.segment",
        "00000000000000000000-00000000000000000042-3-0123456789abcdef-fedcba9876543210.segment",
        "00000000000000000007-00000000000000000042-03-0123456789abcdef-fedcba9876543210.segment",
        "00000000000000000007-00000000000000000042-3-0123456789ABCDEF-fedcba9876543210.segment"}) {
    CHECK_FALSE(SegmentName::parse(wrong).has_value());
  }
}

TEST_CASE("a mark tells states, tenures and streams apart") {
  const auto mark = mark_of(test_stream(), kBase, kHistory);
  CHECK(mark == mark_of(test_stream(), kBase, kHistory));
  auto other_tenure = kHistory;
  other_tenure.back().tenure += 1;
  CHECK(mark != mark_of(test_stream(), kBase, other_tenure));
  CHECK(mark != mark_of({}, kBase, kHistory));
  for (const auto& other :
       {Position{2, kBase.seq, kBase.sum}, Position{1, kBase.seq + 1, kBase.sum},
        Position{1, kBase.seq, kBase.sum + 1}}) {
    CHECK(mark != mark_of(test_stream(), other, kHistory));
  }
}

TEST_CASE("every flipped bit is found") {
  const TemporaryDirectory folder;
  const auto whole = read_all(make(folder, batches()));
  const auto path = folder.file("flipped");
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    auto bytes = whole;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    write_all(path, bytes);
    CAPTURE(bit);
    REQUIRE_FALSE(problem_of(path).empty());
  }
  std::printf("understudy-count: flipped bits of a segment=%zu\n", std::size_t{8 * whole.size()});
}

TEST_CASE("every cut is found, and so is what was put behind") {
  const TemporaryDirectory folder;
  const auto whole = read_all(make(folder, batches()));
  const auto path = folder.file("cut");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    write_all(path, whole.substr(0, size));
    CAPTURE(size);
    REQUIRE_FALSE(problem_of(path).empty());
  }
  write_all(path, whole + "x");
  CHECK_FALSE(problem_of(path).empty());
}

TEST_CASE("a damaged batch costs its records, and not those around it") {
  const TemporaryDirectory folder;
  const auto blobs = batches();
  const auto path = make(folder, blobs);
  auto bytes = read_all(path);
  // The last byte of the third batch: the end of record 3, and record 4.
  std::size_t at = segment_format::kHeaderSize;
  for (std::size_t i = 0; i < 3; ++i) at += segment_format::kFrameHeadSize + blobs[i].size();
  bytes[at - 1] = static_cast<char>(bytes[at - 1] ^ 1);
  write_all(path, bytes);
  SegmentReader reader(path);
  REQUIRE(reader.damages().size() == 1);
  CHECK(reader.damages()[0].from == 3);
  CHECK(reader.damages()[0].until == 4);
  CHECK(reader.read({1, 0}, 1) == Blobs{blobs[0]});
  CHECK(reader.read({3, 0}, 1) == Blobs{blobs[1]});
  CHECK_THROWS_AS((void)reader.read({3, 1}, 1), CorruptionError);
  CHECK_THROWS_AS((void)reader.read({4, 0}, 1), CorruptionError);
  CHECK(reader.read({5, 0}, 1) == Blobs{blobs[3]});
}

TEST_CASE("a later version is told apart from damage") {
  const TemporaryDirectory folder;
  const auto path = make(folder, batches());
  auto bytes = read_all(path);
  bytes[4] = 2;     // version
  bytes[48] = 'x';  // its own checksum
  write_all(path, bytes);
  CHECK_THROWS_AS(SegmentReader{path}, ConfigError);
}

TEST_CASE("nothing is replaced, and an unfinished file goes") {
  const TemporaryDirectory folder;
  const auto path = make(folder, batches());
  const auto before = read_all(path);
  const auto partial = folder.file("b.1.2.3.partial");
  {
    SegmentWriter again(partial, {test_stream(), kBase});
    for (const auto& blob : batches()) again.add_batch(view(blob));
    CHECK(fs::exists(partial));
    CHECK_FALSE(again.finish(kHistory, folder.file("")));
  }
  CHECK(read_all(path) == before);
  CHECK_FALSE(fs::exists(partial));
  { const SegmentWriter given_up(partial, {test_stream(), kBase}); }
  CHECK_FALSE(fs::exists(partial));
}

}  // namespace understudy::test
