#include <ivory/experiment/experiment.h>

#include <algorithm>
#include <array>

#include <ivory/base/error.h>

namespace ivory {
namespace {

constexpr std::array<std::string_view, 4> kSections{"experiment", "run", "task", "study"};

bool is_section(std::string_view key) { return std::ranges::find(kSections, key) != kSections.end(); }

// `monitor: [{metric: val_loss}, {metric: latency}]` is one monitor: the first, and what it watches further.
Params one_monitor(const Params& list) {
  if (!list.is_list()) return Params(list);
  if (list.empty() || !list.at(std::size_t{0}).is_map())
    throw Error(ErrorCode::kInvalidArgument,
                at_place(list, "expected a list of {metric: …, mode: …}, found " + list.to_text()));
  Params monitor = list.at(std::size_t{0});
  Params further = Params::list({list.elements().begin() + 1, list.elements().end()});
  further.set_source(std::make_shared<const std::string>(list.file()), list.line());
  if (!further.empty()) monitor.set("further", std::move(further));
  return monitor;
}

// The `run` section of a parameter file: its own, or every key that is no section.
Params run_section(const Params& file) {
  const Params* own = file.find("run");
  Params section{{"seed", 0}, {"repeat", 0}, {"threads", 1}};
  if (const Params* library = file.find("library")) {
    Params first = Params::map();
    first.set("library", *library);
    for (auto& [key, value] : section.items()) first.set(key, std::move(value));
    section = std::move(first);
  }
  for (const auto& [key, value] : file.items()) {
    if (is_section(key) || key == "library") continue;
    if (own != nullptr)
      throw Error(ErrorCode::kInvalidArgument,
                  at_place(value, "'" + key + "' stands beside the section `run`; members belong inside it"));
    section.set(key, key == "monitor" ? one_monitor(value) : value);
  }
  if (own != nullptr)
    for (const auto& [key, value] : own->items())
      section.set(key, key == "monitor" ? one_monitor(value) : value);
  return section;
}

}  // namespace

Experiment::Experiment(std::shared_ptr<const Workshop> workshop, const Params& params) {
  workshop_ = std::move(workshop);
  name_ = workshop_->experiment;
  source_name_ = workshop_->source_name;
  if (!params.is_map())
    throw Error(ErrorCode::kInvalidArgument,
                at_place(params, "expected a mapping of members, found " +
                                     std::string(Params::kind_name(params.kind()))));
  Params experiment{{"name", name_}};
  if (const Params* own = params.find("experiment"))
    for (const auto& [key, value] : own->items())
      if (key != "name" && key != "id") experiment.set(key, value);
  params_.set("experiment", std::move(experiment));
  params_.set("run", run_section(params));
  for (const std::string_view section : {"task", "study"})
    if (const Params* own = params.find(section)) params_.set(section, *own);
}

}  // namespace ivory
