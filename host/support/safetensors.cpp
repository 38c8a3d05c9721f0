#include "host/support/safetensors.h"

#include <tendon/error.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <set>
#include <utility>

#include "host/support/text.h"

namespace tendon::support {
namespace {

using nlohmann::json;

constexpr const char* kMetadata = "__metadata__";
constexpr std::uint64_t kMostHeaderBytes = 100'000'000;  // as the format's own reader has it

constexpr std::pair<const char*, DType> kNames[] = {
    {"BOOL", DType::boolean}, {"I32", DType::i32}, {"I64", DType::i64}, {"F16", DType::f16},
    {"BF16", DType::bf16},    {"F32", DType::f32}, {"F64", DType::f64}};

const char* name_of(DType dtype) {
  return std::ranges::find(kNames, dtype, [](const auto& pair) { return pair.second; })->first;
}

template <class... Arguments>
[[noreturn]] void fail(fmt::format_string<Arguments...> text, Arguments&&... arguments) {
  throw Error(fmt::format(text, std::forward<Arguments>(arguments)...));
}

// A name as a message shows it: what anybody may have written is cut and quoted.
std::string shown(const std::string& name) {
  constexpr std::size_t kMost = 60;
  const std::string text = json(name).dump(-1, ' ', true, json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...\"";
}

DType dtype_of(const std::string& tensor, const json& entry) {
  const auto found = entry.find("dtype");
  if (found == entry.end() || !found->is_string()) fail("tensor {} has no dtype", tensor);
  const auto& text = found->get_ref<const std::string&>();
  const auto* const pair =
      std::ranges::find_if(kNames, [&](auto& row) { return row.first == text; });
  if (pair == std::end(kNames)) {
    fail("tensor {} is of dtype {}; tendon has BOOL, I32, I64, F16, BF16, F32 and F64", tensor,
         shown(text));
  }
  return pair->second;
}

Shape shape_of(const std::string& tensor, const json& entry) {
  const auto found = entry.find("shape");
  if (found == entry.end() || !found->is_array()) fail("tensor {} has no shape", tensor);
  if (found->size() > std::size_t{kMaxRank})
    fail("tensor {} has {} axes; tendon has at most {}", tensor, found->size(), kMaxRank);
  std::vector<std::int64_t> extents;
  std::int64_t size = 1;  // without the axes of no element, which would hide that it has no number
  for (const json& extent : *found) {
    if (!extent.is_number_unsigned() || !std::in_range<std::int64_t>(extent.get<std::uint64_t>()))
      fail("tensor {} has an extent that is no count", tensor);
    extents.push_back(extent.get<std::int64_t>());
    if (__builtin_mul_overflow(size, std::max<std::int64_t>(extents.back(), 1), &size))
      fail("tensor {} has more elements than a file can hold", tensor);
  }
  return Shape(std::span<const std::int64_t>(extents));
}

std::pair<std::uint64_t, std::uint64_t> offsets_of(const std::string& tensor, const json& entry) {
  const auto found = entry.find("data_offsets");
  const bool is_pair = found != entry.end() && found->is_array() && found->size() == 2 &&
                       (*found)[0].is_number_unsigned() && (*found)[1].is_number_unsigned();
  if (!is_pair) fail("tensor {} has no data_offsets", tensor);
  return {(*found)[0].get<std::uint64_t>(), (*found)[1].get<std::uint64_t>()};
}

SafetensorsEntry entry_of(const std::string& name, const json& object) {
  if (name.empty()) fail("a tensor has an empty name");
  const std::string tensor = shown(name);
  SafetensorsEntry entry{name, dtype_of(tensor, object), shape_of(tensor, object)};
  std::tie(entry.begin, entry.end) = offsets_of(tensor, object);
  std::uint64_t bytes = 0;
  const bool fits = !__builtin_mul_overflow(static_cast<std::uint64_t>(entry.shape.size()),
                                            size_bytes(entry.dtype), &bytes);
  if (!fits || entry.end < entry.begin || entry.end - entry.begin != bytes) {
    fail("tensor {} is {} {}, which does not take the bytes {} to {}", tensor, entry.dtype,
         entry.shape, entry.begin, entry.end);
  }
  if (entry.begin % size_bytes(entry.dtype) != 0)
    fail("tensor {} is {} and begins at byte {}: misaligned", tensor, entry.dtype, entry.begin);
  return entry;
}

Metadata metadata_of(const json& object) {
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string()) fail("{} {} is no text", kMetadata, shown(key));
    metadata.emplace(key, value.get<std::string>());
  }
  return metadata;
}

// Takes the header's entries out of the parser one by one: its own object would sort them by name,
// and take the last of several of one name.
class Reader {
 public:
  SafetensorsHeader read(std::string_view text) {
    try {
      const json left = json::parse(text, [this](int depth, json::parse_event_t event, json& part) {
        return keep(depth, event, part);
      });
      if (!left.empty()) fail("the header is no JSON object of tensors");
    } catch (const json::exception& error) {
      const std::string why = error.what();
      fail("the header is no JSON: {}", why.substr(0, 200));
    }
    return std::move(header_);
  }

 private:
  using Event = json::parse_event_t;
  static constexpr int kEntry = 1;    // how deep an entry lies, and what its keys name
  static constexpr int kDeepest = 3;  // an extent

  bool keep(int depth, Event event, json& part) {
    if (depth > kDeepest) fail("the header is nested deeper than an entry's shape");
    if (event == Event::key) {
      take_key(depth, part.get_ref<const std::string&>());
    } else if (depth == kEntry && event == Event::object_end) {
      take_entry(part);
      return false;
    } else if (depth == kEntry && event != Event::object_start) {
      fail("tensor {} is described by no object", shown(name_));
    }
    return true;
  }

  void take_key(int depth, const std::string& key) {
    if (depth == kEntry) {
      name_ = key;
      keys_.clear();
      if (!names_.insert(key).second) fail("two tensors have the name {}", shown(key));
    } else if (!keys_.insert(key).second) {
      fail("{} has {} twice", shown(name_), shown(key));
    }
  }

  void take_entry(const json& object) {
    if (name_ == kMetadata) {
      header_.metadata = metadata_of(object);
    } else {
      header_.entries.push_back(entry_of(name_, object));
    }
  }

  SafetensorsHeader header_;
  std::string name_;
  std::set<std::string> names_;
  std::set<std::string> keys_;  // of the entry
};

void check_placement(const SafetensorsHeader& header, std::uint64_t value_bytes) {
  std::vector<const SafetensorsEntry*> in_file;
  for (const SafetensorsEntry& entry : header.entries) in_file.push_back(&entry);
  std::ranges::sort(in_file, {}, [](const SafetensorsEntry* entry) {
    return std::pair(entry->begin, entry->end);
  });
  std::uint64_t end = 0;
  const SafetensorsEntry* before = nullptr;
  for (const SafetensorsEntry* entry : in_file) {
    if (entry->begin < end)
      fail("tensors {} and {} overlap", shown(before->name), shown(entry->name));
    if (entry->begin > end) fail("no tensor has the bytes {} to {}", end, entry->begin);
    end = entry->end;
    before = entry;
  }
  if (end > value_bytes) {
    fail("it is truncated: tensor {} ends at byte {} of its values, the file at byte {}",
         shown(before->name), end, value_bytes);
  }
  if (end < value_bytes) fail("{} bytes behind the last tensor belong to none", value_bytes - end);
}

}  // namespace

std::uint64_t safetensors_header_bytes(std::span<const unsigned char, kSafetensorsPrefix> prefix,
                                       std::uint64_t file_bytes) {
  if (file_bytes < kSafetensorsPrefix)
    fail("it has {} bytes, too few for a safetensors file", file_bytes);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < kSafetensorsPrefix; ++i) bytes |= std::uint64_t{prefix[i]} << (8 * i);
  if (bytes > file_bytes - kSafetensorsPrefix) {
    fail(
        "its header is said to have {} bytes, and the file has {}: it is truncated, or no "
        "safetensors file",
        bytes, file_bytes);
  }
  if (bytes > kMostHeaderBytes)
    fail("its header has {} bytes; at most {} are read", bytes, kMostHeaderBytes);
  return bytes;
}

SafetensorsHeader parse_safetensors(std::string_view header, std::uint64_t value_bytes) {
  if (!header.starts_with('{')) fail("the header is no JSON object");
  SafetensorsHeader read = Reader().read(header);
  check_placement(read, value_bytes);
  return read;
}

std::string write_safetensors(SafetensorsHeader& header) {
  static_assert(std::endian::native == std::endian::little);
  std::vector<SafetensorsEntry*> in_file;
  for (SafetensorsEntry& entry : header.entries) in_file.push_back(&entry);
  std::ranges::stable_sort(in_file, std::greater(),
                           [](const SafetensorsEntry* entry) { return size_bytes(entry->dtype); });
  std::uint64_t end = 0;
  for (SafetensorsEntry* entry : in_file) {
    entry->begin = end;
    end += static_cast<std::uint64_t>(entry->shape.size()) * size_bytes(entry->dtype);
    entry->end = end;
  }

  std::set<std::string_view> names;
  std::string text = "{";
  const auto add = [&](const std::string& name, const json& value) {
    try {
      text += fmt::format("{}{}:{}", text.size() > 1 ? "," : "", json(name).dump(), value.dump());
    } catch (const json::exception&) {
      fail("{} is not UTF-8, which a name and metadata must be", shown(name));
    }
  };
  if (!header.metadata.empty()) add(kMetadata, header.metadata);
  for (const SafetensorsEntry& entry : header.entries) {
    if (entry.name.empty()) fail("a tensor has an empty name");
    if (entry.name == kMetadata) fail("no tensor can have the name {}", kMetadata);
    if (!names.insert(entry.name).second) fail("two tensors have the name {}", shown(entry.name));
    add(entry.name, {{"dtype", name_of(entry.dtype)},
                     {"shape", std::vector<std::int64_t>(entry.shape.begin(), entry.shape.end())},
                     {"data_offsets", {entry.begin, entry.end}}});
  }
  text += "}";
  text.resize((text.size() + 7) / 8 * 8, ' ');
  if (text.size() > kMostHeaderBytes)
    fail("the header would have {} bytes; at most {} are read", text.size(), kMostHeaderBytes);
  std::string prefix(kSafetensorsPrefix, '\0');
  for (std::size_t i = 0; i < kSafetensorsPrefix; ++i)
    prefix[i] = static_cast<char>(text.size() >> (8 * i));
  return prefix + text;
}

}  // namespace tendon::support
