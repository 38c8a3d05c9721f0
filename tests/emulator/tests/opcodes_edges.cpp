// The values that forms are tried with. The first ones of a list are those that matter most: with
// three operands no others are taken.
#include "opcodes_make.h"

namespace emulator_test {

std::vector<std::uint64_t> integer_edges(int bits) {
  const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t sign = std::uint64_t{1} << (bits - 1);
  std::vector<std::uint64_t> values{0,
                                    1,
                                    mask,
                                    sign,
                                    sign - 1,
                                    2,
                                    7,
                                    mask - 6,
                                    sign + 1,
                                    0x0123456789abcdef,
                                    0xfedcba9876543210,
                                    0x5555555555555555,
                                    0x80ff7f01c03fe01f,
                                    31,
                                    3,
                                    10,
                                    100,
                                    mask - 1,
                                    mask - 99,
                                    sign >> 1,
                                    sign | sign >> 1,
                                    0x0f0f0f0f0f0f0f0f,
                                    0x100,
                                    0xff00ff0000ff00ff};
  if (bits >= 32) values.insert(values.end(), {0xffff, 0x10000, 0x7fff, 0x8000, 1'000'000'007});
  if (bits == 64) {
    values.insert(values.end(),
                  {0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0xffffffff00000000});
  }
  for (std::uint64_t& value : values) value &= mask;
  return values;
}

std::vector<std::uint64_t> amounts() {
  return {0,          1,  31,  32, 33, 63, 64, 255, 0xffffffff, 5,   8,
          0x80000000, 17, 256, 4,  16, 30, 65, 127, 128,        257, 0x1005};
}

std::vector<std::uint64_t> selectors() {
  return {0x3210, 0x7654, 0x0123, 0xfedc, 0xba98,     0x8888, 0x0fa5, 0x4567,
          0x1,    0x2,    0x3,    0x7,    0xffff3210, 0,      0x5040, 0x6543};
}

std::vector<std::uint64_t> edges(const Format& format) {
  const int fraction_bits = format.precision - 1;
  const std::uint64_t one_bit = std::uint64_t{1} << fraction_bits;
  const std::uint64_t sign = std::uint64_t{1} << (8 * format.bytes - 1);
  const std::uint64_t one = encode(format, 1), infinite = encode(format, Quad{1} / Quad{0});
  // Zero, one, the least and the greatest, infinity, NaN; around subnormals.
  std::vector<std::uint64_t> values{0,
                                    sign,
                                    one,
                                    sign | one,
                                    infinite,
                                    sign | infinite,
                                    infinite | one_bit >> 1,
                                    infinite - 1,
                                    sign | (infinite - 1),
                                    1,
                                    sign | 1,
                                    one_bit,
                                    one_bit - 1,
                                    encode(format, Quad{2.5}),
                                    one + 1,
                                    one - 1,
                                    sign | one_bit,
                                    sign | (one_bit - 1),
                                    one_bit + 1,
                                    infinite - one_bit};
  // Halfway between whole numbers, and between what narrower formats hold.
  for (const double value :
       {0.5,     1.5,   3.5,   0.25,   0.75,   2.0,     3.0,     10.0,    0.1,
        1.0 / 3, 100.7, 1e-3,  2049.0, 2051.0, 257.0,   65504.0, 65519.0, 65520.0,
        6e-8,    3e-8,  255.5, 127.5,  128.5,  32767.5, 65535.5}) {
    values.push_back(encode(format, Quad{value}));
    values.push_back(encode(format, -Quad{value}));
  }
  // Around the ends of the integers.
  if (format.most > 64) {
    for (const double value : {0x1p31, 0x1p32, 0x1p63, 0x1p64, 0x1p31 - 128, 0x1p32 - 256,
                               0x1p31 - 0.5, 0x1p32 - 0.5, 0x1p23 + 0.5, 0x1p52 + 0.5, 0x1p53 - 1,
                               0x1p24 + 1, 0x1p-126, 0x1p126, 0x1p-130, 0x1p127, 0x1p-14}) {
      values.push_back(encode(format, Quad{value}));
      values.push_back(encode(format, -Quad{value}));
    }
  }
  return values;
}

std::vector<std::uint64_t> pairs_of_edges(const Format& format) {
  const auto values = edges(format);
  std::vector<std::uint64_t> pairs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    pairs.push_back(values[i] | values[(7 * i + 3) % values.size()] << 16);
  }
  return pairs;
}

}  // namespace emulator_test
