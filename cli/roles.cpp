#include "cli/roles.h"

#include "publisher/publisher.h"
#include "subscriber/subscriber.h"

namespace understudy {

std::unique_ptr<Role> make_publisher(PublisherOptions options, const StateDirectory& directory) {
  return std::make_unique<Publisher>(std::move(options), directory);
}

std::unique_ptr<Role> make_subscriber(SubscriberOptions options, const StateDirectory& directory) {
  return std::make_unique<Subscriber>(std::move(options), directory);
}

}  // namespace understudy
