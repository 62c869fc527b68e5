#include "journal_record.h"

#include <charconv>

#include <ivory/base/error.h>

#include "json.h"
#include "time_text.h"

namespace ivory::tuning::journal {
namespace {

void read_attr(json::Reader& reader, Record& record) {
  reader.object([&](const std::string& key) {
    record.key = key;
    record.value = reader.value();
  });
}

void read_reals(json::Reader& reader, std::vector<double>& values) {
  if (!reader.try_null()) reader.list([&] { values.push_back(reader.real()); });
}

std::optional<Time> read_time(json::Reader& reader) {
  if (reader.try_null()) return {};
  return parse_time(reader.string());
}

std::int64_t parse_step(const std::string& text) {
  std::int64_t step = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), step).ptr;
  if (text.empty() || end != text.data() + text.size())
    throw Error(ErrorCode::kInvalidArgument, "a step is an integer, not '" + text + "'");
  return step;
}

// True if the key is one of a trial's.
bool read_trial_field(json::Reader& reader, const std::string& key, Record& record) {
  FrozenTrial& trial = record.trial;
  if (key == "state") {
    const std::int64_t state = reader.integer();
    if (state < 0 || state > 4)
      throw Error(ErrorCode::kInvalidArgument, "unknown trial state " + std::to_string(state));
    trial.state = static_cast<TrialState>(state);
  } else if (key == "value") {  // a template's only value stands here
    if (!reader.try_null()) trial.values = {reader.real()};
  } else if (key == "values") {
    read_reals(reader, trial.values);
  } else if (key == "datetime_start") {
    trial.datetime_start = read_time(reader);
  } else if (key == "datetime_complete") {
    trial.datetime_complete = read_time(reader);
  } else if (key == "user_attrs") {
    trial.user_attrs = reader.value();
  } else if (key == "system_attrs") {
    trial.system_attrs = reader.value();
  } else if (key == "distributions") {
    reader.object([&](const std::string& name) { record.distributions[name] = reader.string(); });
  } else if (key == "params") {
    reader.object([&](const std::string& name) { record.params.emplace_back(name, reader.real()); });
  } else if (key == "intermediate_values") {
    reader.object(
        [&](const std::string& step) { trial.intermediate_values[parse_step(step)] = reader.real(); });
  } else {
    return false;
  }
  return true;
}

}  // namespace

Record parse_record(std::string_view line) {
  json::Reader reader(line);
  Record record;
  reader.object([&](const std::string& key) {
    if (key == "op_code") {
      record.op = reader.integer();
    } else if (key == "worker_id") {
      record.worker = reader.string();
    } else if (key == "study_id") {
      record.study_id = reader.integer();
    } else if (key == "trial_id") {
      record.trial_id = reader.integer();
    } else if (key == "step") {
      record.step = reader.integer();
    } else if (key == "study_name") {
      record.study_name = reader.string();
    } else if (key == "param_name") {
      record.param_name = reader.string();
    } else if (key == "distribution") {
      record.distribution = reader.string();
    } else if (key == "directions") {
      reader.list([&] {
        record.directions.push_back(reader.integer() == 2 ? Direction::kMaximize : Direction::kMinimize);
      });
    } else if (key == "param_value_internal" || key == "intermediate_value") {
      record.number = reader.real();
    } else if (key == "user_attr" || key == "system_attr") {
      read_attr(reader, record);
    } else if (!read_trial_field(reader, key, record)) {
      reader.skip();
    }
  });
  reader.end();
  return record;
}

Line::Line(Op op, std::string_view worker) {
  text_ = R"({"op_code":)" + std::to_string(op) + R"(,"worker_id":)";
  json::append_string(text_, worker);
}

Line& Line::add(std::string_view key, const Params& value) {
  name(key);
  json::append(text_, value, json::Style::kCompact);
  return *this;
}

Line& Line::reals(std::string_view key, std::span<const double> values) {
  if (values.empty()) return add(key, nullptr);
  name(key);
  char before = '[';
  for (const double value : values) {
    text_ += before;
    json::append_real(text_, value);
    before = ',';
  }
  text_ += ']';
  return *this;
}

void Line::name(std::string_view key) {
  text_ += ',';
  json::append_string(text_, key);
  text_ += ':';
}

}  // namespace ivory::tuning::journal
