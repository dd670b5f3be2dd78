// The node's archive, beside whichever role runs.
#include "common/node/archive_status.h"
#include "takeover/supervisor.h"

namespace understudy {

// One for all roles: what it copies lies in the same files whoever leads.
void Supervisor::keep_archive() {
  if (!options_.archive) return;
  auto archive = *options_.archive;
  archive.backend = node_.directory().backend();
  archive.snapshots = node_.directory().snapshots();
  archive.node = node_.name();
  archive_ = std::make_unique<ArchiveKeeper>(std::move(archive));
  options_.publish.archive_floor =
      options_.follow.archive_floor = [keeper = archive_.get()] { return keeper->keep_after(); };
  node_.set_addition(
      [keeper = archive_.get()](Status& status) { add_archive(keeper->view(), status); });
}

}  // namespace understudy
