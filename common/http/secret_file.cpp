#include "common/http/secret_file.h"

#include "common/core/errors.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>

namespace understudy::http {
namespace {

constexpr std::size_t kMinSecretLength = 16;

using Digest = std::array<unsigned char, SHA256_DIGEST_LENGTH>;

Digest digest_of(const std::string& text) {
  Digest digest{};
  SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data());
  return digest;
}

}  // namespace

void check_secret_file(const std::string& path, const std::string& option) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || ::access(path.c_str(), R_OK) != 0) {
    throw ConfigError(fmt::format("{} {}: {}", option, path, std::strerror(errno)));
  }
  if (!S_ISREG(status.st_mode)) throw ConfigError(fmt::format("{} {}: not a file", option, path));
  // As is usual for keys of servers: root's file, readable by the group of the service.
  const bool is_roots = status.st_uid == 0 && ::geteuid() != 0;
  const mode_t others = is_roots ? (S_IRWXO | S_IWGRP) : (S_IRWXO | S_IRWXG);
  if ((status.st_mode & others) != 0) {
    throw ConfigError(
        fmt::format("{} {}: others may read it (mode {:04o}); make it private: chmod 600 {}",
                    option, path, status.st_mode & 07777, path));
  }
}

void check_secret(const std::string& secret, const std::string& option) {
  if (secret.size() >= kMinSecretLength) return;
  throw ConfigError(
      fmt::format("{}: a secret has {} characters or more, and stands in the first line of a file; "
                  "make one with: openssl rand -hex 32",
                  option, kMinSecretLength));
}

std::string read_secret_file(const std::string& path, const std::string& option) {
  check_secret_file(path, option);
  std::ifstream file(path);
  std::string secret;
  std::getline(file, secret);
  while (!secret.empty() && (secret.back() == '\r' || secret.back() == ' ')) secret.pop_back();
  check_secret(secret, option + " " + path);
  return secret;
}

// Of digests, so that not even the length tells in how far a guess is right.
bool is_same_secret(const std::string& a, const std::string& b) {
  const auto left = digest_of(a);
  const auto right = digest_of(b);
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

}  // namespace understudy::http
