// Call: one request on its way through a handler.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/net_server/http_message.h>
#include <ivory/tracking/tracking_store.h>

#include "artifact_roots.h"
#include "json_writer.h"
#include "request_reader.h"
#include "rights.h"

namespace ivory::server {

// What handlers work on.
struct Context {
  tracking::TrackingStore& store;
  const ArtifactRoots& artifacts;
};

// The needs_…() methods throw StoreError kPermissionDenied unless the asker may do that much; without --auth
// everybody may everything.
class Call {
 public:
  // `words`: what stands in the path where the route has {}; `asker`: empty without --auth.
  Call(const net::Request& request, std::vector<std::string> words, const Context& context,
       const std::optional<Asker>& asker)
      : request_(request), words_(std::move(words)), context_(context), asker_(asker) {}

  [[nodiscard]] const net::Request& request() const noexcept { return request_; }
  [[nodiscard]] const std::string& word(std::size_t index) const { return words_.at(index); }
  [[nodiscard]] tracking::TrackingStore& store() const noexcept { return context_.store; }
  [[nodiscard]] const ArtifactRoots& artifacts() const noexcept { return context_.artifacts; }
  // Read at the first use.
  [[nodiscard]] const RequestReader& fields();

  void needs_new_experiment() const;
  void needs_experiment(std::string_view experiment_id, Permission permission) const;
  void needs_run(std::string_view run_id, Permission permission) const;
  void needs_logged_model(std::string_view model_id, Permission permission) const;
  void needs_models(Permission permission) const;
  void needs_admin() const;
  // Of a path below the root of artifacts: its first word is the experiment.
  void needs_artifact(std::string_view path, Permission permission) const;
  // Of a place for artifacts that the asker names, by its URI: else his rights with an experiment of his
  // would be rights with the files of others. Places of other machines are nobody's here.
  void needs_place(std::string_view uri, Permission permission) const;
  [[nodiscard]] bool may_read(const tracking::ExperimentRecord& experiment) const;
  // Those of them that the asker may read.
  [[nodiscard]] std::vector<std::string> readable(std::vector<std::string> experiment_ids) const;

 private:
  const net::Request& request_;
  std::vector<std::string> words_;
  const Context& context_;
  const std::optional<Asker>& asker_;
  std::optional<RequestReader> fields_;
};

[[nodiscard]] net::Response json_answer(JsonWriter& writer);
// "{}".
[[nodiscard]] net::Response empty_answer();
// An object with the one member that `write` writes the value of.
template <class Write>
[[nodiscard]] net::Response answer_with(std::string_view name, const Write& write) {
  JsonWriter writer;
  writer.begin_object();
  writer.key(name);
  write(writer);
  writer.end_object();
  return json_answer(writer);
}
// {"<name>": [items…], "next_page_token": …}; what is empty is left out.
template <class T, class Write>
[[nodiscard]] net::Response answer_page(std::string_view name, const std::vector<T>& items,
                                        const std::string& token, const Write& write) {
  JsonWriter writer;
  writer.begin_object();
  if (!items.empty()) {
    writer.begin_list(name);
    for (const T& item : items) write(writer, item);
    writer.end_list();
  }
  writer.field_unless_empty("next_page_token", token);
  writer.end_object();
  return json_answer(writer);
}

}  // namespace ivory::server
