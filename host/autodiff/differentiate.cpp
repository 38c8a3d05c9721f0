#include "host/autodiff/differentiate.h"

#include <algorithm>
#include <memory>

#include "host/autodiff/cotangents.h"
#include "host/ops/op_row.h"
#include "host/ops/pullback.h"

namespace tendon::autodiff {
namespace {

// Whether the value is one of `ones`, however it is laid out.
bool is_one(const Tape& tape, Ref value, std::span<const Ref> ones) {
  while (tape.op(value) == Op::broadcast_to || tape.op(value) == Op::reshape ||
         tape.op(value) == Op::transpose) {
    value = tape.operands(value)[0];
  }
  return std::ranges::find(ones, value) != ones.end();
}

}  // namespace

Differentiated differentiate(Tape tape, std::span<const std::optional<Ref>> seeds,
                             std::span<const SourceValue> sources, std::size_t source_count,
                             std::span<const std::uint8_t> live, const Mask& mask) {
  const std::uint32_t forward_size = tape.size();
  const std::vector<Ref> targets(tape.targets().begin(), tape.targets().end());
  TapeBuilder builder(std::move(tape));
  Cotangents cotangents(builder, forward_size);
  std::vector<Ref> owners;
  const auto own_new_ops = [&](Ref owner) { owners.resize(builder.size() - forward_size, owner); };
  std::vector<Ref> ones;
  std::vector<ops::Emitter::Number> numbers;

  for (std::size_t i = 0; i < targets.size(); ++i) {
    const Ref target = targets[i];
    if (!mask.needed(target)) continue;
    const Place place = builder.tape().place(target);
    const std::optional<Ref> seed = seeds.empty() ? std::nullopt : seeds[i];
    if (!seed) {
      ones.push_back(builder.constant(1, builder.dtype(target), builder.shape(target), place));
    }
    cotangents.add(target, seed ? *seed : ones.back(), place);
    own_new_ops(target);
  }

  std::vector<Ref> operands;
  std::unique_ptr<bool[]> needed;
  std::size_t needed_capacity = 0;
  for (std::uint32_t id = forward_size; id-- > 0;) {
    const Ref value{id};
    const std::optional<Ref> cotangent = cotangents.sum(value, builder.tape().place(value));
    own_new_ops(value);
    if (!cotangent) continue;
    // Copied, since appending to the tape moves its arrays.
    operands.assign(builder.tape().operands(value).begin(), builder.tape().operands(value).end());
    if (operands.size() > needed_capacity) {
      needed_capacity = operands.size();
      needed = std::make_unique<bool[]>(needed_capacity);
    }
    bool any = false;
    const std::uint32_t begin = builder.tape().operand_begin()[id];
    for (std::size_t i = 0; i < operands.size(); ++i) {
      needed[i] = live[begin + i] != 0 && mask.needed(operands[i]);
      any |= needed[i];
    }
    if (!any) continue;
    const Attributes attributes = builder.tape().attributes(value);
    const Place place = builder.tape().place(value);
    ops::Pullback pullback(builder, builder.tape().op(value), operands, value, *cotangent,
                           attributes, {needed.get(), operands.size()}, place, &numbers,
                           is_one(builder.tape(), *cotangent, ones));
    ops::row(builder.tape().op(value)).pullback(pullback);
    own_new_ops(value);
    for (std::size_t i = 0; i < operands.size(); ++i) {
      if (!needed[i]) continue;
      cotangents.add(operands[i], pullback.given()[i].value(), place);
      own_new_ops(operands[i]);
    }
  }

  std::vector<std::optional<Ref>> gradients(source_count);
  for (const SourceValue& source : sources) {
    if (!mask.needed(source.value)) continue;
    std::optional<Ref>& gradient = gradients[source.source];
    const Ref cotangent = *cotangents.sum(source.value, builder.tape().place(source.value));
    own_new_ops(source.value);
    gradient = gradient ? builder.apply(Op::add, {*gradient, cotangent}, {},
                                        builder.tape().place(source.value))
                        : cotangent;
    own_new_ops(source.value);
  }
  return {std::move(builder).finish(targets), std::move(gradients), std::move(owners)};
}

}  // namespace tendon::autodiff
