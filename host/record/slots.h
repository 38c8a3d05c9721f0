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
};

class Slots {
 public:
  explicit Slots(const SlotLayout& layout) : layout_(&layout) {}
  Slots(const Slots&) = delete;
  Slots& operator=(const Slots&) = delete;
  ~Slots() = default;

  // Makes slots for the variables that have none: with a loaded state's, once, else new ones. Error
  // where the variables and a loaded state do not belong together; nothing changes then.
  void meet(std::span<const Variable> variables, Place place);
  Slot& of(const Variable& variable) { return *by_cell_.at(variable.cell().get()); }

  // In the order in which variables were met. What was loaded, where none was met since.
  std::vector<NamedTensor> state(Place place) const;
  void load(std::span<const NamedTensor> state, Place place);

 private:
  struct Loaded {
    std::array<Tensor, kMostMoments> moments;
    std::optional<std::int64_t> steps;
  };
  using ByName = std::map<std::string, Loaded>;
  // Of one call, which its errors name.
  struct Call {
    const SlotLayout* layout;
    const char* function;
    Place place;

    [[noreturn]] void fail(const std::string& what) const;
    ByName sorted(std::span<const NamedTensor> state) const;
    void check(const Slot& slot, const Loaded& loaded) const;
    void check_all(std::span<const Slot* const> slots, const ByName& loaded) const;
  };

  std::string free_name(const std::string& variable, std::span<const Slot> others) const;

  const SlotLayout* layout_;
  std::deque<Slot> slots_;  // none ever moves
  std::unordered_map<const detail::Cell*, Slot*> by_cell_;
  std::vector<NamedTensor> pending_;  // loaded before any variable was met
};

}  // namespace tendon::optim
