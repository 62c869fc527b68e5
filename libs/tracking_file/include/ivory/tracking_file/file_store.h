// Stores in MLflow's folders: file:./mlruns.
#pragma once
#include <ivory/tracking/open_store.h>

namespace ivory::tracking {

// For StoreOptions::further. URIs: file:relative/folder, file:/absolute/folder, file:///absolute/folder. A
// folder that is not there is made, with the experiment Default; its artifacts lie in it, too
// (StoreOptions::artifact_root, if given).
//
// Layout: that of MLflow's FileStore, which reads it (with MLFLOW_ALLOW_FILE_STORE=true) and may write beside
// it. Processes: any number; those of Ivory write one after the other (a lock in the folder), MLflow's take
// no lock. Durability: each file is replaced whole, points of a metric are appended in one write. A batch is
// checked as a whole before anything is written, but is no transaction: a process that is killed in it, or a
// disk that is full, may leave its beginning, in the order params, metrics by their keys, metrics of models,
// tags. Sent again, it is as if it had been sent once.
// Differences from SQL stores: infinities and -0.0 are kept; ids of experiments are 18 random digits; "a" and
// "a/b" cannot both be names of params, of tags or of metrics of one run (kConflict).
[[nodiscard]] const StoreScheme& file_store_scheme() noexcept;

}  // namespace ivory::tracking
