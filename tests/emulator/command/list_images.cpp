// What tendon-emulate tells, as a program: with --device which device there is, with a file, of
// tendon-emulate --list FILE, the images that a program or a library holds for devices, one a line:
//   ptx compute_80
//   elf sm_90 compressed
#include <cuda_runtime_api.h>
#include <elf.h>

#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string_view>
#include <vector>

#include "machine/machine.h"
#include "runtime/fat_binary.h"

namespace {

using Bytes = std::span<const std::byte>;

template <class T>
bool read(Bytes from, std::size_t at, T& value) {
  if (at > from.size() || sizeof value > from.size() - at) return false;
  std::memcpy(&value, from.data() + at, sizeof value);
  return true;
}

// The bytes of the section; none where the file is no ELF file of 64 bits or has none.
Bytes section(Bytes file, std::string_view name) {
  Elf64_Ehdr header;
  if (!read(file, 0, header) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
      header.e_ident[EI_CLASS] != ELFCLASS64)
    return {};
  const auto header_of = [&](std::size_t i, Elf64_Shdr& of) {
    return read(file, header.e_shoff + i * header.e_shentsize, of);
  };
  Elf64_Shdr names, found;
  if (!header_of(header.e_shstrndx, names)) return {};
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    if (!header_of(i, found)) return {};
    const std::size_t at = names.sh_offset + found.sh_name;
    if (at >= file.size() || file.size() - at <= name.size() ||
        std::memcmp(file.data() + at, name.data(), name.size()) != 0 ||
        file[at + name.size()] != std::byte{0})
      continue;
    if (found.sh_offset > file.size() || found.sh_size > file.size() - found.sh_offset) return {};
    return file.subspan(found.sh_offset, found.sh_size);
  }
  return {};
}

int fail(const char* file, const char* what) {
  std::fprintf(stderr, "tendon-emulate: %s: %s\n", file, what);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fail("--list", "it needs one file");
  if (std::string_view(argv[1]) == "--device") {
    std::printf("CUDA %d.%d, compute capability %d.%d\n", CUDART_VERSION / 1000,
                CUDART_VERSION % 1000 / 10, emulator::DeviceProperties::kMajor,
                emulator::DeviceProperties::kMinor);
    return 0;
  }
  if (!std::filesystem::is_regular_file(argv[1])) return fail(argv[1], "it cannot be read");
  std::ifstream stream(argv[1], std::ios::binary);
  const std::vector<char> content{std::istreambuf_iterator<char>(stream), {}};
  if (!stream.is_open() || stream.bad() || content.empty())
    return fail(argv[1], "it cannot be read");
  const Bytes binaries = section(std::as_bytes(std::span(content)), ".nv_fatbin");
  if (binaries.empty()) return fail(argv[1], "it holds no images for devices");
  constexpr std::size_t kAlignment = 8;  // of each source file's
  for (std::size_t at = 0; at < binaries.size();) {
    const auto binary = emulator::read_entries(binaries.data() + at, binaries.size() - at);
    if (!binary) {
      at += kAlignment;
      continue;
    }
    for (const emulator::FatBinaryEntry& entry : binary->entries) {
      std::printf("%s_%u%s\n", entry.is_ptx ? "ptx compute" : "elf sm", entry.architecture,
                  entry.is_compressed ? " compressed" : "");
    }
    at += (binary->bytes + kAlignment - 1) / kAlignment * kAlignment;
  }
}
