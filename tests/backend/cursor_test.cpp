// The cursor of the log: it goes with the batches it was given with, and stays whatever else
// happens to them. What one small append costs.
#include "common/backend/backend.h"
#include "common/sqlite/connection.h"
#include "tests/backend/log_builder.h"
#include "tests/support/temporary_directory.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <random>

namespace understudy::test {
namespace {

void append(Backend& backend, const Bytes& blob, ByteView cursor) {
  const BatchView batch = view(blob);
  backend.append({&batch, 1}, cursor);
}

// A backend, and what its cursor must be.
class Watched {
 public:
  explicit Watched(std::string path)
      : path_(std::move(path)),
        backend_(open_sqlite_backend(path_, test_stream(), kBase, kHistory)) {}

  void step(std::mt19937& random) {
    switch (random() % 9) {
      case 0:
        return put(random);
      case 1:
        return backend_->drop_open_tail();
      case 2:
        backend_->rewind(backend_->bounds().last.seq - random() % (kept() + 1));
        cursor_.clear();
        return;
      case 3:
        (void)backend_->trim({.max_bytes = random() % 2 * 3000}, backend_->bounds().last.seq);
        return;
      case 4:
        backend_.reset();
        backend_ = open_sqlite_backend(path_);
        return;
      case 5:
        return backend_->reset(backend_->bounds().last, kHistory);
      default:
        return grow(random);
    }
  }

  void check() const { CHECK(backend_->cursor() == cursor_); }

 private:
  [[nodiscard]] Seq kept() const {
    return backend_->bounds().last.seq - backend_->bounds().base.seq;
  }

  void put(std::mt19937& random) {
    cursor_.assign(random() % 3 == 0 ? 0 : 20, static_cast<std::byte>(random()));
    if (random() % 2 == 0 || cursor_.empty()) return backend_->set_cursor(cursor_);
    backend_->append({}, cursor_);
  }

  // Records of which the last may stay open; a batch that comes without a cursor leaves it alone.
  void grow(std::mt19937& random) {
    LogBuilder log(backend_->bounds().last);
    backend_->drop_open_tail();
    const auto count = 1 + random() % 3;
    log.records(static_cast<int>(count));
    if (random() % 2 == 0) log.part(random() % 5000, false);
    Bytes given(random() % 3 == 0 ? 0 : 20, static_cast<std::byte>(random()));
    append(*backend_, log.batch(), given);
    if (!given.empty()) cursor_ = std::move(given);
  }

  std::string path_;
  std::unique_ptr<Backend> backend_;
  Bytes cursor_;
};

TEST_CASE("the cursor is the last one that was given, whatever becomes of the rows") {
  int steps = 0;
  for (unsigned seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    TemporaryDirectory folder;
    Watched log(folder.file("backend.db"));
    for (int i = 0; i < 60; ++i, ++steps) {
      log.step(random);
      log.check();
    }
  }
  MESSAGE("understudy-count: cursor steps=" << steps);
}

TEST_CASE("a small batch with its cursor changes one page, but for those that it fills") {
  constexpr int kAppends = 60;
  constexpr double kFrame = 4096 + 24;
  TemporaryDirectory folder;
  const auto path = folder.file("backend.db");
  auto backend = open_sqlite_backend(path, test_stream(), kBase, kHistory);
  LogBuilder log;
  const auto before = std::filesystem::file_size(path + "-wal");
  for (int i = 0; i < kAppends; ++i)
    append(*backend, log.batch_of(1, 400), Bytes(20, std::byte{1}));
  const auto grown = static_cast<double>(std::filesystem::file_size(path + "-wal") - before);
  CHECK(grown / kAppends < 1.8 * kFrame);
}

}  // namespace
}  // namespace understudy::test
