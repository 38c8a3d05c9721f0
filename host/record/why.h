// Why: what a Gradient keeps to explain itself when it is asked: the tape's log, and the ids of
// targets and source.
#pragma once

#include <tendon/tape.h>

#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "host/explain/explain.h"
#include "host/ops/op_row.h"

namespace tendon::detail {

// What all gradients of one call share.
struct Question {
  explain::Recording recording;
  std::vector<explain::Subject> targets;
};

class Why {
 public:
  Why(std::shared_ptr<const Question> question, explain::Subject source, Shape shape, Device device,
      std::string label)
      : question_(std::move(question)),
        source_(std::move(source)),
        shape_(shape),
        device_(device),
        label_(std::move(label)) {}

  const Explanation& explanation() const;  // made once; from any thread
  DType dtype() const { return source_.dtype; }
  const Shape& shape() const { return shape_; }
  Device device() const { return device_; }
  const std::string& label() const { return label_; }

 private:
  std::shared_ptr<const Question> question_;
  explain::Subject source_;
  Shape shape_;
  Device device_;
  std::string label_;
  mutable std::once_flag once_;
  mutable Explanation explanation_;
};

}  // namespace tendon::detail

namespace tendon::record {

// The subject that a Source names, as a tape in this state sees it. Error for an empty tensor.
explain::Subject subject_of(const Source& source, const detail::TapeState& tape, const char* call,
                            Place place);
// The same as what is differentiated.
explain::Subject target_of(const Target& target, const detail::TapeState& tape, const char* call,
                           Place place);
// What it is, and where it lies.
struct Kind {
  ops::Type type;
  Device device;
};
Kind kind_of(const Source& source);
// How the table prints it: the variable's name, or where the tensor was made.
std::string label_of(const Source& source);

}  // namespace tendon::record
