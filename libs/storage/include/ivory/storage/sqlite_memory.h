// SQLite's own account of the memory it takes.
#pragma once

namespace ivory::storage {

// For programs whose SQLite is used by Ivory alone: the account costs a lock for each allocation, which a
// server spares. sqlite3_memory_used() says 0 from then on, and SQLite's heap limits do not hold.
// Before the first connection of the process; later it changes nothing.
void stop_counting_sqlite_memory() noexcept;

}  // namespace ivory::storage
