// What this machine can do at best, measured, on the threads that OMP_NUM_THREADS grants.
#pragma once

namespace tendon::bench {

// Bytes a second of loops that read and write arrays of this many bytes in all, again and again; so
// small ones are measured in the cache that holds them.
double bandwidth(double working_set_bytes);

// Multiplications and additions a second.
double flop_rate(bool f64);

}  // namespace tendon::bench
