// The SQL functions of the extension.
#pragma once

#include "extension/application.h"

namespace understudy::extension {

// Registers them on the connection; `application` is deleted with them. An SQLite result code.
int register_functions(sqlite3* db, Application* application);

}  // namespace understudy::extension
