#include "host/cuda/order.h"

#include <algorithm>
#include <tuple>

namespace tendon::cuda {
namespace {

using plan::Instruction;
using plan::Level;
using plan::Local;

// List scheduling from the end: of the values whose users are all placed, the one that makes the
// fewest others alive; of equal ones that with the shortest way from the inputs.
class Scheduler {
 public:
  Scheduler(const plan::Part& part, const std::vector<bool>& is_at_hand)
      : part_(part),
        is_at_hand_(is_at_hand),
        height_(part.body.size()),
        users_(part.body.size()),
        is_alive_(part.body.size()) {
    for (Local i = 0; i < part.body.size(); ++i) {
      if (!is_node(i)) continue;
      for (const Local operand : operands(i)) {
        height_[i] = std::max(height_[i], height_[operand]);
        ++users_[operand];
      }
      ++height_[i];
    }
    for (const plan::Store& store : part.stores) {
      if (is_alive_[store.local]) continue;
      is_alive_[store.local] = true;
      ++alive_;
    }
  }

  Order write() {
    Order order;
    std::vector<Local> ready;
    for (Local i = 0; i < part_.body.size(); ++i) {
      if (is_node(i) && users_[i] == 0) ready.push_back(i);
    }
    order.most_alive = alive_;
    while (!ready.empty()) {
      const auto next = std::ranges::min_element(
          ready, {}, [&](Local i) { return std::tuple(new_alive(i), height_[i], i); });
      const Local local = *next;
      ready.erase(next);
      alive_ -= is_alive_[local] ? 1 : 0;
      is_alive_[local] = false;
      for (const Local operand : operands(local)) {
        alive_ += is_alive_[operand] ? 0 : 1;
        is_alive_[operand] = true;
        if (--users_[operand] == 0 && is_node(operand)) ready.push_back(operand);
      }
      order.most_alive = std::max(order.most_alive, alive_);
      order.locals.push_back(local);
    }
    std::ranges::reverse(order.locals);
    return order;
  }

 private:
  bool is_node(Local i) const { return part_.body[i].level == Level::element && !is_at_hand_[i]; }
  // Each once, and only those of elements.
  std::vector<Local> operands(Local i) const {
    const Instruction& step = part_.body[i];
    std::vector<Local> found;
    for (std::uint32_t j = 0; j < step.operand_count; ++j) {
      const Local operand = step.operands[j];
      if (part_.body[operand].level == Level::element &&
          std::ranges::find(found, operand) == found.end())
        found.push_back(operand);
    }
    return found;
  }
  int new_alive(Local i) const {
    int count = is_alive_[i] ? -1 : 0;
    for (const Local operand : operands(i)) count += is_alive_[operand] ? 0 : 1;
    return count;
  }

  const plan::Part& part_;
  const std::vector<bool>& is_at_hand_;
  std::vector<int> height_, users_;
  std::vector<bool> is_alive_;
  int alive_ = 0;
};

}  // namespace

Order order_of(const plan::Part& part, const std::vector<bool>& is_at_hand) {
  return Scheduler(part, is_at_hand).write();
}

}  // namespace tendon::cuda
