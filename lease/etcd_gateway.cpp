#include "lease/etcd_gateway.h"

#include "lease/lease_store.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <new>
#include <nlohmann/json.hpp>

namespace understudy {
namespace {

constexpr int kOk = 200;
constexpr int kAuthenticationPatience = 3;  // limits
constexpr std::size_t kMostBytes = 16u << 20;
constexpr int kUnauthenticated = 16;  // gRPC's code: the token is not, or no longer, known
// etcd's for a request without a token where one is needed ("user name is empty"), and for a token
// from before users were changed ("revision of auth store is old").
constexpr int kInvalidArgument = 3;

// etcd says {"error": "…", "code": 16, "message": "…"}.
std::string said_error(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return body.substr(0, 200);
  const auto found = json.find("error");
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : body.substr(0, 200);
}

bool wants_token(const std::string& body) {
  const auto json = nlohmann::json::parse(body, nullptr, false);
  if (!json.is_object()) return false;
  const auto code = json.value("code", 0);
  return code == kUnauthenticated ||
         (code == kInvalidArgument && (said_error(body).find("user name") != std::string::npos ||
                                       said_error(body).find("auth store") != std::string::npos));
}

}  // namespace

// libcurl, for its limit of a whole request, and because etcd's errors end in HTTP trailers, which
// not every client can read. No proxies: what decides who writes goes the straight way.
class EtcdGateway::Connection {
 public:
  Connection(const EtcdOptions::Address& address, const EtcdOptions& options)
      : name(fmt::format("{}:{}", address.host, address.port)), url_(url_of(address, options)) {
    static std::once_flag once;
    std::call_once(once, [] { ::curl_global_init(CURL_GLOBAL_DEFAULT); });
    handle_ = ::curl_easy_init();
    if (handle_ == nullptr) throw std::bad_alloc();
    set(CURLOPT_NOSIGNAL, 1L);
    set(CURLOPT_QUICK_EXIT, 1L);  // a name server that hangs is not waited for beyond the limit
    set(CURLOPT_PROXY, "");
    set(CURLOPT_PROTOCOLS_STR, options.uses_tls() ? "https" : "http");
    set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(CURLOPT_WRITEFUNCTION, &Connection::receive);
    if (!options.authority.empty()) set(CURLOPT_CAINFO, options.authority.c_str());
    if (options.certificate.empty()) return;
    set(CURLOPT_SSLCERT, options.certificate.c_str());
    set(CURLOPT_SSLKEY, options.key.c_str());
  }
  ~Connection() { ::curl_easy_cleanup(handle_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] Answer post(const std::string& path, const std::string& body,
                            const std::string& token, std::chrono::milliseconds limit) {
    const auto url = url_ + path;
    Answer answer;
    std::array<char, CURL_ERROR_SIZE> why{};
    const Headers headers(token);
    set(CURLOPT_URL, url.c_str());
    set(CURLOPT_POSTFIELDS, body.c_str());
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(body.size()));
    set(CURLOPT_HTTPHEADER, headers.list);
    set(CURLOPT_TIMEOUT_MS, static_cast<long>(limit.count()));
    set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limit.count()));
    set(CURLOPT_ERRORBUFFER, why.data());
    set(CURLOPT_WRITEDATA, &answer.body);
    const auto code = ::curl_easy_perform(handle_);
    set(CURLOPT_ERRORBUFFER, nullptr);
    if (code != CURLE_OK) {
      return {0, {}, why.front() != '\0' ? why.data() : ::curl_easy_strerror(code)};
    }
    long status = 0;
    ::curl_easy_getinfo(handle_, CURLINFO_RESPONSE_CODE, &status);
    answer.status = static_cast<int>(status);
    if (status != kOk) answer.error = fmt::format("HTTP {}: {}", status, said_error(answer.body));
    return answer;
  }

  const std::string name;

 private:
  struct Headers {
    explicit Headers(const std::string& token) {
      add("Content-Type: application/json");
      add("Expect:");  // none: a body is sent at once
      if (!token.empty()) add("Authorization: " + token);
    }
    ~Headers() { ::curl_slist_free_all(list); }
    Headers(const Headers&) = delete;
    Headers& operator=(const Headers&) = delete;
    void add(const std::string& line) {
      auto* longer = ::curl_slist_append(list, line.c_str());
      if (longer == nullptr) throw std::bad_alloc();
      list = longer;
    }
    ::curl_slist* list = nullptr;
  };

  static std::string url_of(const EtcdOptions::Address& address, const EtcdOptions& options) {
    const bool is_ipv6 = address.host.find(':') != std::string::npos;
    return fmt::format(fmt::runtime(is_ipv6 ? "{}://[{}]:{}" : "{}://{}:{}"),
                       options.uses_tls() ? "https" : "http", address.host, address.port);
  }

  // libcurl's C interface; what it is given more than the limit ends the request.
  static std::size_t receive(char* bytes, std::size_t size, std::size_t count, void* to) {
    auto& body = *static_cast<std::string*>(to);
    if (body.size() + size * count > kMostBytes) return 0;
    body.append(bytes, size * count);
    return size * count;
  }

  // All options are of this file, and right: one that is refused is no such libcurl.
  template <typename T>
  void set(CURLoption option, T value) {
    const auto code = ::curl_easy_setopt(handle_, option, value);
    if (code != CURLE_OK) {
      throw StoreUnreachable(fmt::format("libcurl: {}", ::curl_easy_strerror(code)));
    }
  }

  const std::string url_;
  ::CURL* handle_ = nullptr;
};

EtcdGateway::EtcdGateway(EtcdOptions options) : options_(std::move(options)) {
  for (const auto& address : options_.endpoints) {
    connections_.push_back(std::make_unique<Connection>(address, options_));
  }
}

EtcdGateway::~EtcdGateway() = default;

std::string EtcdGateway::ask(const std::string& path, const std::string& body) {
  std::string errors;
  for (std::size_t i = 0; i < connections_.size(); ++i) {
    const auto at = (preferred_ + i) % connections_.size();
    auto answer = try_endpoint(*connections_[at], path, body);
    if (answer.status == kOk) {
      preferred_ = at;
      return std::move(answer.body);
    }
    errors +=
        fmt::format("{}{}: {}", errors.empty() ? "" : "; ", connections_[at]->name, answer.error);
  }
  // The one that failed first is not asked first again.
  preferred_ = connections_.empty() ? 0 : (preferred_ + 1) % connections_.size();
  throw StoreUnreachable(errors.empty() ? "no endpoint" : errors);
}

EtcdGateway::Answer EtcdGateway::try_endpoint(Connection& connection, const std::string& path,
                                              const std::string& body) {
  std::string refused;
  if (!options_.user.empty() && token_.empty() && !authenticate(connection, refused)) {
    return {0, {}, refused};
  }
  auto answer = connection.post(path, body, token_, options_.limit);
  if (answer.status == 0 || answer.status == kOk || options_.user.empty()) return answer;
  if (!wants_token(answer.body)) return answer;
  // Tokens live for minutes, and not over a restart of a member.
  if (!authenticate(connection, refused)) return {0, {}, refused};
  return connection.post(path, body, token_, options_.limit);
}

bool EtcdGateway::authenticate(Connection& connection, std::string& error) {
  token_.clear();
  const nlohmann::json asked = {{"name", options_.user}, {"password", options_.password}};
  // It hashes the password, at length, and on a busy machine at great length.
  const auto answer = connection.post(
      "/v3/auth/authenticate", asked.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
      {}, kAuthenticationPatience * options_.limit);
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status == kOk && json.is_object() && json.contains("token")) {
    token_ = json["token"].get<std::string>();
    return true;
  }
  error = fmt::format("user {} is not let in: {}", options_.user, answer.error);
  return false;
}

}  // namespace understudy
