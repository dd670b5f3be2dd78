// decode_message() on whatever comes over the network: never more than a value or "no message", and
// what it accepts survives its own codec.
#include "common/transport/message.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace understudy;
  const auto message = decode_message({reinterpret_cast<const std::byte*>(data), size});
  if (!message || std::holds_alternative<message::OtherVersion>(*message)) return 0;
  if (!decode_message(encode_message(*message))) std::abort();
  return 0;
}
