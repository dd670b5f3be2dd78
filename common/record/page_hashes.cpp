#include "common/record/page_hashes.h"

#include "common/core/assert.h"
#include "common/core/byte_order.h"
#include "common/core/hash.h"
#include "common/file/file.h"
#include "common/record/page_hash.h"

#include <algorithm>

namespace understudy {
namespace {

// The file; schemas/page-hashes.md is its table.
constexpr std::uint32_t kMagic = 0x48736455;  // "UdsH"
constexpr std::uint32_t kVersion = 1;
constexpr std::size_t kAtMagic = 0;
constexpr std::size_t kAtVersion = 4;
constexpr std::size_t kAtStream = 8;
constexpr std::size_t kAtSeq = 24;
constexpr std::size_t kAtPageSize = 32;
constexpr std::size_t kAtPageCount = 36;
constexpr std::size_t kAtChecksum = 40;
constexpr std::size_t kHeaderSize = 48;
constexpr std::uint64_t kBlockBytes = 4096;
constexpr std::uint64_t kBlocksAt = kBlockBytes;  // the first lies behind the header's own
constexpr std::size_t kBlocksAtOnce = 16;         // read and written together

struct FileHeader {
  StreamId stream;
  Seq seq = 0;
  std::uint32_t page_size = 0;
  PageNo page_count = 0;
  std::uint64_t checksum = 0;

  [[nodiscard]] std::array<std::byte, kHeaderSize> encode() const;
  static std::optional<FileHeader> read(const File& file);
};

std::array<std::byte, kHeaderSize> FileHeader::encode() const {
  std::array<std::byte, kHeaderSize> bytes{};
  store_le(bytes.data() + kAtMagic, kMagic);
  store_le(bytes.data() + kAtVersion, kVersion);
  store_le(bytes.data() + kAtStream, stream.bytes);
  store_le(bytes.data() + kAtSeq, seq);
  store_le(bytes.data() + kAtPageSize, page_size);
  store_le(bytes.data() + kAtPageCount, page_count);
  store_le(bytes.data() + kAtChecksum, xxh3(ByteView(bytes).first(kAtChecksum)));
  return bytes;
}

std::optional<FileHeader> FileHeader::read(const File& file) {
  std::array<std::byte, kHeaderSize> bytes{};
  if (file.read(0, bytes) != bytes.size()) return std::nullopt;
  FileHeader header;
  header.checksum = load_le<std::uint64_t>(bytes.data() + kAtChecksum);
  if (load_le<std::uint32_t>(bytes.data() + kAtMagic) != kMagic ||
      load_le<std::uint32_t>(bytes.data() + kAtVersion) != kVersion ||
      header.checksum != xxh3(ByteView(bytes).first(kAtChecksum))) {
    return std::nullopt;
  }
  header.stream.bytes = load_le<std::array<std::uint8_t, 16>>(bytes.data() + kAtStream);
  header.seq = load_le<Seq>(bytes.data() + kAtSeq);
  header.page_size = load_le<std::uint32_t>(bytes.data() + kAtPageSize);
  header.page_count = load_le<PageNo>(bytes.data() + kAtPageCount);
  if (!is_page_size(header.page_size)) return std::nullopt;
  return header;
}

std::uint64_t block_offset(std::size_t block) {
  return kBlocksAt + block * kBlockBytes;
}

// Seeded with its number: a block that was written to another's place is damage, too.
template <typename Block>
std::uint64_t block_checksum(const Block& block, std::size_t number) {
  return xxh3(std::as_bytes(std::span(block)).first(kBlockBytes - 8), number + 1);
}

}  // namespace

std::size_t PageHashes::blocks_for(PageNo page_count) {
  static_assert(sizeof(Block) == kBlockBytes);
  return (std::size_t{page_count} + kBlockEntries - 1) / kBlockEntries;
}

PageHash PageHashes::get(PageNo page) const {
  if (page == 0 || page > page_count_) return 0;
  return blocks_[block_of(page)][(page - 1) % kBlockEntries];
}

void PageHashes::set(PageNo page, PageHash hash) {
  US_ASSERT(page != 0, "pages count from 1");
  if (page > page_count_) resize(page);
  if (page == lock_byte_page(page_size_)) return;  // never content, never counted
  auto& current = entry(page);
  if (current == hash) return;
  sum_ += hash - current;
  current = hash;
  dirty_blocks_[block_of(page)] = true;
}

void PageHashes::resize(PageNo page_count) {
  for (auto page = page_count_; page > page_count; --page) {
    sum_ -= entry(page);
    entry(page) = 0;
    dirty_blocks_[block_of(page)] = true;
  }
  const auto blocks = blocks_for(page_count);
  blocks_.resize(blocks);
  dirty_blocks_.resize(blocks, true);
  page_count_ = page_count;
}

StateSum PageHashes::recount() const {
  StateSum sum = 0;
  for (const auto& block : blocks_) {
    for (PageNo i = 0; i < kBlockEntries; ++i) sum += block[i];
  }
  return sum;
}

void PageHashes::save(const std::string& path, const StreamId& stream, Seq seq,
                      const std::string& vfs) {
  File file(path, File::Mode::create, vfs);
  const auto there = FileHeader::read(file);
  if (!there || there->checksum != saved_checksum_) {
    // Not what this table was saved to or loaded from. Nobody may take new entries for those of
    // the old header, so the file is void until the new header stands.
    file.truncate(0);
    file.sync();
    dirty_blocks_.assign(blocks_.size(), true);
  }
  write_dirty_blocks(file);
  file.sync();  // durable: entries as of `seq`; the old header may go on naming an earlier one
  write_header(file, stream, seq);
  file.sync();  // durable: the file stands for `seq`
  dirty_blocks_.assign(blocks_.size(), false);
  // Only now, for the old header counted these blocks. Left behind by a crash they do no harm:
  // a table that grows again writes them anew.
  if (file.size() > block_offset(blocks_.size())) file.truncate(block_offset(blocks_.size()));
}

void PageHashes::write_dirty_blocks(File& file) {
  std::vector<Block> run;
  for (std::size_t i = 0; i < blocks_.size();) {
    const auto first = i;
    run.clear();
    for (; i < blocks_.size() && dirty_blocks_[i] && run.size() < kBlocksAtOnce; ++i) {
      blocks_[i][kBlockEntries] = block_checksum(blocks_[i], i);
      run.push_back(blocks_[i]);
    }
    file.write(block_offset(first), std::as_bytes(std::span(run)));
    if (run.empty()) ++i;
  }
}

void PageHashes::write_header(File& file, const StreamId& stream, Seq seq) {
  const FileHeader header{stream, seq, page_size_, page_count_, 0};
  const auto bytes = header.encode();
  file.write(0, bytes);
  saved_checksum_ = load_le<std::uint64_t>(bytes.data() + kAtChecksum);
}

bool PageHashes::read_blocks(const File& file) {
  std::vector<Block> run(kBlocksAtOnce);
  const auto count = blocks_for(page_count_);
  for (std::size_t i = 0; i < count;) {
    const auto wanted = std::span(run).first(std::min(kBlocksAtOnce, count - i));
    const auto bytes = std::as_writable_bytes(wanted);
    if (file.read(block_offset(i), bytes) != bytes.size()) return false;
    for (const auto& block : wanted) {
      if (block[kBlockEntries] != block_checksum(block, i++)) return false;
      blocks_.push_back(block);
    }
  }
  return true;
}

// A save that was cut off after a growth leaves entries that the header does not count yet.
void PageHashes::clear_beyond_end() {
  for (auto i = std::size_t{page_count_}; i < blocks_.size() * kBlockEntries; ++i) {
    auto& beyond = blocks_.back()[i % kBlockEntries];
    if (beyond != 0) dirty_blocks_.back() = true;
    beyond = 0;
  }
}

std::optional<PageHashes::Loaded> PageHashes::load(const std::string& path, const StreamId& stream,
                                                   const std::string& vfs) {
  if (!File::exists(path, vfs)) return std::nullopt;
  const File file(path, File::Mode::read_only, vfs);
  const auto header = FileHeader::read(file);
  if (!header || header->stream != stream) return std::nullopt;
  Loaded loaded{PageHashes(header->page_size), header->seq};
  auto& table = loaded.table;
  table.page_count_ = header->page_count;
  if (!table.read_blocks(file)) return std::nullopt;
  table.dirty_blocks_.assign(table.blocks_.size(), false);
  table.clear_beyond_end();
  table.sum_ = table.recount();
  table.saved_checksum_ = header->checksum;
  return loaded;
}

}  // namespace understudy
