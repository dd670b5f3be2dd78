#include "common/transport/key_pair.h"

#include "common/core/assert.h"
#include "common/core/errors.h"

#include <zmq.h>

#include <array>

namespace understudy {
namespace {

using KeyBuffer = std::array<char, 41>;  // with the terminating zero

}  // namespace

KeyPair make_key_pair() {
  KeyBuffer public_key{}, secret_key{};
  if (::zmq_curve_keypair(public_key.data(), secret_key.data()) != 0) {
    throw TransportError("cannot make keys: this ZeroMQ was built without CURVE");
  }
  return {public_key.data(), secret_key.data()};
}

std::string public_key_of(const std::string& secret_key) {
  KeyBuffer public_key{};
  if (::zmq_curve_public(public_key.data(), secret_key.c_str()) != 0) {
    throw TransportError("cannot read the secret key: this ZeroMQ was built without CURVE");
  }
  return public_key.data();
}

std::string key_text(std::string_view bytes) {
  US_ASSERT(bytes.size() == kKeyBytes, "a key has that many bytes");
  KeyBuffer text{};
  ::zmq_z85_encode(text.data(), reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  return text.data();
}

}  // namespace understudy
