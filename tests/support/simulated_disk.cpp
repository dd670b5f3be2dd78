#include "tests/support/simulated_disk.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace understudy::test {
namespace {

constexpr std::size_t kSector = 512;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes bytes;
  file.seekg(0, std::ios::end);
  if (!file) return bytes;
  bytes.resize(static_cast<std::size_t>(file.tellg()));
  file.seekg(0);
  file.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  return bytes;
}

void write_file(const std::string& path, const Bytes& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(bytes.data()),
             static_cast<std::streamsize>(bytes.size()));
}

std::string folder_of(const std::string& path) {
  return std::filesystem::path(path).parent_path().string();
}

}  // namespace

bool SimulatedDisk::chance(double probability) {
  return std::uniform_real_distribution<>(0, 1)(random_) < probability;
}

void SimulatedDisk::opened(const std::string& path, bool created) {
  auto& node = nodes_[path];
  if (node.exists) return;
  node.exists = true;
  node.existence_durable = !created;
  node.content = {};
  if (!created) node.content.durable = read_file(path);
  node.size = node.content.durable.size();
}

void SimulatedDisk::wrote(const std::string& path, std::uint64_t offset, ByteView bytes) {
  auto& node = nodes_.at(path);
  node.content.pending.push_back({false, offset, Bytes(bytes.begin(), bytes.end())});
  node.size = std::max(node.size, offset + bytes.size());
}

void SimulatedDisk::truncated(const std::string& path, std::uint64_t size) {
  auto& node = nodes_.at(path);
  node.content.pending.push_back({true, size, {}});
  node.size = size;
}

void SimulatedDisk::synced(const std::string& path, bool with_folder) {
  auto& node = nodes_.at(path);
  for (const auto& change : node.content.pending) apply(node.content.durable, change);
  node.content.pending.clear();
  if (node.exists) {
    node.existence_durable = true;
    node.removed.reset();
  }
  if (with_folder) sync_folder_of(path);
}

void SimulatedDisk::sync_failed(const std::string& path) {
  auto& content = nodes_.at(path).content;
  content.durable = settle(content);
  content.pending.clear();
}

void SimulatedDisk::removed(const std::string& path, bool with_folder) {
  const auto found = nodes_.find(path);
  if (found != nodes_.end() && found->second.exists) {
    auto& node = found->second;
    if (node.existence_durable) node.removed = std::move(node.content);
    node.exists = node.existence_durable = false;
    node.size = 0;
    node.content = {};
  }
  if (with_folder) sync_folder_of(path);
}

void SimulatedDisk::sync_folder_of(const std::string& path) {
  const auto folder = folder_of(path);
  for (auto& [other, node] : nodes_) {
    if (folder_of(other) != folder) continue;
    node.removed.reset();
    node.existence_durable = node.exists;
  }
}

std::uint64_t SimulatedDisk::bytes_used() const {
  std::uint64_t bytes = 0;
  for (const auto& [path, node] : nodes_) bytes += node.size;
  return bytes;
}

std::uint64_t SimulatedDisk::size_of(const std::string& path) const {
  const auto found = nodes_.find(path);
  return found == nodes_.end() ? 0 : found->second.size;
}

void SimulatedDisk::apply(Bytes& to, const Change& change) {
  if (change.is_truncate) {
    to.resize(change.at);
    return;
  }
  if (change.bytes.empty()) return;
  const auto end = static_cast<std::size_t>(change.at) + change.bytes.size();
  if (to.size() < end) to.resize(end);
  std::memcpy(to.data() + change.at, change.bytes.data(), change.bytes.size());
}

// One of: nothing of it, all of it, whole changes by chance, sectors by chance.
Bytes SimulatedDisk::settle(const Content& content) {
  Bytes result = content.durable;
  const auto style = random_() % 4;
  if (style == 0) return result;
  const double probability = std::uniform_real_distribution<>(0, 1)(random_);
  for (const auto& change : content.pending) {
    if (style == 1 || ((style == 2 || change.is_truncate) && chance(probability))) {
      apply(result, change);
    }
    if (style != 3 || change.is_truncate) continue;
    for (std::size_t from = 0; from < change.bytes.size();) {
      const auto sector_end = ((change.at + from) / kSector + 1) * kSector - change.at;
      const auto to = std::min<std::size_t>(sector_end, change.bytes.size());
      const ByteView piece = ByteView(change.bytes).subspan(from, to - from);
      if (chance(probability)) {
        apply(result, {false, change.at + from, Bytes(piece.begin(), piece.end())});
      }
      from = to;
    }
  }
  return result;
}

std::optional<Bytes> SimulatedDisk::survivor(const Node& node) {
  if (node.exists && (node.existence_durable || chance(0.5))) return settle(node.content);
  if (node.removed && chance(0.5)) return settle(*node.removed);
  return std::nullopt;
}

void SimulatedDisk::cut(std::uint64_t seed) {
  random_.seed(seed);
  for (auto& [path, node] : nodes_) {
    const auto left = survivor(node);
    std::filesystem::remove(path + "-shm");  // shared memory in all but name
    if (left) {
      write_file(path, *left);
    } else {
      std::filesystem::remove(path);
    }
  }
  nodes_.clear();
}

}  // namespace understudy::test
