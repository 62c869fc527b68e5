// The command line of Ivory as a function, for a program with classes of its own linked in:
//
//   #include <ivory/main.h>
//   int main(int argc, char** argv) { return ivory::main(argc, argv); }
//
// The classes are declared by IVORY_MODULE in any source of the program, and YAML names them as it names
// Ivory's.
#pragma once
namespace ivory {

// Does what the arguments say; results go to stdout, everything else to stderr. Catches every exception.
// Returns the exit status: 0 done, 1 a run or the machine failed, 2 wrong input, 130 interrupted.
// Once, from the program's main thread, before other threads start (it sets OMP_WAIT_POLICY in the
// environment, unless that is set already, so that threads of numerical libraries sleep while they wait).
int main(int argc, char** argv);

}  // namespace ivory
