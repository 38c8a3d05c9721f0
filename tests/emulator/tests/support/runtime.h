// Small kernels for tests of the runtime's functions.
#pragma once

#include <memory>
#include <string>

#include "support/device.h"
#include "support/library.h"

namespace emulator_test {

// fill(out, count, value), and use_shared, which has 1 KiB of it.
inline const std::string& kernels() {
  static const std::string text =
      std::string(kPtxHead) +
      ".visible .global .align 4 .u32 answer = 42;\n"
      ".visible .entry fill(.param .u64 out, .param .u32 count, .param .u32 value)\n{\n"
      ".reg .pred %p<2>;\n.reg .b32 %r<8>;\n.reg .b64 %l<4>;\n"
      "mov.u32 %r1, %ctaid.x; mov.u32 %r2, %ntid.x; mov.u32 %r3, %tid.x; mad.lo.s32 %r1, %r1, %r2, "
      "%r3;\n"
      "ld.param.u32 %r4, [count]; setp.ge.u32 %p1, %r1, %r4;\n@%p1 ret;\n"
      "ld.param.u64 %l1, [out]; cvta.to.global.u64 %l1, %l1; mul.wide.u32 %l2, %r1, 4; add.s64 "
      "%l1, %l1, %l2;\n"
      "ld.param.u32 %r5, [value]; st.global.u32 [%l1], %r5;\nret;\n}\n"
      ".visible .entry use_shared()\n{\n.shared .align 4 .b8 cells[1024];\nst.shared.u32 [cells], "
      "1;\nret;\n}\n";
  return text;
}

class Runtime : public DeviceTest {
 protected:
  void SetUp() override {
    DeviceTest::SetUp();
    if (!IsSkipped()) library_ = std::make_unique<Library>(kernels());
  }
  cudaError_t fill(std::uint32_t* out, std::uint32_t count, std::uint32_t value,
                   cudaStream_t stream = nullptr) {
    return library_->launch("fill", dim3((count + 127) / 128), dim3(128), {&out, &count, &value}, 0,
                            stream);
  }
  std::unique_ptr<Library> library_;
};
}  // namespace emulator_test
