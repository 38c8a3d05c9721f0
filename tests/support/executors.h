// A tape's targets as the plain executor on the CPU gives them, and as the default device does with
// the plan that compile() makes; and whether the one agree with the other.
#pragma once

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/agreement.h"

namespace tendon::test {

using Executor = std::function<std::vector<Bytes>(const Tape&, const std::vector<Bytes>&)>;

std::vector<Bytes> run_plain(const Tape& tape, const std::vector<Bytes>& inputs);
std::vector<Bytes> run_planned(const Tape& tape, const std::vector<Bytes>& inputs);
// With inputs and outputs that are aligned to an element, and to no more.
std::vector<Bytes> run_planned_unaligned(const Tape& tape, const std::vector<Bytes>& inputs);

struct Comparison {
  std::array<int, 4> targets = {};     // how many, by Agreement
  std::optional<std::string> failure;  // the first target that differs, and how
};
Comparison compare(const Tape& tape, const std::vector<Bytes>& inputs, const Executor& run);

}  // namespace tendon::test
