// Reports that a program's owner knows of and does not want to see: a file of lines such as
//     unwritten kernel:*merge_sort* file:*/cub/*    # loads a whole tile, uses part of it
// with the key of a fault (or *), and patterns of the shell for the kernel's name and for a source
// file at fault, in which a * also matches a slash. In a pattern a ? stands for a space.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "machine/report.h"

namespace emulator {

struct Suppression {
  std::string text;  // as the file has it, without its comment
  std::uint32_t line = 0;
  std::string fault, kernel, file;  // patterns; kernel and file may be empty: any, or none
  std::uint64_t count = 0;          // findings that it kept back

  // A file matches if any does of the line, those it was inlined at, and a race's other access.
  bool matches(const Report& report) const;
};

// Throws std::invalid_argument, "line 3: ...", for the first line that cannot be read.
std::vector<Suppression> parse_suppressions(std::string_view text);

}  // namespace emulator
