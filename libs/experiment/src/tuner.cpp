#include <ivory/experiment/tuner.h>

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/registry/blueprint.h>
#include <ivory/tuning/samplers.h>

#include "parameter_files.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::string_view, 2> kFileSchemes{"sqlite:///", "journal:///"};

tuning::Direction parse_direction(const std::string& text) {
  static const std::vector<std::string> kNames{"minimize", "maximize"};
  if (text == kNames[0]) return tuning::Direction::kMinimize;
  if (text == kNames[1]) return tuning::Direction::kMaximize;
  throw Error(ErrorCode::kInvalidArgument, "directions",
              "a direction is minimize or maximize, not '" + text + "'" + did_you_mean(text, kNames));
}

std::string to_text(std::span<const tuning::Direction> directions) {
  std::vector<std::string> words;
  for (const tuning::Direction direction : directions) words.emplace_back(tuning::to_text(direction));
  return join(words);
}

// The file of a URL whose storage is one.
std::optional<fs::path> file_of(const std::string& url) {
  for (const std::string_view scheme : kFileSchemes)
    if (url.starts_with(scheme)) return url.substr(scheme.size(), url.find('?') - scheme.size());
  return std::nullopt;
}

}  // namespace

Tuner::Tuner(TunerOptions options) : options_(std::move(options)) {
  for (const std::string& direction : options_.directions) static_cast<void>(parse_direction(direction));
  if (options_.lag < 1)
    throw Error(ErrorCode::kInvalidArgument, "lag",
                "expected 1 trial or more, found " + std::to_string(options_.lag));
}

std::string Tuner::url() const {
  for (const std::string_view scheme : kFileSchemes) {
    if (!storage().starts_with(scheme)) continue;
    const std::string path = storage().substr(scheme.size());
    if (path.starts_with('/')) return storage();
    const fs::path folder = directory_.empty() ? fs::current_path() : fs::absolute(directory_);
    return std::string(scheme) + (folder / path).lexically_normal().string();
  }
  return storage();
}

std::vector<std::string> Tuner::study_names() const {
  if (storage().empty()) return {};
  if (const auto file = file_of(url()); file && !fs::exists(*file)) return {};
  return tuning::get_all_study_names(url());
}

std::optional<tuning::Study> Tuner::find_study(const std::string& name) const {
  const std::vector<std::string> names = study_names();
  if (std::ranges::find(names, name) == names.end()) return std::nullopt;
  return tuning::load_study(
      {.storage = url(), .study_name = name, .sampler = options_.sampler, .pruner = options_.pruner});
}

tuning::Study Tuner::create_study(const std::string& name, const std::vector<tuning::Direction>& directions,
                                  bool may_exist) const {
  std::vector<tuning::Direction> wanted;
  for (const std::string& direction : options_.directions) wanted.push_back(parse_direction(direction));
  if (wanted.empty()) wanted = directions;
  if (wanted.size() != directions.size())
    throw Error(ErrorCode::kInvalidArgument, "the tuner has " + std::to_string(wanted.size()) +
                                                 " directions, the monitor " +
                                                 std::to_string(directions.size()) + " metrics");
  tuning::StudyOptions study{.directions = wanted,
                             .storage = url(),
                             .study_name = name,
                             .load_if_exists = may_exist || options_.load_if_exists,
                             .sampler = options_.sampler,
                             .pruner = options_.pruner};
  if (study.sampler == nullptr && options_.deterministic)
    study.sampler = tuning::make_tpe_sampler({.seed = 0});
  tuning::Study made = tuning::create_study(study);
  if (made.directions() != wanted)
    throw Error(ErrorCode::kInvalidArgument, "the study '" + name + "' in " + storage() +
                                                 " has the directions " + to_text(made.directions()) +
                                                 ", not " + to_text(wanted) + "; give another name");
  return made;
}

std::shared_ptr<Tuner> make_tuner(const Client& client, const Params& section) {
  const Params files = study_section(client.directory(), client.params());
  const Params* own = files.find("tuner");
  Params described = own == nullptr || own->is_null() ? Params::map() : Params(*own);
  for (const auto& [key, value] : section.items()) described.set(key, value);
  Params whole = Params::map();
  whole.set("tuner", std::move(described));
  const Blueprint blueprint(client.registry(), whole, "", {}, client.directory());
  auto tuner =
      blueprint
          .make("tuner",
                [](std::string_view name) -> Value {
                  throw Error(ErrorCode::kNotFound, "there is no member '" + std::string(name) + "'");
                })
          .share<Tuner>();
  tuner->set_directory(client.directory());
  return tuner;
}

}  // namespace ivory
