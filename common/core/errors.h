// The environment failed: exceptions that say what was being done, to what, with which code.
// Expected outcomes are [[nodiscard]] values instead, and broken invariants are assertions
// (assert.h); see docs/decisions/0002-errors.md. Caught in main and in the loop of each thread.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace understudy {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// A file or system call failed. code() is errno, or 0 where there is none.
class IoError : public Error {
 public:
  IoError(std::string_view doing, std::string_view path, int code);
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] bool is_disk_full() const;

 private:
  int code_;
};

// SQLite answered an error. code() is the extended result code.
class SqliteError : public Error {
 public:
  SqliteError(std::string_view doing, std::string_view path, int code, std::string_view message);
  [[nodiscard]] int code() const { return code_; }
  [[nodiscard]] bool is_busy() const;
  [[nodiscard]] bool is_disk_full() const;

 private:
  int code_;
};

// Whichever of the two it is.
[[nodiscard]] bool is_disk_full(const std::exception& error);

class TransportError : public Error {
 public:
  using Error::Error;
};

// Bytes that we own are not what we wrote: a damaged backend, page or table.
class CorruptionError : public Error {
 public:
  using Error::Error;
};

// What the user asked for cannot be: bad option, not a database, wrong journal mode …
class ConfigError : public Error {
 public:
  using Error::Error;
};

}  // namespace understudy
