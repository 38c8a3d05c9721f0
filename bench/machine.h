// What this machine can do at best on the threads that OMP_NUM_THREADS grants: that many times what
// one thread was measured to do on its share, which no number of threads exceeds. Each call
// measures again and gives the best so far, since a busy machine shows less than it can do.
#pragma once

namespace tendon::bench {

// Bytes a second of loops that read and write arrays, again and again. The arrays take at most
// `working_set_bytes` in all, so that the caches that hold the contestant's data hold them.
double bandwidth(double working_set_bytes);

// Multiplications and additions a second, by the widest vectors that there are.
double flop_rate(bool f64);

}  // namespace tendon::bench
