// Method: a primary forks off after some records; what is kept of the rest is held against its
// database file: the file at the fork with the kept pages on it must be the file at the end.
#include "common/orphans/orphans.h"

#include "common/backend/open_epoch.h"
#include "common/core/errors.h"
#include "common/file/file.h"
#include "common/orphans/keep_orphans.h"
#include "recorder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <filesystem>

namespace understudy::test {
namespace {

constexpr std::uint32_t kPage = 4096;

// Ten shared records, then orphans of every kind.
struct Fork {
  Scratch folder;
  Recorder primary;
  Bytes image_at_fork;
  Seq at = 0;

  explicit Fork(std::size_t part_bytes = 256 * 1024)
      : primary(
            folder.path(),
            {.page_size = kPage, .pragmas = {}, .part_bytes = part_bytes, .change_twice = true}) {
    for (int i = 0; i < 10; ++i) insert("zeroblob(3000)");
    at = primary.position().seq;
    image_at_fork = primary.image();
    for (int i = 0; i < 5; ++i) insert("randomblob(9000)");
    primary.run("UPDATE t SET b = randomblob(20) WHERE id % 2 = 0");
    primary.run("DELETE FROM t WHERE id < 4");
  }

  void insert(const std::string& blob) {
    primary.run("INSERT INTO t(a, b) VALUES (hex(randomblob(4)), " + blob + ")");
  }
  [[nodiscard]] std::string orphans() const { return folder / "orphans"; }

  LastPageReader reader() {
    return [this](PageNo page, std::span<std::byte> content) {
      if (std::size_t{page} * kPage > primary.image().size()) return false;
      std::memcpy(content.data(), primary.image().data() + std::size_t{page - 1} * kPage, kPage);
      return true;
    };
  }
  std::optional<KeptOrphans> keep(const LastPageReader& read_page = {}) {
    return keep_orphans(*primary.log(), at, orphans(), {"old primary", "test"}, read_page);
  }
};

struct ExportedPage {
  PageNo page;
  Bytes content;
};

std::vector<ExportedPage> exported_pages(const std::string& path) {
  Connection connection(path, Connection::Mode::read_only);
  auto rows = connection.prepare("SELECT pgno, content FROM page ORDER BY pgno");
  std::vector<ExportedPage> pages;
  while (rows.step()) {
    const auto blob = rows.blob(1);
    pages.push_back({static_cast<PageNo>(rows.integer(0)), {blob.begin(), blob.end()}});
  }
  return pages;
}

Bytes with_pages(Bytes image, const std::vector<ExportedPage>& pages, std::size_t size) {
  image.resize(size);
  for (const auto& [page, content] : pages) {
    REQUIRE(content.size() == kPage);
    std::ranges::copy(content, image.begin() + static_cast<std::ptrdiff_t>((page - 1) * kPage));
  }
  return image;
}

TEST_CASE("with the database at hand: the file at the fork and the pages are the file at the end") {
  for (const std::size_t part_bytes : {std::size_t{5000}, std::size_t{256 * 1024}}) {
    Fork fork(part_bytes);
    const auto kept = fork.keep(fork.reader());
    REQUIRE(kept);
    CHECK(kept->records == 7);
    CHECK(kept->pages_unknown == 0);
    const auto target = fork.folder / "export.db";
    const auto exported = export_orphans(fork.orphans(), kept->name, target);
    CHECK(exported.records == 7);
    CHECK(exported.pages == kept->pages);
    const auto end =
        with_pages(fork.image_at_fork, exported_pages(target), fork.primary.image().size());
    CHECK(end == fork.primary.image());
  }
}

TEST_CASE("from the records alone: what is told is right, the rest is told to be unknown") {
  Fork fork;
  const auto kept = fork.keep();
  REQUIRE(kept);
  const auto target = fork.folder / "export.db";
  const auto exported = export_orphans(fork.orphans(), kept->name, target);
  CHECK(exported.pages + exported.pages_unknown == kept->pages);
  CHECK(exported.pages > 0);
  for (const auto& [page, content] : exported_pages(target)) {
    const auto at = fork.primary.image().begin() + static_cast<std::ptrdiff_t>((page - 1) * kPage);
    CHECK(std::equal(content.begin(), content.end(), at));
  }
}

TEST_CASE("a database that is not as the orphans left it does no harm") {
  Fork fork;
  const auto kept = fork.keep([](PageNo, std::span<std::byte> content) {
    std::ranges::fill(content, std::byte{7});
    return true;
  });
  Fork other;
  REQUIRE(kept);
  CHECK(sqlite3_program(kept->path,
                        "SELECT count(*) FROM page WHERE content = replace(hex("
                        "zeroblob(4096)), '00', x'07')") == "0");
}

TEST_CASE("kept again: the same file; after a fork elsewhere: another") {
  Fork fork;
  const auto first = fork.keep(fork.reader());
  const auto again = fork.keep();
  CHECK(again->path == first->path);
  CHECK(again->pages_unknown == 0);
  CHECK(list_orphans(fork.orphans()).size() == 1);
  write_file(first->path, {});  // as a crash would leave it
  CHECK(list_orphans(fork.orphans()).empty());
  CHECK(fork.keep(fork.reader())->pages_unknown == 0);
  CHECK(list_orphans(fork.orphans()).size() == 1);
  fork.insert("1");
  CHECK(fork.keep()->path != first->path);
  fork.at = fork.primary.position().seq;
  CHECK_FALSE(fork.keep());
}

TEST_CASE("a log that begins behind the fork: what it holds is kept") {
  Fork fork;
  fork.primary.backend().trim({.max_bytes = 0}, fork.at + 2);
  const auto kept = fork.keep(fork.reader());
  REQUIRE(kept);
  CHECK(kept->records == 5);
  CHECK(list_orphans(fork.orphans()).front().fork.seq == fork.at + 2);
}

TEST_CASE("list and show tell what was kept: records, pages, epochs") {
  Fork fork;
  open_epoch(fork.primary.backend(), "old primary", "promote", {}, kPage, 100);
  const auto kept = fork.keep(fork.reader());
  const auto listed = list_orphans(fork.orphans());
  REQUIRE(listed.size() == 1);
  const auto& summary = listed.front();
  CHECK(summary.name == kept->name);
  CHECK(summary.problem.empty());
  CHECK(summary.kind == OrphansKind::records);
  CHECK(summary.stream == fork.primary.stream());
  CHECK(summary.node == "old primary");
  CHECK(summary.why == "test");
  CHECK(summary.records == 8);
  CHECK(summary.fork == *fork.primary.log()->position_at(fork.at));
  CHECK(summary.last == fork.primary.backend().bounds().last);
  CHECK(summary.pages == kept->pages);
  std::vector<RecordSummary> shown;
  show_orphans(fork.orphans(), kept->name, [&](const RecordSummary& record) {
    shown.push_back(record);
    return true;
  });
  REQUIRE(shown.size() == 8);
  CHECK(shown.front().seq == fork.at + 1);
  CHECK(shown.back().kind == RecordKind::epoch);
  CHECK(shown.back().pages.empty());
  CHECK(std::ranges::is_sorted(shown.front().pages));
  CHECK(sqlite3_program(kept->path, "SELECT count(*) FROM record WHERE pages > 0") == "7");
  CHECK(sqlite3_program(kept->path, "PRAGMA integrity_check") == "ok");
  const auto history = history_of_orphans(fork.orphans(), kept->name);
  CHECK(history == fork.primary.backend().history());
  CHECK(history.size() == 2);
}

TEST_CASE("a whole log that was put aside is listed, shown and exported too") {
  Fork fork;
  fork.primary.backend().checkpoint();
  std::filesystem::create_directories(fork.orphans());
  std::filesystem::copy(fork.primary.backend_path(), fork.orphans() + "/1-17-99.db");
  const auto listed = list_orphans(fork.orphans());
  REQUIRE(listed.size() == 1);
  CHECK(listed.front().kind == OrphansKind::whole_log);
  CHECK(listed.front().records == 17);
  CHECK(listed.front().stream == fork.primary.stream());
  int records = 0;
  show_orphans(fork.orphans(), "1-17-99", [&](const RecordSummary&) { return ++records < 5; });
  CHECK(records == 5);
  const auto exported = export_orphans(fork.orphans(), "1-17-99", fork.folder / "export.db");
  CHECK(exported.records == 17);
  CHECK(exported.pages > 0);
  discard_orphans(fork.orphans(), "1-17-99.db");
  for (const auto& left : std::filesystem::directory_iterator(fork.orphans())) {
    FAIL_CHECK(left.path().string());
  }
}

TEST_CASE("names that are none, targets that exist, discarded for good") {
  Fork fork;
  const auto kept = fork.keep(fork.reader());
  const auto nothing = [](const RecordSummary&) { return true; };
  for (const std::string name : {"none", "../primary", "", ".", "/etc/passwd"}) {
    CAPTURE(name);
    CHECK_THROWS_AS(show_orphans(fork.orphans(), name, nothing), ConfigError);
    CHECK_THROWS_AS(discard_orphans(fork.orphans(), name), ConfigError);
  }
  const auto before = read_file(fork.primary.path());
  CHECK_THROWS_AS(export_orphans(fork.orphans(), kept->name, fork.primary.path()), ConfigError);
  CHECK(read_file(fork.primary.path()) == before);
  discard_orphans(fork.orphans(), kept->name);
  CHECK(list_orphans(fork.orphans()).empty());
  CHECK_FALSE(File::exists(kept->path));
  CHECK_THROWS_AS(discard_orphans(fork.orphans(), kept->name), ConfigError);
  CHECK(list_orphans(fork.folder / "no such folder").empty());
}

// What can be read of the file, as one value; nullopt: an error was told.
std::optional<std::pair<std::vector<Seq>, Bytes>> read_all(const Fork& fork,
                                                           const std::string& name) {
  std::vector<Seq> seqs;
  Bytes contents;
  const auto target = fork.folder / "flipped.db";
  std::filesystem::remove(target);
  try {
    show_orphans(fork.orphans(), name, [&](const RecordSummary& record) {
      seqs.push_back(record.seq);
      seqs.insert(seqs.end(), record.pages.begin(), record.pages.end());
      return true;
    });
    if (export_orphans(fork.orphans(), name, target).pages_unknown > 0) return std::nullopt;
  } catch (const Error&) {
    CHECK_FALSE(File::exists(target));
    return std::nullopt;
  }
  for (const auto& page : exported_pages(target)) {
    contents.insert(contents.end(), page.content.begin(), page.content.end());
  }
  return std::pair(seqs, contents);
}

TEST_CASE("any bit flipped, cut anywhere: told, or harmless") {
  Fork fork;
  const auto kept = fork.keep(fork.reader());
  const auto whole = read_file(kept->path);
  const auto truth = read_all(fork, kept->name);
  REQUIRE(truth);
  int told = 0;
  for (std::size_t bit = 0; bit < whole.size() * 8; bit += 8191) {
    CAPTURE(bit);
    auto bytes = whole;
    bytes[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    write_file(kept->path, bytes);
    const auto found = read_all(fork, kept->name);
    told += found ? 0 : 1;
    if (found) CHECK(*found == *truth);
    CHECK(list_orphans(fork.orphans()).size() <= 1);
  }
  CHECK(told > 0);
  for (std::size_t size = 0; size < whole.size(); size += 1777) {
    CAPTURE(size);
    write_file(kept->path, ByteView(whole).first(size));
    if (const auto found = read_all(fork, kept->name)) CHECK(*found == *truth);
    CHECK(fork.keep(fork.reader())->pages_unknown == 0);  // a damaged file is replaced
    CHECK(read_all(fork, kept->name) == truth);
  }
}

}  // namespace
}  // namespace understudy::test
