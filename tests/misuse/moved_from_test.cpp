// Every public type, made by default and moved from: any use is an Error, or harmless. A type that
// the headers declare and that this file does not try is a failure.
// NOLINTBEGIN(bugprone-use-after-move)
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <functional>
#include <map>
#include <sstream>
#include <utility>

#include "tests/misuse/declared.h"
#include "tests/misuse/expect_words.h"

namespace tendon::test {
namespace {

// The value after it was moved from.
template <class T>
T moved_from(T value) {
  const T taken = std::move(value);
  static_cast<void>(taken);
  return value;
}
template <class T>
std::string printed(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

void use_tensor(const Tensor& x) {
  const Tensor one = ones({2});
  Variable w(one, "w");
  expect_words<Error>([&] { x.shape(); }, {"shape at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { x.item<float>(); }, {"item at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { x.to(Device::cpu()); }, {"to at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { one + x; }, {"add at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { -x; }, {"neg at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { zeros_like(x); }, {"moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { concat({one, x}); }, {"concat at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { Variable(x, "v"); }, {"Variable at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { w.assign(x); }, {"assign at moved_from_test.cpp:", "empty"});
  expect_words<Error>(
      [&] {
        save("unused", {{"x", x}});
      },
      {"save at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { run({x}); }, {"run at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { describe({x}); }, {"describe at moved_from_test.cpp:", "empty"});
  expect_words<Error>([&] { why_not_finite(x); },
                      {"why_not_finite at moved_from_test.cpp:", "empty"});
  Tensor y = one;
  expect_words<Error>([&] { y += x; }, {"add at moved_from_test.cpp:", "empty"});
  EXPECT_EQ(y.to_vector<float>(), std::vector<float>({1, 1}));
  EXPECT_TRUE(x.is_empty_handle());
  EXPECT_NE(printed(x).find("empty"), std::string::npos);
  const Tensor copy = x;
  EXPECT_TRUE(copy.is_empty_handle());
}

void use_gradient(const Gradient& gradient) {
  EXPECT_EQ(gradient.why().cause, Cause::made_by_caller);
  EXPECT_FALSE(gradient.source().empty());
  EXPECT_FALSE(printed(gradient).empty());
  const Gradients list({gradient});
  EXPECT_NE(printed(list).find("made_by_caller"), std::string::npos);
  std::ostringstream table;
  table << first_non_finite << list;
  EXPECT_NE(table.str().find("first non-finite"), std::string::npos);
  for (const auto& use : std::initializer_list<std::function<void()>>{
           [&] { gradient.value(); },
           [&] { gradient.value().shape(); },
           [&] { gradient->item<float>(); },
           [&] { (*gradient).dtype(); },
           [&] { Gradient(gradient).value().shape(); },
           [&] { gradient.value_or_zeros(); },
           [&] { static_cast<void>(static_cast<std::optional<Tensor>>(gradient)); },
           [&] { optim::Adam().apply(list, {Variable(ones({2}), "w")}); },
           [&] { optim::Sgd().apply(list, {Variable(ones({2}), "w")}); },
       }) {
    expect_harmless("Gradient", use);
  }
}

void use_gradients(const Gradients& gradients) {
  EXPECT_TRUE(gradients.empty());
  EXPECT_EQ(gradients.size(), 0U);
  EXPECT_EQ(gradients.begin(), gradients.end());
  EXPECT_FALSE(printed(gradients).empty());
  expect_words<Error>([&] { gradients[0]; }, {"among 0"});
  expect_words<Error>([&] { gradients.back(); }, {"among 0"});
  EXPECT_TRUE(gradients.map([](const Tensor& x) { return x; }).empty());
  EXPECT_TRUE(clip_by_global_norm(gradients, 1).empty());
  Variable w(ones({2}), "w");
  expect_words<ShapeError>([&] { optim::Sgd().apply(gradients, {w}); }, {"0 gradients"});
  expect_harmless("Gradients",
                  [&] { optim::Sgd().apply(gradients, std::initializer_list<Variable>{}); });
}

template <class Optimizer>
void use_optimizer_moved_from(const char* type) {
  const std::string apply = std::string(type) + "::apply at moved_from_test.cpp:";
  const std::string options = std::string(type) + "::options at moved_from_test.cpp:";
  Variable w(Tensor(3), "w");
  GradientTape tape;
  const Gradients gradients = tape.gradient(w * w, {w});
  Optimizer from;
  Optimizer to = std::move(from);
  expect_words<Error>([&] { from.apply(gradients, {w}); }, {apply.c_str(), "moved from"});
  expect_words<Error>([&] { from.apply(gradients, std::vector{w}); },
                      {apply.c_str(), "moved from"});
  expect_words<Error>([&] { from.apply({ones({})}, {w}); }, {apply.c_str(), "moved from"});
  expect_words<Error>([&] { from.options(); }, {options.c_str(), "moved from"});
  expect_words<Error>([&] { from.state(); }, {"::state at", "moved from"});
  expect_words<Error>([&] { from.load({}); }, {"::load at", "moved from"});
  EXPECT_EQ(w.read().item<float>(), 3);
  to.apply(gradients, {w});
  EXPECT_NE(w.read().item<float>(), 3);
  from = std::move(to);
  EXPECT_NO_THROW(from.options());
  Optimizer third = std::move(to);  // of one moved from
  expect_words<Error>([&] { third.options(); }, {"moved from"});
}

void use_tape(const Tape& tape) {
  EXPECT_EQ(tape.size(), 0U);
  for (const auto& use : std::initializer_list<std::function<void()>>{
           [&] { tape.op(Ref{0}); },
           [&] { tape.dtype(Ref{5}); },
           [&] { tape.shape(Ref{0}); },
           [&] { tape.attributes(Ref{0}); },
           [&] { tape.place(Ref{0}); },
           [&] { tape.bytes(Ref{0}); },
           [&] { tape.operands(Ref{0}); },
           [&] { tape.literal(Ref{0}); },
       }) {
    expect_words<Error>(use, {"there is no value"});
  }
  expect_words<Error>([&] { tape.input_name(0); }, {"there is no input 0 among 0"});
  EXPECT_TRUE(tape.inputs().empty());
  EXPECT_TRUE(tape.targets().empty());
  EXPECT_TRUE(tape.operand_ids().empty());
  expect_harmless("compile", [&] { compile(tape, {.device = Device::cpu()}).run({}, {}, {}); });
  expect_words<Error>([&] { compile(tape, {.sources = {Ref{0}}, .gradients = true}); },
                      {"no value 0"});
  TapeBuilder builder(tape);
  const Ref x = builder.input(DType::f32, {2}, "x");
  const Ref y = builder.apply(Op::mul, {x, x});
  const Tape whole = std::move(builder).finish({y});
  EXPECT_EQ(compile(whole, {.device = Device::cpu()}).outputs().size(), 1U);
}

// A builder that was made by default, has finished, or was moved from.
void use_builder(TapeBuilder& builder) {
  EXPECT_EQ(builder.size(), 0U);
  expect_words<Error>([&] { builder.shape(Ref{0}); }, {"there is no value"});
  expect_words<Error>([&] { builder.dtype(Ref{0}); }, {"there is no value"});
  expect_words<Error>([&] { builder.apply(Op::exp, {Ref{0}}); }, {"exp at", "no value 0"});
  const float two[] = {1, 2};
  const Ref constant = builder.constant(std::span<const float>(two), {2});
  const Ref sum = builder.apply(Op::reduce_sum, {constant});
  const Ref filled = builder.constant(3, DType::f32);
  const Ref product = builder.apply(Op::mul, {sum, filled});
  const Tape tape = std::move(builder).finish({product});
  float result = 0;
  compile(tape, {.device = Device::cpu()}).run({}, {}, {Buffer{&result, sizeof result}});
  EXPECT_EQ(result, 9);
  expect_words<Error>([&] { std::move(builder).finish({product}); },
                      {"finish at moved_from_test.cpp:", "no value"});
  EXPECT_EQ(std::move(builder).finish({}).size(), 0U);
}

void use_executable(const Executable& executable) {
  expect_words<Error>([&] { executable.run({}, {}, {}); },
                      {"Executable::run at moved_from_test.cpp:", "compile()"});
  expect_words<Error>([&] { executable.inputs(); }, {"Executable::inputs at moved_from_test.cpp:"});
  expect_words<Error>([&] { executable.outputs(); },
                      {"Executable::outputs at moved_from_test.cpp:"});
  expect_words<Error>([&] { executable.summary(); },
                      {"Executable::summary at moved_from_test.cpp:"});
}

void use_mask(const ReachMask& mask) {
  for (const std::size_t source : {0U, 1U, 63U, 64U, 1000U})
    expect_words<Error>([&] { static_cast<void>(mask[source]); }, {"ReachMask", "no source"});
  ReachMask own = mask;
  expect_words<Error>([&] { own.set(0); }, {"ReachMask", "no source 0"});
  EXPECT_TRUE(own == mask);
}

void use_shape(const Shape& shape) {
  for (const std::int64_t extent : shape) EXPECT_GE(extent, 0);
  EXPECT_FALSE(printed(shape).empty());
  EXPECT_EQ(zeros(shape).shape(), shape);
}

void use_source(const Source& source) {
  Variable w(Tensor(3), "w");
  GradientTape tape({.persistent = true});
  const Tensor y = w * w;
  expect_harmless("Source", [&] { tape.watch(source); });
  expect_harmless("Source", [&] { tape.gradient(y, source); });
  expect_harmless("Source", [&] { tape.gradient(source, w); });
  expect_harmless("Source", [&] { tape.gradient(y, {source, w}); });
  expect_harmless("Source", [&] { tape.explain(y, source); });
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);
}

Tape small_tape() {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2}, "x");
  const Ref y = builder.apply(Op::mul, {x, x});
  return std::move(builder).finish({y});
}

TEST(MovedFrom, OrMadeByDefaultEveryTypeIsAnErrorOrHarmless) {
  const std::function<void()> is_plain = [] {};  // holds nothing that moving takes away
  const std::map<std::string, std::function<void()>> cases = {
      {"Tensor",
       [] {
         use_tensor(Tensor());
         use_tensor(moved_from(ones({2})));
         Tensor x = ones({2});
         Tensor& same = x;
         x = std::move(same);
         EXPECT_EQ(x.size(), 2);
       }},
      {"Variable",
       [] {  // moving copies the handle
         Variable w(Tensor(3), "w");
         const Variable taken = std::move(w);
         EXPECT_EQ(w.name(), "w");
         EXPECT_EQ(w.read().item<float>(), 3);
         EXPECT_FALSE(printed(w).empty());
         w.assign(Tensor(4));
         EXPECT_EQ(taken.read().item<float>(), 4);
       }},
      {"Gradient",
       [] {
         use_gradient(Gradient());
         Variable w(Tensor(3), "w");
         GradientTape tape({.persistent = true});
         use_gradient(moved_from(tape.gradient(w * w, w)));
         use_gradient(moved_from(tape.gradient(floor(w), w)));
         use_gradient(moved_from(Gradient::of(Tensor(1))));
       }},
      {"Gradients",
       [] {
         use_gradients(Gradients());
         Variable w(Tensor(3), "w");
         GradientTape tape;
         use_gradients(moved_from(tape.gradient(w * w, {w, w})));
       }},
      {"optim::Adam", [] { use_optimizer_moved_from<optim::Adam>("Adam"); }},
      {"optim::Sgd", [] { use_optimizer_moved_from<optim::Sgd>("Sgd"); }},
      {"Tape",
       [] {
         use_tape(Tape());
         use_tape(moved_from(small_tape()));
       }},
      {"TapeBuilder",
       [] {
         TapeBuilder fresh;
         use_builder(fresh);
         TapeBuilder finished;
         finished.input(DType::f32, {2});
         static_cast<void>(std::move(finished).finish({}));
         use_builder(finished);
         TapeBuilder builder(small_tape());
         const TapeBuilder taken = std::move(builder);
         use_builder(builder);
         TapeBuilder of_moved(moved_from(small_tape()));
         use_builder(of_moved);
       }},
      {"Executable",
       [] {
         use_executable(Executable());
         use_executable(moved_from(compile(small_tape(), {.device = Device::cpu()})));
       }},
      {"ReachMask",
       [] {
         use_mask(ReachMask());
         ReachMask mask(70);
         mask.set(69);
         EXPECT_TRUE(mask[69]);
         EXPECT_FALSE(mask[0]);
         expect_words<Error>([&] { mask.set(70); }, {"no source 70 among 70"});
         use_mask(moved_from(mask));
       }},
      {"Pause",
       [] {
         Variable w(Tensor(3), "w");
         GradientTape tape;
         {
           Pause pause = tape.stop_recording();
           const Pause taken = std::move(pause);
           const Pause again = std::move(pause);
         }
         EXPECT_EQ(tape.gradient(w * w, w)->item<float>(), 6);
         const Pause of_nothing(nullptr, Place());
       }},
      {"Source",
       [] {
         use_source(Source(Tensor()));
         use_source(moved_from(Source(ones({2}))));
         use_source(moved_from(Source(Variable(ones({2}), "v"))));
       }},
      {"Shape",
       [] {
         use_shape(Shape());
         use_shape(moved_from(Shape{2, 3}));
       }},
      {"Axes",
       [] {
         EXPECT_EQ(reduce_sum(ones({2, 3}), Axes()).rank(), 0);
         EXPECT_EQ(printed(Axes()), "{}");
         expect_harmless("Axes", [] { reduce_sum(ones({2, 3}), moved_from(Axes{0, 1})); });
       }},
      {"Stream",
       [] {
         const Executable executable = compile(small_tape(), {.device = Device::cpu()});
         std::vector<float> x(2, 3), y(2);
         for (const Stream& stream : {Stream(), moved_from(Stream(nullptr))}) {
           executable.run(stream, {Buffer{x.data(), 8}}, {Buffer{y.data(), 8}});
           EXPECT_EQ(y, std::vector<float>(2, 9));
         }
       }},
      {"Allocator",
       [] {
         const Device cpu = Device::cpu(), best = Device::best();
         expect_words<DeviceError>([&] { set_allocator(cpu, Allocator()); },
                                   {"set_allocator at moved_from_test.cpp:", "cpu", "heap"});
         if (best.is_cpu()) return;
         Allocator half;
         half.allocate = [](std::size_t, Stream) -> void* { return nullptr; };
         expect_words<Error>([&] { set_allocator(best, half); },
                             {"set_allocator at moved_from_test.cpp:", "deallocate"});
       }},
      {"Buffer",
       [] {
         const Executable executable = compile(small_tape(), {.device = Device::cpu()});
         expect_words<ShapeError>([&] { executable.run({}, {Buffer()}, {Buffer()}); },
                                  {"input buffer 0 is null"});
       }},
      {"random::Key",
       [] {
         EXPECT_EQ(random::uniform(random::Key(), {2}).size(), 2);
         EXPECT_EQ(random::uniform(moved_from(random::Key{1, 2}), {2}).size(), 2);
       }},
      {"Device",
       [] {
         Device device = Device::cpu();
         EXPECT_EQ(moved_from(device), Device::cpu());
         EXPECT_EQ(printed(device), "cpu");
       }},
      {"Ref",
       [] {
         TapeBuilder builder;
         expect_words<Error>([&] { builder.apply(Op::exp, {Ref()}); }, {"no value 0"});
       }},
      {"PlanSummary",
       [] {
         EXPECT_FALSE(printed(PlanSummary()).empty());
         EXPECT_FALSE(printed(moved_from(describe({ones({2}) + 1}))).empty());
       }},
      {"Explanation",
       [] {
         EXPECT_FALSE(printed(Explanation()).empty());
         EXPECT_FALSE(printed(moved_from(Explanation{.text = "a text that is not short"})).empty());
       }},
      {"NonFinite",
       [] {
         EXPECT_TRUE(printed(NonFinite()).empty());
         expect_harmless("NonFinite",
                         [] { printed(moved_from(NonFinite{.text = "an op made nan"})); });
       }},
      {"Step", is_plain},
      {"NamedTensor",
       [] {
         use_tensor(NamedTensor().value);
         use_tensor(moved_from(NamedTensor{"x", ones({2})}).value);
       }},
      {"half", [] { EXPECT_EQ(static_cast<float>(moved_from(half(2.0F))), 2.0F); }},
      {"bfloat16", [] { EXPECT_EQ(static_cast<float>(moved_from(bfloat16(2.0F))), 2.0F); }},
      {"Operand", is_plain},       // lives as long as a call, and cannot be moved
      {"GradientTape", is_plain},  // cannot be moved
      {"Attributes", is_plain},
      {"CompileOptions", is_plain},
      {"CompileProgress", is_plain},
      {"Counters", is_plain},
      {"GradientOptions", is_plain},
      {"TapeOptions", is_plain},
      {"optim::AdamOptions", is_plain},
      {"optim::SgdOptions", is_plain},
  };
  const std::set<std::string> types = declared().types;
  for (const std::string& type : types)
    EXPECT_TRUE(cases.contains(type)) << type << " has no case in this test";
  for (const auto& [type, use] : cases) {
    EXPECT_TRUE(types.contains(type)) << type << " is declared nowhere any more";
    SCOPED_TRACE(type);
    use();
  }
}

}  // namespace
}  // namespace tendon::test
// NOLINTEND(bugprone-use-after-move)
