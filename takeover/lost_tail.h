// A primary that lost the end of its database in a power cut, while its log still has it.
//
// SQLite under synchronous=NORMAL does not fsync each commit, but our log does: after a power cut
// the database may be some transactions behind what standbys were sent. Before the application
// writes, those transactions are brought back from the log.
#pragma once

#include "common/node/state_directory.h"

#include <string>

namespace understudy {

enum class LostTail {
  none,  // the WAL still holds what the log ends with, or went on from there; or is another one,
         // which proves nothing: an application that ran alone leaves such a one, too
  restored,  // the database shows the end of the log again
  forked,    // the application wrote on from the earlier state: its own transactions go on record
             // by repair, and undo the lost ones; an error event says so
};

// Needs the write lock for the moment; with an application that has it, `forked`. Main thread,
// before the publisher. Throws what the environment throws.
LostTail restore_lost_tail(const std::string& database, const StateDirectory& directory);

}  // namespace understudy
