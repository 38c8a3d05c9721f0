#include "host/record/update.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "host/record/cell.h"
#include "host/record/evaluate.h"
#include "host/support/recent_cache.h"

namespace tendon::optim {
namespace {

bool same(const Form& a, const Form& b) {
  return a.optimizer == b.optimizer && a.flags == b.flags && a.type.dtype == b.type.dtype &&
         a.type.shape == b.type.shape && optim::same(a.place, b.place);
}

std::uint64_t hash_of(const Form& form) {
  std::uint64_t hash = XXH3_64bits_withSeed(
      form.type.shape.begin(), static_cast<std::size_t>(form.type.shape.rank()) * sizeof(int64_t),
      std::uint64_t{form.flags} << 8 | static_cast<std::uint64_t>(form.type.dtype));
  hash = XXH3_64bits_withSeed(&form.place, sizeof(Place), hash);
  return XXH3_64bits_withSeed(&form.optimizer, sizeof(form.optimizer), hash);
}

}  // namespace

bool same(Place a, Place b) {
  static_assert(std::has_unique_object_representations_v<Place>);
  return std::memcmp(&a, &b, sizeof(Place)) == 0;
}

detail::Macro Formula::finish(Term value, std::initializer_list<Term> moments) && {
  std::vector<Ref> refs{cast(value, form_.type.dtype).ref};
  for (const Term& moment : moments) refs.push_back(moment.ref);
  return {std::move(tape_).finish(refs), operand_count_, refs};
}
Term Formula::operand(DType dtype, const Shape& shape) {
  ++operand_count_;
  return {&tape_, form_.place, tape_.input(dtype, shape, {}, form_.place)};
}
Term Formula::cast(Term term, DType dtype) {
  if (wide_ == form_.type.dtype) return term;
  return {&tape_, form_.place, tape_.apply(Op::cast, {term.ref}, {.dtype = dtype}, form_.place)};
}

std::shared_ptr<const Update> update_of(const Form& form, detail::Macro (*write)(Formula)) {
  static auto* cache = new support::RecentCache<Update>(1024, 1024);  // never destroyed
  const std::uint64_t hash = hash_of(form);
  if (std::shared_ptr<const Update> found = cache->find(hash); found && same(found->form, form))
    return found;
  auto made = std::make_shared<const Update>(Update{form, write(Formula(form))});
  cache->insert(hash, made, 1);
  return made;
}

void Numbers::set(std::span<const double> numbers, DType dtype, Device device) {
  if (!tensors_.empty() && dtype == dtype_ && device == device_ &&
      std::ranges::equal(numbers, numbers_)) {
    return;
  }
  numbers_.assign(numbers.begin(), numbers.end());
  dtype_ = dtype;
  device_ = device;
  tensors_.clear();
  for (const double number : numbers)
    tensors_.push_back(record::recorder().constant(number, dtype, {}, device, place_));
}

Updated::Updated(std::shared_ptr<const Update> update, std::initializer_list<const Tensor*> arrays,
                 const Numbers& numbers)
    : update_(std::move(update)) {
  given_.reserve(arrays.size() + numbers.tensors().size());
  for (const Tensor* array : arrays) given_.push_back(array->node());
  for (const Tensor& number : numbers.tensors()) given_.push_back(number.node());
  support::PoolVector<record::Node*> operands;
  operands.reserve(given_.size());
  for (const Ref operand : update_->ops.operands()) operands.push_back(given_[operand.id]);
  const Form& form = update_->form;
  macro_ = record::recorder().macro({update_, &update_->ops}, operands, given_[0]->device,
                                    form.optimizer, form.place);
}
Tensor Updated::operator[](std::size_t result) const {
  const Ref value = update_->ops.tape().targets()[result];
  return value.id < given_.size() ? record::handle(given_[value.id])
                                  : record::recorder().macro_output(*macro_.node(), value);
}

void Step::set(const Variable& variable, Tensor value, const Tensor& gradient) {
  computed_.push_back(value.node());
  values_.push_back({&variable, std::move(value), gradient.node()});
}
void Step::finish() {
  record::evaluate(computed_, record::Keeps::worth_and_losses);
  for (const auto& [variable, value, gradient] : values_)
    detail::Cell::assign(variable->cell(), value, "apply", place_, {&gradient, 1});
}

}  // namespace tendon::optim
