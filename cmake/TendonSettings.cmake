# How tendon's own code is compiled. Linked privately by its targets; nothing of it reaches a consumer.
add_library(tendon_settings INTERFACE)
target_compile_features(tendon_settings INTERFACE cxx_std_20)
target_compile_options(tendon_settings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wswitch -Wnon-virtual-dtor -Woverloaded-virtual
  # An op's result is rounded to its dtype: no contraction across ops.
  -ffp-contract=off
  # C++20 designated initializers leave out what has a default.
  -Wno-missing-field-initializers)
if(TENDON_WERROR)
  target_compile_options(tendon_settings INTERFACE -Werror)
endif()
if(TENDON_SANITIZE)
  target_compile_options(tendon_settings INTERFACE
    -fsanitize=${TENDON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer -g1
    -Wno-maybe-uninitialized)  # GCC sees phantoms in instrumented code
  target_link_options(tendon_settings INTERFACE -fsanitize=${TENDON_SANITIZE})
endif()
