#include <ivory/tracking/spool.h>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <exception>
#include <map>
#include <memory>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include <ivory/base/error.h>
#include <ivory/tracking/artifact_store.h>
#include <ivory/tracking/open_store.h>

#include "artifact_path.h"
#include "rest/rest_json.h"

namespace ivory::tracking {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kHashLength = 16;
constexpr std::string_view kExtension = ".spool";
constexpr std::string_view kFilesExtension = ".files";
constexpr std::string_view kRefused = ".refused";

[[noreturn]] void fail(const fs::path& path, std::string_view doing, int reason) {
  throw Error(ErrorCode::kIo, "cannot " + std::string(doing) + " the spool '" + path.string() +
                                  "': " + std::generic_category().message(reason));
}

Json record_json(const Batch& batch) {
  Json metrics = Json::array();
  for (const Metric& metric : batch.metrics) metrics.push_back(to_json(metric));
  Json of_models = Json::array();
  for (const ModelMetric& metric : batch.model_metrics) of_models.push_back(to_json(metric));
  return {{"batch",
           {{"metrics", std::move(metrics)},
            {"model_metrics", std::move(of_models)},
            {"params", to_json(batch.params)},
            {"tags", to_json(batch.tags)}}}};
}

Json record_json(const RunUpdate& update) {
  Json json = {{"tags", to_json(update.tags)}};
  if (update.status) json["status"] = to_text(*update.status);
  if (update.end_time_ms) json["end_time"] = *update.end_time_ms;
  if (update.name) json["name"] = *update.name;
  return {{"update", std::move(json)}};
}

Json record_json(const PendingArtifact& artifact) {
  return {{"artifact", {{"file", artifact.file.string()}, {"folder", artifact.folder}}}};
}

Json record_json(const PendingInputs& inputs) {
  Json datasets = Json::array();
  for (const DatasetInput& input : inputs.datasets) datasets.push_back(to_json(input));
  return {{"inputs", {{"datasets", std::move(datasets)}}}};
}

Batch batch_from(const Json& json) {
  Batch batch;
  for (const Json& metric : list_of(json, "metrics")) batch.metrics.push_back(metric_from(metric));
  for (const Json& metric : list_of(json, "model_metrics"))
    batch.model_metrics.push_back(model_metric_from(metric));
  batch.params = pairs_from(list_of(json, "params"));
  batch.tags = pairs_from(list_of(json, "tags"));
  return batch;
}

RunUpdate update_from(const Json& json) {
  RunUpdate update;
  update.status = find_run_status(text_of(json, "status"));
  if (json.contains("end_time")) update.end_time_ms = integer_of(json, "end_time");
  if (json.contains("name")) update.name = text_of(json, "name");
  update.tags = pairs_from(list_of(json, "tags"));
  return update;
}

PendingInputs inputs_from(const Json& json) {
  PendingInputs inputs;
  for (const Json& input : list_of(json, "datasets")) inputs.datasets.push_back(dataset_input_from(input));
  return inputs;
}

SpoolRecord record_from(const Json& json) {
  if (json.contains("batch")) return batch_from(object_of(json, "batch"));
  if (json.contains("update")) return update_from(object_of(json, "update"));
  if (json.contains("inputs")) return inputs_from(object_of(json, "inputs"));
  const Json& artifact = object_of(json, "artifact");
  return PendingArtifact{.file = text_of(artifact, "file"), .folder = text_of(artifact, "folder")};
}

// Where the artifacts of a spool lie.
fs::path files_of(const fs::path& spool) { return fs::path(spool).replace_extension(kFilesExtension); }

// The JSON of the line that begins at `at`, which is moved behind it; null if the line is not whole.
Json next_line(std::string_view bytes, std::size_t& at) {
  const auto end = bytes.find('\n', at);
  if (end == std::string_view::npos || end - at < kHashLength + 1 || bytes[at + kHashLength] != ' ')
    return {};
  const std::string_view json = bytes.substr(at + kHashLength + 1, end - at - kHashLength - 1);
  if (content_hash(json) != bytes.substr(at, kHashLength)) return {};
  Json parsed = Json::parse(json, nullptr, false);
  if (!parsed.is_object()) return {};
  at = end + 1;
  return parsed;
}

std::string line_of(std::string_view json) { return content_hash(json) + " " + std::string(json) + "\n"; }

}  // namespace

SpoolContents parse_spool(std::string_view bytes) {
  SpoolContents contents;
  std::size_t at = 0;
  try {
    const Json first = next_line(bytes, at);
    if (first.is_object()) {
      contents.tracking_uri = text_of(first, "tracking_uri");
      contents.run_id = text_of(first, "run_id");
    }
    if (contents.run_id.empty())
      throw Error(ErrorCode::kInvalidArgument, "this is no spool: its first line does not name a run");
    contents.whole_bytes = at;
    for (Json line = next_line(bytes, at); line.is_object(); line = next_line(bytes, at)) {
      contents.records.push_back(record_from(line));
      contents.whole_bytes = at;
    }
  } catch (const Error& error) {
    if (contents.whole_bytes == 0) throw Error(ErrorCode::kInvalidArgument, error.what());
    // A line of another kind than ours: the rest is left.
  }
  return contents;
}

Spool::Spool(const fs::path& folder, std::string_view tracking_uri, std::string_view run_id,
             Durability durability)
    : path_(folder / (std::string(run_id) + std::string(kExtension))),
      tracking_uri_(tracking_uri),
      run_id_(run_id),
      durability_(durability) {
  if (fs::exists(path_)) open();
}

Spool::~Spool() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

void Spool::open() {
  std::error_code why;
  fs::create_directories(path_.parent_path(), why);
  if (why) fail(path_, "make the folder of", why.value());
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (descriptor_ < 0) fail(path_, "open", errno);
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    ::close(std::exchange(descriptor_, -1));
    throw Error(ErrorCode::kConflict, "the spool '" + path_.string() + "' is in use by another process");
  }
  const std::string bytes = read_file(path_);
  if (!bytes.empty()) size_ = parse_spool(bytes).whole_bytes;
  if (size_ < bytes.size() && ::ftruncate(descriptor_, static_cast<off_t>(size_)) != 0)
    fail(path_, "mend", errno);
}

void Spool::write_line(std::string_view json) {
  const std::string line = line_of(json);
  std::size_t written = 0;
  while (written < line.size()) {
    const ssize_t count = ::write(descriptor_, line.data() + written, line.size() - written);
    if (count < 0 && errno == EINTR) continue;
    if (count > 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    const int reason = errno;
    static_cast<void>(
        !::ftruncate(descriptor_, static_cast<off_t>(size_)));  // a torn line is left out when read, too
    fail(path_, "write to", reason);
  }
  if (durability_ == Durability::kFull && ::fdatasync(descriptor_) != 0) fail(path_, "sync", errno);
  size_ += line.size();
}

void Spool::append(const SpoolRecord& record) {
  if (descriptor_ < 0) open();
  if (size_ == 0) write_line(Json{{"tracking_uri", tracking_uri_}, {"run_id", run_id_}}.dump());
  write_line(std::visit([](const auto& kind) { return record_json(kind).dump(); }, record));
}

// Each artifact has a folder of its own there, as names may be the same.
std::string Spool::new_file_folder() const {
  std::uintmax_t number = size_;
  while (fs::exists(files() / std::to_string(number))) ++number;
  return std::to_string(number);
}

fs::path Spool::files() const { return files_of(fs::absolute(path_)); }

void Spool::append_file(const fs::path& file, std::string_view folder) {
  const std::string target = checked_artifact_path(folder).generic_string();
  const std::string place = new_file_folder();
  const auto copies = open_artifact_store(files().string(), durability_);
  copies->log_artifact(file, place);
  append_copied({.file = fs::path(place) / file.filename(), .folder = target});
}

void Spool::append_files(const fs::path& source, std::string_view folder) {
  if (!fs::is_directory(source))
    throw Error(ErrorCode::kNotFound, "no folder '" + source.string() + "' to log");
  const fs::path target = checked_artifact_path(folder);
  std::error_code why;
  for (fs::recursive_directory_iterator entry(source, why), end; !why && entry != end; entry.increment(why)) {
    if (!entry->is_regular_file()) continue;
    const fs::path within = entry->path().lexically_relative(source).parent_path();
    append_file(entry->path(), (within.empty() ? target : target / within).generic_string());
  }
  if (why) fail(source, "read, for", why.value());
}

void Spool::append_bytes(std::string_view path, std::string_view bytes) {
  const fs::path target = checked_artifact_path(path).lexically_normal();
  if (!target.has_filename() || target == ".") refuse_artifact_path(path, "names no file");
  const fs::path file = fs::path(new_file_folder()) / target.filename();
  open_artifact_store(files().string(), durability_)->write(file.generic_string(), bytes);
  append_copied({.file = file, .folder = target.parent_path().generic_string()});
}

void Spool::append_copied(const PendingArtifact& artifact) {
  try {
    append(artifact);
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(files() / artifact.file.parent_path(), ignored);
    throw;
  }
}

SpoolContents Spool::read() const {
  SpoolContents contents = parse_spool(read_file(path_));
  contents.files = files();
  return contents;
}

void Spool::clear() {
  if (descriptor_ < 0) return;
  std::error_code why;
  fs::remove(path_, why);
  if (why) fail(path_, "remove", why.value());
  fs::remove_all(files(), why);  // nothing names what may be left
  ::close(std::exchange(descriptor_, -1));
  size_ = 0;
}

fs::path Spool::set_aside() {
  const auto named = [](const fs::path& path, const std::string& suffix) { return path.string() + suffix; };
  std::string suffix(kRefused);
  for (int number = 2; fs::exists(named(path_, suffix)) || fs::exists(named(files(), suffix)); ++number)
    suffix = std::string(kRefused) + std::to_string(number);
  fs::path aside = named(path_, suffix);
  std::error_code why;
  fs::rename(path_, aside, why);
  if (why) fail(path_, "set aside", why.value());
  fs::rename(files(), named(files(), suffix), why);  // there are none, mostly
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
  size_ = 0;
  return aside;
}

namespace {

// Sends the records of one run.
class Sender {
 public:
  Sender(TrackingStore& store, const SpoolContents& contents, std::optional<int> max_retries)
      : store_(store), contents_(contents), max_retries_(max_retries) {}

  void operator()(const Batch& batch) {
    try {
      store_.log_batch(contents_.run_id, batch);
    } catch (const Error& error) {
      if (error.code() != ErrorCode::kInvalidArgument) throw;
      send_parts(batch);
    }
  }
  void operator()(const RunUpdate& update) { store_.update_run(contents_.run_id, update); }
  void operator()(const PendingInputs& inputs) { store_.log_inputs(contents_.run_id, inputs.datasets, {}); }
  void operator()(const PendingArtifact& artifact) {
    if (artifacts_ == nullptr) {
      artifacts_ = open_artifact_store(store_.get_run(contents_.run_id).artifact_uri, Durability::kProcess,
                                       contents_.tracking_uri, max_retries_);
    }
    artifacts_->log_artifact(contents_.files / artifact.file, artifact.folder);
  }

  // What is refused for good is noted.
  template <class F>
  void attempt(const F& send) {
    try {
      send();
    } catch (const Error& error) {
      if (error.code() == ErrorCode::kIo) throw;
      if (refused_ == nullptr) refused_ = std::current_exception();
    }
  }
  void throw_refused() const {
    if (refused_ != nullptr) std::rethrow_exception(refused_);
  }

 private:
  // Each by itself, so that one that is refused stands alone.
  void send_parts(const Batch& batch) {
    const auto one = [this](const Batch& part) {
      attempt([&] { store_.log_batch(contents_.run_id, part); });
    };
    for (const KeyValue& param : batch.params) one({.params = {param}});
    for (const Metric& metric : batch.metrics) one({.metrics = {metric}});
    for (const ModelMetric& metric : batch.model_metrics) one({.model_metrics = {metric}});
    for (const KeyValue& tag : batch.tags) one({.tags = {tag}});
  }

  TrackingStore& store_;
  const SpoolContents& contents_;
  std::optional<int> max_retries_;
  std::unique_ptr<ArtifactStore> artifacts_;
  std::exception_ptr refused_;
};

}  // namespace

void send_records(TrackingStore& store, const SpoolContents& contents, std::optional<int> max_retries) {
  Sender sender(store, contents, max_retries);
  for (const SpoolRecord& record : contents.records) sender.attempt([&] { std::visit(sender, record); });
  sender.throw_refused();
}

namespace {

// True if it was sent; false if its run goes on.
bool sync_one(const fs::path& file, std::map<std::string, std::shared_ptr<TrackingStore>>& stores) {
  const std::string run_id = file.stem().string();
  const SpoolContents found = parse_spool(read_file(file));
  std::unique_ptr<Spool> spool;
  try {
    spool = std::make_unique<Spool>(file.parent_path(), found.tracking_uri, run_id);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kConflict) throw;
    return false;
  }
  const SpoolContents contents = spool->read();
  std::shared_ptr<TrackingStore>& store = stores[contents.tracking_uri];
  if (store == nullptr) store = open_store(contents.tracking_uri);
  try {
    send_records(*store, contents);
  } catch (const Error& error) {
    if (error.code() != ErrorCode::kIo) (void)spool->set_aside();
    throw;
  }
  spool->clear();
  return true;
}

}  // namespace

SyncReport sync_spools(const fs::path& folder) {
  SyncReport report;
  if (!fs::is_directory(folder)) return report;
  std::map<std::string, std::shared_ptr<TrackingStore>> stores;
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == kExtension) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const fs::path& file : files) {
    try {
      ++(sync_one(file, stores) ? report.runs : report.busy);
    } catch (const Error& error) {
      report.failures.push_back(file.string() + ": " + error.what());
      if (error.code() == ErrorCode::kIo) continue;
      std::error_code ignored;  // it was set aside, or stays where it is, and is refused again next time
      fs::rename(file, file.string() + std::string(kRefused), ignored);
    }
  }
  return report;
}

}  // namespace ivory::tracking
