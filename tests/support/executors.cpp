#include "tests/support/executors.h"

#include "host/cpu/plain_executor.h"
#include "tests/support/device_buffer.h"

namespace tendon::test {
namespace {

std::vector<Bytes> room_for_targets(const Tape& tape) {
  std::vector<Bytes> outputs;
  for (const Ref target : tape.targets()) {
    // A target that is left out must not look like one that is 0.
    outputs.emplace_back(static_cast<std::size_t>(tape.bytes(target)), std::byte{0x5a});
  }
  return outputs;
}

enum class Alignment { greatest, of_an_element };

std::vector<Bytes> run_planned_at(Alignment alignment, const Tape& tape,
                                  const std::vector<Bytes>& inputs) {
  const Device device = default_device();
  const auto offset = [&](Ref value) {
    return alignment == Alignment::of_an_element ? size_bytes(tape.dtype(value)) : 0;
  };
  std::vector<DeviceBuffer> from;
  std::vector<DeviceBuffer> into;
  for (std::size_t i = 0; i < inputs.size(); ++i)
    from.emplace_back(device, inputs[i], offset(tape.inputs()[i]));
  const std::vector<Bytes> room = room_for_targets(tape);
  for (std::size_t i = 0; i < room.size(); ++i)
    into.emplace_back(device, room[i], offset(tape.targets()[i]));
  compile(tape, {.device = device}).run(Stream(), buffers(from), buffers(into));
  std::vector<Bytes> outputs;
  for (const DeviceBuffer& output : into) outputs.push_back(output.read());
  return outputs;
}

}  // namespace

std::vector<Bytes> run_plain(const Tape& tape, const std::vector<Bytes>& inputs) {
  std::vector<Bytes> outputs = room_for_targets(tape);
  std::vector<const void*> from;
  std::vector<void*> into;
  for (const Bytes& input : inputs) from.push_back(input.data());
  for (Bytes& output : outputs) into.push_back(output.data());
  cpu::Memory memory;
  cpu::execute_plainly(tape, from, into, memory);
  EXPECT_EQ(memory.in_use_bytes(), 0);
  return outputs;
}

std::vector<Bytes> run_planned(const Tape& tape, const std::vector<Bytes>& inputs) {
  return run_planned_at(Alignment::greatest, tape, inputs);
}
std::vector<Bytes> run_planned_unaligned(const Tape& tape, const std::vector<Bytes>& inputs) {
  return run_planned_at(Alignment::of_an_element, tape, inputs);
}

Comparison compare(const Tape& tape, const std::vector<Bytes>& inputs, const Executor& run) {
  Comparison comparison;
  const std::vector<Bytes> want = run_plain(tape, inputs);
  const std::vector<Bytes> got = run(tape, inputs);
  const std::vector<Bound> allowed =
      bounds(tape, inputs, default_device().is_cpu() ? Functions::same : Functions::within_ulp);
  for (std::size_t i = 0; i < want.size(); ++i) {
    ++comparison.targets[static_cast<std::size_t>(allowed[i].agreement)];
    const Ref target = tape.targets()[i];
    const auto result = agrees(tape.dtype(target), got[i], want[i], allowed[i]);
    if (result || comparison.failure) continue;
    constexpr std::array kAgreements = {"bits", "numbers", "near", "none"};
    comparison.failure = "target " + std::to_string(i) + ", %" + std::to_string(target.id) + " (" +
                         kAgreements[static_cast<std::size_t>(allowed[i].agreement)] +
                         "): " + result.message();
  }
  return comparison;
}

}  // namespace tendon::test
