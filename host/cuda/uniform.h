// Values that follow from a plan's numbers alone: a run computes them on the host, and a kernel
// takes them as it takes numbers.
#pragma once

#include <tendon/backend.h>

namespace tendon::cuda {

// Whether it is a floating constant, or arithmetic on such: what the host rounds as devices do.
bool is_of_numbers(const Tape& tape, Ref value);

// The value; its constants' numbers are the tape's.
double value_of_numbers(const Tape& tape, Ref value);

}  // namespace tendon::cuda
