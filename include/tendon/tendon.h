// tendon: a gradient tape that answers. Everything of the user's layer; the layer for frameworks
// that have a tape of their own is <tendon/backend.h>, included here too.
#pragma once

#include <tendon/backend.h>
#include <tendon/device.h>
#include <tendon/dtype.h>
#include <tendon/error.h>
#include <tendon/gradient.h>
#include <tendon/named_tensor.h>
#include <tendon/non_finite.h>
#include <tendon/operand.h>
#include <tendon/ops.h>
#include <tendon/optim.h>
#include <tendon/random.h>
#include <tendon/run.h>
#include <tendon/safetensors.h>
#include <tendon/shape.h>
#include <tendon/tape.h>
#include <tendon/tensor.h>
#include <tendon/variable.h>
