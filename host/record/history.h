// History: what a run computed, without values. The results of the run hold it, so that it can be
// told later which of its ops made a value that is not finite.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "host/record/node.h"
#include "host/tape/macro.h"

namespace tendon::record {

class Flattening;

class History {
 public:
  // What a run read of a value; of no bytes: all of it.
  struct Part {
    std::size_t offset = 0;
    std::size_t bytes = 0;
    Shape whole;  // of the value
  };
  struct Input {
    std::weak_ptr<Storage> storage;
    explain::NodeId id = {};  // of a node that had the value
    std::uint64_t cell = 0;   // of a variable's value
    Part part;

    std::shared_ptr<Storage> lock() const {  // as the run read it; null where it was freed
      std::shared_ptr<Storage> whole = storage.lock();
      if (!whole || part.bytes == 0) return whole;
      return std::make_shared<Storage>(std::move(whole), part.offset, part.bytes);
    }
  };
  // A value of the run, and the inputs that it depends on.
  struct Made {
    Op op = Op::input;
    DType dtype = DType::f32;
    const char* called = nullptr;
    Place place;
    support::PoolVector<Input> from;
  };

  // A value whose op is not all that is to be told of it.
  struct Named {
    std::uint32_t value = 0;
    detail::Origin origin;
  };
  // A macro whose ops are on the tape: where in `expanded` the values begin that its ops are.
  struct Expansion {
    std::shared_ptr<const detail::Macro> ops;  // null where all are the macro's own
    const char* called = nullptr;
    std::uint32_t begin = 0;
    std::uint32_t count = 0;
  };

  Device device = Device::cpu();
  Tape tape;
  std::vector<Named> named;
  std::vector<Expansion> expansions;
  std::vector<std::uint32_t> expanded;
  std::vector<Input> inputs;  // the tape's

 private:
  friend class HistoryStore;
  void clear();
  std::size_t held_bytes() const;

  // In the order they were made, as far as they are kept.
  bool is_kept = false;
  History* before = nullptr;
  History* after = nullptr;
  std::size_t bytes = 0;
};

// All that are kept take this many bytes at most: beyond that, the oldest are forgotten. A run that
// takes a quarter of it alone keeps none.
inline constexpr std::size_t kMostHistoryBytes = std::size_t{64} << 20;

// Takes over what a run has computed; null where that is too much to keep. Takes no memory in the
// steady state.
std::shared_ptr<const History> keep_history(Device device, Flattening& flattening);

// None where the history has been forgotten, or the value depends on more ops than `most`.
std::optional<History::Made> made_from(const History& history, std::uint32_t value,
                                       std::size_t most);

// A copy; none where it has been forgotten.
std::optional<History> copy_of(const History& history);

}  // namespace tendon::record
