// Recorder: what a thread is recording. Makes the nodes of the ops that are called, and shows them
// to the thread's tapes.
#pragma once

#include <tendon/operand.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "host/record/node.h"

namespace tendon::detail {
class Cell;
class TapeState;
}  // namespace tendon::detail

namespace tendon::record {

using detail::Cell;
using detail::TapeState;

class Recorder {
 public:
  // Nodes. Operands are borrowed; the result is a new handle. An op's result lies where its
  // operands do, DeviceError where they lie on different devices; one without operands on
  // default_device().
  Tensor apply(Op op, std::span<Node* const> operands, const Attributes* attributes, Place place);
  Tensor constant(double number, DType dtype, const Shape& shape, Device device, Place place);
  // The same, of a number that the user gave and that may have been read from a tensor.
  Tensor given(double number, DType dtype, const Shape& shape, Device device, Place place);
  // The caller's values, which are on the device already.
  Tensor data(const void* values, std::shared_ptr<Storage> on_device, ops::Type type, Device device,
              Place place);
  // The value on another device.
  Tensor copy(Node& source, Device device, Place place);
  // Ops as one node, all on one device, and one of their results. `called`: by the user. No tape
  // may record.
  Tensor macro(std::shared_ptr<const detail::Macro> ops, std::span<Node* const> operands,
               Device device, const char* called, Place place);
  Tensor macro_output(Node& macro, Ref value);
  // A variable's new value, or its reading; `source` is the value, or the assign.
  // Of an assign whose value the library computes for itself, `made_of` is what the user gave.
  NodePtr alias(explain::Event event, Node& source, std::uint64_t cell, Place place,
                std::span<Node* const> made_of = {});
  // `values`: the node's, as the host got them.
  void host_read(const Node& node, const void* values, Place place);

  // The tapes that record or are paused, in the order they were made.
  void add(std::shared_ptr<TapeState> tape);
  void remove(const TapeState& tape);
  bool records() const { return recording_count_ > 0 && suspended_ == 0; }
  std::span<const std::shared_ptr<TapeState>> tapes() const { return tapes_; }
  bool is_suspended() const { return suspended_ > 0; }
  // Where one of the tapes that this thread made last began.
  std::optional<Place> place_of(TapeId id) const;
  // Must follow every change of what a tape of this thread records or watches. Different from any
  // other set of recording tapes, of any thread: a variable's reads are shared while it stays the
  // same.
  void tapes_changed();
  std::uint64_t epoch() const { return epoch_; }

  const char* called() const { return called_; }  // by the user, now; null: the op itself
  const explain::ThreadLog& log() const { return log_; }
  std::uint64_t thread() const { return explain::thread_of(explain::NodeId{log_.next()}); }

  // Variables to which this thread has assigned what is not computed yet, since it last took them,
  // and how many ops it has recorded since.
  void note_assign(const std::shared_ptr<Cell>& cell);
  support::PoolVector<std::weak_ptr<Cell>> take_pending_cells();
  std::uint64_t pending_count() const {
    return pending_cells_.empty() ? 0 : log_.next() - pending_since_;
  }

 private:
  friend class Suspend;
  friend class Named;
  Tensor finish(Node* node, std::uint64_t note);
  void log(Node& node, std::span<Node* const> operands, std::uint64_t note);
  bool is_logged(const Node& node) const;
  void note_older(Node& operand);
  void drop_abandoned();
  void show_tapes(Node& node);
  Device device_of(Op op, std::span<Node* const> operands, Place place) const;
  Tensor constant(double number, DType dtype, const Shape& shape, Device device, Place place,
                  bool is_given);

  // Of tapes, a bounded number.
  struct Begun {
    TapeId id = 0;
    Place place;
  };

  explain::ThreadLog log_;
  std::uint64_t newest_began_ = 0;  // the id at which the newest of the tapes was started
  support::PoolVector<Begun> begun_;
  std::vector<std::shared_ptr<TapeState>> tapes_;
  int recording_count_ = 0;
  int suspended_ = 0;
  const char* called_ = nullptr;
  std::uint64_t epoch_ = 0;
  std::uint64_t pending_since_ = 0;
  bool read_while_taped_ = false;  // a value went to the host while a tape of this thread was alive
  support::PoolVector<std::weak_ptr<Cell>> pending_cells_;
};

Recorder& recorder();
Recorder* recorder_if_there();  // null where the thread has none yet, or at its end none any more

// New tensors on a device: of values that are on the host, and of zeros.
Tensor from_host(const void* values, const ops::Type& type, Device device, Place place);
Tensor zeros_on(Device device, const Shape& shape, DType dtype, Place place);

// While it lives, what is recorded is said to be the function's that the user called; the outermost
// name counts.
class Named {
 public:
  explicit Named(const char* function) : outer_(recorder().called_) {
    if (outer_ == nullptr) recorder().called_ = function;
  }
  Named(const Named&) = delete;
  Named& operator=(const Named&) = delete;
  ~Named() { recorder().called_ = outer_; }

 private:
  const char* outer_;
};

// While it lives, this thread records nothing onto its tapes: for what the library computes for
// itself.
class Suspend {
 public:
  Suspend() { ++recorder().suspended_; }
  Suspend(const Suspend&) = delete;
  Suspend& operator=(const Suspend&) = delete;
  ~Suspend() { --recorder().suspended_; }
};

}  // namespace tendon::record
