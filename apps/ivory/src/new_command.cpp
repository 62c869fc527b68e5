// ivory new: a project that trains at once.
#include "command.h"

#include <fmt/format.h>

#include <ivory/base/error.h>
#include <ivory/base/files.h>

#include "project_files.h"

namespace ivory {
namespace {

namespace fs = std::filesystem;

class NewCommand : public Command {
 public:
  void declare(Options& options) override {
    options.word("DIR", folder_, "the project's folder; made, or empty");
  }

  int execute() override {
    const fs::path folder = directory() / folder_;
    if (fs::exists(folder) && !(fs::is_directory(folder) && fs::is_empty(folder)))
      throw Error(ErrorCode::kInvalidArgument,
                  folder.string() + " is there already and not an empty folder; nothing was written");
    FolderWriter writer(folder);
    Params written = Params::list();
    for (const ProjectFile& file : project_files()) {
      write_file(writer.path() / file.path, file.text);
      written.push_back(file.path);
    }
    writer.commit();
    print(json() ? as_json(folder, written) : as_text(written));
    return 0;
  }

 private:
  [[nodiscard]] std::string as_text(const Params& written) const {
    std::string text = "Written to " + folder_ + ":";
    for (const Params& path : written.elements()) text += " " + path.as_string();
    return text + fmt::format(".\nNext:\n  cd {}\n  ivory run curve fold=0-3\n", folder_);
  }

  static std::string as_json(const fs::path& folder, const Params& written) {
    Params document{{"directory", fs::absolute(folder).lexically_normal().string()}};
    document.set("files", written);
    return document.to_json(2) + "\n";
  }

  std::string folder_;
};

}  // namespace

std::unique_ptr<Command> make_new_command() { return std::make_unique<NewCommand>(); }

}  // namespace ivory
