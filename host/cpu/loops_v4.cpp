// The loops for x86-64-v4.
#include "host/cpu/loops_variants.h"

#if defined(__x86_64__)
#include "host/cpu/loops_variant.h"

namespace tendon::cpu {

constinit const Loops kLoopsV4 = loops_for("x86-64-v4");

}  // namespace tendon::cpu
#endif
