// `understudy snapshot`: asks the running node, or takes it from the files of one that does not
// run.
#include "cli/claim.h"
#include "cli/commands.h"
#include "common/backend/backend.h"
#include "common/core/errors.h"
#include "common/logging/progress.h"
#include "common/node/control_client.h"
#include "common/record/page_hash.h"
#include "common/snapshot/snapshot_shelf.h"
#include "common/snapshot/take_snapshot.h"

#include <fmt/format.h>
#include <httplib.h>

#include <chrono>
#include <cstdio>
#include <filesystem>
#include <future>
#include <thread>

namespace understudy {
namespace {

namespace fs = std::filesystem;

constexpr int kAttempts = 10;  // an application's checkpoint goes first so often
constexpr std::int64_t kLongest_s = 24 * 3600;
constexpr std::chrono::milliseconds kLookEvery{200};

// The pages of a database that nobody replicates now, as of one pinned state.
class RestingPages final : public PageSource {
 public:
  RestingPages(PinnedState& pinned, const Claim& claim)
      : pinned_(pinned), claim_(claim), page_count_(pinned.page_count(claim.at)) {}

  void ask(PageRequest request, std::function<void(std::optional<PageAnswer>)> done) override {
    PageAnswer answer{.as_of = claim_.position,
                      .page_size = pinned_.page_size(),
                      .page_count = page_count_,
                      .first = request.first,
                      .count = request.count,
                      .pages = {},
                      .contents = {}};
    const auto end =
        std::min(std::uint64_t{request.first} + request.count, std::uint64_t{page_count_} + 1);
    for (std::uint64_t page = request.first; page < end; ++page) {
      if (page == lock_byte_page(answer.page_size)) continue;
      const auto offset = answer.contents.size();
      answer.contents.resize(offset + answer.page_size);
      pinned_.read_page(static_cast<PageNo>(page), claim_.at.frame,
                        std::span(answer.contents).subspan(offset));
      answer.pages.push_back(static_cast<PageNo>(page));
    }
    done(std::move(answer));
  }
  [[nodiscard]] std::optional<StateOutline> outline() const override {
    return StateOutline{claim_.position, pinned_.page_size(), page_count_};
  }

 private:
  PinnedState& pinned_;
  const Claim& claim_;
  PageNo page_count_;
};

void print(const std::string& path, const Position& position, std::uint64_t bytes) {
  fmt::print("{}: position {}, {}\n", path, position.to_string(), format_bytes(bytes));
}

// nullopt: the node does not run.
std::optional<ExitCode> ask_node(const FoundNode& node, const std::string& output) {
  ControlClient client(node.directory.control_socket());
  if (!client.status()) return std::nullopt;
  auto asked = std::async(std::launch::async, [&] {
    const auto target = "/snapshot?output=" + httplib::detail::encode_query_param(output);
    return ControlClient(node.directory.control_socket()).command(target, kLongest_s);
  });
  const auto progress = make_progress();
  bool has_begun = false;
  while (asked.wait_for(kLookEvery) != std::future_status::ready) {
    const auto status = client.status();
    if (!status || !status->snapshot_progress) continue;
    constexpr std::uint64_t kWhole = 1000;
    if (!has_begun) progress->begin("snapshot, per mille", kWhole, ProgressUnit::pages);
    has_begun = true;
    progress->advance(static_cast<std::uint64_t>(*status->snapshot_progress * kWhole));
  }
  if (has_begun) progress->end();
  const auto result = asked.get();
  if (!result) throw TransportError(node.identity.node + " stopped meanwhile; try again");
  if (result->outcome == CommandResult::Outcome::done) {
    fmt::print("{}\n", result->text);
    return ExitCode::ok;
  }
  const bool is_refused = result->outcome == CommandResult::Outcome::refused;
  fmt::print(stderr, "understudy: {}{}\n", is_refused ? "refused: " : "", result->text);
  return is_refused ? ExitCode::usage : ExitCode::environment;
}

class Offline {
 public:
  Offline(const FoundNode& node, std::string output)
      : node_(node),
        output_(std::move(output)),
        lock_(node.directory),
        log_(open_sqlite_log_reader(node.directory.backend())),
        shelf_(node.directory.snapshots(), node.identity.stream),
        pinned_(node.database) {
    if (output_.empty()) shelf_.open();
  }

  ExitCode run() {
    for (int attempt = 0; attempt < kAttempts; ++attempt) {
      pinned_.pin();
      const auto claim = find_claim(node_, pinned_, false);
      const auto taken = take(claim);
      pinned_.release();
      if (const auto* entry = std::get_if<SnapshotEntry>(&taken)) {
        print(entry->path, entry->footer.position, entry->bytes);
        return ExitCode::ok;
      }
      const auto& dropped = std::get<SnapshotDropped>(taken);
      if (dropped.why != SnapshotDropped::Why::cancelled) return report(dropped, claim);
      // The application's checkpoint goes through now.
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    throw SqliteError("snapshot", node_.database, 5,
                      "the application's checkpoints came in between each time; try again later");
  }

 private:
  std::variant<SnapshotEntry, SnapshotDropped> take(const Claim& claim) {
    const auto progress = make_progress();
    RestingPages pages(pinned_, claim);
    const auto total = std::uint64_t{pages.outline()->page_count} * pinned_.page_size();
    progress->begin("snapshot of " + node_.database, total, ProgressUnit::bytes);
    SnapshotTask task{
        .stream = node_.identity.stream,
        .partial = output_.empty() ? shelf_.folder() + "/taking.partial" : output_ + ".partial",
        .name = [this](const Position& position) { return name(position); },
        .is_cancelled = [this] { return pinned_.has_waiter(); },
        .progress = [&](auto done, auto) { progress->advance(done); }};
    auto taken = take_snapshot(pages, *log_, task);
    progress->end();
    return taken;
  }

  std::string name(const Position& position) const {
    return output_.empty() ? shelf_.folder() + "/" + snapshot_name(position) : output_;
  }

  ExitCode report(const SnapshotDropped& dropped, const Claim& claim) {
    if (dropped.why == SnapshotDropped::Why::name_taken && output_.empty()) {
      print(name(claim.position), claim.position, fs::file_size(name(claim.position)));
      return ExitCode::ok;
    }
    const bool differs = dropped.why == SnapshotDropped::Why::proved_wrong;
    fmt::print(stderr, "understudy: no snapshot was made of {}: {}\n", node_.database,
               differs ? explain_difference(claim, node_, false) : dropped.text);
    return differs ? ExitCode::negative : ExitCode::environment;
  }

  const FoundNode& node_;
  std::string output_;
  StateLock lock_;
  std::unique_ptr<LogReader> log_;
  SnapshotShelf shelf_;
  PinnedState pinned_;
};

}  // namespace

ExitCode run(const SnapshotCommand& command) {
  const auto node = find_node(command.of);
  const auto output =
      command.output.empty() ? std::string{} : fs::absolute(command.output).string();
  if (!output.empty() && fs::exists(output)) {
    throw ConfigError(output + " exists; name another file, or remove it first");
  }
  if (!output.empty() && !fs::is_directory(fs::path(output).parent_path())) {
    throw ConfigError("there is no folder for " + output + "; create it first");
  }
  if (const auto code = ask_node(node, output)) return *code;
  if (!fs::exists(node.database)) {
    throw ConfigError(fmt::format("there is no database {}", node.database));
  }
  if (!sqlite_backend_exists(node.directory.backend())) {
    throw ConfigError(
        fmt::format("{} has no log yet: it begins with the first scan or copy", node.database));
  }
  return Offline(node, output).run();
}

}  // namespace understudy
