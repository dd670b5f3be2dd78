#include "tests/standby/log_scene.h"

#include "common/record/record.h"

#include <random>

namespace understudy::test {

StreamId stream_id() {
  StreamId id;
  id.bytes.fill(3);
  return id;
}

StateSum sum_after(Seq seq) {
  return seq == 0 ? kBase.sum : seq * 0x9e3779b97f4a7c15ull;
}

Bytes make_batch(Seq seq, std::size_t bytes) {
  PartHeader part;
  part.epoch = 1;
  part.seq = seq;
  part.last = true;
  part.page_size = 512;
  part.page_count = 1;
  part.sum_before = sum_after(seq - 1);
  part.sum_after = sum_after(seq);
  PartBuilder builder;
  std::minstd_rand random(static_cast<unsigned>(seq));
  Bytes page(512);
  for (std::size_t done = 0; done < bytes; done += page.size()) {
    for (auto& byte : page) byte = static_cast<std::byte>(random() >> 8);
    builder.add({2, random(), PageEncoding::whole, page});
  }
  Bytes raw;
  builder.finish(part, raw);
  return encode_batch({.stream = stream_id(),
                       .epoch = 1,
                       .first = {seq, 0},
                       .last = {seq, 0},
                       .closed = true,
                       .records = 1,
                       .sum_before = sum_after(seq - 1),
                       .sum_after = sum_after(seq)},
                      raw);
}

}  // namespace understudy::test
