// See recorder.h.
#include "recorder.h"

#include "common/record/batch.h"
#include "common/record/delta.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy::test {

StateSum sum_of(const Bytes& image, std::uint32_t page_size) {
  StateSum sum = 0;
  const auto pages = static_cast<PageNo>(image.size() / page_size);
  for (PageNo page = 1; page <= pages; ++page) {
    if (page == lock_byte_page(page_size)) continue;
    sum += hash_page(page, ByteView(image).subspan(std::size_t{page - 1} * page_size, page_size));
  }
  return sum;
}

Recorder::Recorder(const std::string& dir, const RecorderOptions& options)
    : options_(options),
      path_(dir + "/primary.db"),

      random_(options.seed),
      connection_(path_, Connection::Mode::create) {
  connection_.execute("PRAGMA page_size=" + std::to_string(options.page_size));
  if (!options.pragmas.empty()) connection_.execute(options.pragmas);
  connection_.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
  connection_.execute(options.setup);
  backend_path_ = dir + "/primary-backend.db";
  image_ = first_image_ = read_image();
  position_ = {1, 0, sum_of(image_, options.page_size)};
  backend_ = open_sqlite_backend(backend_path_, stream_, position_,
                                 {begin_first_epoch("primary", position_.sum)});
}

Bytes Recorder::read_image() {
  connection_.execute("PRAGMA wal_checkpoint(TRUNCATE)");
  return read_file(path_);
}

ByteView Recorder::page_of(const Bytes& image, PageNo page) const {
  const auto offset = std::size_t{page - 1} * options_.page_size;
  if (offset >= image.size()) return {};
  return ByteView(image).subspan(offset, options_.page_size);
}

StateOutline Recorder::outline() const {
  return {position_, options_.page_size, static_cast<PageNo>(image_.size() / options_.page_size)};
}

void Recorder::run(const std::string& sql) {
  connection_.execute(sql);
  record_changes();
}

void Recorder::add_change(PartBuilder& builder, PageNo page, ByteView before, ByteView after) {
  Bytes base(before.begin(), before.end());
  if (options_.change_twice && random_() % 4 == 0) {
    base.assign(after.begin(), after.end());
    for (auto& byte : base) byte = static_cast<std::byte>(random_());
    builder.add({page, hash_page(page, base), PageEncoding::whole, base});
  }
  Bytes delta;
  const bool is_delta = !base.empty() && random_() % 8 != 0 && encode_delta(base, after, delta);
  builder.add({page, hash_page(page, after), is_delta ? PageEncoding::delta : PageEncoding::whole,
               is_delta ? ByteView(delta) : after});
}

void Recorder::finish_part(PartBuilder& builder, PartHeader& header, std::vector<Bytes>& parts) {
  parts.emplace_back();
  builder.finish(header, parts.back());
  ++header.part;
}

void Recorder::record_changes(RecordKind kind) {
  const auto now = read_image();
  const auto pages = static_cast<PageNo>(now.size() / options_.page_size);
  PartHeader header;
  header.kind = kind;
  header.epoch = position_.epoch;
  header.seq = position_.seq + 1;
  header.page_size = options_.page_size;
  header.time_us = static_cast<std::int64_t>(header.seq);
  header.sum_before = position_.sum;
  std::vector<Bytes> parts;
  PartBuilder builder;
  for (PageNo page = 1; page <= pages; ++page) {
    const auto before = page_of(image_, page);
    const auto after = page_of(now, page);
    if (page == lock_byte_page(options_.page_size) || std::ranges::equal(before, after)) continue;
    if (builder.size() > options_.part_bytes) finish_part(builder, header, parts);
    add_change(builder, page, before, after);
  }
  header.last = true;
  header.page_count = pages;
  header.sum_after = sum_of(now, options_.page_size);
  finish_part(builder, header, parts);
  store(parts, position_.sum, header);
  position_ = {header.epoch, header.seq, header.sum_after};
  image_ = now;
  records_.push_back(std::move(parts));
}

// One batch a part.
void Recorder::store(const std::vector<Bytes>& parts, StateSum before, const PartHeader& last) {
  std::vector<Bytes> blobs;
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    BatchHeader header;
    header.stream = stream_;
    header.epoch = last.epoch;
    header.first = header.last = {last.seq, i};
    header.closed = i + 1 == parts.size();
    header.records = header.closed ? 1 : 0;
    header.sum_before = before;
    header.sum_after = header.closed ? last.sum_after : before;
    header.time_us = last.time_us;
    blobs.push_back(encode_batch(header, parts[i]));
  }
  std::vector<BatchView> views;
  for (const auto& blob : blobs) views.push_back(BatchView::parse(blob).value());
  backend_->append(views, {});
}

PageAnswer Recorder::answer(const PageRequest& request) const {
  PageAnswer answer;
  answer.as_of = position_;
  answer.page_size = options_.page_size;
  answer.page_count = outline().page_count;
  answer.first = request.first;
  answer.count = request.count;
  for (PageNo i = 0; i < request.count && request.first + i <= answer.page_count; ++i) {
    const auto page = request.first + i;
    if (page == lock_byte_page(options_.page_size)) continue;
    const auto content = page_of(image_, page);
    if (i < request.known.size() && request.known[i] == hash_page(page, content)) continue;
    answer.pages.push_back(page);
    answer.contents.insert(answer.contents.end(), content.begin(), content.end());
  }
  return answer;
}

}  // namespace understudy::test
