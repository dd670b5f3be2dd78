// The entry point of understudy_commit.so: `.load understudy_commit`, load_extension().
#include "extension/functions.h"

#include <sqlite3ext.h>
#include <stdlib.h>

#include <cstring>
#include <new>
extern "C" {
SQLITE_EXTENSION_INIT1
}

namespace understudy::extension {
namespace {

// From sqlite3_malloc; null: out of memory.
char* page_path_of(const char* database) {
  const char* const state = getenv("UNDERSTUDY_STATE");
  if (state != nullptr && *state != '\0') return sqlite3_mprintf("%s/commit-page", state);
  return sqlite3_mprintf("%s-understudy/commit-page", database);
}

int load(sqlite3* db, char** message) {
  const char* const database = sqlite3_db_filename(db, "main");
  const bool is_file = database != nullptr && *database != '\0';
  char* const path = is_file ? page_path_of(database) : nullptr;
  void* const memory = sqlite3_malloc64(sizeof(Application));
  if (memory == nullptr || (is_file && path == nullptr)) {
    sqlite3_free(memory);
    sqlite3_free(path);
    return SQLITE_NOMEM;
  }
  auto* application = new (memory) Application(db, path);
  if (is_file && !application->open_page()) {
    *message = sqlite3_mprintf(
        "understudy_commit: cannot read %s: no node has run for this database yet, its state "
        "directory is elsewhere (set UNDERSTUDY_STATE), it belongs to another user, or it is of "
        "another version",
        path);
    application->~Application();
    sqlite3_free(memory);
    return SQLITE_ERROR;
  }
  if (const int code = register_functions(db, application); code != SQLITE_OK) return code;
  if (is_file && !application->take_hook()) {
    *message = sqlite3_mprintf(
        "understudy_commit: this connection had a WAL hook of the application, and it can have "
        "only "
        "one; load the extension first, and set no other");
    return SQLITE_ERROR;
  }
  return SQLITE_OK;
}

}  // namespace
}  // namespace understudy::extension

extern "C" __attribute__((visibility("default"))) int sqlite3_understudycommit_init(
    sqlite3* db, char** message, const sqlite3_api_routines* api) {
  SQLITE_EXTENSION_INIT2(api);
  return understudy::extension::load(db, message);
}
