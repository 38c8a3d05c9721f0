#include "host/cuda/precompile.h"

#include <algorithm>
#include <utility>

#include "host/cuda/launches.h"

namespace tendon::cuda {
namespace {

std::vector<GeneratedKernel> kernels_of(const plan::Plan& plan, bool is_aligned,
                                        bool has_epilogues) {
  std::vector<GeneratedKernel> kernels;
  for (StageLaunch& launch :
       stage_launches(plan, is_aligned, 0, [&](std::size_t) { return has_epilogues; })) {
    if (auto* kernel = std::get_if<KernelOfStage>(&launch))
      kernels.push_back(std::move(kernel->kernel));
  }
  return kernels;
}

}  // namespace

std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned) {
  return kernels_of(plan, is_aligned, false);
}

std::vector<KernelText> texts_to_compile(const plan::Plan& plan) {
  std::vector<KernelText> texts;
  for (const bool is_aligned : {true, false}) {
    for (GeneratedKernel& kernel : kernels_of(plan, is_aligned, true)) {
      if (std::ranges::find(texts, kernel.text.text, &KernelText::text) == texts.end())
        texts.push_back(std::move(kernel.text));
    }
  }
  return texts;
}

void precompile(const plan::Plan& plan, int architecture, const Report& report) {
  precompile(texts_to_compile(plan), architecture, report);
}

}  // namespace tendon::cuda
