// Leaving a Lua state for good, from anywhere in it: what setjmp(3) is for, which Rust does not have. Between the two
// functions lie LuaJIT's frames, which lua_close(3) takes for gone, and those of callers without anything to clean up.
#include <setjmp.h>

static __thread jmp_buf home;
static __thread int has_home;

// lua_pcall(3) of what is on the stack; -1 when it was left by `ljos_thread_leave`.
int ljos_thread_pcall(int (*pcall)(void *, int, int, int), void *state) {
    if (_setjmp(home) != 0) return -1;
    has_home = 1;
    int status = pcall(state, 0, 0, 0);
    has_home = 0;
    return status;
}

// Does not return in a thread that is in `ljos_thread_pcall`.
void ljos_thread_leave(void) {
    if (!has_home) return;
    has_home = 0;
    _longjmp(home, 1);
}
