// Makes the roles that a Node can run. Kept apart so that a command needs no more than a Role.
#pragma once

#include "common/node/role.h"
#include "common/node/state_directory.h"
#include "publisher/publisher_options.h"
#include "subscriber/subscriber_options.h"

#include <memory>

namespace understudy {

std::unique_ptr<Role> make_publisher(PublisherOptions options, const StateDirectory& directory);
std::unique_ptr<Role> make_subscriber(SubscriberOptions options, const StateDirectory& directory);

}  // namespace understudy
