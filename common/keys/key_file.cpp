#include "common/keys/key_file.h"

#include "common/core/errors.h"
#include "common/file/new_name.h"
#include "common/keys/owned_file.h"
#include "common/keys/toml_text.h"
#include "common/transport/key_pair.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace understudy {
namespace {

constexpr std::string_view kSecret = "secret-key";
constexpr std::string_view kPublic = "public-key";

std::string take_key(const TomlText& text, const TomlNode& node, std::string_view name) {
  const auto& key = text.take_text(node, name);
  if (is_key_text(key)) return key;
  text.refuse(
      node.at,
      fmt::format("{} is no key: 40 characters of Z85, as understudy keygen makes them", name));
}

}  // namespace

void write_key_file(const std::string& path, const KeyPair& keys, const std::string& node) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0 && errno == EEXIST) {
    throw ConfigError(fmt::format(
        "{} is there already, and a key that is overwritten is lost; name another file", path));
  }
  if (fd < 0) throw IoError("make", path, errno);
  const auto text = fmt::format(
      "# The secret key of {}: whoever reads this file can be that node.\n"
      "{} = \"{}\"\n{} = \"{}\"\n",
      node.empty() ? "an Understudy node" : "the Understudy node " + node, kSecret, keys.secret_key,
      kPublic, keys.public_key);
  const bool is_written =
      ::fchmod(fd, 0600) == 0 &&  // whatever the umask
      ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
      ::fsync(fd) == 0;
  const int code = errno;
  ::close(fd);
  if (!is_written) {
    ::unlink(path.c_str());
    throw IoError("write", path, code);
  }
  sync_folder_of(path);
}

KeyPair read_key_file(const std::string& path) {
  const TomlText text(read_owned_file(path, 0077, "can be read or replaced by others", "chmod 600"),
                      path);
  KeyPair keys;
  for (const auto& [name, at, node] : text.table().members) {
    if (name == kSecret) {
      keys.secret_key = take_key(text, node, kSecret);
    } else if (name == kPublic) {
      keys.public_key = take_key(text, node, kPublic);
    } else {
      text.refuse(at,
                  fmt::format("a key file has no '{}', only {} and {}", name, kSecret, kPublic));
    }
  }
  if (keys.secret_key.empty()) {
    text.refuse(keys.public_key.empty()
                    ? "there is no secret-key in it: make one with understudy keygen --output FILE"
                    : "it holds a public key only; a node needs its own secret one "
                      "(understudy keygen --output FILE)");
  }
  const auto belonging = public_key_of(keys.secret_key);
  if (!keys.public_key.empty() && keys.public_key != belonging) {
    text.refuse(keys.public_key == keys.secret_key
                    ? std::string("secret-key and public-key are the same")
                    : fmt::format("public-key does not belong to secret-key, whose public key is "
                                  "{}: one of the two was mixed up",
                                  belonging));
  }
  keys.public_key = belonging;
  return keys;
}

}  // namespace understudy
