// The algorithms that a matrix product is offered, and what each needs. All compute the same sums;
// they differ in the alignment they ask for, and in splitting the inner dimension, which takes
// workspace and adds up in another order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "cublaslt/problem.h"

namespace emulator::cublaslt {

// What a cublasLtMatmulAlgo_t holds.
struct Algorithm {
  enum Id : std::int32_t { kPlain, kAligned, kSplit };
  static constexpr std::uint32_t kTag = 0x656D4C74;

  std::uint32_t tag = kTag;  // made here, rather than left uninitialised
  std::int32_t id = kPlain;
  std::uint32_t tile = CUBLASLT_MATMUL_TILE_UNDEFINED;
  std::int32_t split_k = 1;
  std::uint32_t reduction = CUBLASLT_REDUCTION_SCHEME_NONE;
  std::uint32_t swizzling = 0, custom_option = 0;
  std::uint32_t stages = CUBLASLT_MATMUL_STAGES_UNDEFINED;
  std::uint16_t inner_shape = CUBLASLT_MATMUL_INNER_SHAPE_UNDEFINED;
  std::uint16_t cluster_shape = CUBLASLT_CLUSTER_SHAPE_AUTO;
  std::int16_t compute_type = 0, scale_type = 0;  // those it was made for
  std::int16_t a_type = 0, b_type = 0, c_type = 0, d_type = 0;

  std::uint32_t alignment() const { return id == kAligned ? 16 : 1; }  // bytes
};

// An algorithm that can run a problem.
struct Choice {
  Algorithm algorithm;
  std::size_t workspace_bytes = 0;
  float waves = 0;
};

inline constexpr std::size_t kWorkspaceAlignment = 256;

// Throws a Refusal where the algorithm cannot run the problem.
Choice check_algorithm(const Problem& problem, const Algorithm& algorithm);

// The preferred one first; none where the preference leaves none.
std::vector<Choice> choices(const Problem& problem, const Preference& preference);

}  // namespace emulator::cublaslt
