/* Not in the Glibc module. */
#include <malloc.h>
