#include "common/http/address.h"

#include "common/core/errors.h"

#include <fmt/format.h>
#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>

namespace understudy::http {
namespace {

constexpr int kBacklog = 128;

struct FreeAddresses {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};

std::unique_ptr<addrinfo, FreeAddresses> resolve(const Address& address) {
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  auto host = address.host;
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host == "*" ? nullptr : host.c_str(),
                                 std::to_string(address.port).c_str(), &wanted, &list);
  if (code != 0) {
    throw ConfigError(fmt::format("--http {}: {}", address.to_string(), ::gai_strerror(code)));
  }
  return std::unique_ptr<addrinfo, FreeAddresses>(list);
}

// Closes the socket unless all went well.
int bind_and_listen(int socket, const sockaddr* address, socklen_t size, const std::string& name) {
  if (::bind(socket, address, size) == 0 && ::listen(socket, kBacklog) == 0) return socket;
  const int code = errno;
  ::close(socket);
  throw IoError("listen on", name, code);
}

}  // namespace

Address Address::parse(std::string_view text, std::string_view option) {
  const auto wrong = [&](std::string_view what) {
    return ConfigError(
        fmt::format("{} {}: {}; give HOST:PORT, e.g. 127.0.0.1:8080", option, text, what));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) throw wrong("there is no port");
  Address address{std::string(text.substr(0, colon)), 0};
  const auto port = text.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc{} || end != port.data() + port.size() || address.port == 0) {
    throw wrong("the port is not a number from 1 to 65535");
  }
  const bool is_v6 = address.host.find(':') != std::string::npos;
  if (is_v6 && !(address.host.starts_with('[') && address.host.ends_with(']'))) {
    throw wrong("an IPv6 address stands in brackets");
  }
  if (address.host.empty()) throw wrong("there is no host (* listens on all addresses)");
  return address;
}

std::string Address::to_string() const {
  return fmt::format("{}:{}", host, port);
}

bool Address::is_loopback() const {
  return host == "localhost" || host == "[::1]" || host.starts_with("127.");
}

int listen_on(const Address& address) {
  const auto list = resolve(address);
  const int socket = ::socket(list->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) throw IoError("open", "socket", errno);
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return bind_and_listen(socket, list->ai_addr, list->ai_addrlen, address.to_string());
}

int listen_on_path(const std::string& short_path, const std::string& path) {
  ::unlink(short_path.c_str());
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) throw IoError("open", "socket", errno);
  // Before bind(): the file is made with this mode, so it is never open to others.
  ::fchmod(socket, 0600);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  short_path.copy(address.sun_path, sizeof address.sun_path - 1);
  return bind_and_listen(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address, path);
}

}  // namespace understudy::http
