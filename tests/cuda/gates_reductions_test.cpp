// Reductions, alone and among elementwise work: few launches, and hardly more bytes than each input
// read once and each output written once.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include "bench/workloads/cross_entropy.h"
#include "bench/workloads/formula.h"
#include "bench/workloads/layer_norm.h"
#include "bench/workloads/muscle_residual.h"
#include "tests/cuda/measured_run.h"

namespace tendon::cuda {
namespace {

using workloads::apply;
using workloads::input;
using workloads::Value;

struct Gate {
  std::int64_t launches = 2;
  double floors = 1.05;          // bytes that launches touch, in floors
  double floors_of_sectors = 0;  // bytes of the sectors that requests touch; 0: not bounded
  double tolerance = 1e-4;
};

void expect_holds(const DeviceRun& run, const Gate& gate) {
  run.expect_as_on_cpu(gate.tolerance);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = run.counted();
  const auto floor = static_cast<double>(run.floor_bytes());
  EXPECT_LE(counted.kernels, gate.launches) << text(counted);
  EXPECT_EQ(counted.graph_launches, 1);
  EXPECT_EQ(counted.bytes_on_device, 0);
  EXPECT_LE(static_cast<double>(counted.first_touch()), gate.floors * floor) << text(counted);
  if (gate.floors_of_sectors > 0) {
    EXPECT_LE(static_cast<double>(counted.sector_bytes()), gate.floors_of_sectors * floor)
        << text(counted);
  }
}

class MuscleGate : public CudaGate,
                   public testing::WithParamInterface<std::pair<std::int64_t, std::int64_t>> {};

// A row of samples of a muscle: of one warp, of a block, and too long to be resident.
TEST_P(MuscleGate, GradientsSummedPerMuscleTakeTwoLaunchesAtTheFloor) {
  const auto [muscles, samples] = GetParam();
  const Tape tape = workloads::muscle_parameters_tape(DType::f32, muscles, samples);
  CompileOptions options{.device = device(), .gradients = true};
  options.sources.assign(tape.inputs().end() - workloads::kMuscleParameters, tape.inputs().end());
  const DeviceRun run(
      tape, options,
      {{0.5, 1.4}, {-1, 1}, {0.01, 1}, {0.98, 1.05}, {0.9, 1.1}, {0.98, 1.02}, {0.8, 1}});
  expect_holds(run, {.launches = samples > 8192 ? 2 : 1,
                     .floors = 1.02,
                     .floors_of_sectors = samples % 8 == 0 && samples >= 1000 ? 1.05 : 0,
                     .tolerance = 1e-2});
}
INSTANTIATE_TEST_SUITE_P(Gates, MuscleGate,
                         testing::Values(std::pair{80, 250}, std::pair{40, 1000},
                                         std::pair{4, 20'000}, std::pair{1, 100'000}));

struct Reduced {
  const char* name;
  Shape shape;
  Axes axes;
  std::int64_t launches;
  double floors_of_sectors = 1.05;

  friend void PrintTo(const Reduced& of, std::ostream* stream) { *stream << of.name; }
};

class ReductionGate : public CudaGate,
                      public testing::WithParamInterface<std::tuple<Reduced, DType>> {};

TEST_P(ReductionGate, TakesFewLaunchesNearTheFloor) {
  const auto& [of, dtype] = GetParam();
  TapeBuilder tape;
  const Value x = input(tape, dtype, of.shape, "x");
  const Value y = apply(Op::reduce_sum, {square(x)}, {.axes = of.axes});
  const DeviceRun run(std::move(tape).finish({y.ref}), {}, {{-0.125, 0.125}});
  expect_holds(run, {.launches = of.launches,
                     .floors_of_sectors = of.floors_of_sectors,
                     .tolerance = dtype == DType::f16 ? 1e-2 : 1e-4});
}
INSTANTIATE_TEST_SUITE_P(
    Gates, ReductionGate,
    testing::Combine(testing::Values(Reduced{"all", {300'000}, {}, 2},
                                     Reduced{"all_of_few", {3'200}, {}, 1},
                                     Reduced{"rows", {128, 1'024}, Axes(1), 1},
                                     Reduced{"rows_of_a_warp", {1'024, 256}, Axes(1), 1, 1.07},
                                     Reduced{"rows_of_few", {4'096, 3}, Axes(1), 1, 1.5},
                                     Reduced{"rows_of_many_warps", {20, 8'000}, Axes(1), 1},
                                     Reduced{"long_rows", {3, 100'000}, Axes(1), 2},
                                     Reduced{"columns", {512, 256}, Axes(0), 2},
                                     Reduced{"short_columns", {64, 2'048}, Axes(0), 1},
                                     Reduced{"between", {10, 320, 64}, Axes(1), 2}),
                     testing::Values(DType::f32, DType::f64, DType::f16)),
    [](const auto& of) {
      return std::string(std::get<0>(of.param).name) + "_" + name(std::get<1>(of.param));
    });

class RowsGate : public CudaGate {};

Tape softmax_tape(std::int64_t rows, std::int64_t columns) {
  TapeBuilder tape;
  const Value x = input(tape, DType::f32, {rows, columns}, "x");
  const Attributes along_row{.axes = {1}, .keep_dims = true};
  const Value shifted = exp(x - stop_gradient(apply(Op::reduce_max, {x}, along_row)));
  const Value y = shifted / apply(Op::reduce_sum, {shifted}, along_row);
  return std::move(tape).finish({y.ref});
}

TEST_F(RowsGate, SoftmaxIsOneLaunchAtTheFloor) {
  expect_holds(DeviceRun(softmax_tape(128, 1'000), {}, {{-4, 4}}),
               {.launches = 1, .floors = 1, .floors_of_sectors = 1});
}

TEST_F(RowsGate, SoftmaxAndItsGradientAreOneLaunchAtTheFloor) {
  expect_holds(DeviceRun::with_gradients(softmax_tape(128, 1'000), {{-4, 4}}),
               {.launches = 1, .floors = 1, .floors_of_sectors = 1});
}

TEST_F(RowsGate, SoftmaxCrossEntropyAndItsGradientAreTwoLaunchesNearTheFloor) {
  expect_holds(DeviceRun::with_gradients(workloads::cross_entropy_tape(DType::f32, 128, 1'000),
                                         {{-4, 4}, {0, 1'000}}),
               {.floors_of_sectors = 1.05});
}

TEST_F(RowsGate, LayerNormIsOneLaunchAtTheFloor) {
  expect_holds(DeviceRun(workloads::layer_norm_tape(DType::f32, 128, 768), {}, {{-2, 2}}),
               {.launches = 1, .floors = 1, .floors_of_sectors = 2});
}

TEST_F(RowsGate, LayerNormAndItsGradientByTheRowsAreOneLaunchAtTheFloor) {
  const Tape tape = workloads::layer_norm_tape(DType::f32, 128, 768);
  CompileOptions options{.device = device(), .sources = {tape.inputs()[0]}, .gradients = true};
  expect_holds(DeviceRun(tape, options, {{-2, 2}, {0.5, 1.5}, {-1, 1}}),
               {.launches = 1, .floors = 1, .floors_of_sectors = 2, .tolerance = 1e-3});
}

// At the size of the suite. Of fewer rows the results of chunks weigh more, and stay in the cache.
TEST_F(RowsGate, LayerNormAndAllItsGradientsAreTwoLaunchesNearTheFloor) {
  expect_holds(DeviceRun::with_gradients(workloads::layer_norm_tape(DType::f32, 4'096, 768),
                                         {{-2, 2}, {0.5, 1.5}, {-1, 1}}),
               {.launches = 2, .floors_of_sectors = 1.05, .tolerance = 1e-2});
}

// The functions as they are called: what is computed in f32 is moved in 16 bits.
TEST_F(RowsGate, FunctionsOfHalvesAndTheirGradientsAreAtTheFloor) {
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Tensor labels = full({128, 1}, 17, DType::i32);
  const auto centred = [](const Tensor& x) { return x - reduce_mean(x, 1, true); };
  const std::pair<const char*, std::function<Tensor(const Tensor&)>> functions[] = {
      {"softmax", [](const Tensor& x) { return softmax(x); }},
      {"log_softmax", [](const Tensor& x) { return log_softmax(x); }},
      {"cross-entropy",
       [&](const Tensor& x) {
         const Tensor at_label = arange(1'000, DType::i32) == labels;
         return -reduce_mean(reduce_sum(where(at_label, log_softmax(x), 0), 1));
       }},
      {"layer norm",
       [&](const Tensor& x) { return centred(x) / sqrt(reduce_var(x, 1, true) + 1e-5); }}};
  run({labels});
  for (const DType dtype : {DType::f16, DType::bf16, DType::f32}) {
    const Tensor x = random::uniform({7, 0}, {128, 1'000}, -4, 4, dtype);
    run({x});
    for (const auto& [name, f] : functions) {
      const auto of_value = [&, f = f] { return f(x); };
      const auto of_gradient = [&, f = f] {
        GradientTape tape;
        tape.watch(x);
        return *tape.gradient(f(x), x);
      };
      for (const std::function<Tensor()>& make :
           {std::function<Tensor()>(of_value), std::function<Tensor()>(of_gradient)}) {
        run({make()});
        const Tensor made = make();
        const std::int64_t floor = x.size() * static_cast<std::int64_t>(size_bytes(dtype)) +
                                   made.size() * static_cast<std::int64_t>(size_bytes(dtype));
        const Counted counted = count([&] { run({made}); });
        EXPECT_LE(counted.kernels, 2) << name << dtype << text(counted);
        EXPECT_LE(static_cast<double>(counted.first_touch()),
                  1.05 * static_cast<double>(floor) + 1'024)
            << name << dtype << text(counted);
      }
    }
  }
}

// The gradients by a bias before, and by scale and shift, beside that by the rows: more values than
// a thread of a larger block has registers for.
TEST_F(RowsGate, ThreeSumsOfColumnsBesideTheirRowsDoNotSpill) {
  TapeBuilder tape;
  const Ref x = tape.input(DType::f32, {300, 768}, "x"), rest = tape.input(DType::f32, {300, 768}),
            seed = tape.input(DType::f32, {300, 768}), bias = tape.input(DType::f32, {768}),
            scale = tape.input(DType::f32, {768}), shift = tape.input(DType::f32, {768});
  const auto mean = [&](Ref of) {
    const Ref sum = tape.apply(Op::reduce_sum, {of}, {.axes = {1}, .keep_dims = true});
    return tape.apply(Op::div, {sum, tape.constant(768, DType::f32)});
  };
  const Ref rows = tape.apply(Op::add, {tape.apply(Op::add, {x, bias}), rest});
  const Ref centred = tape.apply(Op::sub, {rows, mean(rows)});
  const Ref variance = mean(tape.apply(Op::square, {centred}));
  const Ref deviation =
      tape.apply(Op::sqrt, {tape.apply(Op::add, {variance, tape.constant(1e-5, DType::f32)})});
  const Ref scaled = tape.apply(Op::mul, {tape.apply(Op::div, {centred, deviation}), scale});
  const Ref result = tape.apply(Op::mul, {tape.apply(Op::add, {scaled, shift}), seed});
  const DeviceRun run = DeviceRun::with_gradients(
      std::move(tape).finish({result}), {{-2, 2}, {-2, 2}, {-1, 1}, {-1, 1}, {0.5, 1.5}, {-1, 1}});
  run.expect_as_on_cpu(1e-3);
  if (!can_count()) GTEST_SKIP() << "the device does not count";
  const Counted counted = run.counted();
  EXPECT_EQ(counted.kernels, 2) << text(counted);
  EXPECT_EQ(counted.local_bytes, 0) << text(counted);
}

}  // namespace
}  // namespace tendon::cuda
