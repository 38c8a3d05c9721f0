// What libtendon_cuda.so exports.
#include "host/cuda/cuda_backend.h"
#include "host/plan/cuda_entry.h"

int tendon_cuda_version() { return tendon::plan::kCudaVersion; }

int tendon_cuda_device_count(const char** why) { return tendon::cuda::device_count(why); }

tendon::plan::Backend* tendon_cuda_backend(int device, const char** why) {
  return tendon::cuda::backend(device, why);
}
