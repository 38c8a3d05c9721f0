// Tensor: making one from values, reading one, printing one.
#include <tendon/error.h>
#include <tendon/ops.h>

#include <cmath>
#include <cstring>
#include <ostream>

#include "host/ops/checks.h"
#include "host/record/evaluate.h"
#include "host/record/recorder.h"
#include "host/support/text.h"

namespace tendon {
namespace {

using record::Node;

// The values of a tensor, on the host. Not counted as a host read.
support::PoolVector<std::byte> values_of(Node& node) {
  Node* nodes[] = {&node};
  record::evaluate(nodes);
  support::PoolVector<std::byte> bytes(static_cast<std::size_t>(node.type.shape.size()) *
                                       size_bytes(node.type.dtype));
  node.value->copy_to_host(bytes.data());
  return bytes;
}

support::PoolVector<std::byte> read_values(Node& node, Place place) {
  support::PoolVector<std::byte> bytes = values_of(node);
  node.value->backend().count_host_read();
  record::recorder().host_read(node, bytes.data(), place);
  return bytes;
}

}  // namespace

Tensor record::from_host(const void* values, const ops::Type& type, Device device, Place place) {
  const std::size_t bytes = static_cast<std::size_t>(type.shape.size()) * size_bytes(type.dtype);
  plan::Backend& backend = backend_of(device);
  auto storage = std::allocate_shared<Storage>(support::PoolAllocator<Storage>(), backend, bytes,
                                               "from", place);
  backend.copy_from_host(storage->data(), values, bytes);
  return recorder().data(values, std::move(storage), type, device, place);
}

double record::scalar_of(const Tensor& scalar) {
  Node& node = node_of(scalar, "scalar_of", Place());
  const support::PoolVector<std::byte> bytes = values_of(node);
  if (node.type.dtype == DType::f64) {
    double value = 0;
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  std::int64_t value = 0;
  std::memcpy(&value, bytes.data(), sizeof value);
  return static_cast<double>(value);
}

Tensor::Tensor(double scalar, Place place)
    : Tensor(record::recorder().given(scalar, DType::f32, {}, default_device(), place)) {}

Tensor Tensor::from_bytes(const void* values, std::int64_t count, DType dtype, const Shape& shape,
                          Place place) {
  ops::check_extents({Op::literal, {}, {}, place}, shape);
  if (count != shape.size()) {
    throw ShapeError(fmt::format("from{}: {} values for shape {}, which has {}", support::at(place),
                                 count, shape, shape.size()));
  }
  return record::from_host(values, {dtype, shape}, default_device(), place);
}

Tensor Tensor::from(const std::vector<bool>& values, const Shape& shape, Place place) {
  const std::vector<char> bytes(values.begin(), values.end());
  return from_bytes(bytes.data(), static_cast<std::int64_t>(bytes.size()), DType::boolean, shape,
                    place);
}

const Shape& Tensor::shape(Place place) const {
  return record::node_of(*this, "shape", place).type.shape;
}
DType Tensor::dtype(Place place) const { return record::node_of(*this, "dtype", place).type.dtype; }
Device Tensor::device(Place place) const { return record::node_of(*this, "device", place).device; }

Tensor::Scalar Tensor::read_scalar(Place place) const {
  Node& node = record::node_of(*this, "item", place);
  if (node.type.shape.size() != 1) {
    throw ShapeError(fmt::format("item{}: a tensor of shape {} is not one number",
                                 support::at(place), node.type.shape));
  }
  const support::PoolVector<std::byte> bytes = read_values(node, place);
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, bytes.data(), sizeof value);
    return value;
  };
  switch (node.type.dtype) {
    case DType::boolean: return {true, as(bool{}) ? 1 : 0, 0};
    case DType::i32: return {true, as(std::int32_t{}), 0};
    case DType::i64: return {true, as(std::int64_t{}), 0};
    case DType::f16: return {false, 0, as(half{})};
    case DType::bf16: return {false, 0, as(bfloat16{})};
    case DType::f32: return {false, 0, as(float{})};
    case DType::f64: return {false, 0, as(double{})};
  }
  __builtin_unreachable();
}

void Tensor::compute(Place place) const {
  Node* nodes[] = {&record::node_of(*this, "to_vector", place)};
  record::evaluate(nodes);
}

void Tensor::read_bytes(void* destination, Place place) const {
  const Node& node = *node_;
  node.value->copy_to_host(destination);
  node.value->backend().count_host_read();
  record::recorder().host_read(node, destination, place);
}

void detail::throw_host_memory(std::int64_t bytes, Place place) {
  const Counters now = counters(Device::cpu());
  throw OutOfMemory(fmt::format("to_vector{}: no memory on the host for a copy of {}",
                                support::at(place), support::text_bytes(bytes)),
                    bytes, now.bytes_allocated, -1);
}

void Tensor::check_elements(DType asked, Place place) const {
  const DType actual = record::node_of(*this, "to_vector", place).type.dtype;
  if (asked == actual) return;
  throw DTypeError(fmt::format("to_vector{}: asked for {} elements of a tensor of {}{}",
                               support::at(place), asked, actual,
                               support::literal_hint(asked, actual)));
}

Tensor Tensor::to(Device device, Place place) const {
  Node& node = record::node_of(*this, "to", place);
  if (node.device == device) return *this;
  record::backend_of(device);  // it is there
  return record::recorder().copy(node, device, place);
}

Tensor Tensor::cast(DType dtype, Place place) const {
  record::node_of(*this, "cast", place);
  return tendon::cast({*this, place}, dtype);
}

namespace {

void print_element(std::ostream& stream, DType dtype, const std::byte* at) {
  const auto as = [&]<class T>(T value) {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (dtype) {
    case DType::boolean: stream << (as(bool{}) ? "true" : "false"); return;
    case DType::i32: stream << as(std::int32_t{}); return;
    case DType::i64: stream << as(std::int64_t{}); return;
    case DType::f16: stream << fmt::format("{:.4g}", static_cast<float>(as(half{}))); return;
    case DType::bf16: stream << fmt::format("{:.3g}", static_cast<float>(as(bfloat16{}))); return;
    case DType::f32: stream << fmt::format("{:.7g}", as(float{})); return;
    case DType::f64: stream << fmt::format("{:.10g}", as(double{})); return;
  }
}

constexpr std::int64_t kAllBelow = 8;  // an axis longer than this shows its ends
constexpr std::int64_t kEnds = 3;

void print_axis(std::ostream& stream, const Node& node, const std::byte* values, int axis,
                std::int64_t at) {
  const Shape& shape = node.type.shape;
  if (axis == shape.rank()) {
    return print_element(stream, node.type.dtype,
                         values + at * static_cast<std::int64_t>(size_bytes(node.type.dtype)));
  }
  stream << '[';
  for (std::int64_t i = 0; i < shape[axis]; ++i) {
    if (i > 0) stream << ", ";
    if (shape[axis] > kAllBelow && i == kEnds) {
      stream << "..., ";
      i = shape[axis] - kEnds;
    }
    print_axis(stream, node, values, axis + 1, at * shape[axis] + i);
  }
  stream << ']';
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const Tensor& tensor) {
  if (tensor.is_empty_handle()) return stream << "Tensor (empty)";
  Node& node = *tensor.node();
  const support::PoolVector<std::byte> values = values_of(node);
  stream << "Tensor " << node.type.dtype << ' ' << node.type.shape << ' ';
  print_axis(stream, node, values.data(), 0, 0);
  return stream;
}

namespace {

Tensor filled(const Shape& shape, double value, DType dtype, Device device, Place place) {
  record::Recorder& recorder = record::recorder();
  if (recorder.called() == nullptr && shape.rank() == 0)
    return recorder.given(value, dtype, shape, device, place);
  const record::Named named("full");
  return recorder.constant(value, dtype, shape, device, place);
}

}  // namespace

Tensor full(const Shape& shape, double value, DType dtype, Place place) {
  return filled(shape, value, dtype, default_device(), place);
}
Tensor record::zeros_on(Device device, const Shape& shape, DType dtype, Place place) {
  const Named named("zeros");
  return recorder().constant(0, dtype, shape, device, place);
}
Tensor zeros(const Shape& shape, DType dtype, Place place) {
  return record::zeros_on(default_device(), shape, dtype, place);
}
Tensor ones(const Shape& shape, DType dtype, Place place) {
  const record::Named named("ones");
  return full(shape, 1, dtype, place);
}
Tensor full_like(const Tensor& like, double value, Place place) {
  const Node& node = record::node_of(like, "full_like", place);
  return filled(node.type.shape, value, node.type.dtype, node.device, place);
}
Tensor zeros_like(const Tensor& like, Place place) { return full_like(like, 0, place); }
Tensor ones_like(const Tensor& like, Place place) { return full_like(like, 1, place); }

namespace {

Tensor iota(const Shape& shape, int axis, DType dtype, Place place) {
  const Attributes attributes{.axes = axis, .shape = shape, .dtype = dtype};
  return record::recorder().apply(Op::iota, {}, &attributes, place);
}

}  // namespace

Tensor arange(double start, double stop, double step, DType dtype, Place place) {
  const record::Named named("arange");
  const double count = std::ceil((stop - start) / step);
  if (step == 0 || !(std::abs(count) < 0x1p60)) {
    throw ShapeError(fmt::format("arange{}: from {} to {} by {} has no length", support::at(place),
                                 start, stop, step));
  }
  const auto extent = count > 0 ? static_cast<std::int64_t>(count) : 0;
  if (dtype == DType::boolean)
    throw DTypeError(fmt::format("arange{}: booleans do not count", support::at(place)));
  const Tensor index = iota(extent, 0, DType::f64, place);
  return cast({add({mul({index, place}, step), place}, start), place}, dtype);
}
Tensor arange(double stop, DType dtype, Place place) { return arange(0, stop, 1, dtype, place); }

Tensor linspace(double start, double stop, std::int64_t count, DType dtype, Place place) {
  const record::Named named("linspace");
  const double step = count > 1 ? (stop - start) / static_cast<double>(count - 1) : 0;
  const Tensor index = iota(count, 0, DType::f64, place);
  return cast({add({mul({index, place}, step), place}, start), place}, dtype);
}

Tensor eye(std::int64_t n, DType dtype, Place place) {
  const record::Named named("eye");
  const Shape shape(n, n);
  const Tensor rows = iota(shape, 0, DType::i64, place);
  const Tensor columns = iota(shape, 1, DType::i64, place);
  return cast({equal({rows, place}, columns), place}, dtype);
}

}  // namespace tendon
