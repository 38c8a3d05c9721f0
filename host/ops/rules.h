// The shape rules and pullbacks of the structured ops, one file a family (reduce.cpp, matmul.cpp,
// ...), for the table alone.
#pragma once

#include "host/ops/op_row.h"

namespace tendon::ops {

Type infer_elementwise(const Call&);
Type infer_where(const Call&);
void pull_where(Pullback&);
Type infer_cast(const Call&);
void pull_cast(Pullback&);

Type infer_generated(const Call&);  // constant, iota, uniform

Type infer_reduce(const Call&);
Type infer_arg_reduce(const Call&);
void pull_reduce_sum(Pullback&);
void pull_reduce_extreme(Pullback&);

Type infer_matmul(const Call&);
void pull_matmul(Pullback&);

Type infer_reshape(const Call&);
void pull_reshape(Pullback&);
Type infer_transpose(const Call&);
void pull_transpose(Pullback&);
Type infer_broadcast_to(const Call&);
void pull_broadcast_to(Pullback&);
Type infer_slice(const Call&);
void pull_slice(Pullback&);
Type infer_unslice(const Call&);
void pull_unslice(Pullback&);
Type infer_concat(const Call&);
void pull_concat(Pullback&);

Type infer_gather(const Call&);
void pull_gather(Pullback&);
Type infer_scatter_add(const Call&);
void pull_scatter_add(Pullback&);

}  // namespace tendon::ops
