#include "host/cuda/precompile.h"

#include <algorithm>
#include <iterator>

#include "host/cuda/contract.h"
#include "host/cuda/scatter.h"
#include "host/plan/stage.h"

namespace tendon::cuda {

std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned) {
  std::vector<GeneratedKernel> kernels;
  for (const plan::Stage& stage : plan.stages) {
    if (const auto* contraction = std::get_if<plan::Contraction>(&stage)) {
      for (const plan::Part& part : packed_operands(plan.tape, *contraction))
        kernels.push_back(generate_pack(plan, part, 0));
      continue;
    }
    const auto* irregular = std::get_if<plan::Irregular>(&stage);
    if (irregular != nullptr && SortedScatter::is(plan, *irregular)) {
      const SortedScatter scatter(plan, *irregular, 0);
      kernels.push_back(scatter.write_keys());
      kernels.push_back(scatter.find_segments());
      kernels.push_back(scatter.add_updates());
      continue;
    }
    if (irregular != nullptr && plan.tape.shape(irregular->op).size() == 0) continue;
    std::vector<GeneratedKernel> made = irregular != nullptr
                                            ? generate_irregular(plan, *irregular)
                                            : generate(plan, plan::bodies(stage), is_aligned);
    std::ranges::move(made, std::back_inserter(kernels));
  }
  return kernels;
}

void precompile(const plan::Plan& plan, int architecture, const Report& report) {
  std::vector<KernelText> texts;
  for (const bool is_aligned : {true, false}) {
    std::vector<GeneratedKernel> kernels = generate(plan, is_aligned);
    // The device's library may not know a product with its epilogue.
    for (const plan::Stage& stage : plan.stages) {
      const auto* contraction = std::get_if<plan::Contraction>(&stage);
      if (contraction == nullptr) continue;
      if (const auto epilogue = epilogue_of(plan.tape, *contraction))
        std::ranges::move(generate(plan, {&*epilogue, 1}, is_aligned), std::back_inserter(kernels));
    }
    for (GeneratedKernel& kernel : kernels) {
      if (std::ranges::find(texts, kernel.text.text, &KernelText::text) == texts.end())
        texts.push_back(std::move(kernel.text));
    }
  }
  precompile(texts, architecture, report);
}

}  // namespace tendon::cuda
