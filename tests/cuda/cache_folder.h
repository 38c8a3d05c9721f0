// What the tests of compiling and of caching share.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "host/cuda/kernel_cache.h"

namespace tendon::cuda {

inline KernelText gelu(const std::string& name = "gelu") {
  return {name, "#include \"tendon/ops.cuh\"\nextern \"C\" __global__ void " + name +
                    "(const float* x, float* y) {\n"
                    "  y[threadIdx.x] = tendon::op::gelu_erf(x[threadIdx.x]);\n}\n"};
}

// A folder for one test, where the variables say that the cache is.
class CacheFolderTest : public testing::Test {
 protected:
  CacheFolderTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tendon-cache-XXXXXX").string();
    root_ = ::mkdtemp(pattern.data());
    ::setenv("TENDON_CACHE_DIR", folder().c_str(), 1);
  }
  ~CacheFolderTest() override {
    ::unsetenv("TENDON_CACHE_DIR");
    std::filesystem::remove_all(root_);
  }

  std::filesystem::path folder() const { return root_ / "kernels"; }
  std::vector<std::filesystem::path> files() const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(folder()))
      found.push_back(entry.path());
    return found;
  }

  std::filesystem::path root_;
};

}  // namespace tendon::cuda
