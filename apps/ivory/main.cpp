#include <ivory/main.h>

int main(int argc, char** argv) { return ivory::main(argc, argv); }
