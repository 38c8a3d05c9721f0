// cublasLtMatmul: the checks of its pointers, and the product itself.
//
// A sum runs over the inner dimension from first to last, in f64 where the output is f64 and in f32
// otherwise; a split one runs so in each part, and then over the parts. Compute type 16F rounds the
// sum to f16; the FAST types round what is multiplied, to the nearest with ties to even.
#include <algorithm>
#include <vector>

#include "cublaslt/algorithm.h"
#include "cublaslt/epilogue.h"
#include "cublaslt/handle.h"
#include "cublaslt/modules.h"
#include "cublaslt/work.h"

namespace emulator::cublaslt {
namespace {

struct Matmul {
  Problem problem;
  Algorithm algorithm;
  Factor alpha, beta;
  const void *a, *b, *c;
  void* d;
  void* workspace;
};

bool is_multiple(const void* pointer, std::size_t alignment) {
  return reinterpret_cast<std::uintptr_t>(pointer) % alignment == 0;
}

void check_alignment(const void* pointer, char name, std::size_t element, std::size_t asked) {
  if (!is_multiple(pointer, element)) throw invalid(name, " is not aligned to its elements");
  if (!is_multiple(pointer, asked)) {
    throw unsupported(name, " is not aligned to ", asked, " bytes, as the algorithm needs it");
  }
}

void check_pointers(const Matmul& call) {
  const auto& problem = call.problem;
  const auto bias = problem.epilogue.bias;
  const bool multiplies = problem.k > 0 && !call.alpha.is_surely_zero();
  if (call.d == nullptr) throw invalid("D is null");
  if (call.c == nullptr && !call.beta.is_surely_zero()) throw invalid("C is null, beta not zero");
  if (call.a == nullptr && (multiplies || bias == Epilogue::Bias::gradient_of_a)) {
    throw invalid("A is null");
  }
  if (call.b == nullptr && (multiplies || bias == Epilogue::Bias::gradient_of_b)) {
    throw invalid("B is null");
  }
  if (multiplies && (call.a == call.d || call.b == call.d)) {
    throw invalid("D is where A or B is");
  }
  if (call.c == call.d && problem.c != problem.d) {
    throw invalid("C and D are the same memory, their layouts are not");
  }
  const auto asked = call.algorithm.alignment();
  const auto input = element_bytes(problem.a.type);
  const auto output = element_bytes(problem.output_type());
  check_alignment(call.a, 'A', input, asked);
  check_alignment(call.b, 'B', input, asked);
  check_alignment(call.c, 'C', output, asked);
  check_alignment(call.d, 'D', output, asked);
  const auto& operation = problem.operation;
  if (bias != Epilogue::Bias::none) {
    if (operation.bias == nullptr) throw invalid("the bias pointer is null");
    if (!is_multiple(operation.bias, output)) throw invalid("the bias is not aligned");
  }
  if (problem.epilogue.has_aux) {
    if (operation.aux == nullptr) throw invalid("the auxiliary pointer is null");
    const std::size_t aux_alignment = problem.epilogue.has_mask() ? 16 : output;
    if (!is_multiple(operation.aux, aux_alignment))
      throw invalid("the auxiliary buffer is not aligned");
  }
}

void check_workspace(const void* workspace, std::size_t bytes, std::size_t needed) {
  if (bytes < needed) throw invalid(bytes, " bytes of workspace, the algorithm needs ", needed);
  if (bytes == 0) return;
  if (workspace == nullptr) throw invalid("the workspace is null, its size is not 0");
  if (!is_multiple(workspace, kWorkspaceAlignment)) {
    throw invalid("the workspace is not aligned to ", kWorkspaceAlignment, " bytes");
  }
}

// The preference of a call that names no algorithm: what it brings is what there is.
Preference preference_of(const void* a, const void* b, const void* c, const void* d,
                         std::size_t workspace_bytes) {
  const auto alignment = [](const void* pointer) {
    std::uint32_t most = 256;
    while (!is_multiple(pointer, most)) most /= 2;
    return most;
  };
  Preference preference;
  preference.most_workspace_bytes = workspace_bytes;
  preference.a_alignment = alignment(a);
  preference.b_alignment = alignment(b);
  preference.c_alignment = alignment(c);
  preference.d_alignment = alignment(d);
  return preference;
}

void round_inputs(std::int32_t compute_type, std::vector<float>& inputs) {
  const auto round = [&](auto to) { std::ranges::transform(inputs, inputs.begin(), to); };
  switch (compute_type) {
    case CUBLAS_COMPUTE_32F_FAST_TF32: return round(round_to_tf32);
    case CUBLAS_COMPUTE_32F_FAST_16F:
      return round([](float x) { return to_real<float>(from_real<__half>(x)); });
    case CUBLAS_COMPUTE_32F_FAST_16BF:
      return round([](float x) { return to_real<float>(from_real<__nv_bfloat16>(x)); });
    default: return;
  }
}
void round_inputs(std::int32_t, std::vector<double>&) {}

template <typename Real>
struct Factors {
  std::vector<Real> a, b;  // op(A), op(B), packed column-major
};

template <typename Real>
Factors<Real> read_factors(const Matmul& call, Extent batch) {
  const auto& [operation, epilogue, a, b, c, d, m, n, k, batch_count] = call.problem;
  Factors<Real> factors{read_matrix<Real>(call.a, a, operation.transpose_a != CUBLAS_OP_N, batch),
                        read_matrix<Real>(call.b, b, operation.transpose_b != CUBLAS_OP_N, batch)};
  round_inputs(operation.compute_type, factors.a);
  round_inputs(operation.compute_type, factors.b);
  return factors;
}

// op(A) op(B) over the terms [first, last) of the inner dimension.
template <typename Real>
std::vector<Real> multiply(const Problem& problem, const Factors<Real>& factors, Extent first,
                           Extent last) {
  constexpr Extent kRows = 256;  // of op(A) at a time, to stay in the cache
  std::vector<Real> sums(static_cast<std::size_t>(problem.m * problem.n));
  for (Extent begin = 0; begin < problem.m; begin += kRows) {
    const Extent rows = std::min(kRows, problem.m - begin);
    for (Extent j = 0; j < problem.n; ++j) {
      Real* sum = sums.data() + j * problem.m + begin;
      for (Extent p = first; p < last; ++p) {
        const Real* column = factors.a.data() + p * problem.m + begin;
        const Real factor = factors.b[static_cast<std::size_t>(j * problem.k + p)];
        for (Extent i = 0; i < rows; ++i) sum[i] += column[i] * factor;
      }
    }
  }
  return sums;
}

// The parts go through the workspace, as on a device.
template <typename Real>
std::vector<Real> multiply_split(const Matmul& call, const Factors<Real>& factors, Extent batch) {
  const auto& problem = call.problem;
  const Extent parts = call.algorithm.split_k;
  const auto bytes = static_cast<std::size_t>(problem.m * problem.n) * sizeof(Real);
  const auto offset = [&](Extent part) {
    return (batch * parts + part) * static_cast<Extent>(bytes);
  };
  for (Extent part = 0; part < parts; ++part) {
    const auto sums =
        multiply(problem, factors, problem.k * part / parts, problem.k * (part + 1) / parts);
    std::memcpy(write_bytes(call.workspace, offset(part), bytes), sums.data(), bytes);
  }
  std::vector<Real> sums(static_cast<std::size_t>(problem.m * problem.n));
  std::vector<Real> more(sums.size());
  for (Extent part = 0; part < parts; ++part) {
    std::memcpy(more.data(), read_bytes(call.workspace, offset(part), bytes), bytes);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += more[i];
  }
  return sums;
}

template <typename Real>
std::vector<Real> product(const Matmul& call, Extent batch) {
  const auto& problem = call.problem;
  const auto factors = read_factors<Real>(call, batch);
  auto sums = call.algorithm.split_k > 1 ? multiply_split(call, factors, batch)
                                         : multiply(problem, factors, 0, problem.k);
  if (problem.operation.scale_type == CUDA_R_16F) {
    for (Real& sum : sums) sum = to_real<Real>(from_real<__half>(sum));
  }
  return sums;
}

// The sums of op(A)'s rows or op(B)'s columns.
template <typename Real>
void write_bias_gradient(const Matmul& call, Extent batch) {
  const auto& problem = call.problem;
  const bool of_a = problem.epilogue.bias == Epilogue::Bias::gradient_of_a;
  if (!of_a && problem.epilogue.bias != Epilogue::Bias::gradient_of_b) return;
  // B is transposed, see check_problem, so that as it lies its rows are the columns of op(B).
  const auto matrix =
      read_matrix<Real>(of_a ? call.a : call.b, of_a ? problem.a : problem.b, false, batch);
  const auto layout = vector_layout(problem.output_type(), problem.bias_length(),
                                    problem.operation.bias_batch_stride);
  write_matrix(problem.operation.bias, layout, batch, row_sums(matrix, problem.bias_length()));
}

// Where alpha is zero, A and B are not read; where beta is, C is not.
template <typename Real>
void execute_as(const Matmul& call) {
  const auto& problem = call.problem;
  const Real alpha = call.alpha.get<Real>();
  const Real beta = call.beta.get<Real>();
  for (Extent batch = 0; batch < problem.batch_count; ++batch) {
    std::vector<Real> result(static_cast<std::size_t>(problem.m * problem.n));
    if (alpha != 0 && problem.k > 0) {
      result = product<Real>(call, batch);
      for (Real& x : result) x *= alpha;
    }
    if (beta != 0) {
      const auto c = read_matrix<Real>(call.c, problem.c, false, batch);
      for (std::size_t i = 0; i < result.size(); ++i) result[i] += beta * c[i];
    }
    apply_epilogue(problem, batch, result);
    write_bias_gradient<Real>(call, batch);
    write_matrix(call.d, problem.d, batch, result);
  }
}

// The kernel that adds the parts lets the next one begin early, so that what is captured next gets
// a programmatic edge.
void end_programmatically(cudaStream_t stream) {
  const auto check = [](cudaError_t error) {
    if (error != cudaSuccess)
      throw refusal(CUBLAS_STATUS_EXECUTION_FAILED, "the stream gave error ", error);
  };
  cudaStreamCaptureStatus status{};
  check(cudaStreamIsCapturing(stream, &status));
  if (status != cudaStreamCaptureStatusActive) return;
  const cudaGraphNode_t* nodes = nullptr;
  const cudaGraphEdgeData* edges = nullptr;
  std::size_t count = 0;
  check(cudaStreamGetCaptureInfo(stream, &status, nullptr, nullptr, &nodes, &edges, &count));
  std::vector<cudaGraphNode_t> last(nodes, nodes + count);
  cudaGraphEdgeData programmatic{};
  programmatic.from_port = cudaGraphKernelNodePortProgrammatic;
  programmatic.type = cudaGraphDependencyTypeProgrammatic;
  const std::vector<cudaGraphEdgeData> early(count, programmatic);
  check(cudaStreamUpdateCaptureDependencies(stream, last.data(), early.data(), count,
                                            cudaStreamSetCaptureDependencies));
}

void execute(const Matmul& call) {
  if (call.problem.accumulator_type() == CUDA_R_64F) {
    execute_as<double>(call);
  } else {
    execute_as<float>(call);
  }
}

}  // namespace
}  // namespace emulator::cublaslt

using namespace emulator::cublaslt;

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                              const void* alpha, const void* a, cublasLtMatrixLayout_t a_layout,
                              const void* b, cublasLtMatrixLayout_t b_layout, const void* beta,
                              const void* c, cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algorithm, void* workspace,
                              size_t workspace_bytes, cudaStream_t stream) {
  return guarded(__func__, [&] {
    check_handle(handle);
    check_device(handle);
    if (alpha == nullptr || beta == nullptr) throw invalid("alpha or beta is null");
    const auto problem =
        check_problem(unpack<Operation>(operation, "the operation"),
                      unpack<Layout>(a_layout, "Adesc"), unpack<Layout>(b_layout, "Bdesc"),
                      unpack<Layout>(c_layout, "Cdesc"), unpack<Layout>(d_layout, "Ddesc"));
    const auto choice = [&] {
      if (algorithm != nullptr) {
        return check_algorithm(problem, unpack<Algorithm>(algorithm, "the algorithm"));
      }
      const auto found = choices(problem, preference_of(a, b, c, d, workspace_bytes));
      if (found.empty()) throw unsupported("there is no algorithm for it");
      return found.front();
    }();
    check_workspace(workspace, workspace_bytes, choice.workspace_bytes);
    const auto scale_type = problem.operation.scale_type;
    const bool is_on_device = problem.operation.pointer_mode == CUBLASLT_POINTER_MODE_DEVICE;
    const Matmul call{problem,
                      choice.algorithm,
                      Factor(scale_type, alpha, is_on_device),
                      Factor(scale_type, beta, is_on_device),
                      a,
                      b,
                      c,
                      d,
                      workspace};
    check_pointers(call);
    load_kernels(handle->device, problem, choice.algorithm);
    enqueue(stream, "cublasLtMatmul", call);
    if (choice.algorithm.id == Algorithm::kSplit) end_programmatically(stream);
  });
}
