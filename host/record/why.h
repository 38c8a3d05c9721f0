// Why: what a Gradient keeps to explain itself when it is asked: the tape's log, and what was asked
// of.
#pragma once

#include <tendon/tape.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "host/explain/graph.h"
#include "host/ops/op_row.h"

namespace tendon::detail {

// A source or a target as the tape saw it when it was asked, without its value. Its texts are made
// when someone reads them.
struct Asked {
  explain::Subject subject;                 // without its label
  std::shared_ptr<const std::string> name;  // of a variable
  const char* function = nullptr;           // of a tensor: what made it
  bool is_reading = false;                  // of a tensor: it is a variable's value
  Shape shape;
  Device device = Device::cpu();

  // How the table prints it: the variable's name, or where the tensor was made.
  std::string label() const;
  explain::Subject labeled() const;
};

struct Answer;

class Why {
 public:
  Why() = default;  // of a gradient that the caller made; nothing is known of a source
  // Of Gradient::of, called here with a tensor of this type on this device.
  Why(const ops::Type& type, Device device, Place place) {
    source_.subject.dtype = type.dtype;
    source_.subject.place = place;
    source_.shape = type.shape;
    source_.device = device;
  }
  // The answer holds it. Before it is shared.
  void set(const Answer& answer, Asked source);

  const Explanation& explanation() const;  // made once; from any thread
  const std::string& label() const;        // likewise
  DType dtype() const { return source_.subject.dtype; }
  const Shape& shape() const { return source_.shape; }
  Device device() const { return source_.device; }

 private:
  const Answer* answer_ = nullptr;  // null: made by the caller
  Asked source_;
  mutable std::once_flag explained_;
  mutable Explanation explanation_;
  mutable std::once_flag labeled_;
  mutable std::string label_;
};

// What all gradients of one call share.
struct Answer {
  explain::Recording recording;
  support::PoolVector<explain::Entry> past;  // of values that the tape did not record
  support::PoolVector<Asked> targets;
  support::PoolVector<Why> whys;  // one a source

  Explanation explain(const Asked& source) const;

 private:
  // Made once, when the first explanation is asked for.
  mutable std::once_flag graphed_;
  mutable std::optional<explain::Graph> graph_;
};

}  // namespace tendon::detail

namespace tendon::record {

// What a Source names, as a tape in this state sees it. Error for an empty tensor.
detail::Asked asked_of(const Source& source, const detail::TapeState& tape, const char* call,
                       Place place);
// The same as what is differentiated.
detail::Asked asked_target(const Target& target, const detail::TapeState& tape, const char* call,
                           Place place);
// What it is, and where it lies.
struct Kind {
  const ops::Type& type;
  Device device;
};
Kind kind_of(const Source& source);

}  // namespace tendon::record
