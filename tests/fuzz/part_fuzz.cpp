// Parts. What decodes keeps every rule of schemas/record.md, and encodes to what decodes alike.
#include "common/core/assert.h"
#include "common/record/page_hash.h"
#include "common/record/record.h"

#include <algorithm>

using namespace understudy;

namespace {

bool is_sound(const RecordPart& part, ByteView input) {
  const auto& header = part.header;
  if (header.epoch == 0 || header.seq == 0 || !is_page_size(header.page_size)) return false;
  if (header.last != (header.page_count != 0)) return false;
  if (!header.last && header.sum_after != 0) return false;
  if ((header.kind == RecordKind::epoch) != part.opening.has_value()) return false;
  if (part.opening) {
    if (!part.changes.empty() || header.part != 0 || !header.last) return false;
    if (!is_sound(*part.opening) || header.sum_before != header.sum_after) return false;
  }
  return std::ranges::all_of(part.changes, [&](const PageChange& change) {
    const auto size = change.body.size();
    if (change.page == 0) return false;
    if (size != 0 && (change.body.data() < input.data() ||
                      change.body.data() + size > input.data() + input.size())) {
      return false;
    }
    return change.encoding == PageEncoding::whole ? size == header.page_size
                                                  : size < header.page_size;
  });
}

bool equal(const PageChange& a, const PageChange& b) {
  return a.page == b.page && a.hash == b.hash && a.encoding == b.encoding &&
         std::ranges::equal(a.body, b.body);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView input(reinterpret_cast<const std::byte*>(data), size);
  ByteView rest = input;
  RecordPart part;
  RecordPart again;
  PartBuilder builder;
  while (!rest.empty()) {
    const auto before = rest.size();
    if (!decode_part(rest, part)) {
      US_ASSERT(rest.size() == before, "what is refused is not taken");
      return 0;
    }
    US_ASSERT(rest.size() < before && before - rest.size() <= kPartLimit, "a part has a size");
    US_ASSERT(is_sound(part, input), "what decodes keeps every rule");
    for (const auto& change : part.changes) builder.add(change);
    if (part.opening) builder.open_epoch(*part.opening);
    Bytes encoded;
    builder.finish(part.header, encoded);
    ByteView view = encoded;
    US_ASSERT(decode_part(view, again) && view.empty(), "what was encoded decodes");
    US_ASSERT(again.header == part.header, "and is the same part");
    US_ASSERT(again.opening == part.opening, "with the same opening");
    US_ASSERT(std::ranges::equal(again.changes, part.changes, equal), "with the same changes");
  }
  return 0;
}
