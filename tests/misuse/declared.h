// What a caller can give, as the public headers, the README and the sources declare it: read from
// their text, so that what is added later is found.
#pragma once

#include <set>
#include <string>

namespace tendon::test {

// Names as "DType" or "optim::Adam", outside of namespace detail.
struct Declared {
  std::set<std::string> enums;
  std::set<std::string> types;   // classes and structs, but for those of exceptions
  std::set<std::string> fields;  // "AdamOptions.beta1": of option structs, Attributes and Buffer
};
Declared declared_in(const std::string& text);  // of a header
Declared declared();                            // in every public header

// TENDON_ variables that the README's table names, or that a source under host/ reads.
std::set<std::string> environment_variables();

}  // namespace tendon::test
