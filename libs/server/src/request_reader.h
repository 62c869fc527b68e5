// RequestReader: the fields of a request, read by MLflow's rules.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <ivory/net_server/http_message.h>
#include <ivory/tracking/entities.h>

#include "json_value.h"

namespace ivory::server {

// A member that is null is absent, and a text that is required must not be empty; unknown members are
// nobody's business; whole numbers may be text, numbers too. Errors: StoreError kInvalidParameterValue in
// MLflow's words: what is missing, or the value, the field and the value's type.
class RequestReader {
 public:
  // From the query of a GET that has one, else from the body.
  explicit RequestReader(const net::Request& request);

  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  [[nodiscard]] std::string text(std::string_view name) const;  // empty if absent
  [[nodiscard]] std::optional<std::string> find_text(std::string_view name) const;
  [[nodiscard]] std::string required_text(std::string_view name) const;
  // Under its name of today or of old: run_id, run_uuid.
  [[nodiscard]] std::string run_id() const;
  [[nodiscard]] std::optional<std::int64_t> integer(std::string_view name) const;
  [[nodiscard]] std::int64_t required_integer(std::string_view name) const;
  [[nodiscard]] double required_number(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name, bool otherwise = false) const;
  [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
  // Objects within this one, whose fields are told as "metrics[3].value". They live no longer than this one
  // and `name`.
  [[nodiscard]] std::vector<RequestReader> objects(std::string_view name) const;
  [[nodiscard]] std::optional<RequestReader> object(std::string_view name) const;
  // {key, value} each; `checked`: the key is required.
  [[nodiscard]] std::vector<tracking::KeyValue> pairs(std::string_view name, bool checked = false) const;
  // The number of an enum's value, by its name or number; empty if it is absent or unknown.
  struct EnumName {
    std::string_view name;
    std::int64_t number;
  };
  [[nodiscard]] std::optional<std::int64_t> enumerator(std::string_view name,
                                                       const std::vector<EnumName>& names) const;
  // Refuses the field's value as one of the wrong type.
  [[noreturn]] void refuse(std::string_view name) const;
  [[noreturn]] void refuse_missing(std::string_view name) const;

 private:
  RequestReader(const JsonValue& object, const RequestReader& parent, std::string_view name,
                std::optional<std::size_t> index)
      : object_(&object), parent_(&parent), name_(name), index_(index) {}
  [[nodiscard]] const JsonValue& fields() const noexcept { return owned_ ? *owned_ : *object_; }
  [[nodiscard]] const JsonValue* find(std::string_view name) const noexcept;
  [[nodiscard]] const JsonValue& require(std::string_view name) const;
  // What stands before the names of its fields: "metrics[3].". Made only for a message.
  [[nodiscard]] std::string path() const;

  std::unique_ptr<const JsonValue> owned_;
  const JsonValue* object_ = nullptr;
  const RequestReader* parent_ = nullptr;
  std::string_view name_;
  std::optional<std::size_t> index_;
  bool from_query_ = false;
};

}  // namespace ivory::server
