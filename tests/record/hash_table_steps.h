// Tables of page hashes for the tests of their file: random ones, and the records that change them.
#pragma once

#include "common/file/file.h"
#include "common/record/page_hashes.h"
#include "tests/record/random_bytes.h"

#include <doctest/doctest.h>

namespace understudy::testing {

constexpr std::uint32_t kPageSize = 4096;
inline const StreamId kStream = *StreamId::parse("000102030405060708090a0b0c0d0e0f");

// What a record does to the table.
struct Step {
  std::vector<std::pair<PageNo, PageHash>> changes;
  PageNo page_count = 0;
};

// Changes some pages; a database that grows has all its new pages written, as SQLite does it.
inline Step random_step(Random& random, PageNo old_count, PageNo page_count) {
  Step step;
  step.page_count = page_count;
  for (int i = 0; i < 10; ++i) {
    step.changes.emplace_back(1 + below(random, page_count), random());
  }
  for (PageNo page = old_count + 1; page <= page_count; ++page) {
    step.changes.emplace_back(page, random());
  }
  return step;
}

inline void apply(PageHashes& table, const Step& step) {
  for (const auto& [page, hash] : step.changes) table.set(page, hash);
  table.resize(step.page_count);
}

inline bool equal(const PageHashes& a, const PageHashes& b) {
  if (a.page_count() != b.page_count() || a.page_size() != b.page_size()) return false;
  for (PageNo page = 1; page <= a.page_count(); ++page) {
    if (a.get(page) != b.get(page)) return false;
  }
  return a.sum() == b.sum() && a.sum() == a.recount();
}

inline Bytes read_file(const std::string& path) {
  const File file(path, File::Mode::read_only);
  Bytes bytes(file.size());
  REQUIRE(file.read(0, bytes) == bytes.size());
  return bytes;
}

inline void write_file(const std::string& path, ByteView bytes) {
  File file(path, File::Mode::create);
  file.truncate(0);
  file.write(0, bytes);
}

inline PageHashes random_table(Random& random, PageNo page_count) {
  PageHashes table(kPageSize);
  apply(table, random_step(random, 0, page_count));
  return table;
}

// Three records that leave the table with `page_count` pages, by way of fewer and of more.
inline std::vector<Step> random_steps(Random& random, PageNo from, PageNo to) {
  const PageNo less = std::min(from, to) / 2 + 1;
  const PageNo more = std::max(from, to) + 700;
  return {random_step(random, from, less), random_step(random, less, more),
          random_step(random, more, to)};
}

}  // namespace understudy::testing
