#include "host/cpu/tally.h"

#include <algorithm>

#include "host/cpu/read.h"

namespace tendon::cpu {

void Tally::read(const plan::View& view, std::int64_t begin, std::int64_t count) {
  const std::scoped_lock lock(mutex_);
  for (const plan::Piece& piece : view.pieces) {
    std::vector<bool>& touched = touched_[piece.base];
    touched.resize(static_cast<std::size_t>(tape_.shape(piece.base).size()));
    for_each_run(piece, view.shape, begin, count,
                 [&](std::int64_t offset, std::int64_t stride, std::int64_t length) {
                   for (std::int64_t i = 0; i < length; ++i) {
                     touched[static_cast<std::size_t>(offset + i * stride)] = true;
                   }
                 });
  }
}

void Tally::read(Ref value) {
  const Shape& shape = tape_.shape(value);
  if (shape.size() > 0) read(plan::view_of(value, shape), 0, shape.size());
}

void Tally::wrote(Ref value, std::int64_t count) {
  const std::scoped_lock lock(mutex_);
  bytes_written_ += count * element_bytes(value);
}

void Tally::end_stage() {
  for (const auto& [value, touched] : touched_) {
    bytes_read_ += std::ranges::count(touched, true) * element_bytes(value);
  }
  touched_.clear();
}

}  // namespace tendon::cpu
