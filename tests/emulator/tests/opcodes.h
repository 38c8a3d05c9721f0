// Instructions against what the host computes. A Form is an instruction whose result is a function
// of its operands; it is run on every combination of its operands' edge values. A Case is a small
// kernel of its own, for all that is no such function. Both are written as PTX when the tests run.
#pragma once

#include <cstdint>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "support/quad.h"

namespace emulator_test {

enum class Register { pred, b8, b16, b32, b64 };  // b8: eight bits in a register of sixteen

// How near a floating result must come, by either; exactly, with nothing set. NaN is NaN.
struct Nearness {
  double relative = 0, absolute = 0;
};

// Exactly, but a zero may have either sign.
inline constexpr Nearness kEitherZero{0, 0x1p-1000};

struct Form {
  std::vector<std::string> names;  // the opcodes it tests, as in PTX: "add.rn.f32"
  std::string text;                // registers %d (result), %a, %b, %c, %e; %x, %y, %z are free
  Register result;
  const Format* format = nullptr;  // of a floating result
  int elements = 1;                // 2 of packed ones
  std::vector<Register> operands;
  std::vector<std::vector<std::uint64_t>> values;  // those tried, of each operand
  std::function<std::uint64_t(std::span<const std::uint64_t>)> want;
  Nearness nearness;
};

// Registers: %in and %out, the addresses of this thread's 64-bit words; %t, its index in the grid;
// %p<8> (pred), %h<16> (b16), %r<40> (b32), %l<40> (b64), %f<8> (f32), %g<8> (f64).
struct Case {
  std::vector<std::string> names;  // the opcodes it tests
  std::string body;
  std::uint32_t block = 32, grid = 1;
  std::size_t inputs = 1, outputs = 1;  // words a thread
  // From the input of all threads to their output, which is zero.
  std::function<void(std::span<const std::uint64_t> in, std::span<std::uint64_t> out)> want;
  std::vector<std::uint64_t> input{};  // random where empty
  std::string declarations{};          // outside of the kernel
};

// Runs them, and says of each that is wrong what it gave.
void expect_forms(const std::vector<Form>& forms);
void expect_cases(const std::vector<Case>& cases);

// By what they work on.
std::vector<Form> integer_forms();
std::vector<Form> bit_forms();
std::vector<Form> comparison_forms();
std::vector<Form> floating_forms();
std::vector<Form> approximate_forms();
std::vector<Form> half_forms();
std::vector<Form> conversion_forms();
std::vector<Form> move_forms();
std::vector<Case> memory_cases();
std::vector<Case> atomic_cases();
std::vector<Case> warp_cases();
std::vector<Case> barrier_cases();
std::vector<Case> control_cases();

// The opcodes with their modifiers that stand in a PTX text.
std::set<std::string> opcodes_of(std::string_view ptx);

}  // namespace emulator_test
