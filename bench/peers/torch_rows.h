// libtorch's side of the benchmarks: the same formulas, eagerly, with autograd.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "bench/array.h"

namespace tendon::bench {

struct TorchStep {
  std::function<void()> run;  // empty: libtorch is not there, or has no such row
  std::function<void(std::vector<Array>&)> copy_results = {};  // of the last run
};

#ifdef TENDON_BENCH_TORCH
// Value and gradients by every floating input. The inputs must outlive the step.
TorchStep torch_step(const std::string& row, const std::vector<Array>& inputs);
// Adam on a 784-256-256-10 classifier.
std::function<void()> torch_mlp_step(std::int64_t batch);
// A chain of so many cheap ops, with its gradient or without.
std::function<void()> torch_chain_step(int ops, bool with_gradient);
#else
inline TorchStep torch_step(const std::string&, const std::vector<Array>&) { return {}; }
inline std::function<void()> torch_mlp_step(std::int64_t) { return {}; }
inline std::function<void()> torch_chain_step(int, bool) { return {}; }
#endif

}  // namespace tendon::bench
