// Matrix products by cuBLASLt.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "host/cuda/memory.h"
#include "host/cuda/runtime.h"
#include "host/plan/plan.h"

namespace tendon::cuda {

// An operand that the library cannot take as it lies. A pointwise part (one load, one store) packs
// it.
struct PackedOperand {
  plan::Part part;
  std::int64_t offset = 0;  // of what it writes, in the contraction's workspace, in bytes
};
struct PackedOperands {
  std::optional<PackedOperand> a, b;  // none: the library takes the operand as it lies
  std::int64_t bytes = 0;             // of the begin of the workspace, where both lie
};
// Needs no device.
PackedOperands packed_operands(const Tape& tape, const plan::Contraction& contraction);

// What is left to do where the library does not know the product with bias and relu: a part that
// does both in place. None where there is neither. Needs no device.
std::optional<plan::Part> epilogue_of(const Tape& tape, const plan::Contraction& contraction);

// A contraction made ready: matrices that the library takes as they lie, and others that are packed
// first, each by a pointwise part (one load, one store) that the program runs as a kernel.
class PreparedContraction {
 public:
  // Elements of an operand in memory: of a value of the tape, or of what was packed.
  struct Operand {
    Ref value;                       // of the tape; the base of its view
    std::optional<plan::Part> pack;  // run first, its one store going to the workspace
    std::int64_t pack_offset = 0;    // there, in bytes
  };

  PreparedContraction(const Tape& tape, const plan::Contraction& contraction, int device);
  ~PreparedContraction();
  PreparedContraction(PreparedContraction&&) noexcept;
  PreparedContraction& operator=(PreparedContraction&&) noexcept;

  const Operand& a() const;
  const Operand& b() const;
  const std::optional<Operand>& bias() const;  // none also where the epilogue adds it
  // What the program runs after the product, as a kernel.
  const std::optional<plan::Part>& epilogue() const;
  // What the packed operands and the library need, of the arena's alignment (256).
  std::int64_t workspace_bytes() const;

  // Runs the product once over scratch memory, so that the library loads its kernels outside of a
  // capture. Does nothing where there is no memory for the operands; the first run loads them then.
  // On the memory's stream.
  void warm_up(Memory& memory) const;

  // Enqueues the product on the stream: pointers to the operands' bases (of packed ones, to the
  // workspace's place), to the result and the workspace. Capturable. Throws DeviceError.
  void run(const void* a, const void* b, const void* bias, void* result, void* workspace,
           cudaStream_t stream) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace tendon::cuda
