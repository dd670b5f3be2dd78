// Runs one fuzz target without libFuzzer: every file of the corpus folders given, an empty input,
// and seeded mutations of all of them. The seed is fixed, so a failure comes back on every run.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

constexpr int kMutations = 20000;
constexpr std::size_t kMaxInput = 64 * 1024;

std::vector<Input> read_corpus(int count, char** folders) {
  std::vector<Input> inputs{Input{}};
  for (int i = 1; i < count; ++i) {
    if (!std::filesystem::is_directory(folders[i])) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folders[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      inputs.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  std::sort(inputs.begin(), inputs.end());  // the folder's own order differs between machines
  return inputs;
}

// Flips, overwrites, cuts, or splices in a piece of another input, one to eight times.
Input mutate(Input input, const std::vector<Input>& corpus, std::mt19937_64& random) {
  for (auto steps = 1 + random() % 8; steps > 0; --steps) {
    const std::size_t at = input.empty() ? 0 : random() % input.size();
    switch (random() % 5) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<std::uint8_t>(1u << (random() % 8));
        break;
      case 1:
        if (!input.empty()) input[at] = static_cast<std::uint8_t>(random());
        break;
      case 2:
        input.resize(at);
        break;
      case 3:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), random() % 16,
                     static_cast<std::uint8_t>(random()));
        break;
      default: {
        const Input& other = corpus[random() % corpus.size()];
        const std::size_t from = other.empty() ? 0 : random() % other.size();
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
    if (input.size() > kMaxInput) input.resize(kMaxInput);
  }
  return input;
}

}  // namespace

int main(int argc, char** argv) {
  const auto corpus = read_corpus(argc, argv);
  for (const Input& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  std::mt19937_64 random(20240229);
  for (int i = 0; i < kMutations; ++i) {
    const Input input = mutate(corpus[random() % corpus.size()], corpus, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("understudy-count: fuzz executions=%zu\n", corpus.size() + kMutations);
  return 0;
}
