// Slots: what an optimizer keeps of each variable from step to step, and how it leaves and comes
// back as named tensors.
#pragma once

#include <tendon/named_tensor.h>
#include <tendon/variable.h>

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "host/record/cell.h"

namespace tendon::optim {

constexpr std::size_t kMostMoments = 2;

// A variable's. Kept while the optimizer lives, as in TensorFlow and PyTorch.
struct Slot {
  std::shared_ptr<detail::Cell> cell;
  std::string name;                          // of no other slot
  std::array<Tensor, kMostMoments> moments;  // empty before the variable's first gradient
  std::int64_t steps = 0;

  bool has_moments() const { return !moments[0].is_empty_handle(); }
  Tensor& velocity() { return moments[0]; }  // Sgd's only one
};

// What an optimizer keeps: "adam/w/mean".
struct SlotLayout {
  const char* optimizer;  // "Adam", of messages
  const char* prefix;     // "adam"
  std::span<const char* const> moments;
  bool counts_steps;
  std::size_t size() const { return moments.size(); }
};

class Slots {
 public:
  explicit Slots(const SlotLayout& layout) : layout_(&layout) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() = default;

  // Makes slots for the variables that have none, with what was loaded of them. Error where a state
  // was loaded that has nothing of one, or of other types; nothing changes then.
  void meet(std::span<const Variable> variables, Place place);
  Slot& of(const Variable& variable) { return *by_cell_.at(variable.cell().get()); }

  // How many variables there are, then what is kept of each: in the order in which they were met,
  // and behind them, of those that were loaded and not met since.
  std::vector<NamedTensor> state(Place place) const;
  void load(std::span<const NamedTensor> tensors, Place place);

 private:
  struct Loaded {
    std::array<Tensor, kMostMoments> moments;
    std::optional<std::int64_t> steps;
  };
  using ByName = std::map<std::string, Loaded>;
  struct State {
    ByName by_name;
    std::int64_t variable_count = 0;
  };
  // Of one call, which its errors name.
  struct Call {
    const SlotLayout* layout;
    const char* function;
    Place place;

    [[noreturn]] void fail(const std::string& what) const;
    State sorted(std::span<const NamedTensor> tensors) const;
    std::int64_t count(const NamedTensor& tensor) const;
    void check(const Slot& slot, const Loaded& loaded) const;
    [[noreturn]] void fail_by_name(std::span<const std::string> lacking,
                                   std::span<const std::string> unknown) const;
  };

  void add(std::vector<NamedTensor>& state, const std::string& variable,
           std::span<const Tensor> moments, std::int64_t steps, Place place) const;
  std::string free_name(const std::string& variable, std::span<const Slot> others) const;

  const SlotLayout* layout_;
  std::deque<Slot> slots_;  // none ever moves
  std::unordered_map<const detail::Cell*, Slot*> by_cell_;
  ByName pending_;            // loaded, of variables that were not met since
  bool has_pending_ = false;  // those that are met now must be among them
};

}  // namespace tendon::optim
