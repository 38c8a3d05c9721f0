// What makes two tapes the same program: their ops, operands, types, attributes, literals, inputs
// and targets. Not constants' numbers and random keys, which are arguments of a run; nor places and
// input names, which are for messages.
#pragma once

#include <tendon/backend.h>

#include <cstdint>

namespace tendon::plan {

// Equal where the structure is.
std::uint64_t structure_hash(const Tape& tape);
bool same_structure(const Tape& a, const Tape& b);

}  // namespace tendon::plan
