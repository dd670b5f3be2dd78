// Recorder: a primary for tests of the replica: runs SQL on a database of its own and makes the
// record of each step by comparing all pages of the file before and after, so it shares nothing
// with the publisher. The records go into a real backend.
#pragma once

#include "common/backend/backend.h"
#include "common/record/record.h"
#include "common/serving/page_source.h"
#include "common/sqlite/connection.h"
#include "scratch.h"

#include <random>

namespace understudy::test {

struct RecorderOptions {
  std::uint32_t page_size = 4096;
  std::string setup = "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b);";
  std::string pragmas;                  // before the first table
  std::size_t part_bytes = 256 * 1024;  // a record is cut into parts of this size
  unsigned seed = 1;
  bool change_twice = false;  // now and then a page has a passing content within its record
};

class Recorder {
 public:
  Recorder(const std::string& dir, const RecorderOptions& options);

  // Runs SQL (several statements are several commits, one record) and appends the record.
  void run(const std::string& sql);
  // A record of what changed, whatever did it.
  void record_changes(RecordKind kind = RecordKind::transaction);

  [[nodiscard]] Connection& connection() { return connection_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const StreamId& stream() const { return stream_; }
  [[nodiscard]] const Position& position() const { return position_; }
  [[nodiscard]] StateOutline outline() const;
  [[nodiscard]] Backend& backend() { return *backend_; }
  [[nodiscard]] std::unique_ptr<LogReader> log() { return backend_->open_reader(); }
  // The parts of record `seq`, encoded.
  [[nodiscard]] const std::vector<Bytes>& parts(Seq seq) const { return records_[seq - 1]; }
  [[nodiscard]] const std::string& backend_path() const { return backend_path_; }
  // The database file now, and as of seq 0.
  [[nodiscard]] const Bytes& image() const { return image_; }
  [[nodiscard]] const Bytes& first_image() const { return first_image_; }
  [[nodiscard]] PageAnswer answer(const PageRequest& request) const;

 private:
  [[nodiscard]] Bytes read_image();
  [[nodiscard]] ByteView page_of(const Bytes& image, PageNo page) const;
  void add_change(PartBuilder& builder, PageNo page, ByteView before, ByteView after);
  void finish_part(PartBuilder& builder, PartHeader& header, std::vector<Bytes>& parts);
  void store(const std::vector<Bytes>& parts, StateSum before, const PartHeader& last);

  RecorderOptions options_;
  std::string path_;
  std::mt19937 random_;
  Connection connection_;
  StreamId stream_ = StreamId::random();
  Position position_;
  Bytes image_;
  Bytes first_image_;
  std::string backend_path_;
  std::unique_ptr<Backend> backend_;
  std::vector<std::vector<Bytes>> records_;
};

// State sum of a database file's bytes.
StateSum sum_of(const Bytes& image, std::uint32_t page_size);

}  // namespace understudy::test
