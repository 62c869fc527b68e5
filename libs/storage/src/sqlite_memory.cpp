#include <ivory/storage/sqlite_memory.h>

#include <sqlite3.h>

namespace ivory::storage {

void stop_counting_sqlite_memory() noexcept { sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0); }

}  // namespace ivory::storage
