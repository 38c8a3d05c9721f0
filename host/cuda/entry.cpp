// What libtendon_cuda.so exports.
#include "host/cuda/cuda_backend.h"
#include "host/cuda/precompile.h"
#include "host/plan/cuda_entry.h"

int tendon_cuda_version() { return tendon::plan::kCudaVersion; }

int tendon_cuda_device_count(tendon::plan::Refusal& refusal) {
  return tendon::cuda::device_count(refusal);
}

tendon::plan::Backend* tendon_cuda_backend(int device, tendon::plan::Refusal& refusal) {
  return tendon::cuda::backend(device, refusal);
}

void tendon_cuda_precompile(const tendon::plan::Plan& plan, int architecture,
                            const std::function<void(const tendon::CompileProgress&)>& progress) {
  tendon::cuda::precompile(plan, architecture, progress);
}
