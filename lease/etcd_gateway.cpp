#include "lease/etcd_gateway.h"

#include "lease/lease_store.h"

#include <fmt/format.h>
#include <httplib.h>

#include <nlohmann/json.hpp>

namespace understudy {
namespace {

constexpr int kOk = 200;
constexpr int kAuthenticationPatience = 6;  // limits
constexpr int kUnauthenticated = 16;  // gRPC's code: the token is not, or no longer, known
constexpr int kInvalidArgument = 3;   // etcd's for a request without a token where one is needed

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
         (code == kInvalidArgument && said_error(body).find("user name") != std::string::npos);
}

}  // namespace

class EtcdGateway::Connection {
 public:
  Connection(const EtcdOptions::Address& address, const EtcdOptions& options)
      : name(fmt::format("{}:{}", address.host, address.port)),
        client(fmt::format("{}://{}:{}", options.uses_tls() ? "https" : "http",
                           address.host.find(':') == std::string::npos ? address.host
                                                                       : "[" + address.host + "]",
                           address.port),
               options.certificate, options.key) {
    const auto limit = options.limit;
    client.set_connection_timeout(limit);
    client.set_read_timeout(limit);
    client.set_write_timeout(limit);
    client.set_keep_alive(true);
    client.set_tcp_nodelay(true);
    if (!options.uses_tls()) return;
    if (!options.authority.empty()) client.set_ca_cert_path(options.authority);
    client.enable_server_certificate_verification(true);
  }

  std::string name;
  httplib::Client client;
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
  auto answer = post(connection, path, body);
  if (answer.status == 0 || answer.status == kOk || options_.user.empty()) return answer;
  if (!wants_token(answer.body)) return answer;
  // Tokens live for minutes, and not over a restart of a member.
  if (!authenticate(connection, refused)) return {0, {}, refused};
  return post(connection, path, body);
}

EtcdGateway::Answer EtcdGateway::post(Connection& connection, const std::string& path,
                                      const std::string& body) {
  httplib::Headers headers;
  if (!token_.empty()) headers.emplace("Authorization", token_);
  const auto result = connection.client.Post(path, headers, body, "application/json");
  if (!result) return {0, {}, httplib::to_string(result.error())};
  if (result->status == kOk) return {kOk, result->body, {}};
  return {result->status, result->body,
          fmt::format("HTTP {}: {}", result->status, said_error(result->body))};
}

bool EtcdGateway::authenticate(Connection& connection, std::string& error) {
  token_.clear();
  const nlohmann::json asked = {{"name", options_.user}, {"password", options_.password}};
  // It hashes the password, at length, and on a busy machine at great length.
  connection.client.set_read_timeout(kAuthenticationPatience * options_.limit);
  const auto answer = post(connection, "/v3/auth/authenticate", asked.dump());
  connection.client.set_read_timeout(options_.limit);
  const auto json = nlohmann::json::parse(answer.body, nullptr, false);
  if (answer.status == kOk && json.is_object() && json.contains("token")) {
    token_ = json["token"].get<std::string>();
    return true;
  }
  error = fmt::format("user {} is not let in: {}", options_.user, answer.error);
  return false;
}

}  // namespace understudy
