// NodeView: what a node lets be seen of it over HTTP. Any thread; cheap, for clients ask often.
#pragma once

#include "common/api/cluster_status.h"
#include "common/metering/meters.h"
#include "common/node/status.h"
#include "common/security/denials.h"

namespace understudy {

class NodeView {
 public:
  virtual ~NodeView() = default;
  [[nodiscard]] virtual Status status() const = 0;
  [[nodiscard]] virtual ClusterStatus cluster() const = 0;
  [[nodiscard]] virtual const Meters& meters() const = 0;
  // What was refused to other nodes and strangers at the ports of the stream, by Denial.
  [[nodiscard]] virtual Denials::Counts denials() const { return {}; }
};

}  // namespace understudy
