// The text of a stage's kernels. A text depends on the structure alone: ops, dtypes, which axes are
// contiguous, the width of indices and the class of the row. Sizes, strides, numbers and addresses
// are words of the one argument, whose fields are listed in the order in which the text declares
// them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "host/cuda/kernel_cache.h"
#include "host/plan/plan.h"

namespace tendon::cuda {

// A word (8 bytes) of the argument, and where a run takes it from.
struct Field {
  enum class Kind : std::uint8_t {
    word,     // `word`
    address,  // of a value of the tape
    arena,    // the address of the arena's byte `word`
    number,   // of a constant or an op, as `dtype`
    uniform,  // a value of numbers alone (host/cuda/uniform.h), as `dtype`
    key,      // half `word` of a random op's key
    fault,    // where the op notes an index out of range: entry `word` of the run's record
  };
  Kind kind = Kind::word;
  Ref value;
  std::uint64_t word = 0;
  DType dtype = DType::f64;  // f16 and bf16 are f32 in registers
};

// A number as the word of an argument.
std::uint64_t number_word(double number, DType dtype);

// How many blocks a kernel is launched with: one for each unit of work, or fewer that take turns.
struct Geometry {
  std::uint32_t threads = 256;
  std::int64_t blocks = 1;  // if each did one unit
  bool takes_turns = true;  // so that as many suffice as are resident at once
};

struct GeneratedKernel {
  KernelText text;
  std::vector<Field> fields;
  Geometry geometry;
};

// The kernels of a stage's bodies, in the order in which they run: of those without reductions a
// single one, unless that would have more arguments than CUDA passes to a kernel, or parts with
// more than 32 different texts, which take long to compile. `is_aligned`: whether every address
// that is not in the arena is a multiple of 16.
std::vector<GeneratedKernel> generate(const plan::Plan& plan, std::span<const plan::Part> parts,
                                      bool is_aligned);

// Of one part, with its values where the plan says, but for `into`, which is the arena's byte
// `offset`: what a contraction packs.
GeneratedKernel generate_pack(const plan::Plan& plan, const plan::Part& part, std::int64_t offset);

// Of an op that is computed whole from operands in row-major order. Throws Error where there is no
// such kernel.
std::vector<GeneratedKernel> generate_irregular(const plan::Plan& plan,
                                                const plan::Irregular& irregular);

}  // namespace tendon::cuda
