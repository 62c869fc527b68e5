// What YAML can name of Results, Metrics, Monitor, EarlyStopping and the metric functions.
#pragma once

namespace ivory {

class Module;

void declare_callbacks(Module& m);

}  // namespace ivory
