#include "bench/cold_compile.h"

#include <fmt/format.h>
#include <tendon/precompile.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <stdexcept>
#include <string>

#include "bench/workloads/repeated_op.h"

namespace tendon::bench {
namespace {

constexpr int kArchitecture = 90;
constexpr double kTargetSeconds = 2;

// Where kernels are kept meanwhile: an empty folder.
class EmptyCache {
 public:
  EmptyCache() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tendon-cold-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr)
      throw std::runtime_error("cannot make a folder for compiled kernels: " + pattern);
    folder_ = pattern;
    if (const char* before = std::getenv("TENDON_CACHE_DIR")) before_ = before;
    setenv("TENDON_CACHE_DIR", (folder_ / "kernels").c_str(), 1);
  }
  EmptyCache(const EmptyCache&) = delete;
  EmptyCache& operator=(const EmptyCache&) = delete;
  ~EmptyCache() {
    if (before_.empty()) {
      unsetenv("TENDON_CACHE_DIR");
    } else {
      setenv("TENDON_CACHE_DIR", before_.c_str(), 1);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  std::uintmax_t largest_bytes() const {
    std::uintmax_t most = 0;
    for (const auto& file : std::filesystem::recursive_directory_iterator(folder_)) {
      if (file.is_regular_file()) most = std::max(most, file.file_size());
    }
    return most;
  }

 private:
  std::filesystem::path folder_;
  std::string before_;
};

void print_cold_compile(Op op, DType dtype, int count) {
  const auto& ops = workloads::repeated_ops();
  const auto& row = *std::ranges::find(ops, op, &workloads::RepeatedOp::op);
  const Tape tape = workloads::repeated_op_tape(row, dtype, {1 << 20}, count);
  const EmptyCache cache;
  int kernels = 0;
  const std::clock_t begin = std::clock();
  precompile(tape, kArchitecture,
             {.sources = {tape.inputs().begin(), tape.inputs().end()}, .gradients = true},
             [&](const CompileProgress& progress) { kernels = progress.total; });
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  fmt::print("{:14} {:>24} {:>8} {:>10.2f} s {:>10} KB   {}\n", kColdCompile,
             fmt::format("{} x {}, {}", count, row.name, name(dtype)), kernels,
             seconds / std::max(kernels, 1), cache.largest_bytes() >> 10,
             fmt::format("{} s", kTargetSeconds));
  std::fflush(stdout);
}

}  // namespace

void print_cold_compiles() {
  fmt::print("\n{:14} {:>24} {:>8} {:>12} {:>13}   target\n", "row", "body and gradients",
             "kernels", "a kernel", "the largest");
  for (const Op op : {Op::sin, Op::pow, Op::div, Op::lgamma, Op::digamma, Op::polygamma, Op::exp})
    print_cold_compile(op, DType::f32, 100);
  for (const Op op : {Op::digamma, Op::log_sigmoid, Op::gelu_erf})
    print_cold_compile(op, DType::f64, 100);
}

}  // namespace tendon::bench
