// Which opcodes stand in a PTX text.
#include <algorithm>
#include <cctype>

#include "opcodes.h"

namespace emulator_test {
namespace {

std::string without_comments(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size();) {
    const std::string_view rest = text.substr(i);
    if (rest.starts_with("//")) {
      i += std::min(rest.find('\n'), rest.size());
    } else if (rest.starts_with("/*")) {
      const std::size_t end = rest.find("*/");
      i += end == std::string_view::npos ? rest.size() : end + 2;
    } else {
      result += text[i++];
    }
  }
  return result;
}

bool is_part_of_name(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '$' || c == '%';
}

}  // namespace

std::set<std::string> opcodes_of(std::string_view ptx) {
  const std::string text = without_comments(ptx);
  std::set<std::string> opcodes;
  std::size_t at = 0;
  const auto skip = [&](std::string_view what) {
    at = std::min(text.find_first_not_of(what, at), text.size());
  };
  const auto skip_to = [&](std::string_view what) {
    at = std::min(text.find_first_of(what, at), text.size());
  };
  while (at < text.size()) {
    skip(" \t\r\n{};)");
    if (at >= text.size()) break;
    if (text[at] == '.') {  // a directive; those over several lines go on with one
      skip_to(";\n{");
      continue;
    }
    if (text[at] == '@') {
      skip_to(" \t");
      skip(" \t");
    }
    std::size_t end = at;
    while (end < text.size() && is_part_of_name(text[end])) ++end;
    if (end < text.size() && text[end] == ':' && text.substr(end, 2) != "::") {  // a label
      at = end + 1;
      continue;
    }
    end = std::min(text.find_first_of(" \t\r\n;(", at), text.size());
    const std::string opcode = text.substr(at, end - at);
    if (!opcode.empty() && std::islower(static_cast<unsigned char>(opcode[0])) != 0) {
      opcodes.insert(opcode);
      skip_to(";");
    } else {
      skip_to(";\n");
    }
  }
  return opcodes;
}

}  // namespace emulator_test
