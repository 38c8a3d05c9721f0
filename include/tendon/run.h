// Computing on purpose, and what it costs.
#pragma once

#include <tendon/export.h>
#include <tendon/tensor.h>

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <string>
#include <vector>

namespace tendon {

// Computes these now, in one plan.
TENDON_API void run(std::initializer_list<Tensor> tensors, Place place = Place::current());
TENDON_API void run(const detail::List<Tensor>& tensors, Place place = Place::current());

// What a run costs, known before it runs.
struct PlanSummary {
  std::int64_t ops = 0;       // tape ops computed
  std::int64_t launches = 0;  // kernels and library calls
  std::int64_t bytes_read = 0, bytes_written = 0, floor_bytes = 0, peak_bytes = 0, flops = 0;
  std::vector<std::string> kernels;  // in launch order, one readable line each
};
TENDON_API std::ostream& operator<<(std::ostream&, const PlanSummary&);

// How run() would compute these. Computes nothing, but makes the plan, and compiles what it needs
// on a CUDA device: run() finds it made.
TENDON_API PlanSummary describe(std::initializer_list<Tensor> tensors,
                                Place place = Place::current());
TENDON_API PlanSummary describe(const detail::List<Tensor>& tensors,
                                Place place = Place::current());

}  // namespace tendon
