// The layer for a framework that has a tape of its own: build a Tape, compile it, run it on
// buffers. No thread-local state.
#pragma once

#include <tendon/device.h>
#include <tendon/dtype.h>
#include <tendon/export.h>
#include <tendon/run.h>
#include <tendon/shape.h>
#include <tendon/tensor.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tendon {

namespace detail {
struct TapeArrays;  // the arrays of a Tape, for the library alone
[[noreturn]] TENDON_API void throw_no_entry(const char* call, const char* entry, std::size_t index,
                                            std::size_t count);
}  // namespace detail

enum class Op : std::uint16_t {
  input,
  constant,  // number, filled into shape, of dtype
  literal,   // values kept in the tape
  iota,      // 0, 1, 2, ... along axes[0], of shape and dtype
  uniform,   // Philox4x32-10 of key, in [0, 1), of shape and dtype (f32: 24 bits, f64: 53 bits)
// the elementwise rows of <tendon/op_table.inc>
#define TENDON_UNARY(name, ...) name,
#define TENDON_UNARY_PARAMETER(name, ...) name,
#define TENDON_BINARY(name, ...) name,
#define TENDON_TERNARY(name, ...) name,
#include <tendon/op_table.inc>
  where,  // (condition, a, b)
  cast,   // to dtype
  reduce_sum,
  reduce_max,
  reduce_min,  // over axes; keep_dims
  argmax,
  argmin,     // over axes[0]
  matmul,     // of the last two axes, each operand transposed first where its flag is set; leading
              // axes broadcast
  reshape,    // to shape
  transpose,  // axes: the permutation
  broadcast_to,  // to shape
  slice,         // begin, step; shape: the result's
  unslice,       // slice's pullback: zeros of shape, with the operand at begin, step
  concat,        // along axes[0]
  gather,        // (params, indices) along axes[0]
  scatter_add,   // gather's pullback: (updates, indices) summed into zeros of shape, along axes[0],
                 // in order
};
inline constexpr std::size_t kOpCount = static_cast<std::size_t>(Op::scatter_add) + 1;
TENDON_API const char* name(Op);  // "unknown" for no Op

// What an op needs beside its inputs; which fields it reads stands beside the op above.
struct Attributes {
  Axes axes = {};
  Shape shape = {};
  Shape begin = {};
  Shape step = {};
  double number = 0;  // a constant's value; the parameter of an elementwise row
  std::uint64_t key[2] = {0, 0};
  DType dtype = DType::f32;
  bool keep_dims = false;
  bool transpose_a = false;
  bool transpose_b = false;

  // By the bits of the number: 0 is not -0, and NaN is itself.
  friend bool operator==(const Attributes& a, const Attributes& b) {
    return a.axes == b.axes && a.shape == b.shape && a.begin == b.begin && a.step == b.step &&
           std::bit_cast<std::uint64_t>(a.number) == std::bit_cast<std::uint64_t>(b.number) &&
           a.key[0] == b.key[0] && a.key[1] == b.key[1] && a.dtype == b.dtype &&
           a.keep_dims == b.keep_dims && a.transpose_a == b.transpose_a &&
           a.transpose_b == b.transpose_b;
  }
};

// A value of a tape: the result of its id-th op.
struct Ref {
  std::uint32_t id = 0;
  friend auto operator<=>(const Ref&, const Ref&) = default;
};

// The Wengert list as flat arrays, in topological order. Immutable; TapeBuilder makes it. Error for
// a value or an input that it does not have; one that was moved from has none.
class TENDON_API Tape {
 public:
  std::uint32_t size() const { return static_cast<std::uint32_t>(ops_.size()); }
  Op op(Ref value) const { return ops_[index("op", value)]; }
  DType dtype(Ref value) const { return dtypes_[index("dtype", value)]; }
  const Shape& shape(Ref value) const { return shapes_[shape_ids_[index("shape", value)]]; }
  const Attributes& attributes(Ref value) const {
    return attributes_[attribute_ids_[index("attributes", value)]];
  }
  Place place(Ref value) const { return places_[index("place", value)]; }
  std::int64_t bytes(Ref value) const {
    return shape(value).size() * static_cast<std::int64_t>(size_bytes(dtype(value)));
  }
  std::span<const Ref> operands(Ref value) const {
    const std::uint32_t begin = operand_begin_[index("operands", value)];
    return std::span(operands_).subspan(begin, operand_begin_[value.id + 1] - begin);
  }
  std::span<const Ref> inputs() const { return inputs_; }  // in the order they were made
  std::string_view input_name(std::size_t i) const {
    if (i >= input_names_.size())
      detail::throw_no_entry("Tape::input_name", "input", i, input_names_.size());
    return input_names_[i];
  }
  std::span<const Ref> targets() const { return targets_; }
  std::span<const std::byte> literal(Ref value) const;  // the bytes; Error for another op

  // The adjacency, for what walks the whole tape: operands of op i are
  // operand_ids()[operand_begin()[i] ...].
  std::span<const std::uint32_t> operand_begin() const { return operand_begin_; }
  std::span<const Ref> operand_ids() const { return operands_; }

 private:
  friend class TapeBuilder;
  friend struct detail::TapeArrays;
  std::uint32_t index(const char* call, Ref value) const {
    if (value.id >= ops_.size()) [[unlikely]]
      detail::throw_no_entry(call, "value", value.id, ops_.size());
    return value.id;
  }
  std::vector<Op> ops_;
  std::vector<DType> dtypes_;
  std::vector<std::uint32_t> shape_ids_;
  std::vector<std::uint32_t> attribute_ids_;
  std::vector<std::uint32_t> operand_begin_{0};
  std::vector<Ref> operands_;
  std::vector<Place> places_;
  std::vector<Shape> shapes_;
  std::vector<Attributes> attributes_{Attributes{}};
  std::vector<std::vector<std::byte>> literals_;
  std::vector<Ref> inputs_;
  std::vector<std::string> input_names_;
  std::vector<Ref> targets_;
};

// Appends ops to a Tape; checks shapes and dtypes at once (ShapeError, DTypeError; the builder is
// then as it was). Operands broadcast as in NumPy, but their dtypes must be equal: cast says where
// they are not.
class TENDON_API TapeBuilder {
 public:
  TapeBuilder() = default;
  explicit TapeBuilder(Tape tape);  // goes on from a tape

  Ref input(DType dtype, const Shape& shape, std::string_view name = {},
            Place place = Place::current());
  Ref constant(double value, DType dtype, const Shape& shape = {}, Place place = Place::current());
  template <Element T>
  Ref constant(std::span<const T> values, const Shape& shape, Place place = Place::current()) {
    return literal(std::as_bytes(values), dtype_of<T>(), shape, place);
  }
  Ref apply(Op op, std::span<const Ref> operands, const Attributes& attributes = {},
            Place place = Place::current());
  Ref apply(Op op, std::initializer_list<Ref> operands, const Attributes& attributes = {},
            Place place = Place::current()) {
    return apply(op, std::span<const Ref>(operands.begin(), operands.size()), attributes, place);
  }
  Tape finish(std::span<const Ref> targets, Place place = Place::current()) &&;
  Tape finish(std::initializer_list<Ref> targets, Place place = Place::current()) && {
    return std::move(*this).finish(std::span<const Ref>(targets.begin(), targets.size()), place);
  }

  std::uint32_t size() const { return tape_.size(); }
  const Tape& tape() const { return tape_; }  // what has been appended so far, without targets
  const Shape& shape(Ref value) const { return tape_.shape(value); }
  DType dtype(Ref value) const { return tape_.dtype(value); }

 private:
  Ref literal(std::span<const std::byte> bytes, DType dtype, const Shape& shape, Place place);
  Ref append(Op op, std::span<const Ref> operands, const Attributes& attributes, DType dtype,
             const Shape& shape, Place place);
  void check_ref(Ref value, const char* call, Place place) const;
  void begin_again();
  Tape tape_;
};

// A caller's stream and memory, as opaque values. On the CPU a stream is nothing, and run() returns
// when it is done.
class Stream {
 public:
  // The device's own, on which tendon itself works: in order with that, and with nothing else.
  Stream() = default;
  // A cudaStream_t. A null one is CUDA's default stream, the legacy one.
  explicit Stream(void* native) : native_(native), is_given_(true) {}
  bool is_given() const { return is_given_; }
  void* native() const { return native_; }

 private:
  void* native_ = nullptr;
  bool is_given_ = false;
};
// Device memory that a framework on the same device hands in, so that both draw on one pool. Called
// from any thread, from several at once; neither function may call tendon.
struct Allocator {
  // Memory of the device, aligned to 256 bytes, for work on the stream (a cudaStream_t) from here
  // on. A null pointer or an exception says that there is none: tendon then gives back what it
  // keeps and asks once more, and throws OutOfMemory if that fails too.
  std::function<void*(std::size_t bytes, Stream)> allocate;
  // What was enqueued on the stream so far may still use the memory. An exception is ignored.
  std::function<void(void* memory, std::size_t bytes, Stream)> deallocate;
};
// At any time, for memory from here on: tendon keeps none of it, and gives each block back, to the
// allocator that it came from, as soon as nothing holds it. What tendon kept before goes back to
// the system. An empty Allocator ends that. Allocators live as long as their blocks: hold no
// reference to what may be gone as the process exits. DeviceError for the CPU, whose memory is the
// heap's.
TENDON_API void set_allocator(Device, Allocator, Place = Place::current());

// Row-major values, aligned to their element, owned by the caller and alive until the run has
// finished.
struct Buffer {
  void* data = nullptr;
  std::size_t bytes = 0;
  Device device = Device::cpu();
};

// Which sources are connected, one bit a source.
class ReachMask {
 public:
  ReachMask() = default;
  explicit ReachMask(std::size_t sources) : words_((sources + 63) / 64), sources_(sources) {}
  std::size_t size() const { return sources_; }
  // Error for a source that the mask does not have, as set().
  bool operator[](std::size_t source) const {
    check(source);
    return (words_[source / 64] >> (source % 64)) & 1;
  }
  void set(std::size_t source) {
    check(source);
    words_[source / 64] |= std::uint64_t{1} << (source % 64);
  }
  friend bool operator==(const ReachMask&, const ReachMask&) = default;

 private:
  void check(std::size_t source) const {
    if (source >= sources_ || source / 64 >= words_.size())  // without words: moved from
      detail::throw_no_entry("ReachMask", "source", source, words_.empty() ? 0 : sources_);
  }
  std::vector<std::uint64_t> words_;
  std::size_t sources_ = 0;
};

struct CompileOptions {
  Device device = default_device();
  std::vector<Ref> sources = {};  // values of the tape, inputs or not
  bool gradients = false;         // of the sum of the targets, by the sources
  std::vector<std::optional<Ref>> output_gradients = {};  // one a target; empty, or a nullopt: ones
};

// Immutable; copies share it; run() may be called from several threads at once.
class TENDON_API Executable {
 public:
  struct Value {
    DType dtype;
    Shape shape;
    std::size_t bytes;
    bool connected =
        true;  // false: a gradient that is None; its buffer is not touched and may be empty
  };
  // The tape's inputs.
  const std::vector<Value>& inputs(Place place = Place::current()) const;
  // Its targets, then one gradient a source.
  const std::vector<Value>& outputs(Place place = Place::current()) const;

  // Asynchronous on the stream; on one of tendon's own where none is given, for which
  // synchronize(device) waits. Before anything runs: ShapeError for a wrong number of buffers or
  // one too small, DeviceError for one of another device or a stream that is captured, Error for
  // one that is not aligned, and for an output that overlaps another buffer.
  void run(Stream stream, std::span<const Buffer> inputs, std::span<const Buffer> outputs,
           ReachMask* connected = nullptr, Place place = Place::current()) const;
  void run(Stream stream, std::initializer_list<Buffer> inputs,
           std::initializer_list<Buffer> outputs, ReachMask* connected = nullptr,
           Place place = Place::current()) const {
    run(stream, std::span(inputs.begin(), inputs.size()),
        std::span(outputs.begin(), outputs.size()), connected, place);
  }
  PlanSummary summary(Place place = Place::current()) const;

 private:
  friend TENDON_API Executable compile(const Tape& tape, const CompileOptions& options,
                                       Place place);
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

TENDON_API Executable compile(const Tape& tape, const CompileOptions& options = {},
                              Place place = Place::current());

}  // namespace tendon
