// Marks what the shared library exports.
#pragma once

#define TENDON_API __attribute__((visibility("default")))
