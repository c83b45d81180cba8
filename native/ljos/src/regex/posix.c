// re_nsub is public in regex.h and private in crate libc. The GNU call beside regexec(3) takes a range of starts.
#define _GNU_SOURCE
#include <regex.h>
#include <stddef.h>

size_t ljos_regex_posix_group_count(const regex_t *regex) { return regex->re_nsub; }

// Returns where a match begins that begins within `start` and `start + range`, -1 without one, -2 out of memory;
// fills in `count` starts and ends, at most one for each group and the match.
int ljos_regex_posix_search(regex_t *regex, const char *subject, int len, int start, int range, unsigned count,
                            regoff_t *starts, regoff_t *ends) {
    struct re_registers registers;
    re_set_registers(regex, &registers, count, starts, ends);
    regex->regs_allocated = REGS_FIXED; // else it would make room for all groups with realloc(3)
    return re_search(regex, subject, len, start, range, &registers);
}
