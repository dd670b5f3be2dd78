// Page hash and state sum: what "the same state" means, in 64 bits.
// Described in schemas/state-sum.md.
#pragma once

#include "common/core/types.h"

namespace understudy {

// XXH3-64 of the content, seeded with the page number: equal pages in different places differ.
PageHash hash_page(PageNo page, ByteView content);

// The page that holds SQLite's lock bytes (database offset 1 GiB): never content, never counted.
PageNo lock_byte_page(std::uint32_t page_size);
// Tests move it into small files, together with SQLITE_TESTCTRL_PENDING_BYTE. Default 0x40000000.
void set_lock_byte_offset(std::uint32_t offset);

// 512, 1024 … 65536.
bool is_page_size(std::uint32_t bytes);

}  // namespace understudy
