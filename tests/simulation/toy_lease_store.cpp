#include "tests/simulation/toy_lease_store.h"

#include <memory>
#include <utility>

namespace understudy::sim {
namespace {

constexpr std::int64_t kLimit_us = 600'000;  // then the asker gives up
constexpr std::int64_t kSlow_us = 590'000;
constexpr std::int64_t kLate_us = 15'000'000;

}  // namespace

template <typename T>
void ToyLeaseStore::call(std::size_t node, std::uint64_t slow, std::function<T()> effect,
                         std::function<void(T)> answer, std::function<void()> unknown) {
  const auto ended = std::make_shared<bool>(false);
  events_.in(kLimit_us, [ended, unknown] {
    if (!std::exchange(*ended, true)) unknown();
  });
  const auto carry_out_late = [this, effect] {
    events_.in(chance_.between(kLimit_us / 2, kLate_us), [effect] { (void)effect(); });
  };
  const auto delay_us = chance_.between(100, faults.delay_us);
  events_.in(delay_us, [this, node, slow, effect, answer, ended, carry_out_late] {
    if (is_down || is_cut_off(node)) {
      if (chance_.in_thousand(faults.late)) carry_out_late();
      return;
    }
    auto result = effect();
    if (chance_.in_thousand(faults.duplicate)) carry_out_late();
    if (chance_.in_thousand(faults.lose_answer)) return;
    const auto back_us = chance_.in_thousand(slow) ? chance_.between(kSlow_us / 2, kSlow_us)
                                                   : chance_.between(100, faults.delay_us);
    events_.in(back_us, [this, node, result, answer, ended] {
      if (is_cut_off(node) || std::exchange(*ended, true)) return;
      answer(result);
    });
  });
}

LeaseView ToyLeaseStore::view() const {
  LeaseView view{revision_, leader_, {}, is_paused_};
  for (const auto& [name, member] : members_) view.members.push_back(member);
  return view;
}

SwapOutcome ToyLeaseStore::carry_out_swap(const LeaderRecord& record, std::int64_t expected) {
  if ((leader_ ? leader_->revision : 0) != expected) return NotSwapped{revision_, leader_};
  leader_ = {record, ++revision_};
  return Swapped{revision_};
}

void ToyLeaseStore::observe(std::size_t node, std::function<void(LeaseView)> answer,
                            std::function<void()> unknown) {
  call<LeaseView>(
      node, 0, [this] { return view(); }, std::move(answer), std::move(unknown));
}

void ToyLeaseStore::swap(std::size_t node, const LeaderRecord& record, std::int64_t expected,
                         std::function<void(SwapOutcome)> answer, std::function<void()> unknown) {
  call<SwapOutcome>(
      node, record.renewals != 0 ? faults.slow : 0,
      [this, record, expected] { return carry_out_swap(record, expected); }, std::move(answer),
      std::move(unknown));
}

void ToyLeaseStore::publish(std::size_t node, const MemberRecord& record) {
  call<int>(
      node, 0,
      [this, record] {
        members_[record.node] = {record, ++revision_};
        return 0;
      },
      [](int) {}, [] {});
}

}  // namespace understudy::sim
