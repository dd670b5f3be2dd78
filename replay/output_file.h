// OutputFile: a database file that appears under its name whole, or not at all.
//
// Invariants
//  - Nothing that exists under the name, or beside it as a WAL or journal of it, is touched.
//  - Two that make the same output do not meet: the second one is refused.
//  - What a killed run has left is used up by the next one.
#pragma once

#include <string>

namespace understudy {

class OutputFile {
 public:
  // Throws ConfigError: something is in the way, there is no such folder, or another process is
  // making it. IoError.
  explicit OutputFile(std::string path);
  // Removes what is unfinished.
  ~OutputFile();
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  // Where to write it.
  [[nodiscard]] const std::string& partial() const { return partial_; }
  // The partial file, whole and synced, gets the name; durable from its return. Throws ConfigError
  // when something has come by that name.
  void finish();

 private:
  void check_is_free() const;
  void lock();

  std::string path_;
  std::string partial_;
  int descriptor_ = -1;
  bool is_finished_ = false;
};

}  // namespace understudy
