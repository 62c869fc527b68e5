// What every entity (client, experiment, run) has: parameters, a name, an id, and ordered members.
#pragma once
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <ivory/base/params.h>
#include <ivory/registry/value.h>

namespace ivory {

// The members of an entity, in the order of the parameter file. Threads: as a standard container.
class Members {
 public:
  Members() = default;
  explicit Members(NamedValues items) : items_(std::move(items)) {}

  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool empty() const noexcept { return items_.empty(); }
  [[nodiscard]] std::vector<std::string> keys() const;
  [[nodiscard]] std::vector<Value> values() const;
  [[nodiscard]] const NamedValues& items() const noexcept { return items_; }
  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }
  [[nodiscard]] bool contains(std::string_view name) const noexcept { return find(name) != nullptr; }
  [[nodiscard]] const Value* find(std::string_view name) const noexcept;  // null if absent
  // Errors: kNotFound with the nearest name, or the number of members.
  [[nodiscard]] const Value& at(std::string_view name) const;
  [[nodiscard]] const Value& at(std::size_t index) const;
  // Replaces the member of that name, or adds it at the end.
  void set(std::string_view name, Value value);
  // Adds a member before another, or at the end if there is none of that name.
  void insert(std::string_view name, Value value, std::string_view before);

 private:
  NamedValues items_;
};

class Entity {
 public:
  // Parameters that the entity was made from, in sections: {"experiment": …, "run": …}.
  [[nodiscard]] const Params& params() const noexcept { return params_; }
  // Given by the tracker; empty before, and without one.
  [[nodiscard]] const std::string& id() const noexcept { return id_; }
  // "digits", "run#0".
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  // Absolute path of its YAML file; empty if there is none. The client's gives the working directory.
  [[nodiscard]] const std::string& source_name() const noexcept { return source_name_; }
  [[nodiscard]] const Members& dict() const noexcept { return members_; }

  [[nodiscard]] const Value& operator[](std::string_view name) const { return members_.at(name); }
  [[nodiscard]] const Value& operator[](const char* name) const {
    return members_.at(std::string_view(name));
  }
  [[nodiscard]] const Value& operator[](std::size_t index) const { return members_.at(index); }
  // The member as a T, shared. Errors: kNotFound; kInvalidArgument if it is something else.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> get(std::string_view name) const {
    return members_.at(name).share<T>();
  }
  // The first member that is a T, or null.
  template <class T>
  [[nodiscard]] std::shared_ptr<T> find() const {
    for (const std::pair<std::string, Value>& member : members_)
      if (auto found = member.second.find<T>()) return found;
    return nullptr;
  }
  // Replaces or adds a member.
  void set(std::string_view name, Value value) { members_.set(name, std::move(value)); }
  // Adds a member before another, or at the end.
  void insert(std::string_view name, Value value, std::string_view before) {
    members_.insert(name, std::move(value), before);
  }

 protected:
  Entity() = default;
  Params params_ = Params::map();
  std::string id_, name_, source_name_;
  Members members_;
};

}  // namespace ivory
