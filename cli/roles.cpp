#include "cli/roles.h"

#include "common/core/errors.h"

#if __has_include("publisher/publisher.h")
#include "publisher/publisher.h"
#endif
#if __has_include("subscriber/subscriber.h")
#include "subscriber/subscriber.h"
#endif

namespace understudy {

std::unique_ptr<Role> make_publisher([[maybe_unused]] PublisherOptions options,
                                     [[maybe_unused]] const StateDirectory& directory) {
#if __has_include("publisher/publisher.h")
  return std::make_unique<Publisher>(std::move(options), directory);
#else
  throw ConfigError("this build has no publisher");
#endif
}

std::unique_ptr<Role> make_subscriber([[maybe_unused]] SubscriberOptions options,
                                      [[maybe_unused]] const StateDirectory& directory) {
#if __has_include("subscriber/subscriber.h")
  return std::make_unique<Subscriber>(std::move(options), directory);
#else
  throw ConfigError("this build has no subscriber");
#endif
}

}  // namespace understudy
