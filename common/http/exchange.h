// A request and its answer, as those who answer see them. Plain values; any thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace understudy::http {

enum class Method : std::uint8_t { get, post, options };  // HEAD is answered as GET, without a body

struct Request {
  Method method = Method::get;
  std::string path;  // decoded; without the query
  std::map<std::string, std::string> parameters;
  std::string bearer_token;   // of "Authorization: Bearer …"; empty: none
  std::string last_event_id;  // what a reader of events saw last; empty: nothing

  // Empty when it is not there.
  [[nodiscard]] std::string parameter(const std::string& name) const {
    const auto found = parameters.find(name);
    return found == parameters.end() ? std::string() : found->second;
  }
  [[nodiscard]] bool has(const std::string& name) const { return parameters.contains(name); }
  // Present and not "0".
  [[nodiscard]] bool is_set(const std::string& name) const {
    return has(name) && parameter(name) != "0";
  }
};

constexpr const char* kJsonType = "application/json";

struct Response {
  int code = 200;
  std::string body;
  std::string type = kJsonType;
  std::vector<std::pair<std::string, std::string>> headers;
  // The connection stays open and is sent the events after this one (event_feed.h).
  std::optional<std::uint64_t> events_after;
};

}  // namespace understudy::http
