// A toy database of 512-byte pages, and real records between two of its states.
#pragma once

#include "common/record/record.h"
#include "tests/simulation/events.h"

#include <memory>

namespace understudy::sim {

constexpr std::uint32_t kToyPageSize = 512;

// Copies are cheap: pages are shared and never changed in place.
class ToyPages {
 public:
  using Page = std::shared_ptr<const Bytes>;
  [[nodiscard]] PageNo count() const { return static_cast<PageNo>(pages_.size()); }
  [[nodiscard]] const Bytes& page(PageNo number) const { return *pages_[number - 1]; }
  [[nodiscard]] bool has(PageNo number) const { return number >= 1 && number <= count(); }
  void set(PageNo number, Bytes content);  // grows by zero pages when needed
  void resize(PageNo count);
  [[nodiscard]] StateSum sum() const;
  [[nodiscard]] PageHash hash(PageNo number) const;

 private:
  std::vector<Page> pages_;
};

// Applies one change. False: the delta is malformed, or the content is not what its hash says.
[[nodiscard]] bool apply_change(ToyPages& pages, const PageChange& change);

// A random transaction: some pages changed a little or a lot, sometimes grown or shrunk.
void mutate(ToyPages& pages, Chance& chance);

struct MadePart {
  PartHeader header;
  Bytes encoded;
};
// `header` says kind, epoch, seq; the rest is filled in. One to four parts.
std::vector<MadePart> make_record(const ToyPages& before, const ToyPages& after, PartHeader header,
                                  Chance& chance);
// Opens the epoch of `header`.
MadePart make_epoch_record(const ToyPages& pages, PartHeader header, EpochOpening opening);

// Calls f(part) for each part of a batch; throws Broken when it does not decode.
void for_each_part(ByteView blob, const std::function<void(const RecordPart&)>& f);

}  // namespace understudy::sim
