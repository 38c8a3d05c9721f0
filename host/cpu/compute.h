// Computes one op of a tape from its operands' values, all contiguous and row-major.
#pragma once

#include <tendon/backend.h>

#include <span>

namespace tendon::cpu {

// An array of a dtype and shape; the executor's view of a value.
struct Array {
  DType dtype = DType::f32;
  Shape shape;
  void* data = nullptr;

  template <class T>
  T* as() const {
    return static_cast<T*>(data);
  }
};

// One op: operands, attributes, result. Dtypes and shapes are those the shape rule gave.
struct Computation {
  Op op = Op::input;
  std::span<const Array> operands;
  const Attributes& attributes;
  Array result;
  std::span<const std::byte> literal;
  Place place;
};

void compute(const Computation& computation);

// One function a family, in the file of its name.
void compute_elementwise(const Computation&);  // the rows of the op table, and where
void compute_cast(const Computation&);
void compute_generated(const Computation&);  // constant, literal, iota, uniform
void compute_reduction(const Computation&);
void compute_matmul(const Computation&);
void compute_movement(const Computation&);
void compute_gather(const Computation&);

}  // namespace tendon::cpu
