// PageOwners: which table or index a page of a database belongs to, as the database is now. Asked
// of SQLite itself (its virtual table dbstat), in one read transaction.
//
// Memory: 4 bytes a page. One thread.
#pragma once

#include "common/core/types.h"

#include <string>
#include <vector>

namespace understudy {

class PageOwners {
 public:
  // Reads the whole database's b-trees. Throws SqliteError: no such database, or an SQLite without
  // dbstat.
  explicit PageOwners(const std::string& database);

  // "messages", "messages_key (index of messages)", or "(free or new)": a free page, or one
  // that the database did not have when it was asked.
  [[nodiscard]] const std::string& name_of(PageNo page) const { return names_[index_of(page)]; }
  // Of the name; 0 is "(free or new)".
  [[nodiscard]] std::size_t index_of(PageNo page) const {
    return page < owners_.size() ? owners_[page] : 0;
  }
  [[nodiscard]] const std::string& name(std::size_t index) const { return names_[index]; }
  [[nodiscard]] std::size_t count() const { return names_.size(); }

 private:
  std::vector<std::uint32_t> owners_;  // of each page: index of its name
  std::vector<std::string> names_;
};

}  // namespace understudy
