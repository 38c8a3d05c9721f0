// Names for profilers (NVTX, domain "tendon"): of a plan, around what launches it, and of its
// kernels and library calls, around what puts them into its graph. Where no tool listens a range
// costs the look at a pointer.
#pragma once

#include <nvtx3/nvToolsExt.h>

namespace tendon::cuda {

class NamedRange {
 public:
  explicit NamedRange(const char* name) {
    nvtxEventAttributes_t event{};
    event.version = NVTX_VERSION;
    event.size = NVTX_EVENT_ATTRIB_STRUCT_SIZE;
    event.messageType = NVTX_MESSAGE_TYPE_ASCII;
    event.message.ascii = name;
    nvtxDomainRangePushEx(domain(), &event);
  }
  ~NamedRange() { nvtxDomainRangePop(domain()); }
  NamedRange(const NamedRange&) = delete;
  NamedRange& operator=(const NamedRange&) = delete;

 private:
  static nvtxDomainHandle_t domain() {
    static auto* const handle = nvtxDomainCreateA("tendon");
    return handle;
  }
};

}  // namespace tendon::cuda
