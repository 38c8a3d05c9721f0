#include "host/cuda/entry.h"

#include "host/cuda/cuda_backend.h"
#include "host/cuda/device_traits.h"
#include "host/cuda/precompile.h"

int tendon_cuda_version() { return tendon::cuda::kCudaVersion; }

int tendon_cuda_device_count(tendon::cuda::Refusal& refusal) {
  return tendon::cuda::device_count(refusal);
}

tendon::plan::Backend* tendon_cuda_backend(int device, tendon::cuda::Refusal& refusal) {
  return tendon::cuda::backend(device, refusal);
}

void tendon_cuda_precompile(const tendon::Tape& tape, int architecture,
                            const std::function<void(const tendon::CompileProgress&)>& progress) {
  tendon::cuda::precompile(tendon::plan::make_plan(tape, tendon::cuda::kTraits), architecture,
                           progress);
}
