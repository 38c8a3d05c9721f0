// Variable: a named, mutable cell that holds a Tensor.
#pragma once

#include <tendon/export.h>
#include <tendon/tensor.h>

#include <iosfwd>
#include <memory>
#include <string>

namespace tendon {

class Operand;
namespace detail {
class Cell;
// Where an operator on a Variable is deleted, the compiler's message names what is meant.
struct write_assign_instead;
struct write_assign_add_instead;
struct write_assign_sub_instead;
}  // namespace detail

// Copies share the cell. Members may be called from several threads at once; who reads while
// another assigns gets the value before or after.
class TENDON_API Variable {
 public:
  // Computes the initial value, unless a tape of this thread records.
  explicit Variable(const Tensor& initial, std::string name = "", bool trainable = true,
                    Place = Place::current());
  Variable(const Variable&) = default;             // moving copies: no Variable is without a cell
  Variable& operator=(const Variable&) = default;  // another handle to the same cell
  Variable& operator=(const Tensor&) = delete;     // write assign(), or say which variable is meant
  Variable& operator=(double) = delete;
  ~Variable() = default;

  // The value now; a Variable converts to it (a constructor of Tensor).
  Tensor read(Place = Place::current()) const;

  // The new value must have the cell's shape and dtype (ShapeError, DTypeError). No gradient flows
  // into an assign.
  void assign(const Tensor&, Place = Place::current());
  void assign_add(const Tensor&, Place = Place::current());
  void assign_sub(const Tensor&, Place = Place::current());
  template <class T>
  detail::write_assign_add_instead operator+=(const T&) = delete;
  template <class T>
  detail::write_assign_sub_instead operator-=(const T&) = delete;
  template <class T>
  detail::write_assign_instead operator*=(const T&) = delete;
  template <class T>
  detail::write_assign_instead operator/=(const T&) = delete;

  const std::string& name() const;
  bool trainable() const;
  const Shape& shape() const;
  DType dtype() const;
  bool same_cell(const Variable& other) const { return cell_ == other.cell_; }

  // For the library's own rooms.
  Tensor used(Place) const;  // the value as the operand of an op
  const std::shared_ptr<detail::Cell>& cell() const { return cell_; }
  static Variable adopt(std::shared_ptr<detail::Cell> cell) {
    Variable variable;
    variable.cell_ = std::move(cell);
    return variable;
  }

 private:
  Variable() = default;
  void assign_changed(const Tensor& value, Tensor (*change)(const Operand&, const Operand&),
                      const char* call, Place place);
  std::shared_ptr<detail::Cell> cell_;
};
TENDON_API std::ostream& operator<<(std::ostream&, const Variable&);

}  // namespace tendon
