#include "tests/backend/older_file.h"

#include "common/sqlite/connection.h"

namespace understudy::test {

void make_older(const std::string& path, int version) {
  Connection shell(path, Connection::Mode::read_write);
  shell.execute(
      "ALTER TABLE batch DROP COLUMN cursor;"
      "CREATE UNIQUE INDEX batch_first ON batch (first_seq, first_part);"
      "PRAGMA user_version = 2");
  if (version == 1) shell.execute("DROP TABLE epoch; PRAGMA user_version = 1");
}

}  // namespace understudy::test
