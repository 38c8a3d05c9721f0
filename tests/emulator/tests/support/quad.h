// Floating formats and their roundings, by arithmetic on 113 bits: what instructions round to,
// without asking the processor to round.
#pragma once

#include <bit>
#include <cstdint>

namespace emulator_test {

__extension__ typedef __float128 Quad;

enum class Rounding { nearest, zero, down, up, away };  // nearest: ties to even; away: ties away

struct Format {
  int bytes;
  int precision;    // bits of the significand, the hidden one too
  int least, most;  // exponents of normal numbers, of the bit before the point
};
inline constexpr Format kF16{2, 11, -14, 15};
inline constexpr Format kBf16{2, 8, -126, 127};
inline constexpr Format kF32{4, 24, -126, 127};
inline constexpr Format kF64{8, 53, -1022, 1023};

Quad decode(const Format& format, std::uint64_t bits);
std::uint64_t encode(const Format& format, Quad value, Rounding rounding = Rounding::nearest);
bool is_nan(const Format& format, std::uint64_t bits);
// Zero of the same sign where the number is subnormal.
std::uint64_t flushed(const Format& format, std::uint64_t bits);

// Rounded so that a second rounding, to 53 bits or fewer, gives what one rounding of the exact
// result would. Sums that are exactly zero have the sign that the rounding gives them.
Quad sum(Quad a, Quad b, Rounding rounding);
// A whole number near to it.
Quad whole(Quad value, Rounding rounding);

// Of what an f64 holds; it is exact where the root is.
Quad square_root(Quad value);
Quad absolute(Quad value);

bool is_nan(Quad value);
bool is_infinite(Quad value);
bool is_negative(Quad value);  // by its sign bit, of zeros too

}  // namespace emulator_test
