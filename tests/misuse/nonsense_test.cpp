// Every enum, every field of an option struct and every environment variable is given nonsense: it
// is an Error, or a line on stderr, that names what is wrong. What the headers and the README
// declare and this file does not try is a failure.
#include <gtest/gtest.h>
#include <tendon/tendon.h>

#include <cmath>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <map>
#include <random>
#include <sstream>

#include "tests/misuse/declared.h"
#include "tests/misuse/expect_words.h"

namespace tendon::test {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
constexpr double kInfinity = std::numeric_limits<double>::infinity();

using Cases = std::map<std::string, std::function<void()>>;

// Each name that is declared has a case, and each case a name.
void expect_same_names(const std::set<std::string>& declared, const Cases& cases) {
  for (const std::string& name : declared)
    EXPECT_TRUE(cases.contains(name)) << name << " has no case in this test";
  for (const auto& [name, call] : cases)
    EXPECT_TRUE(declared.contains(name)) << name << " is declared nowhere any more";
}

template <class T>
std::string printed(const T& value) {
  std::ostringstream stream;
  stream << value;
  return stream.str();
}

void give_wrong_dtypes() {
  constexpr auto kWrong = DType(99);
  const std::initializer_list<std::pair<const char*, std::function<void()>>> calls = {
      {"zeros", [] { zeros({2}, kWrong); }},
      {"ones", [] { ones({2}, kWrong); }},
      {"full", [] { full({2}, 1, kWrong); }},
      {"arange", [] { arange(3, kWrong); }},
      {"linspace", [] { linspace(0, 1, 3, kWrong); }},
      {"eye", [] { eye(2, kWrong); }},
      {"cast", [] { cast(ones({2}), kWrong); }},
      {"cast", [] { ones({2}).cast(kWrong); }},
      {"uniform", [] { random::uniform({2}, 0, 1, kWrong); }},
      {"uniform", [] { random::uniform({2}, 0, 2, kWrong); }},
      {"uniform", [] { random::normal({2}, 0, 1, kWrong); }},
      {"input", [] { TapeBuilder().input(kWrong, {2}); }},
      {"constant", [] { TapeBuilder().constant(1, kWrong, {2}); }},
      {"iota",
       [] { TapeBuilder().apply(Op::iota, {}, {.axes = 0, .shape = {2}, .dtype = kWrong}); }},
  };
  for (const auto& [op, call] : calls)
    expect_words<DTypeError>(call, {op, "nonsense_test.cpp:", "DType(99)"});
  expect_words<DTypeError>([] { size_bytes(kWrong); }, {"DType(99)"});
  EXPECT_EQ(printed(kWrong), "DType(99)");
  EXPECT_STREQ(name(kWrong), "unknown");
  EXPECT_FALSE(is_floating(kWrong));
  EXPECT_FALSE(is_integer(kWrong));
}

void give_wrong_ops() {
  for (const int number : {9999, 65535, static_cast<int>(kOpCount)}) {
    const std::string text = std::to_string(number);
    expect_words<Error>([&] { TapeBuilder().apply(Op(number), {}); },
                        {"nonsense_test.cpp:", text.c_str()});
    TapeBuilder builder;
    const Ref x = builder.input(DType::f32, {2});
    expect_words<Error>([&] { builder.apply(Op(number), {x, Ref{7}}); }, {"nonsense_test.cpp:"});
    EXPECT_STREQ(name(Op(number)), "unknown");
  }
}

void give_wrong_causes() {
  EXPECT_EQ(printed(Cause(99)), "Cause(99)");
  EXPECT_STREQ(name(Cause(99)), "unknown");
  EXPECT_STREQ(name(Cause(-1)), "unknown");
  EXPECT_EQ(printed(Explanation{.cause = Cause(99), .text = "none"}), "Cause(99): none");
}

void give_wrong_unconnected() {
  Variable w(Tensor(3), "w");
  GradientTape tape;
  const Tensor y = w * w;
  expect_words<Error>([&] { tape.gradient(y, w, {.unconnected = Unconnected(7)}); },
                      {"gradient", "nonsense_test.cpp:", "Unconnected(7)"});
  EXPECT_EQ(tape.gradient(y, w)->item<float>(), 6);  // the call did not count
}

TEST(Nonsense, OfEveryEnumIsAnError) {
  const Cases cases = {{"DType", give_wrong_dtypes},
                       {"Op", give_wrong_ops},
                       {"Cause", give_wrong_causes},
                       {"Unconnected", give_wrong_unconnected}};
  expect_same_names(declared().enums, cases);
  for (const auto& [name, call] : cases) {
    SCOPED_TRACE(name);
    call();
  }
}

// A number as an option of an optimizer, at its construction and at a later step.
template <class Optimizer, class Options>
void give_numbers(const char* optimizer, const char* option, double Options::*field,
                  std::initializer_list<double> wrong, std::initializer_list<double> right) {
  const std::string call = std::string(optimizer) + " at nonsense_test.cpp:";
  const std::string apply = std::string(optimizer) + "::apply at nonsense_test.cpp:";
  Variable w(Tensor(3), "w");
  GradientTape tape;
  const Gradients gradients = tape.gradient(w * w, {w});
  for (const double value : wrong) {
    Options options;
    options.*field = value;
    expect_words<Error>([&] { Optimizer{options}; }, {call.c_str(), option, "must be"});
    Optimizer later;
    later.options().*field = value;
    expect_words<Error>([&] { later.apply(gradients, {w}); }, {apply.c_str(), option, "must be"});
    EXPECT_EQ(w.read().item<float>(), 3);
  }
  for (const double value : right) {
    Options options;
    options.*field = value;
    const Variable v(Tensor(3), "v");
    GradientTape again;
    EXPECT_NO_THROW(Optimizer{options}.apply(again.gradient(v * v, {v}), {v})) << option << value;
  }
}

void give_sgd(const char* option, double optim::SgdOptions::*field,
              std::initializer_list<double> wrong, std::initializer_list<double> right) {
  give_numbers<optim::Sgd>("Sgd", option, field, wrong, right);
}
void give_adam(const char* option, double optim::AdamOptions::*field,
               std::initializer_list<double> wrong, std::initializer_list<double> right) {
  give_numbers<optim::Adam>("Adam", option, field, wrong, right);
}

// Both values of a boolean mean something.
void give_nothing() {}

struct SmallTape {
  TapeBuilder builder;
  Ref x = builder.input(DType::f32, {2}, "x");
  Ref other = builder.input(DType::f64, {2}, "other");
  Ref longer = builder.input(DType::f32, {3}, "longer");
  Ref y = builder.apply(Op::mul, {x, x});
  Tape tape = std::move(builder).finish({y});
};

void give_compile_options(const CompileOptions& options, std::initializer_list<const char*> words) {
  const SmallTape small;
  expect_words<Error>([&] { compile(small.tape, options); }, words);
}

void give_attributes(Op op, const Attributes& attributes,
                     std::initializer_list<const char*> words) {
  TapeBuilder builder;
  const Ref x = builder.input(DType::f32, {2, 3});
  const int arity = op == Op::constant ? 0 : 1;
  const Ref operands[] = {x};
  expect_words<Error>(
      [&] {
        builder.apply(op, std::span(operands).first(static_cast<std::size_t>(arity)), attributes);
      },
      words);
  EXPECT_EQ(builder.size(), 1U);
}

void give_buffers(const std::function<void(Buffer&)>& spoil,
                  std::initializer_list<const char*> words) {
  const SmallTape small;
  const Executable executable = compile(small.tape, {.device = Device::cpu()});
  std::vector<float> x(2, 3), longer(3), y(2);
  std::vector<double> other(2);
  std::vector<Buffer> inputs = {{x.data(), 8}, {other.data(), 16}, {longer.data(), 12}};
  const std::vector<Buffer> outputs = {{y.data(), 8}};
  executable.run({}, inputs, outputs);
  EXPECT_EQ(y, std::vector<float>(2, 9));
  spoil(inputs[0]);
  expect_words<Error>([&] { executable.run({}, inputs, outputs); }, words);
}

void give_wrong_seeds() {
  Variable w(ones({2}), "w");
  GradientTape tape;
  const Tensor y = w * w;
  const auto expect = [&](std::vector<std::optional<Tensor>> seeds,
                          std::initializer_list<const char*> words) {
    expect_words<Error>([&] { tape.gradient(y, w, {.output_gradients = std::move(seeds)}); },
                        words);
  };
  expect({ones({3})}, {"gradient at nonsense_test.cpp:", "(3,)", "(2,)"});
  expect({ones({2}, DType::f64)}, {"gradient at nonsense_test.cpp:", "f64", "f32"});
  expect({ones({2}), ones({2})}, {"gradient at nonsense_test.cpp:", "2 output_gradients"});
  expect({Tensor()}, {"gradient at nonsense_test.cpp:", "empty"});
  EXPECT_TRUE(tape.gradient(y, w).has_value());
}

TEST(Nonsense, OfEveryOptionIsAnError) {
  using optim::AdamOptions;
  using optim::SgdOptions;
  const Cases cases = {
      {"SgdOptions.learning_rate",
       [] {
         give_sgd("learning_rate", &SgdOptions::learning_rate, {-1, kNaN, kInfinity}, {0, 1});
       }},
      {"SgdOptions.momentum",
       [] {
         give_sgd("momentum", &SgdOptions::momentum, {-0.1, 1.5, kNaN}, {0, 0.9, 1});
       }},
      {"SgdOptions.nesterov", give_nothing},
      {"SgdOptions.weight_decay",
       [] {
         give_sgd("weight_decay", &SgdOptions::weight_decay, {-1, kNaN, kInfinity}, {0, 0.1});
       }},
      {"AdamOptions.learning_rate",
       [] {
         give_adam("learning_rate", &AdamOptions::learning_rate, {-1, kNaN, kInfinity}, {0, 1});
       }},
      {"AdamOptions.beta1",
       [] {
         give_adam("beta1", &AdamOptions::beta1, {-0.1, 1, 1.5, kNaN}, {0, 0.9});
       }},
      {"AdamOptions.beta2",
       [] {
         give_adam("beta2", &AdamOptions::beta2, {-0.1, 1, 1.5, kNaN}, {0, 0.999});
       }},
      {"AdamOptions.epsilon",
       [] {
         give_adam("epsilon", &AdamOptions::epsilon, {-1e-8, kNaN, kInfinity}, {0, 1e-3});
       }},
      {"AdamOptions.weight_decay",
       [] {
         give_adam("weight_decay", &AdamOptions::weight_decay, {-1, kNaN, kInfinity}, {0, 0.1});
       }},
      {"TapeOptions.persistent", give_nothing},
      {"TapeOptions.watch_accessed_variables", give_nothing},
      {"GradientOptions.output_gradients", give_wrong_seeds},
      {"GradientOptions.unconnected", give_wrong_unconnected},
      {"CompileOptions.device",
       [] {
         expect_words<DeviceError>(
             [] { CompileOptions{.device = Device::cuda(7)}; },
             {"Device::cuda at nonsense_test.cpp:", "cuda:7 is not available"});
       }},
      {"CompileOptions.sources",
       [] {
         give_compile_options({.sources = {Ref{99}}, .gradients = true},
                              {"compile at nonsense_test.cpp:", "no value 99"});
       }},
      {"CompileOptions.gradients",
       [] {
         give_compile_options({.sources = {Ref{0}}, .gradients = false},
                              {"compile at nonsense_test.cpp:", "gradients is false"});
       }},
      {"CompileOptions.output_gradients",
       [] {
         const auto expect = [](std::vector<std::optional<Ref>> seeds,
                                std::initializer_list<const char*> words) {
           give_compile_options(
               {.sources = {Ref{0}}, .gradients = true, .output_gradients = std::move(seeds)},
               words);
         };
         expect({Ref{99}}, {"compile at nonsense_test.cpp:", "no value 99"});
         expect({Ref{1}}, {"compile at nonsense_test.cpp:", "f64", "f32"});
         expect({Ref{2}}, {"compile at nonsense_test.cpp:", "(3,)", "(2,)"});
         expect({Ref{0}, Ref{0}}, {"compile at nonsense_test.cpp:", "2 output_gradients"});
       }},
      {"Attributes.axes",
       [] {
         give_attributes(Op::reduce_sum, {.axes = {0, 9}}, {"reduce_sum at nonsense_test", "9"});
       }},
      {"Attributes.shape",
       [] {
         give_attributes(Op::reshape, {.shape = {-2, 3}}, {"reshape at nonsense_test", "(-2, 3)"});
       }},
      {"Attributes.begin",
       [] {
         give_attributes(Op::slice, {.shape = {1, 1}, .begin = {2, 0}, .step = {1, 1}},
                         {"slice at nonsense_test", "(2, 0)"});
       }},
      {"Attributes.step",
       [] {
         give_attributes(Op::slice, {.shape = {1, 1}, .begin = {0, 0}, .step = {1, 0}},
                         {"slice at nonsense_test", "step"});
       }},
      {"Attributes.number",
       [] {
         for (const double order : {1.5, -1.0, kNaN, kInfinity, 1e9})
           give_attributes(Op::polygamma, {.number = order},
                           {"polygamma at nonsense_test", "order"});
         for (const double alpha : {kNaN, kInfinity})
           give_attributes(Op::leaky_relu, {.number = alpha},
                           {"leaky_relu at nonsense_test", "alpha"});
         give_attributes(Op::constant, {.shape = {2}, .number = 1e10, .dtype = DType::i32},
                         {"constant at nonsense_test", "i32"});
       }},
      {"Attributes.key", give_nothing},  // every number is one
      {"Attributes.dtype",
       [] {
         give_attributes(Op::cast, {.dtype = DType(99)}, {"cast at nonsense_test", "DType(99)"});
       }},
      {"Attributes.keep_dims", give_nothing},
      {"Attributes.transpose_a", give_nothing},
      {"Attributes.transpose_b", give_nothing},
      {"Buffer.data",
       [] {
         give_buffers([](Buffer& buffer) { buffer.data = nullptr; },
                      {"Executable::run at nonsense_test.cpp:", "input buffer 0 is null"});
         give_buffers(
             [](Buffer& buffer) { buffer.data = static_cast<std::byte*>(buffer.data) + 1; },
             {"Executable::run at nonsense_test.cpp:", "input buffer 0", "aligned"});
       }},
      {"Buffer.bytes",
       [] {
         give_buffers([](Buffer& buffer) { buffer.bytes = 7; },
                      {"Executable::run at nonsense_test.cpp:", "7 bytes"});
       }},
      {"Buffer.device",
       [] {
         if (Device::best().is_cpu()) return;  // there is no other device
         give_buffers([](Buffer& buffer) { buffer.device = Device::best(); },
                      {"Executable::run at nonsense_test.cpp:", "cuda:0", "cpu"});
       }},
  };
  expect_same_names(declared().fields, cases);
  for (const auto& [name, call] : cases) {
    SCOPED_TRACE(name);
    call();
  }
}

// What a process with the variable says on stderr as it computes a little.
struct Setting {
  const char* value;
  const char* says;  // a regular expression
  bool needs_cuda = false;
};

void compute_a_little() {
  try {
    const Tensor x = ones({4, 4});
    const Tensor y = x.to(Device::cpu()) + 1;
    std::cerr << matmul(x, x + 1).to_vector<float>()[0] << '\n';
    std::cerr << matmul(y, y).to_vector<float>()[0] << '\n';
  } catch (const Error& error) {
    std::cerr << error.what() << '\n';
  }
  std::exit(0);
}

void expect_said(const std::string& variable, const Setting& setting) {
  // Of a CUDA device, emulated or not, whose tests keep their kernels in a folder of their own.
  if (setting.needs_cuda && std::getenv("TENDON_CACHE_DIR") == nullptr) return;
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto compute = [&] {
    // A kernel that is found on disk is not compiled.
    if (variable == "TENDON_NVRTC") setenv("TENDON_CACHE_BYTES", "0", 1);
    unsetenv("TENDON_DEVICE");
    setenv(variable.c_str(), setting.value, 1);
    compute_a_little();
  };
  EXPECT_EXIT(compute(), testing::ExitedWithCode(0), setting.says)
      << variable << "=" << setting.value;
}

TEST(Nonsense, InEveryEnvironmentVariableIsTold) {
  const std::map<std::string, std::vector<Setting>> settings = {
      {"TENDON_DEVICE",
       {{"tpu", "TENDON_DEVICE is 'tpu'; it must be cpu, cuda or cuda:N"},
        {"cuda:x", "TENDON_DEVICE is 'cuda:x'; it must be cpu, cuda or cuda:N"},
        {"cuda:77", "TENDON_DEVICE is 'cuda:77', but cuda:77 is not available"}}},
      {"TENDON_THREADS",
       {{"many", "TENDON_THREADS is 'many'; it must be a number from 1 to 4096"},
        {"0", "TENDON_THREADS is '0'; it must be a number from 1 to 4096"},
        {"-1", "TENDON_THREADS is '-1'; it must be a number from 1 to 4096"}}},
      {"TENDON_CPU",
       {{"z80", "TENDON_CPU is 'z80'; this processor runs the loops of .*x86-64-v2"}}},
      {"TENDON_TF32", {{"maybe", "TENDON_TF32 is 'maybe'; it must be 0 or 1"}, {"0", "^[0-9]+"}}},
      {"TENDON_PTX", {{"yes", "TENDON_PTX is 'yes'; it must be 0 or 1"}}},
      {"TENDON_LINEINFO", {{"2", "TENDON_LINEINFO is '2'; it must be 0 or 1"}}},
      {"TENDON_TRACE",
       {{"/nonexistent/trace", "TENDON_TRACE: /nonexistent/trace cannot be written"}}},
      {"TENDON_CUDA_LIBRARY",
       {{"/nonexistent", "TENDON_CUDA_LIBRARY is '/nonexistent': .*cannot be opened"}}},
      {"TENDON_NVRTC", {{"/nonexistent/nvrtc", "name the file in TENDON_NVRTC", true}}},
      {"TENDON_CACHE_DIR", {{"/proc/tendon", "not kept on disk.*TENDON_CACHE_DIR", true}}},
      {"TENDON_CACHE_BYTES",
       {{"much", "TENDON_CACHE_BYTES is 'much'; it must be a number of bytes", true},
        {"-1", "TENDON_CACHE_BYTES is '-1'; it must be a number of bytes", true}}},
  };
  Cases names;
  for (const auto& [name, list] : settings) names[name] = give_nothing;
  expect_same_names(environment_variables(), names);
  for (const auto& [name, list] : settings) {
    for (const Setting& setting : list) expect_said(name, setting);
  }
}

TEST(Nonsense, IsFoundInHeadersThatDeclareMore) {
  const Declared found = declared_in(R"(
#pragma once
namespace tendon {
enum class Mode : std::uint8_t { fast, exact };  // enum class Comment {};
namespace detail { struct Hidden { int x = 0; }; }
namespace optim {
class TENDON_API Lion : public Base { int rate_ = 0; };
struct LionOptions {
  double rate = 0.1, unused;
  std::vector<int> sizes = {};
  int steps[2] = {0, 0};
  bool is_set() const { return true; }
  bool later = false;
};
}  // namespace optim
struct LionError : public Error {};
}
)");
  EXPECT_EQ(found.enums, std::set<std::string>({"Mode"}));
  EXPECT_EQ(found.types, std::set<std::string>({"optim::Lion", "optim::LionOptions"}));
  EXPECT_TRUE(found.fields.contains("LionOptions.sizes"));
  EXPECT_TRUE(found.fields.contains("LionOptions.steps"));
  EXPECT_TRUE(found.fields.contains("LionOptions.later"));
}

// Whatever attributes an op is given, it is refused in words or runs.
TEST(Nonsense, InAnyAttributesIsRefusedOrRuns) {
  constexpr std::int64_t kFar = std::int64_t{1} << 62;
  const Axes axes[] = {{}, 0, 1, -1, 5, {0, 0}, {1, 0}, {0, -2}, std::int64_t{-1} << 40};
  const Shape shapes[] = {{},     {-1},   {6},    {2, 3},  {3, 2},    {0},
                          {1, 1}, {2, 2}, {4, 3}, {2, -3}, {kFar, 4}, {std::int64_t{1} << 40, 0}};
  const Shape begins[] = {{}, {0, 0}, {1, 0}, {-5, 0}, {kFar, kFar}, 0};
  const Shape steps[] = {
      {}, {1, 1}, {0, 1}, {-1, 1}, {std::numeric_limits<std::int64_t>::min(), 1}};
  const double numbers[] = {0, -1, 1.5, 2, kNaN, kInfinity, 1e300};
  std::mt19937 random(7);
  const auto one_of = [&](const auto& list) {
    return list[std::uniform_int_distribution<std::size_t>(0, std::size(list) - 1)(random)];
  };
  int accepted = 0;
  for (std::size_t op = 0; op < kOpCount; ++op) {
    for (int i = 0; i < 200; ++i) {
      TapeBuilder builder;
      const Ref values[] = {
          builder.input(DType::f32, {2, 3}),     builder.input(DType::i32, {2}),
          builder.input(DType::boolean, {2, 3}), builder.input(DType::f64, {}),
          builder.input(DType::f32, {0, 3}),     builder.input(DType::f16, {2, 3})};
      std::vector<Ref> operands(std::uniform_int_distribution<std::size_t>(0, 3)(random));
      const Ref first = one_of(values);
      for (Ref& operand : operands) operand = i % 2 == 0 ? first : one_of(values);
      const Attributes attributes{.axes = one_of(axes),
                                  .shape = one_of(shapes),
                                  .begin = one_of(begins),
                                  .step = one_of(steps),
                                  .number = one_of(numbers),
                                  .key = {random(), random()},
                                  .dtype = DType(std::uniform_int_distribution(0, 8)(random)),
                                  .keep_dims = i % 3 == 0,
                                  .transpose_a = i % 5 == 0,
                                  .transpose_b = i % 7 == 0};
      SCOPED_TRACE(name(Op(op)));
      expect_harmless(name(Op(op)), [&] {
        const Ref result = builder.apply(Op(op), operands, attributes);
        if (builder.shape(result).size() > 1000) return;
        ++accepted;
        const Executable executable =
            compile(std::move(builder).finish({result}), {.device = Device::cpu()});
        std::vector<std::byte> zeros(64), into(16 * 1000);
        std::vector<Buffer> inputs(std::size(values), {zeros.data(), zeros.size()});
        const std::vector<Buffer> outputs = {{into.data(), into.size()}};
        executable.run({}, inputs, outputs);
      });
    }
  }
  EXPECT_GT(accepted, 1000);
}

}  // namespace
}  // namespace tendon::test
