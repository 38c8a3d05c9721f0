#include "tests/support/random_tape.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <optional>
#include <random>

#include "host/autodiff/differentiate.h"
#include "host/cpu/cpu_backend.h"
#include "host/cpu/visit.h"
#include "host/ops/checks.h"
#include "host/ops/op_row.h"
#include "host/support/text.h"
#include "tests/support/operand_class.h"

namespace tendon::test {
namespace {

struct Row {
  Op op;
  std::size_t arity;

  const ops::Elementwise& table() const { return ops::row(op).elementwise; }
  bool takes(DType dtype) const { return test::takes(table(), dtype); }
};

constexpr Row kRows[] = {
#define TENDON_UNARY(name, ...) {Op::name, 1},
#define TENDON_UNARY_PARAMETER(name, ...) {Op::name, 1},
#define TENDON_BINARY(name, ...) {Op::name, 2},
#define TENDON_TERNARY(name, ...) {Op::name, 3},
#include <tendon/op_table.inc>
};

constexpr std::int64_t kMostElements = 120'000;  // of a value
constexpr int kMostAxes = 6;

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed * 0x9e3779b97f4a7c15ULL + 1) {
    is_dyadic_ = seed % 2 == 0;
    has_specials_ = chance(20);
    order_ = chance(60) ? 0 : chance(60) ? 1 : 2;
    work_ = order_ == 0 ? 300'000 : order_ == 1 ? 40'000 : 12'000;
    typical_elements_ = std::array{30, 300, 3000}[below(order_ == 2 ? 2 : 3)];
    dtype_ = pick({DType::f32, DType::f32, DType::f32, DType::f64, DType::f64, DType::f16,
                   DType::bf16, DType::i32});
    for (int i = 0; i < 2; ++i) shapes_.push_back(random_shape());
  }

  RandomTape make() {
    for (const Shape& shape : shapes_) add(leaf(dtype_, shape));
    const std::uint64_t steps = 1 + below(order_ < 2 && chance(40) ? 100 : 20);
    for (std::uint64_t i = 0; i < steps && work_ > 0; ++i) step();
    Tape tape = std::move(builder_).finish(targets());
    for (int i = 0; i < order_; ++i) tape = with_gradients(std::move(tape));
    return {std::move(tape), std::move(inputs_)};
  }

 private:
  // Numbers. std's distributions differ between libraries.
  std::uint64_t below(std::uint64_t count) { return random_() % count; }
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(high - low + 1)));
  }
  bool chance(std::uint64_t percent) { return below(100) < percent; }
  double real(double low, double high) {
    return low + (high - low) * static_cast<double>(random_() >> 11) * 0x1p-53;
  }
  template <class T>
  T pick(std::initializer_list<T> of) {
    return of.begin()[below(of.size())];
  }
  template <class T>
  const T& pick(const std::vector<T>& of) {
    return of[below(of.size())];
  }

  // Shapes.
  Shape random_shape() {
    if (chance(8)) {
      return pick({Shape(40'000), Shape(8, 5000), Shape(5000, 3), Shape(2, 20'000), Shape(3000, 4),
                   Shape(16, 1025), Shape(100, 1000)});
    }
    Shape shape;
    const auto rank = pick({0, 1, 1, 2, 2, 2, 3, 3, 4, 5});
    for (int i = 0; i < rank; ++i) {
      const std::int64_t extent = pick<std::int64_t>({1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33, 64, 100});
      shape.push_back(shape.size() * extent <= typical_elements_ ? extent : between(1, 2));
    }
    if (rank > 0 && chance(4)) shape[static_cast<int>(below(static_cast<std::uint64_t>(rank)))] = 0;
    return shape;
  }
  // One that broadcasts with the given.
  Shape partner(const Shape& shape) {
    if (chance(35)) return shape;
    Shape result;
    const auto dropped = chance(50) ? 0 : between(0, shape.rank());
    for (int i = static_cast<int>(dropped); i < shape.rank(); ++i) {
      const bool stretches = shape[i] == 1 && chance(30) && shape.size() < typical_elements_;
      result.push_back(stretches ? between(1, 5) : chance(40) ? 1 : shape[i]);
    }
    return result;
  }
  bool fits(const Shape& shape) const {
    return shape.rank() <= kMostAxes && shape.size() <= kMostElements && shape.size() <= work_;
  }
  int axis_of(Ref value) {
    return static_cast<int>(below(static_cast<std::uint64_t>(builder_.shape(value).rank())));
  }
  // Counted from the end sometimes.
  int signed_axis(int axis, int rank) { return chance(30) ? axis - rank : axis; }

  // Elements.
  double ordinary(DType dtype) {
    if (dtype == DType::boolean) return static_cast<double>(below(2));
    if (is_integer(dtype)) return static_cast<double>(between(-9, 9));
    if (is_dyadic_) return static_cast<double>(between(-8, 8)) * (chance(20) ? 0.25 : 1);
    return is_positive_ ? real(0.2, 3) : real(-3, 3);
  }
  double special(DType dtype) {
    if (is_integer(dtype)) return pick({0.0, -1.0, 2147483647.0, -2147483648.0, 65536.0});
    constexpr double kInfinity = std::numeric_limits<double>::infinity();
    const double huge = dtype == DType::f64 ? 1e300 : dtype == DType::f16 ? 60000.0 : 3e38;
    return pick({std::numeric_limits<double>::quiet_NaN(), kInfinity, -kInfinity, -0.0, 0.0, huge,
                 -huge,
                 dtype == DType::f64   ? 5e-320
                 : dtype == DType::f16 ? 1e-7
                                       : 1e-40});
  }
  std::vector<std::byte> elements(DType dtype, const Shape& shape) {
    is_positive_ = chance(40);
    const bool has_specials = has_specials_ && dtype != DType::boolean && chance(60);
    std::vector<std::byte> bytes(static_cast<std::size_t>(shape.size()) * size_bytes(dtype));
    cpu::visit(dtype, [&]<class T>() {
      auto* into = reinterpret_cast<T*>(bytes.data());
      for (std::int64_t i = 0; i < shape.size(); ++i) {
        const double element = has_specials && chance(6) ? special(dtype) : ordinary(dtype);
        into[i] =
            sizeof(T) == 2 ? static_cast<T>(static_cast<float>(element)) : static_cast<T>(element);
      }
    });
    return bytes;
  }

  // Leaves.
  Ref input(DType dtype, const Shape& shape, std::vector<std::byte> bytes) {
    inputs_.push_back(std::move(bytes));
    return builder_.input(dtype, shape, fmt::format("x{}", inputs_.size() - 1));
  }
  Ref literal(DType dtype, const Shape& shape, const std::vector<std::byte>& bytes) {
    return cpu::visit(dtype, [&]<class T>() {
      const std::span values(reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T));
      return builder_.constant<T>(values, shape);
    });
  }
  Ref leaf(DType dtype, const Shape& shape) {
    const std::uint64_t kind = below(100);
    if (kind < 10) return builder_.constant(ordinary(dtype), dtype, shape);
    if (kind < 20 && shape.size() < 1000) return literal(dtype, shape, elements(dtype, shape));
    if (kind < 27 && shape.rank() > 0 && dtype != DType::boolean) {
      const auto axis = static_cast<int>(below(static_cast<std::uint64_t>(shape.rank())));
      return builder_.apply(Op::iota, {}, {.axes = axis, .shape = shape, .dtype = dtype});
    }
    if (kind < 34 && is_floating(dtype) && !is_dyadic_) {
      return builder_.apply(Op::uniform, {},
                            {.shape = shape, .key = {below(1000), below(1000)}, .dtype = dtype});
    }
    return input(dtype, shape, elements(dtype, shape));
  }
  Ref number(double value, Ref like) {
    const DType dtype = builder_.dtype(like);
    return chance(80) ? builder_.constant(value, dtype)
                      : builder_.constant(value, dtype, builder_.shape(like));
  }

  // Values.
  Ref add(Ref value) {
    values_.push_back(value);
    return value;
  }
  Ref apply(Op op, std::initializer_list<Ref> operands, const Attributes& attributes = {}) {
    return apply(op, std::span(operands.begin(), operands.size()), attributes);
  }
  Ref apply(Op op, std::span<const Ref> operands, const Attributes& attributes = {}) {
    const Ref value = builder_.apply(op, operands, attributes);
    work_ -= builder_.shape(value).size();
    return value;
  }
  // One of the last few, more often than not.
  Ref any() {
    constexpr std::size_t kFew = 5;
    const bool recent = chance(60) && values_.size() > kFew;
    return values_[recent ? values_.size() - 1 - below(kFew) : below(values_.size())];
  }
  template <class Wanted>
  std::optional<Ref> find(Wanted&& wanted) {
    for (int i = 0; i < 12; ++i) {
      const Ref value = any();
      if (wanted(value)) return value;
    }
    return std::nullopt;
  }
  Ref cast(Ref value, DType dtype) {
    return builder_.dtype(value) == dtype ? value : apply(Op::cast, {value}, {.dtype = dtype});
  }
  DType floating_dtype() {
    if (is_floating(dtype_) && chance(80)) return dtype_;
    return pick({DType::f32, DType::f32, DType::f64, DType::f16, DType::bf16});
  }
  Ref any_floating() {
    const auto found = find([&](Ref value) { return is_floating(builder_.dtype(value)); });
    return found ? *found : cast(any(), floating_dtype());
  }
  Ref any_with_axes(int least) {
    const auto found = find([&](Ref value) { return builder_.shape(value).rank() >= least; });
    if (found) return *found;
    Shape shape = random_shape();
    while (shape.rank() < least) shape.push_back(between(1, 5));
    return leaf(dtype_, shape);
  }
  // One to stand beside another, from the values or new.
  Ref beside(Ref other, DType dtype) {
    const Shape shape = builder_.shape(other);
    if (chance(50)) {
      const auto found = find([&](Ref value) {
        Shape together;
        return builder_.dtype(value) == dtype &&
               ops::broadcast(shape, builder_.shape(value), together) && fits(together);
      });
      if (found) return *found;
    }
    if (chance(15)) return number(ordinary(dtype), cast(other, dtype));
    return add(leaf(dtype, partner(shape)));
  }
  // Brings numbers into a range.
  Ref inside(Ref value, double low, double high) {
    const Ref wave = apply(Op::sin, {value});
    const Ref scaled = apply(Op::mul, {wave, number((high - low) / 2, value)});
    return apply(Op::add, {scaled, number((high + low) / 2, value)});
  }

  // Ops.
  void step() {
    const std::uint64_t kind = below(100);
    if (kind < 42) return chain();
    if (kind < 47) return select();
    if (kind < 51) return convert();
    if (kind < 67) return views();
    if (kind < 80) return reduce();
    if (kind < 87) return multiply();
    if (kind < 92) return index();
    if (kind < 98) return pattern();
    add(leaf(pick({dtype_, dtype_, DType::i64, DType::boolean}),
             chance(70) ? pick(shapes_) : random_shape()));
  }

  // Rows of the table, most of them on the result of the one before.
  void chain() {
    std::optional<Ref> value;
    const std::uint64_t count = 1 + below(6);
    for (std::uint64_t i = 0; i < count && work_ > 0; ++i) {
      value = elementwise(chance(80) ? value : std::nullopt);
    }
  }
  std::optional<Ref> elementwise(std::optional<Ref> last) {
    Row row = kRows[below(std::size(kRows))];
    // Those with a tolerance of an ulp are arithmetic: on small dyadic numbers they are exact.
    while (is_dyadic_ && row.table().tolerance > 1 && chance(85)) {
      row = kRows[below(std::size(kRows))];
    }
    const auto found = last && row.takes(builder_.dtype(*last))
                           ? last
                           : find([&](Ref value) { return row.takes(builder_.dtype(value)); });
    const DType dtype =
        row.table().operands == ops::OperandClass::boolean ? DType::boolean : floating_dtype();
    std::vector<Ref> operands = {found ? *found : cast(any(), dtype)};
    while (operands.size() < row.arity) {
      Shape together;
      const Ref other = beside(operands[0], builder_.dtype(operands[0]));
      for (const Ref operand : operands) {
        const Shape before = operand == operands[0] ? Shape() : together;
        if (!ops::broadcast(before, builder_.shape(operand), together)) return std::nullopt;
      }
      if (!ops::broadcast(together, builder_.shape(other), together) || !fits(together))
        return std::nullopt;
      operands.push_back(other);
    }
    if (row.arity > 1 && chance(40)) std::swap(operands.front(), operands.back());
    const auto [low, high] = row.table().domain;
    if (high - low < 18 && is_floating(builder_.dtype(operands[0])) &&
        chance(is_dyadic_ ? 5 : 50)) {
      operands.back() = inside(operands.back(), low, high);
    }
    Attributes attributes;
    if (row.op == Op::polygamma) attributes.number = static_cast<double>(between(1, 3));
    if (row.op == Op::leaky_relu || row.op == Op::elu) attributes.number = 0.25;
    return add(apply(row.op, operands, attributes));
  }

  void select() {
    const Ref a = any();
    const Ref b = beside(a, builder_.dtype(a));
    const Ref condition =
        chance(30) ? apply(Op::greater, {b, number(0, b)}) : beside(a, DType::boolean);
    Shape together;
    if (builder_.dtype(condition) != DType::boolean ||
        !ops::broadcast(builder_.shape(a), builder_.shape(b), together) ||
        !ops::broadcast(together, builder_.shape(condition), together) || !fits(together)) {
      return;
    }
    add(apply(Op::where, {condition, chance(50) ? a : b, chance(50) ? b : a}));
  }

  void convert() {
    add(apply(Op::cast, {any()},
              {.dtype = pick({dtype_, dtype_, DType::f32, DType::f64, DType::f16, DType::bf16,
                              DType::i32, DType::i64, DType::boolean})}));
  }

  // A chain of them.
  void views() {
    Ref value = any();
    const std::uint64_t count = 1 + below(4);
    for (std::uint64_t i = 0; i < count; ++i) {
      value = view(value);
      if (chance(30)) add(value);
    }
    add(value);
  }
  Ref view(Ref value) {
    switch (below(6)) {
      case 0: return reshaped(value);
      case 1: return transposed(value);
      case 2: return stretched(value);
      case 3: return window(value);
      case 4: return scattered(value);
      default: return joined(value);
    }
  }
  Ref reshaped(Ref value) {
    const Shape from = builder_.shape(value);
    std::vector<std::int64_t> extents;
    std::int64_t left = from.size();
    while (left > 1 && extents.size() < 4) {
      std::int64_t extent = pick<std::int64_t>({2, 3, 4, 5, 8, 10, left});
      if (left % extent != 0) extent = left;
      extents.push_back(extent);
      left /= extent;
    }
    if (from.size() == 0) extents = {chance(50) ? 3 : 1, 0};
    if (left > 1) extents.push_back(left);
    for (std::size_t i = extents.size(); i > 1; --i) std::swap(extents[i - 1], extents[below(i)]);
    if (chance(40)) extents.insert(extents.begin() + between(0, std::ssize(extents)), 1);
    return apply(Op::reshape, {value}, {.shape = Shape(extents)});
  }
  Ref transposed(Ref value) {
    const int rank = builder_.shape(value).rank();
    std::vector<int> axes;
    for (int i = 0; i < rank; ++i) axes.push_back(i);
    for (std::size_t i = axes.size(); i > 1; --i) std::swap(axes[i - 1], axes[below(i)]);
    for (int& axis : axes) axis = signed_axis(axis, rank);
    return apply(Op::transpose, {value}, {.axes = Axes(axes)});
  }
  Ref stretched(Ref value) {
    const Shape from = builder_.shape(value);
    Shape shape;
    for (std::int64_t i = between(0, 2); i > 0; --i) shape.push_back(between(1, 4));
    for (const std::int64_t extent : from) {
      shape.push_back(extent == 1 && chance(60) ? between(chance(5) ? 0 : 1, 9) : extent);
    }
    if (!fits(shape)) return value;
    return apply(Op::broadcast_to, {value}, {.shape = shape});
  }
  // begin and step of `part` elements inside `whole`; a part that does not fit is made to.
  void place(std::int64_t whole, std::int64_t& part, Attributes& attributes) {
    std::int64_t step = pick<std::int64_t>({1, 1, 1, 2, 3, -1, -2});
    if (whole == 0) part = 0;
    if (part > 0 && (part - 1) * std::abs(step) >= whole) step = step < 0 ? -1 : 1;
    const std::int64_t reach = part == 0 ? 0 : (part - 1) * std::abs(step);
    const std::int64_t first = whole == 0 ? 0 : between(0, whole - 1 - reach);
    attributes.begin.push_back(step < 0 ? first + reach : first);
    attributes.step.push_back(step);
  }
  Ref window(Ref value) {
    Attributes attributes;
    for (const std::int64_t extent : Shape(builder_.shape(value))) {
      std::int64_t part = chance(40)    ? extent
                          : extent == 0 ? 0
                                        : between(chance(3) ? 0 : 1, extent);
      place(extent, part, attributes);
      attributes.shape.push_back(part);
    }
    return apply(Op::slice, {value}, attributes);
  }
  Ref scattered(Ref value) {
    Attributes attributes;
    for (std::int64_t extent : Shape(builder_.shape(value))) {
      const std::int64_t whole = chance(50) ? extent : extent + between(0, extent < 100 ? 7 : 1);
      place(whole, extent, attributes);
      attributes.shape.push_back(whole);
    }
    if (!fits(attributes.shape)) return value;
    return apply(Op::unslice, {value}, attributes);
  }
  Ref joined(Ref value) {
    const Shape shape = builder_.shape(value);
    if (shape.rank() == 0) return value;
    const int axis = axis_of(value);
    std::vector<Ref> parts = {value};
    const std::uint64_t count = 2 + below(4);
    if (shape.size() * static_cast<std::int64_t>(count) > std::min(work_, kMostElements)) {
      return value;
    }
    while (parts.size() < count) {
      const auto found = find([&](Ref other) {
        Shape like = builder_.shape(other);
        if (builder_.dtype(other) != builder_.dtype(value) || like.rank() != shape.rank())
          return false;
        like[axis] = shape[axis];
        return like == shape && builder_.shape(other)[axis] <= 2 * shape[axis];
      });
      Shape other = shape;
      other[axis] = chance(10) ? 0 : between(1, 5);
      parts.push_back(found && chance(70) ? *found : leaf(builder_.dtype(value), other));
    }
    std::swap(parts[0], parts[below(parts.size())]);
    if (!fits(builder_.shape(parts[0]))) return value;
    return apply(Op::concat, parts, {.axes = signed_axis(axis, shape.rank())});
  }

  // Some axes: none of them named is all of them.
  Axes some_axes(int rank) {
    std::vector<int> axes;
    switch (rank == 0 ? 0 : below(5)) {
      case 0: break;
      case 1: axes.push_back(rank - 1); break;
      case 2: axes.push_back(0); break;
      default:
        for (int i = 0; i < rank; ++i) {
          if (chance(50)) axes.push_back(i);
        }
    }
    if (axes.size() > 1 && chance(30)) std::swap(axes.front(), axes.back());
    for (int& axis : axes) axis = signed_axis(axis, rank);
    return Axes(axes);
  }
  void reduce() {
    Op op = pick({Op::reduce_sum, Op::reduce_sum, Op::reduce_sum, Op::reduce_max, Op::reduce_min,
                  Op::argmax, Op::argmin});
    const auto found = find([&](Ref value) {
      return (builder_.dtype(value) != DType::boolean || op != Op::reduce_sum) &&
             (builder_.shape(value).size() > 0 || op == Op::reduce_sum);
    });
    if (!found) return;
    const Ref value = chance(25) && builder_.shape(*found).size() > 0 ? window(*found) : *found;
    const int rank = builder_.shape(value).rank();
    work_ -= builder_.shape(value).size();
    if (builder_.shape(value).size() == 0) op = Op::reduce_sum;
    if (op == Op::reduce_sum && builder_.dtype(value) == DType::boolean) return;
    if (op == Op::argmax || op == Op::argmin) {
      if (rank > 0) add(apply(op, {value}, {.axes = signed_axis(axis_of(value), rank)}));
      return;
    }
    const Ref result = add(apply(op, {value}, {.axes = some_axes(rank), .keep_dims = chance(50)}));
    if (op != Op::reduce_sum || !is_floating(builder_.dtype(value)) || is_dyadic_) return;
    if (chance(60)) {
      const auto shrink = static_cast<double>(std::max<std::int64_t>(
          1,
          builder_.shape(value).size() / std::max<std::int64_t>(1, builder_.shape(result).size())));
      add(apply(Op::mul, {result, number(1 / shrink, result)}));
    }
  }

  // A matrix product with a batch of either side, then a bias and relu.
  void multiply() {
    const Ref found = any_with_axes(2);
    const Ref a = builder_.dtype(found) == DType::boolean ? cast(found, floating_dtype()) : found;
    const Shape from = builder_.shape(a);
    const bool transpose_a = chance(30);
    const bool transpose_b = chance(30);
    const std::int64_t inner = from[from.rank() - (transpose_a ? 2 : 1)];
    const std::int64_t columns = chance(3) ? 0 : pick<std::int64_t>({1, 2, 3, 5, 8, 16, 17});
    Shape other;
    if (chance(40)) {
      for (int i = 0; i + 2 < from.rank(); ++i) other.push_back(chance(30) ? 1 : from[i]);
    } else if (from.rank() < 4 && chance(20)) {
      for (int i = 0; i + 2 < from.rank(); ++i) other.push_back(1);
      other = from.rank() == 2 ? Shape(between(1, 3)) : other;
    }
    other.push_back(transpose_b ? columns : inner);
    other.push_back(transpose_b ? inner : columns);
    const std::int64_t batch_and_rows = inner == 0 ? 1 : from.size() / inner * 3;
    if (batch_and_rows * inner * columns > work_ || !fits(other)) return;
    work_ -= batch_and_rows * inner * columns / 4;
    const DType dtype = builder_.dtype(a);
    const auto same = find([&](Ref value) {
      return builder_.dtype(value) == dtype && builder_.shape(value) == other;
    });
    const Ref b = same ? *same : add(leaf(dtype, other));
    Ref result =
        add(apply(Op::matmul, {a, b}, {.transpose_a = transpose_a, .transpose_b = transpose_b}));
    if (!is_dyadic_ && is_floating(dtype) && chance(50)) {
      result = add(apply(Op::mul, {result, number(1.0 / static_cast<double>(inner + 1), result)}));
    }
    if (!chance(60)) return;
    result = apply(Op::add, {result, leaf(dtype, Shape(columns))});
    add(apply(pick({Op::relu, Op::relu, Op::neg}), {result}));
  }

  // Indices into an extent.
  Ref indices(const Shape& shape, std::int64_t extent) {
    const DType dtype = pick({DType::i32, DType::i64});
    std::vector<std::byte> bytes(static_cast<std::size_t>(shape.size()) * size_bytes(dtype));
    for (std::int64_t i = 0; i < shape.size(); ++i) {
      const std::int64_t at = between(-extent, extent - 1);
      const auto narrow = static_cast<std::int32_t>(at);
      std::byte* into = bytes.data() + static_cast<std::size_t>(i) * size_bytes(dtype);
      if (dtype == DType::i64) {
        std::memcpy(into, &at, sizeof(at));
      } else {
        std::memcpy(into, &narrow, sizeof(narrow));
      }
    }
    return chance(50) ? literal(dtype, shape, bytes) : input(dtype, shape, std::move(bytes));
  }
  void index() {
    const Ref value = any_with_axes(1);
    const Shape shape = builder_.shape(value);
    const int axis = axis_of(value);
    const Axes axes(signed_axis(axis, shape.rank()));
    if (builder_.dtype(value) == DType::boolean || chance(50)) {
      if (shape[axis] == 0) return;
      Shape picked = pick({Shape(), Shape(3), Shape(2, 3), Shape(17), Shape(0)});
      if (shape.rank() - 1 + picked.rank() > kMostAxes) return;
      if (shape.size() / shape[axis] * picked.size() > work_) picked = Shape();
      add(apply(Op::gather, {value, indices(picked, shape[axis])}, {.axes = axes}));
    } else {
      Shape into = shape;
      into[axis] = between(1, 9);
      if (!fits(into)) return;
      add(apply(Op::scatter_add, {value, indices(Shape(shape[axis]), into[axis])},
                {.axes = axes, .shape = into}));
    }
  }

  // What layers are made of.
  void pattern() {
    const auto found = find([&](Ref value) {
      const Shape& shape = builder_.shape(value);
      return is_floating(builder_.dtype(value)) && shape.rank() > 0 && shape.size() > 0;
    });
    if (!found) return;
    const Ref x = *found;
    const int rank = builder_.shape(x).rank();
    const Axes axes(chance(80) ? rank - 1 : axis_of(x));
    work_ -= 6 * builder_.shape(x).size();
    if (work_ < 0) return;
    if (chance(35)) return normalize(x, axes);
    const Ref greatest = apply(Op::reduce_max, {x}, {.axes = axes, .keep_dims = true});
    const Ref shifted = apply(Op::sub, {x, apply(Op::stop_gradient, {greatest})});
    const Ref powers = apply(Op::exp, {shifted});
    const Ref sum = apply(Op::reduce_sum, {powers}, {.axes = axes, .keep_dims = true});
    if (chance(35)) {
      add(apply(Op::div, {powers, sum}));
      return;
    }
    const Ref logs = add(apply(Op::sub, {shifted, apply(Op::log, {sum})}));
    if (chance(40)) return;
    // Cross-entropy, with the labels spread over the axis.
    const int axis = axes[0];
    Shape shape = builder_.shape(x);
    const Ref counts =
        builder_.apply(Op::iota, {}, {.axes = axis, .shape = shape, .dtype = DType::i64});
    const std::int64_t extent = shape[axis];
    shape[axis] = 1;
    const Ref hot = apply(Op::equal, {counts, cast(indices(shape, extent), DType::i64)});
    const Ref chosen =
        chance(50)
            ? apply(Op::where, {hot, logs, number(0, logs)})
            : apply(Op::mul, {logs, apply(Op::cast, {hot}, {.dtype = builder_.dtype(logs)})});
    const Ref losses = apply(Op::neg, {apply(Op::reduce_sum, {chosen}, {.axes = axes})});
    add(chance(50) ? losses : apply(Op::reduce_sum, {losses}));
  }
  void normalize(Ref x, const Axes& axes) {
    const auto extent = static_cast<double>(builder_.shape(x)[axes[0]]);
    const Attributes over{.axes = axes, .keep_dims = true};
    const Ref share = number(1 / extent, apply(Op::reduce_sum, {x}, over));
    const Ref mean = apply(Op::mul, {apply(Op::reduce_sum, {x}, over), share});
    const Ref centred = apply(Op::sub, {x, mean});
    const Ref squares = apply(Op::square, {centred});
    const Ref variance = apply(Op::mul, {apply(Op::reduce_sum, {squares}, over), share});
    const Ref scale = apply(Op::rsqrt, {apply(Op::add, {variance, number(1e-3, variance)})});
    const Ref normal = add(apply(Op::mul, {centred, scale}));
    if (chance(50)) return;
    const DType dtype = builder_.dtype(x);
    const Shape last(builder_.shape(x)[builder_.shape(x).rank() - 1]);
    const Ref gained = apply(Op::mul, {normal, leaf(dtype, last)});
    add(apply(Op::add, {gained, leaf(dtype, last)}));
  }

  std::vector<Ref> targets() {
    std::vector<Ref> targets = {values_.back()};
    const std::uint64_t more = 1 + below(7);
    for (std::uint64_t i = 0; i < more; ++i) targets.push_back(any());
    if (chance(15)) targets.push_back(pick(targets));
    if (chance(10)) targets.push_back(Ref{static_cast<std::uint32_t>(below(builder_.size()))});
    if (order_ > 0) targets.push_back(any_floating());
    for (std::size_t i = targets.size(); i > 1; --i) std::swap(targets[i - 1], targets[below(i)]);
    return targets;
  }

  // The tape and its gradients by some of the inputs, which are targets then.
  Tape with_gradients(Tape tape) {
    std::vector<autodiff::SourceValue> sources;
    for (const Ref value : tape.inputs()) {
      if (!is_floating(tape.dtype(value)) || (!sources.empty() && chance(40))) continue;
      sources.push_back({value, static_cast<std::uint32_t>(sources.size())});
    }
    const std::vector<std::uint8_t> live = autodiff::differentiable_edges(tape);
    const autodiff::Mask mask =
        autodiff::reachability_of_any(cpu::backend(), tape, live, sources, tape.targets());
    std::vector<Ref> targets(tape.targets().begin(), tape.targets().end());
    autodiff::Differentiated result =
        autodiff::differentiate(std::move(tape), {}, sources, sources.size(), live, mask);
    for (const std::optional<Ref>& gradient : result.gradients) {
      if (gradient) targets.push_back(*gradient);
    }
    return TapeBuilder(std::move(result.tape)).finish(targets);
  }

  std::mt19937_64 random_;
  bool is_dyadic_ = false;
  bool has_specials_ = false;
  bool is_positive_ = false;
  int order_ = 0;
  std::int64_t work_ = 0;  // elements that may still be computed
  std::int64_t typical_elements_ = 0;
  DType dtype_ = DType::f32;
  std::vector<Shape> shapes_;
  TapeBuilder builder_;
  std::vector<std::vector<std::byte>> inputs_;
  std::vector<Ref> values_;  // what ops may take
};

}  // namespace

RandomTape random_tape(std::uint64_t seed) { return Generator(seed).make(); }

}  // namespace tendon::test
