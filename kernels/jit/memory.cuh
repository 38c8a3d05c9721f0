// Types of elements in memory and in registers, vectors of them, and indices, for generated
// kernels.
#pragma once

namespace tendon {

using boolean = bool;
using i32 = int;
using i64 = long long;
using u32 = unsigned int;
using u64 = unsigned long long;
using f32 = float;
using f64 = double;
struct f16 {
  unsigned short bits;
};
struct bf16 {
  unsigned short bits;
};

// An element in memory as a value in a register, and back, rounded to nearest, ties to even.
template <class T>
__device__ inline T value_of(T stored) {
  return stored;
}
__device__ inline f32 value_of(f16 stored) {
  f32 value;
  asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(stored.bits));
  return value;
}
__device__ inline f32 value_of(bf16 stored) {
  return __uint_as_float(static_cast<u32>(stored.bits) << 16);
}
template <class Stored, class T>
struct ToStored {
  __device__ static Stored of(T value) { return value; }
};
template <>
struct ToStored<f16, f32> {
  __device__ static f16 of(f32 value) {
    f16 stored;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(stored.bits) : "f"(value));
    return stored;
  }
};
template <>
struct ToStored<bf16, f32> {
  __device__ static bf16 of(f32 value) {
    bf16 stored;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(stored.bits) : "f"(value));
    return stored;
  }
};
template <class Stored, class T>
__device__ inline Stored stored_as(T value) {
  return ToStored<Stored, T>::of(value);
}
// A value as it would be after a stay in memory: each op's result is rounded to its dtype.
template <class Stored, class T>
__device__ inline T rounded(T value) {
  return value_of(stored_as<Stored>(value));
}

// Neighbouring elements that are loaded and stored as one, of 16 bytes where they are whole.
template <class T, int kCount>
struct alignas(sizeof(T) * kCount) Vector {
  T at[kCount];
};
template <int kCount, class T>
__device__ inline Vector<T, kCount> load(const T* from, i64 vector) {
  return reinterpret_cast<const Vector<T, kCount>*>(from)[vector];
}
template <class T, int kCount>
__device__ inline void store(T* into, i64 vector, const Vector<T, kCount>& values) {
  reinterpret_cast<Vector<T, kCount>*>(into)[vector] = values;
}

// As much of a vector as there is of `count` elements, and of its neighbours whole.
template <int kCount, class T>
__device__ inline Vector<T, kCount> load_some(const T* from, i64 vector, i64 vectors, i64 count) {
  if (vector < vectors) return load<kCount>(from, vector);
  Vector<T, kCount> some{};
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    if (vector * kCount + j < count) some.at[j] = from[vector * kCount + j];
  }
  return some;
}
template <class T, int kCount>
__device__ inline void store_some(T* into, i64 vector, i64 vectors, i64 count,
                                  const Vector<T, kCount>& values) {
  if (vector < vectors) return store(into, vector, values);
#pragma unroll
  for (int j = 0; j < kCount; ++j) {
    if (vector * kCount + j < count) into[vector * kCount + j] = values.at[j];
  }
}
// Each element takes the place before its own; the first is lost.
template <class T, int kCount>
__device__ inline void next(Vector<T, kCount>& vector) {
#pragma unroll
  for (int j = 1; j < kCount; ++j) vector.at[j - 1] = vector.at[j];
}

template <int kBytes>
struct Word {
  using Type = u32;
};
template <>
struct Word<2> {
  using Type = unsigned short;
};

// Vectors that a thread takes in turn, a step apart. All are loaded before the first is used, so
// that they are under way together.
template <class T, int kCount, int kAhead>
struct Ahead {
  // As words: taken apart into elements of 16 bits at once, each load would be waited for.
  struct alignas(sizeof(T) * kCount) Words {
    using Type = typename Word<sizeof(T) * kCount>::Type;
    Type at[sizeof(T) * kCount / sizeof(Type)];
  } vectors[kAhead];

  __device__ Vector<T, kCount> first() const {
    return __builtin_bit_cast(Vector<T, kCount>, vectors[0]);
  }
  __device__ void next() {
#pragma unroll
    for (int i = 1; i < kAhead; ++i) vectors[i - 1] = vectors[i];
  }
};
template <int kCount, int kAhead, class T, class Index>
__device__ inline Ahead<T, kCount, kAhead> load_ahead(const T* from, Index first, Index step,
                                                      Index end) {
  Ahead<T, kCount, kAhead> loaded;
#pragma unroll
  for (int i = 0; i < kAhead; ++i) {
    using Words = typename Ahead<T, kCount, kAhead>::Words;
    if (first + i * step < end)
      loaded.vectors[i] = reinterpret_cast<const Words*>(from)[first + i * step];
  }
  return loaded;
}

// Vectors of a thread's own that wait in shared memory while it computes one element after another,
// since registers for all of them are too many. Neighbouring threads use neighbouring banks.
template <class T, int kValues, int kCount, int kThreads>
struct Parked {
  T elements[kValues][kCount][kThreads];

  __device__ T& at(int value, int j) { return elements[value][j][threadIdx.x]; }
  __device__ void put(int value, const Vector<T, kCount>& vector) {
#pragma unroll
    for (int j = 0; j < kCount; ++j) at(value, j) = vector.at[j];
  }
  __device__ Vector<T, kCount> take(int value) {
    Vector<T, kCount> vector;
#pragma unroll
    for (int j = 0; j < kCount; ++j) vector.at[j] = at(value, j);
    return vector;
  }
};

// Division by a number known before the launch: Granlund, Montgomery (1994), "Division by invariant
// integers using multiplication", figure 4.1.
struct alignas(8) Divisor {
  u32 multiplier;
  u32 shift;
};
__device__ inline u32 operator/(u32 n, Divisor by) {
  const u32 high = __umulhi(n, by.multiplier);
  return static_cast<u32>((static_cast<u64>(high) + n) >> by.shift);
}
struct Divisor64 {
  i64 value;
};
__device__ inline i64 operator/(i64 n, Divisor64 by) { return n / by.value; }

}  // namespace tendon
