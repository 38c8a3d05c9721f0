#include "host/record/slots.h"

#include <tendon/error.h>

#include <algorithm>
#include <utility>

#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/update.h"
#include "host/support/text.h"

namespace tendon::optim {
namespace {

constexpr const char* kSteps = "steps";

// The moments on the variable's device, computed, so that the next step's plan is that of all
// steps.
std::array<Tensor, kMostMoments> placed(const std::array<Tensor, kMostMoments>& moments,
                                        Device device, Place place) {
  std::array<Tensor, kMostMoments> result;
  support::PoolVector<record::Node*> nodes;
  for (std::size_t i = 0; i < moments.size(); ++i) {
    if (moments[i].is_empty_handle()) continue;
    result[i] = moments[i].to(device, place);
    nodes.push_back(result[i].node());
  }
  record::evaluate(nodes);
  return result;
}

std::string quoted_list(const auto& names) {
  std::string text;
  for (const auto& name : names) text += fmt::format("{}'{}'", text.empty() ? "" : ", ", name);
  return text;
}

}  // namespace

void Slots::Call::fail(const std::string& what) const {
  throw Error(fmt::format("{}::{}{}: {}", layout->optimizer, function, support::at(place), what));
}

// By variable. Tensors of other names are none of this optimizer's: a file may hold the variables
// too.
Slots::ByName Slots::Call::sorted(std::span<const NamedTensor> state) const {
  const std::string prefix = fmt::format("{}/", layout->prefix);
  ByName loaded;
  for (const auto& [name, value] : state) {
    if (!name.starts_with(prefix)) continue;
    const std::size_t slash = name.rfind('/');
    const std::string part = name.substr(slash + 1);
    const auto moment = std::ranges::find(layout->moments, part);
    const bool is_steps = layout->counts_steps && part == kSteps;
    if (slash < prefix.size() || (moment == layout->moments.end() && !is_steps))
      fail(fmt::format("'{}' is nothing that {} keeps", name, layout->optimizer));
    if (value.is_empty_handle()) fail(fmt::format("tensor '{}' is empty", name));
    Loaded& of = loaded[name.substr(prefix.size(), slash - prefix.size())];
    const bool is_twice =
        is_steps ? of.steps.has_value()
                 : !of.moments[static_cast<std::size_t>(moment - layout->moments.begin())]
                        .is_empty_handle();
    if (is_twice) fail(fmt::format("'{}' is there twice", name));
    if (!is_steps) {
      of.moments[static_cast<std::size_t>(moment - layout->moments.begin())] = value;
      continue;
    }
    if (value.dtype() != DType::i64 || value.shape() != Shape{}) {
      fail(fmt::format("'{}' is {} {}; a count of steps is i64 ()", name, value.dtype(),
                       value.shape()));
    }
    of.steps = value.item<std::int64_t>();
    if (*of.steps < 0) fail(fmt::format("'{}' is {}, no count of steps", name, *of.steps));
  }
  if (loaded.empty() && !state.empty()) {
    fail(fmt::format("none of the {} tensors is {}'s: their names do not begin with '{}'",
                     state.size(), layout->optimizer, prefix));
  }
  for (const auto& [variable, of] : loaded) {
    for (std::size_t i = 0; i < layout->moments.size(); ++i) {
      if (of.moments[i].is_empty_handle())
        fail(fmt::format("'{}{}/{}' is lacking", prefix, variable, layout->moments[i]));
    }
    if (layout->counts_steps && !of.steps)
      fail(fmt::format("'{}{}/{}' is lacking", prefix, variable, kSteps));
  }
  return loaded;
}

void Slots::Call::check(const Slot& slot, const Loaded& loaded) const {
  const ops::Type& type = slot.cell->type();
  for (std::size_t i = 0; i < layout->moments.size(); ++i) {
    const Tensor& moment = loaded.moments[i];
    const auto of = [&] {
      return fmt::format("'{}/{}/{}'", layout->prefix, slot.name, layout->moments[i]);
    };
    if (moment.shape() != type.shape) {
      throw ShapeError(fmt::format("{}::{}{}: variable '{}' has shape {}, its {} {}",
                                   layout->optimizer, function, support::at(place), slot.name,
                                   type.shape, of(), moment.shape()));
    }
    if (moment.dtype() != wide(type.dtype)) {
      throw DTypeError(
          fmt::format("{}::{}{}: variable '{}' is {}, which is updated in {}; its {} "
                      "is {}",
                      layout->optimizer, function, support::at(place), slot.name, type.dtype,
                      wide(type.dtype), of(), moment.dtype()));
    }
  }
}

void Slots::Call::check_all(std::span<const Slot* const> slots, const ByName& loaded) const {
  std::vector<std::string> names, lacking, unknown;
  for (const Slot* slot : slots) {
    names.push_back(slot->name);
    const auto found = loaded.find(slot->name);
    if (found == loaded.end()) {
      lacking.push_back(slot->name);
    } else {
      check(*slot, found->second);
    }
  }
  for (const auto& [name, of] : loaded) {
    if (std::ranges::find(names, name) == names.end()) unknown.push_back(name);
  }
  if (lacking.empty() && unknown.empty()) return;
  std::string text = fmt::format(
      "the loaded state is of {} variables, the optimizer of {}:", loaded.size(), slots.size());
  if (!lacking.empty()) text += fmt::format(" it has nothing of {}", quoted_list(lacking));
  if (!lacking.empty() && !unknown.empty()) text += ";";
  if (!unknown.empty()) text += fmt::format(" no variable is called {}", quoted_list(unknown));
  fail(text);
}

// The variable's own name, where another has it too or it has none, with its number.
std::string Slots::free_name(const std::string& variable, std::span<const Slot> others) const {
  const auto is_taken = [&](const std::string& name) {
    const auto has_name = [&](const Slot& slot) { return slot.name == name; };
    return std::ranges::any_of(slots_, has_name) || std::ranges::any_of(others, has_name);
  };
  const char* const stem = variable.empty() ? "variable" : variable.c_str();
  std::string name = variable;
  for (std::size_t i = slots_.size() + others.size(); name.empty() || is_taken(name); ++i)
    name = fmt::format("{}.{}", stem, i);
  return name;
}

void Slots::meet(std::span<const Variable> variables, Place place) {
  std::vector<Slot> met;
  for (const Variable& variable : variables) {
    if (by_cell_.contains(variable.cell().get())) continue;
    met.push_back({variable.cell(), free_name(variable.name(), met), {}, 0});
  }
  if (met.empty()) return;
  if (!pending_.empty()) {
    const Call call{layout_, "apply", place};
    const ByName loaded = call.sorted(pending_);
    std::vector<const Slot*> slots;
    for (const Slot& slot : met) slots.push_back(&slot);
    call.check_all(slots, loaded);
    for (Slot& slot : met) {
      const Loaded& of = loaded.at(slot.name);
      slot.moments = placed(of.moments, slot.cell->device(), place);
      slot.steps = of.steps.value_or(0);
    }
    pending_.clear();
  }
  for (Slot& slot : met) {
    slots_.push_back(std::move(slot));
    by_cell_.emplace(slots_.back().cell.get(), &slots_.back());
  }
}

std::vector<NamedTensor> Slots::state(Place place) const {
  const record::Suspend suspend;
  if (!pending_.empty()) return pending_;
  std::vector<NamedTensor> state;
  const bool has_any =
      layout_->counts_steps || std::ranges::any_of(slots_, &Slot::has_moments);  // of Sgd, momentum
  if (!has_any) return state;
  for (const Slot& slot : slots_) {
    const ops::Type& type = slot.cell->type();
    for (std::size_t i = 0; i < layout_->moments.size(); ++i) {
      state.push_back({fmt::format("{}/{}/{}", layout_->prefix, slot.name, layout_->moments[i]),
                       slot.has_moments() ? slot.moments[i]
                                          : record::zeros_on(slot.cell->device(), type.shape,
                                                             wide(type.dtype), place)});
    }
    if (layout_->counts_steps) {
      state.push_back({fmt::format("{}/{}/{}", layout_->prefix, slot.name, kSteps),
                       record::from_host(&slot.steps, {DType::i64, {}}, Device::cpu(), place)});
    }
  }
  return state;
}

void Slots::load(std::span<const NamedTensor> state, Place place) {
  const record::Suspend suspend;
  const Call call{layout_, "load", place};
  const ByName loaded = call.sorted(state);
  if (slots_.empty()) {
    std::vector<NamedTensor> own;
    for (const NamedTensor& tensor : state) {
      if (tensor.name.starts_with(fmt::format("{}/", layout_->prefix))) own.push_back(tensor);
    }
    pending_ = std::move(own);
    return;
  }
  // The state of an optimizer without momentum is of no variables, however many it has updated.
  const bool is_blank = loaded.empty() && !layout_->counts_steps;
  std::vector<const Slot*> slots;
  for (const Slot& slot : slots_) slots.push_back(&slot);
  if (!is_blank) call.check_all(slots, loaded);
  std::vector<std::array<Tensor, kMostMoments>> moments;
  for (const Slot& slot : slots_) {
    moments.push_back(is_blank ? std::array<Tensor, kMostMoments>()
                               : placed(loaded.at(slot.name).moments, slot.cell->device(), place));
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].moments = std::move(moments[i]);
    slots_[i].steps = is_blank ? 0 : loaded.at(slots_[i].name).steps.value_or(0);
  }
}

}  // namespace tendon::optim
