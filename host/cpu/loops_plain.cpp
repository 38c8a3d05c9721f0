// The loops for what is not x86-64.
#include "host/cpu/loops_variants.h"

#if !defined(__x86_64__)
#include "host/cpu/loops_variant.h"

namespace tendon::cpu {

constinit const Loops kLoopsPlain = loops_for("plain");

}  // namespace tendon::cpu
#endif
