#include "extension/interrupt_watch.h"

#include <sqlite3ext.h>
extern "C" {
SQLITE_EXTENSION_INIT3
}

namespace understudy::extension {

InterruptWatch::~InterruptWatch() {
  sqlite3_finalize(endless_);
}

bool InterruptWatch::is_interrupted() {
  constexpr const char* kEndless =
      "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i FROM n) SELECT i FROM n";
  if (endless_ == nullptr && !is_blind_) {
    is_blind_ = sqlite3_prepare_v2(db_, kEndless, -1, &endless_, nullptr) != SQLITE_OK;
  }
  return !is_blind_ && (sqlite3_step(endless_) & 0xff) == SQLITE_INTERRUPT;
}

}  // namespace understudy::extension
