// EventFeed: what the readers of a Server-Sent Events stream are sent. Any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace understudy::http {

class EventFeed {
 public:
  // While one lives, its function is called, on any thread, when there may be something new.
  class Watch {
   public:
    virtual ~Watch() = default;
  };

  virtual ~EventFeed() = default;
  // The events after number `last`, as they go out; moves `last`. Cheap.
  [[nodiscard]] virtual std::string next(std::uint64_t& last) = 0;
  // What goes to every reader each second; may take its time.
  [[nodiscard]] virtual std::string periodic() = 0;
  // `wake` must neither block nor log.
  [[nodiscard]] virtual std::unique_ptr<Watch> watch(std::function<void()> wake) = 0;
};

}  // namespace understudy::http
