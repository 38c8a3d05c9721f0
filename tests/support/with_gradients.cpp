#include "tests/support/with_gradients.h"

#include <vector>

#include "host/autodiff/differentiate.h"
#include "host/cpu/cpu_backend.h"

namespace tendon::test {

Tape with_gradients(const Tape& tape) {
  std::vector<autodiff::SourceValue> sources;
  for (const Ref input : tape.inputs()) {
    if (is_floating(tape.dtype(input))) {
      sources.push_back({input, static_cast<std::uint32_t>(sources.size())});
    }
  }
  const auto live = autodiff::differentiable_edges(tape);
  const auto mask =
      autodiff::reachability_of_any(cpu::backend(), tape, live, sources, tape.targets());
  auto made = autodiff::differentiate(tape, {}, sources, sources.size(), live, mask);
  std::vector<Ref> targets(tape.targets().begin(), tape.targets().end());
  for (const auto& gradient : made.gradients) {
    if (gradient) targets.push_back(*gradient);
  }
  return TapeBuilder(std::move(made.tape)).finish(targets);
}

}  // namespace tendon::test
