// Who may do what.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <ivory/net_server/http_message.h>

namespace ivory::server {

enum class Permission { kNone, kRead, kEdit, kManage };  // each includes those before it

// What one user may do.
struct Rights {
  bool admin = false;
  Permission everywhere = Permission::kRead;  // with experiments that `experiments` does not name
  std::map<std::string, Permission, std::less<>> experiments;  // by name
  Permission models = Permission::kRead;                       // with the model registry
};

// A user who has shown who he is. Small; copies share the rights.
class Asker {
 public:
  Asker(std::string name, std::shared_ptr<const Rights> rights)
      : name_(std::move(name)), rights_(std::move(rights)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_admin() const noexcept { return rights_->admin; }
  // With every experiment there is or will be.
  [[nodiscard]] bool may_with_all(Permission permission) const noexcept;
  [[nodiscard]] Permission on_experiment(std::string_view experiment_name) const noexcept;
  [[nodiscard]] Permission on_models() const noexcept {
    return rights_->admin ? Permission::kManage : rights_->models;
  }
  [[nodiscard]] bool may_create_experiments() const noexcept {
    return rights_->admin || rights_->everywhere >= Permission::kEdit;
  }

 private:
  std::string name_;
  std::shared_ptr<const Rights> rights_;
};

}  // namespace ivory::server
