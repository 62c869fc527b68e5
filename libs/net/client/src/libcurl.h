// libcurl, looked for when a program first asks for it: loading it takes as long as ten starts of a program
// that has no use for it.
#pragma once
#include <dlfcn.h>

#include <string>
#include <type_traits>

#include <curl/curl.h>

#include <ivory/base/error.h>

namespace ivory::net {

// The functions of libcurl in use. Threads: any.
class Libcurl {
 public:
  // Errors: kUnsupported where there is none, or one that is too old.
  static const Libcurl& get() {
    static const Libcurl kLibrary;
    return kLibrary;
  }

  decltype(&::curl_easy_init) easy_init = nullptr;
  decltype(&::curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&::curl_easy_reset) easy_reset = nullptr;
  decltype(&::curl_easy_setopt) easy_setopt = nullptr;
  decltype(&::curl_easy_perform) easy_perform = nullptr;
  decltype(&::curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&::curl_easy_strerror) easy_strerror = nullptr;
  decltype(&::curl_slist_append) slist_append = nullptr;
  decltype(&::curl_slist_free_all) slist_free_all = nullptr;
  decltype(&::curl_url) url = nullptr;
  decltype(&::curl_url_cleanup) url_cleanup = nullptr;
  decltype(&::curl_url_set) url_set = nullptr;
  decltype(&::curl_url_get) url_get = nullptr;
  decltype(&::curl_url_strerror) url_strerror = nullptr;
  decltype(&::curl_free) free = nullptr;

 private:
  Libcurl() {
    // Never closed: what it registers with the process lives as long as the process.
    void* library = ::dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) library = ::dlopen("libcurl-gnutls.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) {
      throw Error(ErrorCode::kUnsupported, "HTTP needs the library libcurl.so.4 (Debian: libcurl4): " +
                                               std::string(::dlerror()));  // NOLINT(concurrency-mt-unsafe)
    }
    const auto find = [library](auto& function, const char* name) {
      void* const found = ::dlsym(library, name);
      if (found == nullptr)
        throw Error(ErrorCode::kUnsupported, "libcurl has no " + std::string(name) + ": it is too old");
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(found);
    };
    decltype(&::curl_global_init) global_init = nullptr;
    find(global_init, "curl_global_init");
    find(easy_init, "curl_easy_init");
    find(easy_cleanup, "curl_easy_cleanup");
    find(easy_reset, "curl_easy_reset");
    find(easy_setopt, "curl_easy_setopt");
    find(easy_perform, "curl_easy_perform");
    find(easy_getinfo, "curl_easy_getinfo");
    find(easy_strerror, "curl_easy_strerror");
    find(slist_append, "curl_slist_append");
    find(slist_free_all, "curl_slist_free_all");
    find(url, "curl_url");
    find(url_cleanup, "curl_url_cleanup");
    find(url_set, "curl_url_set");
    find(url_get, "curl_url_get");
    find(url_strerror, "curl_url_strerror");
    find(free, "curl_free");
    if (global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
      throw Error(ErrorCode::kInternal, "cannot start libcurl");
  }
};

}  // namespace ivory::net
