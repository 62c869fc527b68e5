// A worker process with the classes of the tests.
#include <ivory/experiment/worker.h>

#include "crasher.h"

int main() { return ivory::serve_runs(); }
