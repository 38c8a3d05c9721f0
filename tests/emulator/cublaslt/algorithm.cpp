#include "cublaslt/algorithm.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "cublaslt/attribute.h"
#include "cublaslt/element.h"
#include "cublaslt/handle.h"

namespace emulator::cublaslt {
namespace {

constexpr std::array kAlgorithms = {Algorithm::kPlain, Algorithm::kAligned, Algorithm::kSplit};
constexpr Extent kShortestSplit = 16;  // terms of a sum that are worth a part of their own
constexpr std::int32_t kMostParts = 4;

Algorithm make_algorithm(std::int32_t id, std::int32_t compute_type, std::int32_t scale_type,
                         std::int32_t a, std::int32_t b, std::int32_t c, std::int32_t d) {
  Algorithm made;
  made.id = id;
  made.compute_type = static_cast<std::int16_t>(compute_type);
  made.scale_type = static_cast<std::int16_t>(scale_type);
  made.a_type = static_cast<std::int16_t>(a);
  made.b_type = static_cast<std::int16_t>(b);
  made.c_type = static_cast<std::int16_t>(c);
  made.d_type = static_cast<std::int16_t>(d);
  return made;
}

Algorithm make_algorithm(std::int32_t id, const Problem& problem) {
  return make_algorithm(id, problem.operation.compute_type, problem.operation.scale_type,
                        problem.a.type, problem.b.type, problem.c.type, problem.d.type);
}

// Whether every line of a matrix begins at a multiple of `alignment` where the first does.
bool lines_are_aligned(const Layout& layout, std::uint32_t alignment) {
  const auto bytes = static_cast<Extent>(element_bytes(layout.type));
  const auto is_multiple = [&](Extent elements) { return elements * bytes % alignment == 0; };
  return is_multiple(layout.ld) && (layout.batch_count == 1 || is_multiple(layout.batch_stride));
}

// As the numbers of CUBLASLT_MATMUL_PREF_IMPL_MASK say it.
std::uint64_t implementation(const Problem& problem) {
  const auto input = [&]() -> std::uint64_t {
    switch (problem.operation.compute_type) {
      case CUBLAS_COMPUTE_32F_FAST_TF32: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_TF32;
      case CUBLAS_COMPUTE_32F_FAST_16F: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F;
      case CUBLAS_COMPUTE_32F_FAST_16BF: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
      default: break;
    }
    switch (problem.a.type) {
      case CUDA_R_16F: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16F;
      case CUDA_R_16BF: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_16BF;
      case CUDA_R_64F: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_64F;
      default: return CUBLASLT_NUMERICAL_IMPL_FLAGS_INPUT_32F;
    }
  };
  const auto accumulator = problem.accumulator_type() == CUDA_R_64F
                               ? CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_64F
                               : CUBLASLT_NUMERICAL_IMPL_FLAGS_ACCUMULATOR_32F;
  return CUBLASLT_NUMERICAL_IMPL_FLAGS_FMA | accumulator | input();
}

bool is_allowed(const Choice& choice, const Problem& problem, const Preference& preference) {
  const auto& algorithm = choice.algorithm;
  const auto alignment = algorithm.alignment();
  const bool is_aligned =
      std::ranges::all_of(std::array{preference.a_alignment, preference.b_alignment,
                                     preference.c_alignment, preference.d_alignment},
                          [&](std::uint32_t promised) { return promised % alignment == 0; });
  return is_aligned && choice.workspace_bytes <= preference.most_workspace_bytes &&
         (algorithm.reduction & ~preference.reductions) == 0 &&
         (implementation(problem) & ~preference.implementations) == 0 &&
         (preference.most_waves == 0 || choice.waves <= preference.most_waves);
}

std::span<std::byte> field(Algorithm& algorithm, int attribute) {
  switch (attribute) {
    case CUBLASLT_ALGO_CONFIG_ID: return bytes_of(algorithm.id);
    case CUBLASLT_ALGO_CONFIG_TILE_ID: return bytes_of(algorithm.tile);
    case CUBLASLT_ALGO_CONFIG_SPLITK_NUM: return bytes_of(algorithm.split_k);
    case CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME: return bytes_of(algorithm.reduction);
    case CUBLASLT_ALGO_CONFIG_CTA_SWIZZLING: return bytes_of(algorithm.swizzling);
    case CUBLASLT_ALGO_CONFIG_CUSTOM_OPTION: return bytes_of(algorithm.custom_option);
    case CUBLASLT_ALGO_CONFIG_STAGES_ID: return bytes_of(algorithm.stages);
    case CUBLASLT_ALGO_CONFIG_INNER_SHAPE_ID: return bytes_of(algorithm.inner_shape);
    case CUBLASLT_ALGO_CONFIG_CLUSTER_SHAPE_ID: return bytes_of(algorithm.cluster_shape);
    default: return {};
  }
}

Problem problem_of(cublasLtMatmulDesc_t operation, cublasLtMatrixLayout_t a,
                   cublasLtMatrixLayout_t b, cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d) {
  return check_problem(unpack<Operation>(operation, "the operation"), unpack<Layout>(a, "Adesc"),
                       unpack<Layout>(b, "Bdesc"), unpack<Layout>(c, "Cdesc"),
                       unpack<Layout>(d, "Ddesc"));
}

cublasLtMatmulHeuristicResult_t result_of(const Choice& choice) {
  cublasLtMatmulHeuristicResult_t result{};
  pack(choice.algorithm, &result.algo);
  result.workspaceSize = choice.workspace_bytes;
  result.wavesCount = choice.waves;
  result.state = CUBLAS_STATUS_SUCCESS;
  return result;
}

}  // namespace

Choice check_algorithm(const Problem& problem, const Algorithm& algorithm) {
  if (algorithm.tag != Algorithm::kTag || std::ranges::count(kAlgorithms, algorithm.id) == 0) {
    throw invalid("no algorithm that cublasLtMatmulAlgoInit or the heuristic made");
  }
  const auto own = make_algorithm(algorithm.id, problem);
  if (algorithm.compute_type != own.compute_type || algorithm.scale_type != own.scale_type ||
      algorithm.a_type != own.a_type || algorithm.b_type != own.b_type ||
      algorithm.c_type != own.c_type || algorithm.d_type != own.d_type) {
    throw invalid("the algorithm was made for other types");
  }
  if (algorithm.id == Algorithm::kAligned) {
    for (const Layout* layout : {&problem.a, &problem.b, &problem.c, &problem.d}) {
      if (!lines_are_aligned(*layout, algorithm.alignment())) {
        throw unsupported("the algorithm needs leading dimensions and strides of a multiple of ",
                          algorithm.alignment(), " bytes");
      }
    }
  }
  if (algorithm.split_k < 1) throw invalid(algorithm.split_k, " parts of the inner dimension");
  const bool is_split = algorithm.split_k > 1;
  if (is_split && (algorithm.id != Algorithm::kSplit || algorithm.split_k > problem.k)) {
    throw unsupported("the algorithm cannot split ", problem.k, " terms in ", algorithm.split_k);
  }
  if (is_split != (algorithm.reduction != CUBLASLT_REDUCTION_SCHEME_NONE)) {
    throw invalid("a reduction scheme goes with a split inner dimension, and only with one");
  }
  if (is_split && algorithm.reduction != CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) {
    throw unsupported("reduction scheme ", algorithm.reduction, " is not emulated");
  }
  constexpr Extent kTile = 64;
  constexpr float kMultiprocessors = 16;
  const auto tiles = ((problem.m + kTile - 1) / kTile) * ((problem.n + kTile - 1) / kTile);
  Choice choice{algorithm};
  choice.waves =
      static_cast<float>(tiles * problem.batch_count * algorithm.split_k) / kMultiprocessors;
  if (is_split) {
    choice.workspace_bytes =
        static_cast<std::size_t>(problem.m * problem.n * problem.batch_count * algorithm.split_k) *
        element_bytes(problem.accumulator_type());
  }
  return choice;
}

std::vector<Choice> choices(const Problem& problem, const Preference& preference) {
  std::vector<Choice> found;
  const auto consider = [&](const Algorithm& algorithm) {
    try {
      const auto choice = check_algorithm(problem, algorithm);
      if (is_allowed(choice, problem, preference)) found.push_back(choice);
    } catch (const Refusal&) {
      // One that cannot run this problem is just not offered.
    }
  };
  auto split = make_algorithm(Algorithm::kSplit, problem);
  split.split_k =
      static_cast<std::int32_t>(std::min<Extent>(kMostParts, problem.k / kShortestSplit));
  split.reduction = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
  // Long sums and few of them leave a device idle unless they are split.
  const bool prefers_split = problem.k >= std::max(problem.m, problem.n);
  if (prefers_split) consider(split);
  consider(make_algorithm(Algorithm::kAligned, problem));
  consider(make_algorithm(Algorithm::kPlain, problem));
  if (!prefers_split) consider(split);
  return found;
}

}  // namespace emulator::cublaslt

using namespace emulator::cublaslt;

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle,
                                              cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int most,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* count) {
  return guarded(__func__, [&] {
    check_handle(handle);
    if (count == nullptr || results == nullptr) throw invalid("nowhere to write the results");
    *count = 0;
    if (most <= 0) throw invalid(most, " algorithms asked for");
    const auto wish = unpack<Preference>(preference, "the preference");
    if (wish.search_mode > CUBLASLT_SEARCH_LIMITED_BY_ALGO_ID) {
      throw invalid("there is no search mode ", wish.search_mode);
    }
    for (const auto alignment :
         {wish.a_alignment, wish.b_alignment, wish.c_alignment, wish.d_alignment}) {
      if (!std::has_single_bit(alignment)) throw invalid("an alignment of ", alignment, " bytes");
    }
    auto found = choices(problem_of(operation, a, b, c, d), wish);
    if (wish.search_mode == CUBLASLT_SEARCH_LIMITED_BY_ALGO_ID) {
      const auto only = unpack<Algorithm>(&results[0].algo, "the algorithm");
      if (only.tag != Algorithm::kTag) throw invalid("the first result holds no algorithm");
      std::erase_if(found, [&](const Choice& choice) { return choice.algorithm.id != only.id; });
    }
    if (found.empty()) throw unsupported("no algorithm is left by the preference");
    if (found.size() > static_cast<std::size_t>(most)) found.resize(static_cast<std::size_t>(most));
    std::ranges::transform(found, results, result_of);
    *count = static_cast<int>(found.size());
  });
}

cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                       cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                       cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                       const cublasLtMatmulAlgo_t* algorithm,
                                       cublasLtMatmulHeuristicResult_t* result) {
  return guarded(__func__, [&] {
    check_handle(handle);
    if (result == nullptr) throw invalid("nowhere to write the result");
    const auto choice = check_algorithm(problem_of(operation, a, b, c, d),
                                        unpack<Algorithm>(algorithm, "the algorithm"));
    const auto kept = result->algo;
    *result = result_of(choice);
    result->algo = kept;
  });
}

cublasStatus_t cublasLtMatmulAlgoGetIds(cublasLtHandle_t handle, cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type, cudaDataType_t a,
                                        cudaDataType_t b, cudaDataType_t c, cudaDataType_t d,
                                        int most, int ids[], int* count) {
  return guarded(__func__, [&] {
    check_handle(handle);
    if (count == nullptr || ids == nullptr) throw invalid("nowhere to write the ids");
    *count = 0;
    if (most <= 0) throw invalid(most, " ids asked for");
    check_types(compute_type, scale_type, a, b, c, d);
    *count = std::min(most, static_cast<int>(kAlgorithms.size()));
    std::copy_n(kAlgorithms.begin(), *count, ids);
  });
}

cublasStatus_t cublasLtMatmulAlgoInit(cublasLtHandle_t handle, cublasComputeType_t compute_type,
                                      cudaDataType_t scale_type, cudaDataType_t a, cudaDataType_t b,
                                      cudaDataType_t c, cudaDataType_t d, int id,
                                      cublasLtMatmulAlgo_t* algorithm) {
  return guarded(__func__, [&] {
    check_handle(handle);
    if (algorithm == nullptr) throw invalid("nowhere to write the algorithm");
    if (std::ranges::count(kAlgorithms, id) == 0) throw invalid("there is no algorithm ", id);
    check_types(compute_type, scale_type, a, b, c, d);
    pack(make_algorithm(id, compute_type, scale_type, a, b, c, d), algorithm);
  });
}

cublasStatus_t cublasLtMatmulAlgoConfigSetAttribute(cublasLtMatmulAlgo_t* algorithm,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  return guarded(__func__, [&] {
    auto held = unpack<Algorithm>(algorithm, "the algorithm");
    if (attribute == CUBLASLT_ALGO_CONFIG_ID) throw invalid("the id of an algorithm stays");
    set_attribute(field(held, attribute), value, bytes);
    pack(held, algorithm);
  });
}

cublasStatus_t cublasLtMatmulAlgoConfigGetAttribute(const cublasLtMatmulAlgo_t* algorithm,
                                                    cublasLtMatmulAlgoConfigAttributes_t attribute,
                                                    void* value, size_t bytes, size_t* written) {
  return guarded(__func__, [&] {
    auto held = unpack<Algorithm>(algorithm, "the algorithm");
    get_attribute(field(held, attribute), value, bytes, written);
  });
}
