#include "tests/simulation/toy_pages.h"

#include "common/record/batch.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy::sim {

void ToyPages::set(PageNo number, Bytes content) {
  if (number > count()) resize(number);
  pages_[number - 1] = std::make_shared<const Bytes>(std::move(content));
}

void ToyPages::resize(PageNo count) {
  static const auto zero = std::make_shared<const Bytes>(kToyPageSize);
  pages_.resize(count, zero);
}

PageHash ToyPages::hash(PageNo number) const {
  return hash_page(number, page(number));
}

StateSum ToyPages::sum() const {
  StateSum total = 0;
  for (PageNo number = 1; number <= count(); ++number) total += hash(number);
  return total;
}

bool apply_change(ToyPages& pages, const PageChange& change) {
  Bytes content(kToyPageSize);
  if (change.encoding == PageEncoding::whole) {
    if (change.body.size() != kToyPageSize) return false;
    content.assign(change.body.begin(), change.body.end());
  } else {
    if (pages.has(change.page)) content = pages.page(change.page);
    if (!apply_delta(content, change.body)) return false;
  }
  if (hash_page(change.page, content) != change.hash) return false;
  pages.set(change.page, std::move(content));
  return true;
}

void mutate(ToyPages& pages, Chance& chance) {
  if (chance.in_thousand(100)) pages.resize(static_cast<PageNo>(4 + chance.below(24)));
  const auto changes = 1 + chance.below(6);
  for (std::uint64_t i = 0; i < changes; ++i) {
    const auto number = static_cast<PageNo>(1 + chance.below(pages.count() + 1));
    Bytes content = pages.has(number) ? pages.page(number) : Bytes(kToyPageSize);
    const auto bytes = chance.in_thousand(200) ? kToyPageSize : 1 + chance.below(16);
    for (std::uint64_t b = 0; b < bytes; ++b) {
      content[chance.below(kToyPageSize)] = static_cast<std::byte>(chance.bits());
    }
    pages.set(number, std::move(content));
  }
}

namespace {

PageChange make_change(const ToyPages& before, const ToyPages& after, PageNo number, Bytes& delta) {
  PageChange change{number, after.hash(number), PageEncoding::whole, after.page(number)};
  delta.clear();
  if (before.has(number) && encode_delta(before.page(number), after.page(number), delta)) {
    change.encoding = PageEncoding::delta;
    change.body = delta;
  }
  return change;
}

}  // namespace

std::vector<MadePart> make_record(const ToyPages& before, const ToyPages& after, PartHeader header,
                                  Chance& chance) {
  header.page_size = kToyPageSize;
  header.sum_before = before.sum();
  std::vector<MadePart> parts;
  PartBuilder builder;
  const auto finish = [&](bool last) {
    header.last = last;
    header.page_count = last ? after.count() : 0;
    header.sum_after = last ? after.sum() : 0;
    parts.push_back({header, {}});
    builder.finish(header, parts.back().encoded);
    ++header.part;
  };
  Bytes delta;
  for (PageNo number = 1; number <= after.count(); ++number) {
    const bool same = before.has(number) && before.page(number) == after.page(number);
    if (same) continue;
    builder.add(make_change(before, after, number, delta));
    if (parts.size() < 3 && chance.in_thousand(200)) finish(false);
  }
  finish(true);
  return parts;
}

MadePart make_epoch_record(const ToyPages& pages, PartHeader header, EpochOpening opening) {
  header.kind = RecordKind::epoch;
  header.last = true;
  header.page_size = kToyPageSize;
  header.page_count = pages.count();
  header.sum_before = header.sum_after = pages.sum();
  PartBuilder builder;
  builder.open_epoch(std::move(opening));
  MadePart made{header, {}};
  builder.finish(header, made.encoded);
  return made;
}

void for_each_part(ByteView blob, const std::function<void(const RecordPart&)>& f) {
  const auto batch = BatchView::parse(blob);
  Bytes raw;
  if (!batch || !batch->unpack(raw)) throw Broken("a stored batch does not decode");
  ByteView at = raw;
  RecordPart part;
  while (!at.empty()) {
    if (!decode_part(at, part)) throw Broken("a stored part does not decode");
    f(part);
  }
}

}  // namespace understudy::sim
