#include "host/cuda/precompile.h"

#include <algorithm>
#include <iterator>

#include "host/cuda/contract.h"
#include "host/cuda/scatter.h"

namespace tendon::cuda {

std::vector<GeneratedKernel> generate(const plan::Plan& plan, bool is_aligned) {
  std::vector<GeneratedKernel> kernels;
  for (const plan::Stage& stage : plan.stages) {
    if (stage.contraction) {
      for (const plan::Part& part : packed_operands(plan.tape, *stage.contraction))
        kernels.push_back(generate_pack(plan, part, 0));
      continue;
    }
    if (SortedScatter::is(plan, stage)) {
      const SortedScatter scatter(plan, stage, 0);
      kernels.push_back(scatter.write_keys());
      kernels.push_back(scatter.find_segments());
      kernels.push_back(scatter.add_updates());
      continue;
    }
    if (stage.op && plan.tape.shape(*stage.op).size() == 0) continue;
    std::vector<GeneratedKernel> made =
        stage.op ? generate_irregular(plan, stage) : generate(plan, stage, is_aligned);
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
      if (!stage.contraction) continue;
      if (const auto epilogue = epilogue_of(plan.tape, *stage.contraction))
        std::ranges::move(generate(plan, {.parts = {*epilogue}}, is_aligned),
                          std::back_inserter(kernels));
    }
    for (GeneratedKernel& kernel : kernels) {
      if (std::ranges::find(texts, kernel.text.text, &KernelText::text) == texts.end())
        texts.push_back(std::move(kernel.text));
    }
  }
  precompile(texts, architecture, report);
}

}  // namespace tendon::cuda
