#include <ivory/registry/value.h>

#include <cxxabi.h>

#include <cstdlib>

#include <ivory/base/error.h>
#include <ivory/registry/type_info.h>

namespace ivory {

struct Value::Parts {
  Callable callable;
  Values list;
  NamedValues map;
};

std::string cpp_type_name(std::type_index type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), std::free);
  return status == 0 ? std::string(name.get()) : std::string(type.name());
}

Value Value::make_object(std::shared_ptr<void> pointer, const ObjectOps& ops, const TypeCode* code) {
  if (pointer == nullptr) throw Error(ErrorCode::kInternal, cpp_type_name(ops.type) + ": nothing was made");
  Value value;
  value.kind_ = Kind::kObject;
  value.pointer_ = std::move(pointer);
  value.ops_ = &ops;
  value.code_ = code;
  return value;
}

Value Value::callable(Callable callable) {
  Value value;
  value.kind_ = Kind::kCallable;
  value.parts_ = std::make_shared<const Parts>(Parts{std::move(callable), {}, {}});
  return value;
}

Value Value::list(Values values) {
  Value value;
  value.kind_ = Kind::kList;
  value.parts_ = std::make_shared<const Parts>(Parts{{}, std::move(values), {}});
  return value;
}

Value Value::map(NamedValues items) {
  Value value;
  value.kind_ = Kind::kMap;
  value.parts_ = std::make_shared<const Parts>(Parts{{}, {}, std::move(items)});
  return value;
}

void Value::fail(std::string_view wanted) const {
  throw Error(ErrorCode::kInvalidArgument, "expected " + std::string(wanted) + ", found " + describe());
}

const Params& Value::data() const {
  if (!is_data()) fail("plain data");
  return data_;
}

const Callable& Value::as_callable() const {
  if (!is_callable()) fail("a callable");
  return parts_->callable;
}

Values Value::elements() const {
  if (is_list()) return parts_->list;
  if (!is_data() || !data_.is_list()) fail("a list");
  Values values;
  for (const Params& element : data_.elements()) values.emplace_back(element);
  return values;
}

NamedValues Value::items() const {
  if (is_map()) return parts_->map;
  if (is_null()) return {};
  if (!is_data() || !data_.is_map()) fail("a mapping");
  NamedValues values;
  for (const auto& [key, element] : data_.items()) values.emplace_back(key, element);
  return values;
}

std::shared_ptr<void> Value::find_object(std::type_index type) const {
  if (!is_object()) return nullptr;
  if (ops_->type == type) return pointer_;
  if (ops_->to_interface != nullptr && ops_->interface == type) return ops_->to_interface(pointer_);
  return nullptr;
}

std::shared_ptr<void> Value::get_object(std::type_index type) const {
  std::shared_ptr<void> object = find_object(type);
  if (object == nullptr) fail("an object of " + cpp_type_name(type));
  return object;
}

std::string Value::describe() const {
  switch (kind_) {
    case Kind::kData:
      return std::string(Params::kind_name(data_.kind()));
    case Kind::kObject:
      return code_ != nullptr ? code_->info.name : "an object of " + cpp_type_name(ops_->type);
    case Kind::kCallable:
      return "the callable '" + parts_->callable.name + "'";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a mapping";
  }
  return "nothing";
}

}  // namespace ivory
