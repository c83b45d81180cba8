// re_nsub is public in regex.h and private in crate libc.
#include <regex.h>
#include <stddef.h>

size_t ljos_regex_posix_group_count(const regex_t *regex) { return regex->re_nsub; }
