#include "status_text.h"

#include <ostream>  // before Boost 1.74's header, which forgets it

#include <boost/beast/http/status.hpp>

namespace ivory::net {

std::string_view status_text(int status) noexcept {
  const auto known = boost::beast::http::int_to_status(static_cast<unsigned>(status));
  if (known == boost::beast::http::status::unknown) return "Status";
  const auto text = boost::beast::http::obsolete_reason(known);
  return {text.data(), text.size()};
}

}  // namespace ivory::net
