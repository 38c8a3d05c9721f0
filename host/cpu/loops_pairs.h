// Two ops as one loop: the first's values go to the second in a register. Part of loops_variant.h,
// and included there alone.
#pragma once

// neg as a first op has an operand that it leaves alone.
struct neg_pair_formula {
  template <class T>
  static auto value_of(ops::S<T> a, ops::S<T>) {
    return -a;
  }
};

template <class First, class Second, bool kIsSecondOperand, class T>
TENDON_LOOP pair_loop(const void* a, const void* b, const void* c, void* result, std::int64_t count,
                      double) {
  for_each_padded(count, [=](std::int64_t i) {
    const ops::S<T> first = First::value_of(ops::S<T>{load<T>(a, i)}, ops::S<T>{load<T>(b, i)});
    const ops::S<T> other{load<T>(c, i)};
    static_cast<T*>(result)[i] =
        unwrap(kIsSecondOperand ? Second::value_of(other, first) : Second::value_of(first, other));
  });
}

template <class First, class Second, class T>
Loop pair_of(bool is_second_operand) {
  return is_second_operand ? Loop{pair_loop<First, Second, true, T>}
                           : Loop{pair_loop<First, Second, false, T>};
}
template <class First, class T>
Loop pair_with(Op second, bool is_second_operand) {
  switch (second) {
    case Op::add: return pair_of<First, add_formula, T>(is_second_operand);
    case Op::sub: return pair_of<First, sub_formula, T>(is_second_operand);
    case Op::mul: return pair_of<First, mul_formula, T>(is_second_operand);
    case Op::div: return pair_of<First, div_formula, T>(is_second_operand);
    case Op::scale: return pair_of<First, scale_formula, T>(is_second_operand);
    default: return nullptr;
  }
}
template <class T>
Loop pair_in(Op first, Op second, bool is_second_operand) {
  switch (first) {
    case Op::add: return pair_with<add_formula, T>(second, is_second_operand);
    case Op::sub: return pair_with<sub_formula, T>(second, is_second_operand);
    case Op::mul: return pair_with<mul_formula, T>(second, is_second_operand);
    case Op::div: return pair_with<div_formula, T>(second, is_second_operand);
    case Op::scale: return pair_with<scale_formula, T>(second, is_second_operand);
    case Op::neg: return pair_with<neg_pair_formula, T>(second, is_second_operand);
    default: return nullptr;
  }
}
inline Loop find_pair(Op first, Op second, bool is_second_operand, DType dtype) {
  if (dtype == DType::f32) return pair_in<float>(first, second, is_second_operand);
  if (dtype == DType::f64) return pair_in<double>(first, second, is_second_operand);
  return nullptr;
}
