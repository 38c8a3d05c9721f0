#include "host/autodiff/derivative.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "host/plan/tape_key.h"
#include "host/support/recent_cache.h"
#include "host/tape/tape_arrays.h"

namespace tendon::autodiff {
namespace {

using detail::TapeArrays;

static_assert(std::has_unique_object_representations_v<Place>);  // compared as bytes

std::uint64_t hash_of(const Question& question) {
  const std::span<const Place> places = TapeArrays::places(question.tape);
  std::uint64_t hash =
      XXH3_64bits_withSeed(places.data(), places.size_bytes(), plan::structure_hash(question.tape));
  const auto mix = [&](std::uint64_t value) {
    hash = (std::rotl(hash, 23) ^ value) * 0x9E3779B97F4A7C15U;
  };
  for (const SourceValue& source : question.sources) {
    mix(std::uint64_t{source.value.id} << 32 | source.source);
  }
  for (const std::optional<Ref>& seed : question.seeds) mix(seed ? seed->id : ~std::uint64_t{0});
  mix(question.source_count);
  std::uint64_t bits = 1;  // the live edges, 32 at a time
  for (const std::uint8_t edge : question.live) {
    bits = bits << 1 | edge;
    if (bits >> 32 != 0) mix(std::exchange(bits, 1));
  }
  mix(bits);
  return hash;
}

support::RecentCache<Derivative>& cache() {
  // Never destroyed: a static's destructor may ask. As many ops as some hundred MB hold.
  static auto* instance = new support::RecentCache<Derivative>(256, 1'000'000);
  return *instance;
}

}  // namespace

Derivative::Derivative(const Question& question, plan::Backend& device)
    : asked_(question.tape),
      seeds_(question.seeds.begin(), question.seeds.end()),
      sources_(question.sources.begin(), question.sources.end()),
      live_(question.live.begin(), question.live.end()) {
  const Mask mask = reachability_of_any(device, asked_, live_, sources_, asked_.targets());
  Differentiated made = differentiate(asked_, seeds_, sources_, question.source_count, live_, mask);
  std::vector<Ref> connected;
  for (const std::optional<Ref>& gradient : made.gradients) {
    if (gradient) connected.push_back(*gradient);
  }
  backward_ = detail::Macro(std::move(made.tape), asked_.size(), connected);
  gradients_ = std::move(made.gradients);
  owners_ = std::move(made.owners);
  std::vector<detail::Origin> origins;
  origins.reserve(owners_.size());
  for (const Ref owner : owners_) {
    detail::Origin origin{name(asked_.op(owner)), 0};
    if (question.origin_of) origin = question.origin_of(owner);
    origins.push_back({origin.name, origin.order + 1});
  }
  backward_.set_origins(std::move(origins));
}

bool Derivative::answers(const Question& question) const {
  return question.source_count == gradients().size() && std::ranges::equal(question.live, live_) &&
         std::ranges::equal(question.seeds, seeds_) &&
         std::ranges::equal(question.sources, sources_) &&
         plan::same_structure(question.tape, asked_) &&
         std::memcmp(TapeArrays::places(question.tape).data(), TapeArrays::places(asked_).data(),
                     asked_.size() * sizeof(Place)) == 0;
}

std::shared_ptr<const Derivative> derivative_of(const Question& question, plan::Backend& device) {
  const std::uint64_t hash = hash_of(question);
  std::shared_ptr<const Derivative> found = cache().find(hash);
  if (found && found->answers(question)) return found;
  auto made = std::make_shared<const Derivative>(question, device);
  cache().insert(hash, made, made->backward().tape().size());
  return made;
}

}  // namespace tendon::autodiff
