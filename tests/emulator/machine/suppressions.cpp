#include "machine/suppressions.h"

#include <fnmatch.h>

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace emulator {
namespace {

bool is_like(const std::string& pattern, const std::string& text) {
  return fnmatch(pattern.c_str(), text.c_str(), FNM_NOESCAPE) == 0;
}

Suppression parsed(const std::string& text, std::uint32_t line) {
  const auto refuse = [&](const std::string& why) {
    throw std::invalid_argument("line " + std::to_string(line) + ": " + why);
  };
  Suppression suppression;
  suppression.text = text;
  suppression.line = line;
  std::istringstream words(text);
  words >> suppression.fault;
  if (suppression.fault != "*" && !is_fault_key(suppression.fault))
    refuse("there is no fault \"" + suppression.fault + "\"; there are " + fault_keys());
  for (std::string word; words >> word;) {
    const std::size_t colon = word.find(':');
    const std::string name = word.substr(0, colon);
    std::string* const pattern = name == "kernel" ? &suppression.kernel
                                 : name == "file" ? &suppression.file
                                                  : nullptr;
    if (pattern == nullptr || colon == std::string::npos)
      refuse("\"" + word + "\" is neither kernel:PATTERN nor file:PATTERN");
    if (!pattern->empty()) refuse("there is a second " + name + ":");
    *pattern = word.substr(colon + 1);
    if (pattern->empty()) refuse(name + ": has no pattern");
  }
  return suppression;
}

}  // namespace

bool Suppression::matches(const Report& report) const {
  const auto is_from = [&](const Report::Place& place) { return is_like(file, place.file); };
  if (is_fatal(report.fault) || (fault != "*" && fault != key(report.fault))) return false;
  if (!kernel.empty() && (report.kernel.empty() || !is_like(kernel, report.kernel))) return false;
  return file.empty() || std::any_of(report.source.begin(), report.source.end(), is_from) ||
         std::any_of(report.other_source.begin(), report.other_source.end(), is_from);
}

std::vector<Suppression> parse_suppressions(std::string_view text) {
  std::vector<Suppression> all;
  std::istringstream lines{std::string(text)};
  std::uint32_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    line.erase(std::min(line.find('#'), line.size()));
    constexpr const char* kSpace = " \t\r";
    const std::size_t begin = line.find_first_not_of(kSpace);
    if (begin == std::string::npos) continue;
    all.push_back(parsed(line.substr(begin, line.find_last_not_of(kSpace) + 1 - begin), number));
  }
  return all;
}

}  // namespace emulator
