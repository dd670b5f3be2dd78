// Folders, files and programs that the replica's tests work with.
#pragma once

#include "common/core/types.h"

#include <string>

namespace understudy::test {

// A fresh folder, in memory where that can be, removed at the end.
class Scratch {
 public:
  explicit Scratch(const std::string& parent = "/dev/shm");
  ~Scratch();
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  [[nodiscard]] std::string operator/(const std::string& name) const { return path_ + "/" + name; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

Bytes read_file(const std::string& path);
void write_file(const std::string& path, ByteView bytes);
void flip_byte(const std::string& path, std::uint64_t offset);

// What the sqlite3 program prints, without the last newline.
std::string sqlite3_program(const std::string& database, const std::string& sql);

}  // namespace understudy::test
