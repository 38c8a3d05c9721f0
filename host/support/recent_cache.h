// RecentCache: what was made for a key, kept by recency within a count and a cost.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace tendon::support {

// From the hash of a key to a shared value. The caller compares the keys: of two keys with one hash
// the later takes the place. From any number of threads at once; values are destroyed outside the
// lock.
template <class T>
class RecentCache {
 public:
  RecentCache(std::size_t most, std::size_t most_cost) : most_(most), most_cost_(most_cost) {}

  // Null where there is none.
  std::shared_ptr<const T> find(std::uint64_t hash) {
    const std::scoped_lock lock(mutex_);
    const auto found = index_.find(hash);
    if (found == index_.end()) return nullptr;
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->value;
  }
  void insert(std::uint64_t hash, std::shared_ptr<const T> value, std::size_t cost) {
    std::list<Entry> dropped;
    const std::scoped_lock lock(mutex_);
    if (const auto found = index_.find(hash); found != index_.end()) drop(found->second, dropped);
    recent_.push_front({hash, std::move(value), cost});
    index_.emplace(hash, recent_.begin());
    cost_ += cost;
    while (recent_.size() > 1 && (recent_.size() > most_ || cost_ > most_cost_)) {
      drop(std::prev(recent_.end()), dropped);
    }
  }

 private:
  struct Entry {
    std::uint64_t hash;
    std::shared_ptr<const T> value;
    std::size_t cost;
  };
  void drop(typename std::list<Entry>::iterator entry, std::list<Entry>& dropped) {
    cost_ -= entry->cost;
    index_.erase(entry->hash);
    dropped.splice(dropped.begin(), recent_, entry);
  }

  const std::size_t most_;
  const std::size_t most_cost_;
  std::mutex mutex_;
  std::size_t cost_ = 0;
  std::list<Entry> recent_;  // the latest first
  std::unordered_map<std::uint64_t, typename std::list<Entry>::iterator> index_;
};

}  // namespace tendon::support
