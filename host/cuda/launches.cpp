#include "host/cuda/launches.h"

#include <optional>
#include <span>
#include <utility>

#include "host/cuda/contract.h"

namespace tendon::cuda {
namespace {

// A visitor of stages: each alternative adds its launches.
class StageLaunches {
 public:
  StageLaunches(const plan::Plan& plan, bool is_aligned, std::int64_t workspace,
                const HasEpilogue& has_epilogue)
      : plan_(plan), is_aligned_(is_aligned), workspace_(workspace), has_epilogue_(has_epilogue) {}

  void operator()(const plan::Pointwise& stage) { add_bodies({&stage.part, 1}); }
  void operator()(const plan::Reduce& stage) { add_bodies({&stage.part, 1}); }
  void operator()(const plan::Multi& stage) { add_bodies(stage.parts); }
  void operator()(const plan::Contraction& contraction) {
    const std::size_t number = contraction_count_++;
    if (is_empty(contraction.result)) return;
    const PackedOperands packed = packed_operands(plan_.tape, contraction);
    for (const std::optional<PackedOperand>& operand : {packed.a, packed.b}) {
      if (!operand) continue;
      add(generate_pack(plan_, operand->part, workspace_ + operand->offset), contraction.product);
    }
    launches_.emplace_back(ProductOfStage{number, contraction.result});
    if (!has_epilogue_(number)) return;
    const std::optional<plan::Part> epilogue = epilogue_of(plan_.tape, contraction);
    if (epilogue) add_bodies({&*epilogue, 1});
  }
  void operator()(const plan::Irregular& irregular) {
    const Ref op = irregular.op;
    if (is_empty(op)) return;
    if (!SortedScatter::is(plan_, irregular)) {
      for (GeneratedKernel& kernel : generate_irregular(plan_, irregular))
        add(std::move(kernel), op);
      return;
    }
    const SortedScatter scatter(plan_, irregular, workspace_);
    add(scatter.write_keys(), op);
    launches_.emplace_back(SortOfStage{scatter, op});
    add(scatter.find_segments(), op);
    add(scatter.add_updates(), op);
  }

  std::vector<StageLaunch> take() { return std::move(launches_); }

 private:
  bool is_empty(Ref value) const { return plan_.tape.shape(value).size() == 0; }
  void add(GeneratedKernel kernel, Ref value) {
    launches_.emplace_back(KernelOfStage{std::move(kernel), value});
  }
  void add_bodies(std::span<const plan::Part> parts) {
    const Ref value = parts.back().stores.back().value;
    for (GeneratedKernel& kernel : generate(plan_, parts, is_aligned_))
      add(std::move(kernel), value);
  }

  const plan::Plan& plan_;
  bool is_aligned_;
  std::int64_t workspace_;
  const HasEpilogue& has_epilogue_;
  std::size_t contraction_count_ = 0;
  std::vector<StageLaunch> launches_;
};

}  // namespace

std::vector<StageLaunch> stage_launches(const plan::Plan& plan, bool is_aligned,
                                        std::int64_t workspace, const HasEpilogue& has_epilogue) {
  StageLaunches launches(plan, is_aligned, workspace, has_epilogue);
  for (const plan::Stage& stage : plan.stages) std::visit(launches, stage);
  return launches.take();
}

}  // namespace tendon::cuda
