#include "host/record/slots.h"

#include <tendon/error.h>

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/record/update.h"
#include "host/record/warning.h"
#include "host/support/text.h"

namespace tendon::optim {
namespace {

constexpr const char* kSteps = "steps";
constexpr const char* kVariables = "variables";  // "adam/variables": how many
constexpr std::int64_t kMostSteps = std::int64_t{1} << 53;

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

std::int64_t Slots::Call::count(const NamedTensor& tensor) const {
  const auto& [name, value] = tensor;
  if (value.dtype() != DType::i64 || value.shape() != Shape{}) {
    fail(fmt::format("'{}' is {} {}; a count is i64 ()", name, value.dtype(), value.shape()));
  }
  const auto count = value.item<std::int64_t>();
  if (count < 0 || count > kMostSteps) fail(fmt::format("'{}' is {}, no count", name, count));
  return count;
}

// By variable. Tensors of other names are none of this optimizer's: a file may hold the variables
// too.
Slots::State Slots::Call::sorted(std::span<const NamedTensor> tensors) const {
  const std::string prefix = fmt::format("{}/", layout->prefix);
  std::set<std::string_view> names;
  State state;
  for (const NamedTensor& tensor : tensors) {
    const auto& [name, value] = tensor;
    if (!name.starts_with(prefix)) continue;
    if (!names.insert(name).second) fail(fmt::format("'{}' is there twice", name));
    if (value.is_empty_handle()) fail(fmt::format("tensor '{}' is empty", name));
    const std::size_t slash = name.rfind('/');
    const std::string part = name.substr(slash + 1);
    if (slash < prefix.size() && part == kVariables) {
      state.variable_count = count(tensor);
      continue;
    }
    const auto moment = std::ranges::find(layout->moments, part);
    const bool is_steps = layout->counts_steps && part == kSteps;
    if (slash < prefix.size() || (moment == layout->moments.end() && !is_steps))
      fail(fmt::format("'{}' is nothing that {} keeps", name, layout->optimizer));
    Loaded& of = state.by_name[name.substr(prefix.size(), slash - prefix.size())];
    if (is_steps) {
      of.steps = count(tensor);
    } else {
      of.moments[static_cast<std::size_t>(moment - layout->moments.begin())] = value;
    }
  }
  if (!names.contains(prefix + kVariables)) {
    fail(fmt::format("there is no '{}{}' among the {} tensors: they are no state of {}", prefix,
                     kVariables, tensors.size(), layout->optimizer));
  }
  for (const auto& [variable, of] : state.by_name) {
    for (std::size_t i = 0; i < layout->size(); ++i) {
      if (of.moments[i].is_empty_handle())
        fail(fmt::format("'{}{}/{}' is lacking", prefix, variable, layout->moments[i]));
    }
    if (layout->counts_steps && !of.steps)
      fail(fmt::format("'{}{}/{}' is lacking", prefix, variable, kSteps));
  }
  const auto found = static_cast<std::int64_t>(state.by_name.size());
  // Sgd without momentum keeps nothing of any.
  if (found != state.variable_count && (found > 0 || layout->counts_steps)) {
    fail(fmt::format("'{}{}' is {}, and there are {}", prefix, kVariables, state.variable_count,
                     found));
  }
  return state;
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

void Slots::Call::fail_by_name(std::span<const std::string> lacking,
                               std::span<const std::string> unknown) const {
  std::string text = "the loaded state is of other variables:";
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
  if (has_pending_) {
    const Call call{layout_, "apply", place};
    std::vector<std::string> lacking;
    for (const Slot& slot : met) {
      const auto found = pending_.find(slot.name);
      if (found == pending_.end()) {
        lacking.push_back(slot.name);
      } else {
        call.check(slot, found->second);
      }
    }
    if (!lacking.empty()) {
      std::vector<std::string> unknown;
      for (const auto& [name, of] : pending_) {
        if (std::ranges::find(met, name, &Slot::name) == met.end()) unknown.push_back(name);
      }
      call.fail_by_name(lacking, unknown);
    }
    for (Slot& slot : met) {
      const Loaded& of = pending_.at(slot.name);
      slot.moments = placed(of.moments, slot.cell->device(), place);
      slot.steps = of.steps.value_or(0);
    }
    for (const Slot& slot : met) pending_.erase(slot.name);
    if (pending_.empty()) {
      has_pending_ = false;
    } else if (slots_.empty()) {
      std::vector<std::string> left;
      for (const auto& [name, of] : pending_) left.push_back(name);
      record::warn_once(place,
                        fmt::format("{}::apply{}: the loaded state has {} too, which this "
                                    "call does not list",
                                    layout_->optimizer, support::at(place), quoted_list(left)));
    }
  }
  for (Slot& slot : met) {
    slots_.push_back(std::move(slot));
    by_cell_.emplace(slots_.back().cell.get(), &slots_.back());
  }
}

void Slots::add(std::vector<NamedTensor>& state, const std::string& variable,
                std::span<const Tensor> moments, std::int64_t steps, Place place) const {
  const std::string stem = fmt::format("{}/{}/", layout_->prefix, variable);
  for (std::size_t i = 0; i < layout_->size(); ++i)
    state.push_back({stem + layout_->moments[i], moments[i]});
  if (layout_->counts_steps) {
    state.push_back(
        {stem + kSteps, record::from_host(&steps, {DType::i64, {}}, Device::cpu(), place)});
  }
}

std::vector<NamedTensor> Slots::state(Place place) const {
  const record::Suspend suspend;
  const auto count = static_cast<std::int64_t>(slots_.size() + pending_.size());
  std::vector<NamedTensor> state = {
      {fmt::format("{}/{}", layout_->prefix, kVariables),
       record::from_host(&count, {DType::i64, {}}, Device::cpu(), place)}};
  const bool has_any = layout_->counts_steps || !pending_.empty() ||
                       std::ranges::any_of(slots_, &Slot::has_moments);  // of Sgd: momentum
  if (!has_any) return state;
  for (const Slot& slot : slots_) {
    std::array<Tensor, kMostMoments> moments = slot.moments;
    if (!slot.has_moments()) {
      const ops::Type& type = slot.cell->type();
      for (Tensor& moment : moments)
        moment = record::zeros_on(slot.cell->device(), type.shape, wide(type.dtype), place);
    }
    add(state, slot.name, moments, slot.steps, place);
  }
  for (const auto& [variable, of] : pending_)
    add(state, variable, of.moments, of.steps.value_or(0), place);
  return state;
}

void Slots::load(std::span<const NamedTensor> tensors, Place place) {
  const record::Suspend suspend;
  const Call call{layout_, "load", place};
  State loaded = call.sorted(tensors);
  if (slots_.empty()) {
    // Nothing is kept of variables that Sgd updates without momentum, or that nobody has met yet.
    has_pending_ = !loaded.by_name.empty();
    pending_ = std::move(loaded.by_name);
    return;
  }
  const bool is_blank = loaded.by_name.empty() && !layout_->counts_steps;
  std::vector<std::string> lacking, unknown;
  for (const Slot& slot : slots_) {
    const auto found = loaded.by_name.find(slot.name);
    if (found != loaded.by_name.end()) {
      call.check(slot, found->second);
    } else if (!is_blank) {
      lacking.push_back(slot.name);
    }
  }
  for (const auto& [name, of] : loaded.by_name) {
    if (std::ranges::find(slots_, name, &Slot::name) == slots_.end()) unknown.push_back(name);
  }
  if (!lacking.empty() || !unknown.empty()) call.fail_by_name(lacking, unknown);
  if (is_blank && loaded.variable_count != std::ssize(slots_)) {
    call.fail(fmt::format("the loaded state is of {} variables, the optimizer of {}",
                          loaded.variable_count, slots_.size()));
  }
  std::vector<std::array<Tensor, kMostMoments>> moments(slots_.size());
  for (std::size_t i = 0; i < slots_.size() && !is_blank; ++i) {
    moments[i] = placed(loaded.by_name.at(slots_[i].name).moments, slots_[i].cell->device(), place);
  }
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slots_[i].moments = std::move(moments[i]);
    slots_[i].steps = is_blank ? 0 : loaded.by_name.at(slots_[i].name).steps.value_or(0);
  }
  pending_.clear();
  has_pending_ = false;
}

}  // namespace tendon::optim
