// Uniform numbers, bit for bit those of the CPU executor. Philox4x32-10: Salmon, Moraes, Dror, Shaw
// (2011), "Parallel random numbers: as easy as 1, 2, 3".
#pragma once

namespace tendon {

struct PhiloxBlock {
  unsigned words[4];
};

// Words 4 * block to 4 * block + 3 of the stream of a (seed, stream) key.
inline PhiloxBlock philox_block(unsigned long long seed, unsigned long long stream,
                                unsigned long long block) {
  unsigned c0 = static_cast<unsigned>(block), c1 = static_cast<unsigned>(block >> 32);
  unsigned c2 = static_cast<unsigned>(stream), c3 = static_cast<unsigned>(stream >> 32);
  unsigned k0 = static_cast<unsigned>(seed), k1 = static_cast<unsigned>(seed >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned long long first = 0xD2511F53ull * c0;
    const unsigned long long second = 0xCD9E8D57ull * c2;
    c0 = static_cast<unsigned>(second >> 32) ^ c1 ^ k0;
    c1 = static_cast<unsigned>(second);
    c2 = static_cast<unsigned>(first >> 32) ^ c3 ^ k1;
    c3 = static_cast<unsigned>(first);
    k0 += 0x9E3779B9;
    k1 += 0xBB67AE85;
  }
  return {c0, c1, c2, c3};
}

// By selects: an index that is not constant would put the words into memory.
inline unsigned philox_word(unsigned long long seed, unsigned long long stream,
                            unsigned long long i) {
  const PhiloxBlock block = philox_block(seed, stream, i / 4);
  const unsigned low = i % 2 == 0 ? block.words[0] : block.words[1];
  const unsigned high = i % 2 == 0 ? block.words[2] : block.words[3];
  return i % 4 < 2 ? low : high;
}

// Element i of a uniform in [0, 1), with as many bits as the dtype's significand holds.
inline float uniform_f32(unsigned long long seed, unsigned long long stream, unsigned long long i) {
  return static_cast<float>(philox_word(seed, stream, i) >> 8) * 0x1p-24F;
}
inline float uniform_f16(unsigned long long seed, unsigned long long stream, unsigned long long i) {
  return static_cast<float>(philox_word(seed, stream, i) >> 21) * 0x1p-11F;
}
inline float uniform_bf16(unsigned long long seed, unsigned long long stream,
                          unsigned long long i) {
  return static_cast<float>(philox_word(seed, stream, i) >> 24) * 0x1p-8F;
}
inline double uniform_f64(unsigned long long seed, unsigned long long stream,
                          unsigned long long i) {
  const PhiloxBlock block = philox_block(seed, stream, i / 2);
  const unsigned low = i % 2 == 0 ? block.words[0] : block.words[2];
  const unsigned high = i % 2 == 0 ? block.words[1] : block.words[3];
  const unsigned long long bits = static_cast<unsigned long long>(high) << 32 | low;
  return static_cast<double>(bits >> 11) * 0x1p-53;
}

}  // namespace tendon
