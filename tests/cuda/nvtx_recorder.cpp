// A tool that NVTX opens (NVTX_INJECTION64_PATH): prints the names of the ranges of the domain
// "tendon".
#include <nvtx3/nvToolsExt.h>

#include <cstdio>
#include <cstring>

namespace {

int domain = 0;
nvtxDomainHandle_t create_domain(const char* name) {
  std::printf("nvtx domain %s\n", name);
  return reinterpret_cast<nvtxDomainHandle_t>(&domain);
}
int depth = 0;
int push(nvtxDomainHandle_t of, const nvtxEventAttributes_t* event) {
  if (of == reinterpret_cast<nvtxDomainHandle_t>(&domain))
    std::printf("nvtx %d %s\n", depth, event->message.ascii);
  return depth++;
}
int pop(nvtxDomainHandle_t) { return --depth; }

template <class Function>
void replace(NvtxFunctionTable table, unsigned size, unsigned id, Function* function) {
  if (id < size) *table[id] = reinterpret_cast<NvtxFunctionPointer>(function);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) int InitializeInjectionNvtx2(
    NvtxGetExportTableFunc_t get_table) {
  const auto* callbacks =
      static_cast<const NvtxExportTableCallbacks*>(get_table(NVTX_ETID_CALLBACKS));
  NvtxFunctionTable table = nullptr;
  unsigned size = 0;
  if (callbacks->GetModuleFunctionTable(NVTX_CB_MODULE_CORE2, &table, &size) == 0) return 0;
  replace(table, size, NVTX_CBID_CORE2_DomainCreateA, &create_domain);
  replace(table, size, NVTX_CBID_CORE2_DomainRangePushEx, &push);
  replace(table, size, NVTX_CBID_CORE2_DomainRangePop, &pop);
  return 1;
}
