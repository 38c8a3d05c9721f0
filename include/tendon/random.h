// Counter-based random numbers: Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as
// easy as 1, 2, 3"). The same key gives the same numbers on every device, whatever else is drawn.
#pragma once

#include <tendon/named_tensor.h>

#include <cstdint>

namespace tendon::random {

struct Key {
  std::uint64_t seed = 0;
  std::uint64_t stream = 0;
};
// A key for part i of a computation, independent of the key's own numbers.
TENDON_API Key fold_in(Key, std::uint64_t i);

// Seeds the keys of calls that are given none: each such call of a thread takes the next stream of
// the seed (0 until set).
TENDON_API void seed(std::uint64_t);

// Where the calling thread stands, on the CPU: "random", i64 {seed, its next stream}, the bits of
// the two. Calls without a key go on from there after load(), which sets the process's seed as
// seed() does. Error for a tensor that is none of these.
TENDON_API NamedTensor state(Place = Place::current());
TENDON_API void load(const NamedTensor&, Place = Place::current());

// In [low, high); 16-bit types are drawn in f32, scaled in f64 and rounded towards low. Error where
// low is above high, or one or their difference is not finite in the dtype.
TENDON_API Tensor uniform(const Shape&, double low = 0, double high = 1, DType = DType::f32,
                          Place = Place::current());
TENDON_API Tensor uniform(Key, const Shape&, double low = 0, double high = 1, DType = DType::f32,
                          Place = Place::current());
// By Box and Muller (1958); 16-bit types are drawn in f32 and rounded. Error where the deviation is
// negative, or a parameter is not finite in the dtype.
TENDON_API Tensor normal(const Shape&, double mean = 0, double deviation = 1, DType = DType::f32,
                         Place = Place::current());
TENDON_API Tensor normal(Key, const Shape&, double mean = 0, double deviation = 1,
                         DType = DType::f32, Place = Place::current());
// true with the given probability. Error where it is not in [0, 1].
TENDON_API Tensor bernoulli(const Shape&, double probability = 0.5, Place = Place::current());
TENDON_API Tensor bernoulli(Key, const Shape&, double probability = 0.5, Place = Place::current());

}  // namespace tendon::random
