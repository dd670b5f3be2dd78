#include "replay/page_owners.h"

#include "common/sqlite/connection.h"

#include <map>

namespace understudy {
namespace {

constexpr int kBusyTimeout_ms = 5000;

// Name of a b-tree -> what people call it.
std::map<std::string, std::string> describe_trees(Connection& connection) {
  std::map<std::string, std::string> names{{"sqlite_schema", "sqlite_schema"}};
  auto rows = connection.prepare("SELECT name, type, tbl_name FROM sqlite_schema");
  while (rows.step()) {
    const auto name = rows.text(0);
    names[name] = rows.text(1) == "index" ? name + " (index of " + rows.text(2) + ")" : name;
  }
  return names;
}

}  // namespace

PageOwners::PageOwners(const std::string& database) : names_{"(free or new)"} {
  Connection connection(database, Connection::Mode::read_only, kBusyTimeout_ms);
  connection.execute("BEGIN");  // one state
  const auto trees = describe_trees(connection);
  std::map<std::string, std::uint32_t> indexes;
  auto rows = connection.prepare("SELECT name, pageno FROM dbstat WHERE aggregate = FALSE");
  while (rows.step()) {
    const auto tree = rows.text(0);
    const auto page = static_cast<PageNo>(rows.integer(1));
    auto [found, is_new] = indexes.try_emplace(tree, static_cast<std::uint32_t>(names_.size()));
    if (is_new) {
      const auto known = trees.find(tree);
      names_.push_back(known == trees.end() ? tree : known->second);
    }
    if (page >= owners_.size()) owners_.resize(page + 1, 0);
    owners_[page] = found->second;
  }
}

}  // namespace understudy
