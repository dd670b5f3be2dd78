#include "extension/functions.h"

#include <sqlite3ext.h>

#include <cstring>
extern "C" {
SQLITE_EXTENSION_INIT3
}

namespace understudy::extension {

using namespace commit_page;

namespace {

constexpr int kFlags = SQLITE_UTF8 | SQLITE_DIRECTONLY;

// Null when the connection has no node; the function has answered an error then.
Application* application_of(sqlite3_context* context) {
  auto* application = static_cast<Application*>(sqlite3_user_data(context));
  if (!application->has_node()) {
    sqlite3_result_error(context, "understudy: the main database of this connection is no file",
                         -1);
    return nullptr;
  }
  if (!application->take_hook()) {
    sqlite3_result_error(context,
                         "understudy: the application had set a WAL hook of its own, which is gone "
                         "now; a connection can have only one",
                         -1);
    return nullptr;
  }
  return application;
}

bool read_timeout(sqlite3_context* context, sqlite3_value* value, std::uint64_t& timeout_ms) {
  if (sqlite3_value_numeric_type(value) != SQLITE_INTEGER || sqlite3_value_int64(value) < 0) {
    sqlite3_result_error(context, "understudy_wait: the first argument is a time in milliseconds",
                         -1);
    return false;
  }
  timeout_ms = static_cast<std::uint64_t>(sqlite3_value_int64(value));
  return true;
}

bool read_number(const char*& text, unsigned base, std::uint64_t& number) {
  const char* const begin = text;
  number = 0;
  for (;; ++text) {
    const char c = *text;
    unsigned digit = base;
    if (c >= '0' && c <= '9') digit = static_cast<unsigned>(c - '0');
    if (c >= 'a' && c <= 'f') digit = static_cast<unsigned>(c - 'a' + 10);
    if (digit >= base) break;
    std::uint64_t grown = 0;
    if (__builtin_mul_overflow(number, std::uint64_t{base}, &grown) ||
        __builtin_add_overflow(grown, std::uint64_t{digit}, &number)) {
      return false;
    }
  }
  return text != begin;
}

struct PositionText {
  std::uint64_t epoch = 0, seq = 0, sum = 0;
};

bool parse_position(const char* text, PositionText& position) {
  return text != nullptr && read_number(text, 10, position.epoch) && *text++ == '/' &&
         read_number(text, 10, position.seq) && *text++ == '/' &&
         read_number(text, 16, position.sum) && *text == '\0';
}

// An interrupt is passed on; anything else is an answer.
void answer(sqlite3_context* context, Outcome outcome) {
  if (outcome == Outcome::interrupted) {
    sqlite3_result_error_code(context, SQLITE_INTERRUPT);
  } else {
    sqlite3_result_int(context, outcome == Outcome::reached ? 1 : 0);
  }
}

void wait_for_position(sqlite3_context* context, Application& application, std::uint64_t timeout_ms,
                       const char* text) {
  PositionText position;
  if (!parse_position(text, position)) {
    return sqlite3_result_error(
        context, "understudy_wait: the second argument is a position, as of understudy_position()",
        -1);
  }
  State state{};
  const auto outcome = application.wait_applied(timeout_ms, position.epoch, position.seq, state);
  const bool same_place = outcome == Outcome::reached && state.role == kStandby &&
                          state.applied_epoch == position.epoch &&
                          state.applied_seq == position.seq;
  if (same_place && state.applied_sum != position.sum) {
    return sqlite3_result_error(
        context, "understudy_wait: this database has another history than that position", -1);
  }
  answer(context, outcome);
}

void do_wait(sqlite3_context* context, int count, sqlite3_value** values) {
  auto* application = application_of(context);
  std::uint64_t timeout_ms = 0;
  if (application == nullptr || !read_timeout(context, values[0], timeout_ms)) return;
  if (count == 2) {
    const auto* text = reinterpret_cast<const char*>(sqlite3_value_text(values[1]));
    return wait_for_position(context, *application, timeout_ms, text);
  }
  answer(context, application->wait_replicated(timeout_ms));
}

void answer_position(sqlite3_context* context, std::uint64_t epoch, std::uint64_t seq,
                     std::uint64_t sum) {
  char text[64];
  sqlite3_snprintf(sizeof text, text, "%llu/%llu/%016llx", static_cast<unsigned long long>(epoch),
                   static_cast<unsigned long long>(seq), static_cast<unsigned long long>(sum));
  sqlite3_result_text(context, text, -1, SQLITE_TRANSIENT);
}

void tell_position(sqlite3_context* context, int, sqlite3_value**) {
  auto* application = application_of(context);
  if (application == nullptr) return;
  State state{};
  if (application->read(state) && state.role == kStandby) {
    return answer_position(context, state.applied_epoch, state.applied_seq, state.applied_sum);
  }
  switch (application->wait_durable(UINT64_MAX, state)) {
    case Outcome::reached:
      return answer_position(context, state.epoch, state.durable.seq, state.durable_sum);
    case Outcome::interrupted:
      return sqlite3_result_error_code(context, SQLITE_INTERRUPT);
    case Outcome::never_ran:
      return sqlite3_result_error(
          context, "understudy_position: read or write the database first: it is not open yet", -1);
    default:
      return sqlite3_result_error(
          context, "understudy_position: the node has not recorded this commit in time", -1);
  }
}

const char* name_of_level(std::uint64_t level) {
  return level == kReceived ? "received" : level == kDurable ? "durable" : "applied";
}

void tell_replication(sqlite3_context* context, int, sqlite3_value**) {
  auto* application = application_of(context);
  if (application == nullptr) return;
  State state{};
  const bool is_read = application->read(state);
  const bool is_alive = is_read && application->is_alive(state);
  const bool is_standby = is_alive && state.role == kStandby;
  const char* commit = "none";
  if (application->has_committed()) {
    commit = application->covers_last_commit(state.replicated, state) ? "replicated"
             : application->covers_last_commit(state.durable, state)  ? "durable"
                                                                      : "unknown";
  }
  char* const text = sqlite3_mprintf(
      "{\"node\":\"%s\",\"commits_wait\":%s,\"sync\":%llu,\"sync_level\":\"%s\",\"timeout_ms\":%"
      "llu,"
      "\"when_unreplicated\":\"%s\",\"degraded\":%s,\"standbys\":%llu,\"epoch\":%llu,"
      "\"durable_seq\":%llu,\"replicated_seq\":%llu,\"applied_seq\":%llu,\"last_commit\":\"%s\","
      "\"unreplicated_commits\":%llu,\"last_error\":\"%s\"}",
      is_standby ? "standby"
      : is_alive ? "primary"
                 : "not running",
      application->waits() && state.count > 0 ? "true" : "false",
      static_cast<unsigned long long>(state.count), name_of_level(state.level),
      static_cast<unsigned long long>(state.timeout_ms),
      state.policy == kDegrade ? "degrade" : "wait", state.is_degraded != 0 ? "true" : "false",
      static_cast<unsigned long long>(state.standbys), static_cast<unsigned long long>(state.epoch),
      static_cast<unsigned long long>(state.durable.seq),
      static_cast<unsigned long long>(state.replicated.seq),
      static_cast<unsigned long long>(state.applied_seq), commit,
      static_cast<unsigned long long>(application->unreplicated()), application->last_error());
  if (text == nullptr) return sqlite3_result_error_nomem(context);
  sqlite3_result_text(context, text, -1, sqlite3_free);
}

// Whether COMMIT waits on this connection: understudy_sync(0) leaves it to understudy_wait().
void set_sync(sqlite3_context* context, int, sqlite3_value** values) {
  auto* application = application_of(context);
  if (application == nullptr) return;
  sqlite3_result_int(context, application->set_waits(sqlite3_value_int(values[0]) != 0) ? 1 : 0);
}

// For Application: gives the COMMIT that fails its message.
void tell_failure(sqlite3_context* context, int, sqlite3_value**) {
  auto* application = static_cast<Application*>(sqlite3_user_data(context));
  sqlite3_result_error(context, application->last_error(), -1);
}

void delete_application(void* application) {
  static_cast<Application*>(application)->~Application();
  sqlite3_free(application);
}

struct Function {
  const char* name;
  int arguments;
  void (*call)(sqlite3_context*, int, sqlite3_value**);
};

constexpr Function kFunctions[] = {
    {"understudy_wait", 1, do_wait},           {"understudy_wait", 2, do_wait},
    {"understudy_position", 0, tell_position}, {"understudy_replication", 0, tell_replication},
    {"understudy_sync", 1, set_sync},
};

}  // namespace

int register_functions(sqlite3* db, Application* application) {
  // The first one carries the destructor: SQLite calls it when this fails, too.
  int code = sqlite3_create_function_v2(db, "understudy_failure", 0, kFlags, application,
                                        tell_failure, nullptr, nullptr, delete_application);
  for (const auto& function : kFunctions) {
    if (code != SQLITE_OK) break;
    code = sqlite3_create_function_v2(db, function.name, function.arguments, kFlags, application,
                                      function.call, nullptr, nullptr, nullptr);
  }
  return code;
}

}  // namespace understudy::extension
