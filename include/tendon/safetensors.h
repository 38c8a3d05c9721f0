// Tensors in files of the safetensors format (https://huggingface.co/docs/safetensors): 8 bytes of
// length, a JSON header, the values, row-major and little-endian. PyTorch, JAX, MLX and candle read
// and write it too.
#pragma once

#include <tendon/export.h>
#include <tendon/list.h>
#include <tendon/named_tensor.h>

#include <filesystem>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

namespace tendon {

using Metadata = std::map<std::string, std::string>;  // of a file, by key

// Computes the tensors and writes them: to `path`.part, which then takes its name, so that `path`
// is always a whole file, the old one or the new one. Waits for the values, for the disk, and for
// another save to the same file. Error, and the old file stays: where a name is empty, used twice,
// "__metadata__" or not UTF-8; where a tensor is empty; where `path` is a folder or a device, or
// cannot be written.
TENDON_API void save(const std::filesystem::path& path, const detail::List<NamedTensor>& tensors,
                     const Metadata& metadata = {}, Place place = Place::current());

// All tensors of a file, on default_device(), in the order of its header, which is that of save().
// Error that names the file and what is wrong: where it cannot be read, breaks the format, or has a
// tensor of a dtype that tendon lacks or of more than 8 axes.
TENDON_API std::vector<NamedTensor> load(const std::filesystem::path& path,
                                         Place place = Place::current());
// The file's metadata alone. Error as for load().
TENDON_API Metadata load_metadata(const std::filesystem::path& path,
                                  Place place = Place::current());

}  // namespace tendon
