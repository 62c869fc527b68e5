#include <ivory/base/error.h>
#include <ivory/registry/registry.h>

namespace ivory {
namespace {
constexpr std::int64_t kManifestVersion = 1;
}

Manifest Manifest::of(const Module& module) {
  Manifest manifest;
  manifest.module = module.name();
  manifest.process_owned = module.process_owned_reason();
  for (const auto& type : module.types()) manifest.types.push_back(type->info);
  manifest.aliases = module.aliases();
  manifest.default_classes = module.default_classes();
  return manifest;
}

std::string Manifest::to_json() const {
  Params params{{"ivory_manifest", kManifestVersion},
                {"module", module},
                {"process_owned", process_owned},
                {"hash", hash}};
  Params& type_list = params["types"] = Params::list();
  for (const TypeInfo& info : types) type_list.push_back(info.to_params());
  Params& alias_map = params["aliases"] = Params::map();
  for (const auto& [other, name] : aliases) alias_map.set(other, name);
  Params& defaults = params["default_classes"] = Params::list();
  for (const DefaultClass& entry : default_classes) {
    Params item = Params::map();
    item.set("member", entry.member);
    item.set("class", entry.class_name);
    item.set("library", entry.library);
    item.set("def", entry.def);
    defaults.push_back(std::move(item));
  }
  return params.to_json(1);
}

namespace {

Manifest manifest_of(const Params& params) {
  const Params* version = params.find("ivory_manifest");
  if (version == nullptr || !version->is_int() || version->as_int() != kManifestVersion) {
    throw Error(ErrorCode::kInvalidArgument,
                "expected 'ivory_manifest': " + std::to_string(kManifestVersion));
  }
  Manifest manifest;
  manifest.module = params.at("module").as_string();
  manifest.process_owned = params.at("process_owned").as_string();
  manifest.hash = params.at("hash").as_string();
  for (const Params& type : params.at("types").elements()) {
    manifest.types.push_back(TypeInfo::from_params(type));
    manifest.types.back().module = manifest.module;
  }
  for (const auto& [other, name] : params.at("aliases").items())
    manifest.aliases.emplace_back(other, name.as_string());
  for (const Params& entry : params.at("default_classes").elements()) {
    manifest.default_classes.push_back({entry.at("member").as_string(), entry.at("class").as_string(),
                                        entry.at("library").as_string(), entry.at("def").as_bool()});
  }
  return manifest;
}

}  // namespace

Manifest Manifest::from_json(std::string_view text) {
  try {
    return manifest_of(Params::from_json(text));
  } catch (const Error& error) {
    throw Error(ErrorCode::kInvalidArgument,
                std::string("not a manifest of this version of Ivory: ") + error.what());
  }
}

std::filesystem::path manifest_path(const std::filesystem::path& library) {
  return library.string() + ".manifest.json";
}

}  // namespace ivory
