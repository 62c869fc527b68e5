// The disk below the file: store: folders with a meta.yaml, and a file for each value.
#pragma once
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/base/files.h>
#include <ivory/base/params.h>
#include <ivory/tracking/entities.h>

#include "metric_lines.h"

namespace ivory::tracking {

// Reading needs no lock: a file is seen whole, as it was before a write or after it. Keys with '/' are files
// in subfolders. Errors: kIo, and kInvalidArgument for what is not as it should be, naming the file.
class FileTree {
 public:
  FileTree(std::filesystem::path root, Durability durability, bool is_read_only);

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  // Held by one writer of Ivory at a time, of any process. Errors: kUnsupported where nothing may be written.
  [[nodiscard]] FileLock lock() const;

  // The map in meta.yaml; none if there is no such file.
  [[nodiscard]] static std::optional<Params> find_meta(const std::filesystem::path& folder);
  void write_meta(const std::filesystem::path& folder, const Params& meta) const;

  // Names of the folders right in `folder`, in order; hidden ones are left out.
  [[nodiscard]] static std::vector<std::string> folders(const std::filesystem::path& folder);
  static void make_folder(const std::filesystem::path& folder);

  // Of the files in `folder`: keys in order, values.
  [[nodiscard]] static std::vector<std::string> keys(const std::filesystem::path& folder);
  [[nodiscard]] static std::vector<KeyValue> values(const std::filesystem::path& folder);
  [[nodiscard]] static std::optional<std::string> find_value(const std::filesystem::path& folder,
                                                             std::string_view key);
  // Whether all these keys can be files in `folder` beside one another and what is there: "a" and "a/b"
  // cannot. Errors: kConflict.
  static void check_room(const std::filesystem::path& folder, const std::set<std::string_view>& keys);
  void write_value(const std::filesystem::path& folder, const KeyValue& value) const;
  // False if there is none.
  [[nodiscard]] static bool remove_value(const std::filesystem::path& folder, std::string_view key);

  [[nodiscard]] static std::vector<ModelMetric> points(const std::filesystem::path& folder,
                                                       const std::string& key, MetricLines kind);
  // In one write; a line that a killed writer left without its end is taken away first.
  void append(const std::filesystem::path& folder, std::string_view key, std::string_view lines) const;

 private:
  std::filesystem::path root_;
  Durability durability_;
  bool is_read_only_;
};

// Fields of a meta.yaml. A number will do for a text, as YAML tells them apart by their look alone.
[[nodiscard]] std::string text_field(const Params& meta, std::string_view key);
[[nodiscard]] std::optional<std::int64_t> find_integer_field(const Params& meta, std::string_view key);
// null for an empty text.
[[nodiscard]] Params text_or_null(std::string_view text);

}  // namespace ivory::tracking
