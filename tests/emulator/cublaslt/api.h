// cublasLt.h, with its functions exported: the library hides all else.
#pragma once

#pragma GCC visibility push(default)
#include <cublasLt.h>
#pragma GCC visibility pop
