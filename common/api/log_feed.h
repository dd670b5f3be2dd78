// LogFeed: the log's events and the node's status as Server-Sent Events (schemas/control-api.md).
// Any thread.
#pragma once

#include "common/api/node_view.h"
#include "common/http/event_feed.h"

#include <string_view>

namespace understudy {

class LogFeed final : public http::EventFeed {
 public:
  // `node` outlives it.
  explicit LogFeed(const NodeView& node) : node_(node) {}

  std::string next(std::uint64_t& last) override;
  std::string periodic() override;
  std::unique_ptr<Watch> watch(std::function<void()> wake) override;

  // Of the id of an event that this process sent; 0 (all that are known) for any other text.
  [[nodiscard]] static std::uint64_t number_of(std::string_view id);

 private:
  const NodeView& node_;
};

}  // namespace understudy
