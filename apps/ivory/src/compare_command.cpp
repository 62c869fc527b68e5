// ivory compare: runs side by side.
#include "command.h"

#include <algorithm>
#include <array>
#include <map>

#include <ivory/base/error.h>
#include <ivory/experiment/client.h>
#include <ivory/tracking/liveness.h>

#include "stored_runs.h"
#include "table.h"

namespace ivory {
namespace {

// One line: what it is, and a value of each run; null where a run has none.
struct Line {
  std::string name;
  std::vector<Params> values;
  [[nodiscard]] bool differs() const {
    return std::ranges::any_of(values, [this](const Params& value) { return value != values.front(); });
  }
};

// Lines in the order in which they first occur.
class Lines {
 public:
  explicit Lines(std::size_t runs) : runs_(runs) {}
  void set(const std::string& name, std::size_t run, Params value) {
    const auto [at, added] = places_.try_emplace(name, lines_.size());
    if (added) lines_.push_back({name, std::vector<Params>(runs_)});
    lines_[at->second].values[run] = std::move(value);
  }
  [[nodiscard]] const std::vector<Line>& get() const noexcept { return lines_; }

 private:
  std::size_t runs_;
  std::vector<Line> lines_;
  std::map<std::string, std::size_t> places_;
};

// What is another for every run.
bool names_the_run(const std::string& path) {
  static constexpr std::array<std::string_view, 3> kKeys{"experiment.id", "run.id", "run.name"};
  return std::ranges::find(kKeys, path) != kKeys.end();
}

// Every scalar by its dotted path; the section's name is left out.
void flatten(const Params& node, const std::string& path, std::size_t run, Lines& lines) {
  const auto below = [&](const std::string& key) { return path.empty() ? key : path + "." + key; };
  if (node.is_map() && !node.empty()) {
    for (const auto& [key, value] : node.items()) flatten(value, below(key), run, lines);
  } else if (node.is_list() &&
             std::ranges::any_of(node.elements(), [](const Params& e) { return !e.is_scalar(); })) {
    std::size_t at = 0;
    for (const Params& element : node.elements()) flatten(element, below(std::to_string(at++)), run, lines);
  } else if (!names_the_run(path)) {
    lines.set(path.starts_with("run.") ? path.substr(4) : path, run, node);
  }
}

class CompareCommand : public Command {
 public:
  void declare(Options& options) override {
    options.words("RUN", names_, "two runs or more: digits/run#3, digits/task#0, the beginning of an id");
    options.flag("--all", all_, "parameters that all share, too");
  }

  int execute() override {
    if (names_.size() < 2)
      throw Error(ErrorCode::kInvalidArgument,
                  "give two runs or more: `ivory compare digits/run#0 digits/run#1`");
    const Client client = Client::of_records(directory());
    std::vector<tracking::RunRecord> runs;
    for (const std::string& name : names_) runs.push_back(client.resolve_run(name));
    const Lines params = params_of(client, runs);
    const Lines metrics = metrics_of(runs);
    const std::vector<std::string> titles = short_names(client, runs);
    print(json() ? as_json(titles, runs, params, metrics) : as_text(titles, runs, params, metrics));
    return 0;
  }

 private:
  static Lines params_of(const Client& client, const std::vector<tracking::RunRecord>& runs) {
    Lines lines(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i) {
      try {
        flatten(client.load_params(runs[i].run_id), {}, i, lines);
      } catch (const Error& error) {
        if (error.code() != ErrorCode::kNotFound) throw;
        for (const auto& [key, value] : runs[i].params) lines.set(key, i, value);  // another tool's run
      }
    }
    return lines;
  }

  static Lines metrics_of(const std::vector<tracking::RunRecord>& runs) {
    Lines lines(runs.size());
    for (std::size_t i = 0; i < runs.size(); ++i)
      for (const tracking::Metric& metric : runs[i].metrics) lines.set(metric.key, i, metric.value);
    return lines;
  }

  [[nodiscard]] bool shows(const Line& line) const { return all_ || line.differs(); }

  [[nodiscard]] std::string as_text(const std::vector<std::string>& titles,
                                    const std::vector<tracking::RunRecord>& runs, const Lines& params,
                                    const Lines& metrics) const {
    std::vector<std::string> headings{""};
    headings.insert(headings.end(), titles.begin(), titles.end());
    Table table(headings);
    std::vector<std::string> status{"status"};
    for (const tracking::RunRecord& run : runs) status.emplace_back(tracking::shown_status(run));
    table.add_row(std::move(status));
    table.add_gap();
    for (const Line& line : params.get())
      if (shows(line)) table.add_row(cells(line, [](const Params& value) { return value.to_text(); }));
    table.add_gap();
    for (const Line& line : metrics.get())
      table.add_row(cells(line, [](const Params& value) { return number_text(value.as_real()); }));
    return table.to_text();
  }

  template <class F>
  static std::vector<std::string> cells(const Line& line, const F& text) {
    std::vector<std::string> row{line.name};
    for (const Params& value : line.values) row.push_back(value.is_null() ? std::string() : text(value));
    return row;
  }

  [[nodiscard]] std::string as_json(const std::vector<std::string>& titles,
                                    const std::vector<tracking::RunRecord>& runs, const Lines& params,
                                    const Lines& metrics) const {
    Params list = Params::list();
    for (std::size_t i = 0; i < runs.size(); ++i)
      list.push_back(
          Params{{"id", runs[i].run_id}, {"name", titles[i]}, {"status", tracking::shown_status(runs[i])}});
    Params document = Params::map();
    document.set("runs", std::move(list));
    Params differing = Params::map(), measured = Params::map();
    for (const Line& line : params.get())
      if (shows(line)) differing.set(line.name, Params::list(line.values));
    for (const Line& line : metrics.get()) measured.set(line.name, Params::list(line.values));
    document.set("params", std::move(differing));
    document.set("metrics", std::move(measured));
    return document.to_json(2) + "\n";
  }

  std::vector<std::string> names_;
  bool all_ = false;
};

}  // namespace

std::unique_ptr<Command> make_compare_command() { return std::make_unique<CompareCommand>(); }

}  // namespace ivory
