// Fences, traps, and the functions that a kernel calls of the toolkit: printf, assert, graph
// conditions.
#include <bit>
#include <cstdio>

#include "machine/block.h"
#include "machine/decode.h"
#include "machine/lanes.h"

namespace emulator {
namespace {

void nothing(Warp&, const Step&, Mask) {}

[[noreturn]] void trap(Warp& warp, const Step& step, Mask mask) {
  warp.block->stop(Fault::trap, LaunchStatus::illegal_instruction, warp, std::countr_zero(mask),
                   step, "the kernel executed trap");
}

template <class T>
T argument(Warp& warp, const Step& step, std::uint32_t index, int lane) {
  const Kernel& kernel = warp.block->running().kernel;
  const std::uint32_t offset = kernel.lists[step.list + index];
  T value;
  std::memcpy(&value, warp.local + static_cast<std::size_t>(lane) * kernel.local_bytes + offset,
              sizeof value);
  return value;
}

// The bytes at a generic address, which may be the thread's own memory.
const std::byte* at(Warp& warp, const Step& step, int lane, Address address, std::uint32_t bytes) {
  std::byte* pointers[kLanes];
  Address addresses[kLanes] = {};
  addresses[lane] = address;
  Step part = step;
  part.space = Space::generic;
  warp.block->reach(warp, part, Mask{1} << lane, addresses, bytes, AccessKind::load, nullptr,
                    pointers);
  return pointers[lane];
}

std::string text_at(Warp& warp, const Step& step, int lane, Address address) {
  std::string text;
  for (;; ++address) {
    const char c = static_cast<char>(*at(warp, step, lane, address, 1));
    if (c == 0) return text;
    text += c;
  }
}

// The arguments lie one behind the other, each at a multiple of its size.
class Arguments {
 public:
  Arguments(Warp& warp, const Step& step, int lane, Address at)
      : warp_(warp), step_(step), lane_(lane), at_(at) {}
  template <class T>
  T take() {
    at_ = (at_ + sizeof(T) - 1) / sizeof(T) * sizeof(T);
    T value;
    std::memcpy(&value, at(warp_, step_, lane_, at_, sizeof(T)), sizeof(T));
    at_ += sizeof(T);
    return value;
  }

 private:
  Warp& warp_;
  const Step& step_;
  int lane_;
  Address at_;
};

// One conversion of a format, "%-8.3f", given to the host's printf with its argument.
template <class T>
std::string formatted(const std::string& conversion, T value) {
  char text[512];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  const int length = std::snprintf(text, sizeof text, conversion.c_str(), value);
#pragma GCC diagnostic pop
  return std::string(text, static_cast<std::size_t>(std::clamp<int>(length, 0, sizeof text - 1)));
}

std::string printed(Warp& warp, const Step& step, int lane) {
  const std::string format = text_at(warp, step, lane, argument<Address>(warp, step, 1, lane));
  Arguments arguments(warp, step, lane, argument<Address>(warp, step, 2, lane));
  std::string out;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    const std::size_t end = format.find_first_of("diouxXeEfFgGaAcsp%", i + 1);
    if (end == std::string::npos) return out + format.substr(i);
    const std::string conversion = format.substr(i, end - i + 1);
    i = end;
    const bool is_wide =
        conversion.find('l') != std::string::npos || conversion.find('z') != std::string::npos ||
        conversion.find('j') != std::string::npos || conversion.find('t') != std::string::npos;
    switch (conversion.back()) {
      case '%': out += '%'; break;
      case 's':
        out += formatted(conversion, text_at(warp, step, lane, arguments.take<Address>()).c_str());
        break;
      case 'p':
        out += formatted(conversion, reinterpret_cast<void*>(arguments.take<Address>()));
        break;
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
      case 'a':
      case 'A': out += formatted(conversion, arguments.take<double>()); break;
      default:
        out += is_wide ? formatted(conversion, arguments.take<long long>())
                       : formatted(conversion, arguments.take<int>());
    }
  }
  return out;
}

void print(Warp& warp, const Step& step, Mask mask) {
  const Kernel& kernel = warp.block->running().kernel;
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const std::string text = printed(warp, step, lane);
    std::fwrite(text.data(), 1, text.size(), stdout);
    const auto length = static_cast<std::int32_t>(text.size());
    std::memcpy(
        warp.local + static_cast<std::size_t>(lane) * kernel.local_bytes + kernel.lists[step.list],
        &length, sizeof length);
  }
  std::fflush(stdout);
}

// __assertfail(message, file, line, function, character size)
[[noreturn]] void fail_assertion(Warp& warp, const Step& step, Mask mask) {
  const int lane = std::countr_zero(mask);
  const std::string message = text_at(warp, step, lane, argument<Address>(warp, step, 0, lane));
  const std::string file = text_at(warp, step, lane, argument<Address>(warp, step, 1, lane));
  const auto line = argument<std::uint32_t>(warp, step, 2, lane);
  const std::string function = text_at(warp, step, lane, argument<Address>(warp, step, 3, lane));
  warp.block->stop(Fault::trap, LaunchStatus::assert_failed, warp, lane, step,
                   file + ":" + std::to_string(line) + ": " + function + ": the assertion `" +
                       message + "` failed");
}

void set_conditional(Warp& warp, const Step& step, Mask mask) {
  for (Mask left = mask; left != 0; left &= left - 1) {
    const int lane = std::countr_zero(left);
    const auto& call = warp.block->running().calls.set_conditional;
    if (call)
      call(argument<std::uint64_t>(warp, step, 0, lane),
           argument<std::uint32_t>(warp, step, 1, lane));
  }
}

}  // namespace

bool decode_other(Decoding& d) {
  const std::string_view base = d.base();
  if (base == "membar" || base == "fence" || base == "nanosleep" || base == "griddepcontrol" ||
      base == "pmevent" || base == "setmaxnreg") {
    d.runs(base == "nanosleep" ? InstructionClass::control : InstructionClass::memory, nothing);
    return true;
  }
  if (base == "trap" || base == "brkpt") {
    d.runs(InstructionClass::control, trap);
    return true;
  }
  return false;
}

bool decode_system_call(Decoding& d, std::string_view function) {
  const auto runs = [&](std::uint32_t places, Run run) {
    if (d.step().list_count != places)
      throw Unsupported("another form of " + std::string(function));
    d.runs(InstructionClass::control, run);
    return true;
  };
  if (function == "vprintf") return runs(3, print);
  if (function == "__assertfail") return runs(5, fail_assertion);
  if (function == "cudaGraphSetConditional") return runs(2, set_conditional);
  return false;
}

}  // namespace emulator
