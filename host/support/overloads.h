// Overloads: one function of several, for std::visit. Without a generic one among them, a visit
// does not compile until every alternative of the variant is handled.
#pragma once

namespace tendon::support {

template <class... Functions>
struct Overloads : Functions... {
  using Functions::operator()...;
};
template <class... Functions>
Overloads(Functions...) -> Overloads<Functions...>;

}  // namespace tendon::support
