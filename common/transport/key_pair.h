// CURVE keys: made, and in their text form (Z85, ZeroMQ RFC 32). Any thread.
#pragma once

#include "common/security/security.h"

namespace understudy {

// Random, from the kernel's generator. Throws TransportError where ZeroMQ was built without CURVE.
[[nodiscard]] KeyPair make_key_pair();
// The public key that belongs to it. Requires is_key_text().
[[nodiscard]] std::string public_key_of(const std::string& secret_key);

constexpr std::size_t kKeyBytes = 32;
// The text of exactly so many bytes.
[[nodiscard]] std::string key_text(std::string_view bytes);

}  // namespace understudy
