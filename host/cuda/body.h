// The lines of a part's body: uniform values once, those of a row, those of an element.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/cuda/emitter.h"
#include "host/cuda/op_cost.h"

namespace tendon::cuda {

// The smallest width of indices that reaches everything that the part touches.
bool needs_wide_indices(const Tape& tape, const plan::Part& part);

// Whether neighbouring elements are neighbours in memory, from its begin.
bool is_contiguous(const plan::View& view);

class Body {
 public:
  Body(const plan::Plan& plan, const plan::Part& part, Emitter& emitter);

  // Where in the iteration space lines are written: the name of its index, and what of its
  // coordinates has been written already.
  struct Position {
    plan::Level level = plan::Level::element;
    std::string index;   // row-major, of the level's shape
    std::string suffix;  // of the coordinates' names, so that rows and elements differ
    std::vector<std::string> coordinates{};
    std::string in_row{};  // the name of its index in its row, where there is one
  };

  // Writes what `local` needs that was not written, and gives its expression. Reductions and what
  // was `set` are taken as they are.
  std::string value(plan::Local local, Position& position);
  void set(plan::Local local, std::string expression) { values_[local] = std::move(expression); }
  bool has(plan::Local local) const { return !values_[local].empty(); }
  void forget(plan::Level level);  // so that it is written again, at another position
  void write_uniforms();
  // Whether the kernel is given it: a floating number, or a value of such alone.
  bool is_argument(plan::Local local) const;

  // The element at the position, of a view in memory.
  std::string element(const plan::View& view, DType dtype, Position& position);

  int instructions() const { return cost_.instructions; }  // of an element, nearly
  bool may_be_written_out(int copies) const { return cost_.may_be_written_out(copies); }

  const plan::Instruction& instruction(plan::Local local) const { return part_.body[local]; }

 private:
  std::string compute(const plan::Instruction& step, Position& position);
  std::string generated(const plan::Instruction& step, const Position& position);
  std::string piece(const plan::Piece& piece, const plan::View& view, DType dtype,
                    Position& position);
  const std::string& coordinate(int axis, Position& position);

  const Tape& tape_;
  const plan::Part& part_;
  Emitter& emitter_;
  PartCost cost_;
  std::vector<std::string> values_;
  // A field for each extent and stride, whatever its value: the text must not depend on sizes.
  std::map<std::pair<int, int>, std::pair<std::string, std::string>>
      extents_;  // [level, axis]: extent, divisor
  std::map<std::string, std::string> words_;
};

}  // namespace tendon::cuda
