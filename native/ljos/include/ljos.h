// The C ABI of ljos, generated from native/ljos/src by `make header`. LuaJIT reads it as it stands.

#ifndef LJOS_H
#define LJOS_H

// The offset of reads and writes on what has no position (pipes, terminals).
#define NO_FILE -2

// The offset that means the file's own position.
#define FILE_POSITION -1

// What an attachment is.
enum ljos_attachment_kind {
  // Nothing any more: the receiver has taken it.
  LJOS_ATTACHED_NONE = 0,
  // A descriptor.
  LJOS_ATTACHED_FD = 1,
  // A descriptor that is an address of an actor in a process.
  LJOS_ATTACHED_CHANNEL = 2,
  // An address.
  LJOS_ATTACHED_ADDRESS = 3,
  // To be sent: an address of the inbox in `inbox`. It is received as an address.
  LJOS_ATTACHED_INBOX = 4,
  // A descriptor that the inbox shall receive from, too. To be sent by `ljos_address_add_source`.
  LJOS_ATTACHED_SOURCE = 5,
};

// Which back end an engine has, or is asked to have.
enum ljos_engine_kind {
  LJOS_ENGINE_ANY = 0,
  LJOS_ENGINE_IO_URING = 1,
  LJOS_ENGINE_EPOLL = 2,
};

// Bits of `ljos_process_spec.flags`.
enum ljos_process_flag {
  // setsid(2).
  LJOS_PROCESS_NEW_SESSION = 1,
  // prctl(2), `PR_SET_NO_NEW_PRIVS`.
  LJOS_PROCESS_NO_NEW_PRIVS = 2,
  // Carry the capabilities that the child has in its new user namespace through exec, as ambient ones.
  LJOS_PROCESS_KEEP_CAPABILITIES = 4,
};

// How a pattern is compiled; the values are or-ed. `MULTILINE` is for the grammar ecma only.
enum ljos_regex_flag {
  LJOS_REGEX_IGNORE_CASE = 1,
  LJOS_REGEX_NOSUBS = 2,
  LJOS_REGEX_OPTIMIZE = 4,
  LJOS_REGEX_MULTILINE = 8,
};

// The syntax of a pattern.
enum ljos_regex_grammar {
  LJOS_REGEX_BASIC = 0,
  LJOS_REGEX_EXTENDED = 1,
  LJOS_REGEX_ECMA = 2,
};

// Which match a search looks for: the first one, the first one that is not empty, or the whole subject.
enum ljos_regex_wanted {
  LJOS_REGEX_ANY = 0,
  LJOS_REGEX_NOT_EMPTY = 1,
  LJOS_REGEX_WHOLE = 2,
};

// What `ljos_resolve_text` reads.
enum ljos_resolve_text_kind {
  LJOS_RESOLVE_HOST = 0,
  LJOS_RESOLVE_SERVICE = 1,
};

// What `ScanRules::field_kind` may hold: what separates fields.
enum ljos_scan_field {
  // Nothing: a record has no fields.
  LJOS_SCAN_FIELD_NONE = 0,
  // The bytes `field_separator`.
  LJOS_SCAN_FIELD_LITERAL = 1,
  // Runs of space, \t, \n, \v, \f and \r.
  LJOS_SCAN_FIELD_BLANKS = 2,
};

// Beside `>= 0` and `-errno`: what a submission may answer.
enum ljos_status {
  LJOS_PENDING = -2147483647,
};

// One event loop's engine; used by the thread that made it, and no other.
struct ljos_engine;

// The receiver's share of a mailbox.
struct ljos_inbox;

// What a receiver and his senders share.
struct ljos_address;

// A compiled pattern; used by one thread at a time.
struct ljos_regex;

// A question to the C library's resolver, and its answer.
struct ljos_resolution;

// What follows: its kind, and its size in a unit of that kind.
struct ljos_cell_head {
  uint32_t kind;
  uint32_t size;
};

// Eight bytes of a message.
union ljos_cell {
  double number;
  struct ljos_cell_head head;
  uint8_t bytes[8];
};

// What goes beside a message. To be sent: borrowed. Received: its `fd` or `address` belongs to whoever sets `kind` to
// `LJOS_ATTACHED_NONE`.
struct ljos_attached {
  int kind;
  int fd;
  const struct ljos_address *address;
  const struct ljos_inbox *inbox;
};

// What comes out of `ljos_engine_turn`: the result of the operation submitted with `user_data`.
struct ljos_completion {
  uint32_t user_data;
  int32_t res;
  uint32_t flags;
};

// A `struct iovec`.
struct ljos_vector {
  void *base;
  size_t len;
};

// A `struct msghdr`.
struct ljos_message {
  void *name;
  uint32_t name_len;
  struct ljos_vector *vectors;
  size_t vector_count;
  void *control;
  size_t control_len;
  int flags;
};

// One datagram in flight: a message of one vector, and room for its peer's socket address.
struct ljos_datagram {
  struct ljos_message message;
  struct ljos_vector vector;
  uint64_t name[16];
};

// What statx(2) says of a file; `blocks` are of 512 bytes.
struct ljos_file_status_fields {
  double size;
  double blocks;
  double mtime_seconds;
  uint32_t mtime_nanoseconds;
  uint32_t mode;
  uint32_t links;
  uint32_t uid;
  uint32_t gid;
  uint32_t device_major;
  uint32_t device_minor;
  uint32_t special_major;
  uint32_t special_minor;
  uint64_t inode;
};

// The room of a filesystem in bytes, as statvfs(3) says.
struct ljos_file_space_fields {
  double capacity;
  double free;
  double available;
};

// A message that was received; valid until the next is.
struct ljos_delivery {
  const union ljos_cell *cells;
  struct ljos_attached *attached;
  uint32_t count;
};

// An IPv4 (`version` 4, the first four `bytes`) or IPv6 address (`version` 6). Unused parts are zero.
struct ljos_ip_address {
  uint8_t bytes[16];
  uint32_t scope;
  uint32_t version;
};

// A descriptor of the caller, and the number it gets in the child.
struct ljos_process_fd {
  int source;
  int target;
};

// A resource limit of the child; see setrlimit(2).
struct ljos_process_limit {
  int resource;
  uint64_t soft;
  uint64_t hard;
};

// How a child starts. `ljos_process_spec_init` fills in "as the caller"; descriptors that are absent are -1.
// Everything pointed to belongs to the caller and is read during the spawn only. The members are in the order
// of their size, not in the order in which the child follows them: that is in `process/child.rs`.
struct ljos_process_spec {
  // The files to try, in this order, ended by null (a PATH search already done); null: `program_fd`.
  const char *const *paths;
  const char *const *argv;
  // What `/bin/sh` gets when a file of `paths` is executable but in no format that the kernel knows, as with
  // execvp(3); the second string becomes the file's path. Null: such a file is `ENOEXEC`.
  const char **shell_argv;
  const char *const *envp;
  // Room for 12 bytes inside one string of `envp`: becomes the child's pid in decimal.
  char *pid_text;
  const char *working_directory;
  // The only descriptors the child gets; no target twice.
  const struct ljos_process_fd *fds;
  const uint32_t *groups;
  const struct ljos_process_limit *limits;
  // A `struct sock_fprog`; installed last.
  const void *seccomp;
  uint32_t fd_count;
  // Negative: the supplementary groups stay.
  int group_count;
  uint32_t limit_count;
  // `CLONE_NEW*`.
  uint32_t namespaces;
  uint32_t flags;
  int program_fd;
  int working_directory_fd;
  int setns_user;
  int setns_mount;
  int setns_uts;
  int setns_ipc;
  int setns_net;
  // Becomes the controlling terminal (needs a new session).
  int ctty_fd;
  // The terminal whose foreground job the child's process group becomes.
  int foreground_fd;
  // Negative: the caller's; 0: a group of its own.
  int process_group;
  // Ids: `0xffffffff` stays.
  uint32_t ruid;
  uint32_t euid;
  uint32_t rgid;
  uint32_t egid;
  // Negative: the caller's.
  int umask;
  // Negative: the caller's; may carry `SCHED_RESET_ON_FORK`.
  int scheduler_policy;
  int scheduler_priority;
  // 0: none.
  int pdeathsig;
  int landlock_fd;
};

// A started child, or the step that failed.
struct ljos_process_child {
  int pid;
  // With `O_CLOEXEC`; the caller's to close.
  int pidfd;
  // After a failure: the system call that failed ("clone", "execve", ...), a static string.
  const char *failed_step;
};

// How a child ended.
struct ljos_process_exit {
  // The exit code; 0 when a signal ended the child.
  int code;
  // The signal that ended it, or 0.
  int signal;
};

// Why a pattern was refused: the compiler's words (NUL-terminated), and how many bytes of the pattern it had read,
// or -1 where it does not say.
struct ljos_regex_fault {
  int32_t offset;
  char message[252];
};

// Where a bulk split goes on: the position of the next field, -1 after the last one, and the end of the last
// non-empty match, -1 before the first one. Begin with {0, -1}.
struct ljos_regex_cursor {
  int32_t position;
  int32_t last_end;
};

// How text is broken into records and fields. The separators belong to the caller and outlive each call.
struct ljos_scan_rules {
  const uint8_t *record_separator;
  const uint8_t *field_separator;
  int32_t record_separator_len;
  int32_t field_separator_len;
  // The length of the longest record allowed.
  int32_t longest;
  int32_t field_kind;
  // Whether the bytes of `trim_set` are cut off both ends of a record.
  int32_t trim;
  // One bit per byte value.
  uint8_t trim_set[32];
};

// The records found in a buffer: the first begins at `from`, record i ends at `ends[i]`, and a separator lies between.
struct ljos_scan_batch {
  const uint8_t *data;
  int32_t *ends;
  int32_t from;
  // Where the bytes in the buffer end.
  int32_t to;
  // The places in `ends`.
  int32_t capacity;
  // The places in use.
  int32_t count;
};

// The host's Lua C API: what a thread needs of it.
struct ljos_lua_api {
  void *(*newstate)(void);
  void (*openlibs)(void*);
  int (*loadbuffer)(void*, const char*, size_t, const char*);
  int (*pcall)(void*, int, int, int);
  const char *(*tolstring)(void*, int, size_t*);
  void (*close)(void*);
};

// The application protocols that a server takes, best first, each behind a byte with its length (RFC 7301).
struct ljos_tls_protocols {
  const uint8_t *list;
  unsigned int len;
};

// One of a server's names, and the SSL_CTX that has its certificate.
struct ljos_tls_host {
  const uint8_t *name;
  unsigned int len;
  // Not `name` itself is meant, but every name that has one label more: "*.example.org".
  int is_wildcard;
  void *ctx;
};

// A server's names, and what of OpenSSL's library choosing among them takes.
struct ljos_tls_hosts {
  const struct ljos_tls_host *hosts;
  unsigned int count;
  // The X509_STORE of the context that listens: whom to believe is its to say, whichever is chosen.
  void *store;
  const char *(*get_servername)(const void*, int);
  void *(*set_ctx)(void*, void*);
  long (*ctrl)(void*, int, long, const void*);
};

// A byte_span: `len` bytes at `ptr`, and room for `cap`; `ptr` is null where `cap` is 0. Lua owns the memory, and
// anchors it by `slot`.
struct ljos_span {
  uint8_t *const ptr;
  const int32_t len;
  const int32_t cap;
  const int32_t slot;
};

// The ABI number of this library.
unsigned int ljos_abi(void);

// The C declarations of this library, NUL-terminated; valid as long as the library is loaded.
const char *ljos_header(void);

// Sends a message and what goes beside it, of which duplicates and further addresses are made. `-EPIPE` when there is no
// receiver any more, `-ENOMEM`, or what made a descriptor impossible to duplicate; then nothing was sent.
//
// # Safety
// `address` is live; `cells` holds `cell_count`, `attached` holds `attached_count`, with live descriptors and handles.
int ljos_address_send(const struct ljos_address *address,
                      const union ljos_cell *cells,
                      uint32_t cell_count,
                      const struct ljos_attached *attached,
                      uint32_t attached_count);

// Has the receiver receive from the descriptor `fd`, too, which belongs to it from now on. On failure it is closed.
//
// # Safety
// `address` is live.
int ljos_address_add_source(const struct ljos_address *address,
                            int fd);

// Ends an address.
//
// # Safety
// `address` came from here or `ljos_thread_spawn` and is not used again.
void ljos_address_free(const struct ljos_address *address);

// Finds `needle` in `haystack`: the offset from 0, or -1. An empty needle is found at 0.
//
// # Safety
// Both pointers are valid for their lengths and unchanged during the call.
int ljos_bytes_find(const void *haystack,
                    uint32_t haystack_len,
                    const void *needle,
                    uint32_t needle_len);

// The value of a text that is a decimal number of a usual size and nothing else, see `number::whole`; else NaN.
//
// # Safety
// `text` is valid for its length and unchanged during the call.
double ljos_bytes_number(const void *text,
                         uint32_t len);

// Finds the last `needle` in `haystack`: the offset from 0, or -1. An empty needle is found at the end.
//
// # Safety
// Both pointers are valid for their lengths and unchanged during the call.
int ljos_bytes_rfind(const void *haystack,
                     uint32_t haystack_len,
                     const void *needle,
                     uint32_t needle_len);

// Finds the first byte that is in `set` (`wanted` 1) or not in it (0): the offset from 0, or -1.
//
// # Safety
// Both pointers are valid for their lengths and unchanged during the call.
int ljos_bytes_find_set(const void *haystack,
                        uint32_t haystack_len,
                        const void *set,
                        uint32_t set_len,
                        int wanted);

// Finds the last byte that is in `set` (`wanted` 1) or not in it (0): the offset from 0, or -1.
//
// # Safety
// Both pointers are valid for their lengths and unchanged during the call.
int ljos_bytes_rfind_set(const void *haystack,
                         uint32_t haystack_len,
                         const void *set,
                         uint32_t set_len,
                         int wanted);

// Turns A to Z into a to z, in place.
//
// # Safety
// `bytes` is valid for `len` bytes that nobody else touches during the call.
void ljos_bytes_lower(void *bytes, uint32_t len);

// Turns a to z into A to Z, in place.
//
// # Safety
// `bytes` is valid for `len` bytes that nobody else touches during the call.
void ljos_bytes_upper(void *bytes, uint32_t len);

// A system call with no argument.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call0(int64_t number);

// A system call with 1 argument.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call1(int64_t number, int64_t a);

// A system call with 2 arguments.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call2(int64_t number, int64_t a, int64_t b);

// A system call with 3 arguments.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call3(int64_t number, int64_t a, int64_t b, int64_t c);

// A system call with 4 arguments.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call4(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d);

// A system call with 5 arguments.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call5(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e);

// A system call with 6 arguments.
//
// # Safety
// The arguments are what the call `number` wants.
int ljos_call6(int64_t number, int64_t a, int64_t b, int64_t c, int64_t d, int64_t e, int64_t f);

// A system call with any number of arguments and a result wider than an int.
//
// # Safety
// The arguments are what the call `number` wants; `out` is writable.
int ljos_call_wide(int64_t *out,
                   int64_t number,
                   int64_t a,
                   int64_t b,
                   int64_t c,
                   int64_t d,
                   int64_t e,
                   int64_t f);

// The seconds of `CLOCK_MONOTONIC`: exact to the nanosecond for 104 days of uptime, to 2 ns for a year.
double ljos_clock_monotonic(void);

// The seconds of `CLOCK_REALTIME` since 1970: a double holds them to a quarter of a microsecond.
double ljos_clock_realtime(void);

// Reads a clock (`CLOCK_MONOTONIC`, ...) exactly: whole seconds and nanoseconds go to `parts[0]` and `parts[1]`.
//
// # Safety
// `parts` points to two writable doubles.
void ljos_clock_read(int clock,
                     double *parts);

// The constants of `group` as `NAME=value` lines, or null for a group that does not exist. The text lives as
// long as the library.
//
// # Safety
// `group` is a NUL-terminated string.
const char *ljos_constants(const char *group);

// Makes an engine: io_uring where the kernel allows it, else epoll, or the kind asked for.
//
// # Safety
// `out` is valid for one write. The engine belongs to the calling thread; end it with `ljos_engine_free`.
int ljos_engine_new(int kind,
                    struct ljos_engine **out);

// recvmsg(2) for a caller who has nothing else to wait for, the operations in flight apart that nobody waits for
// (`watching` of them). Blocks the thread. `-EAGAIN` when one of those has ended, or a signal came: the operation is to
// be submitted then.
//
// # Safety
// `engine` is live; `message` and what it points to are valid.
int ljos_engine_receive_alone(struct ljos_engine *engine,
                              int fd,
                              void *message,
                              int watching);

// As `ljos_engine_receive_alone`, read(2) of an eventfd: 0 when there was something.
//
// # Safety
// `engine` is live.
int ljos_engine_read_alone(struct ljos_engine *engine, int fd, int watching);

// Ends an engine. Operations still in flight are torn down by the kernel first.
//
// # Safety
// `engine` came from `ljos_engine_new` and is not used again.
void ljos_engine_free(struct ljos_engine *engine);

// Which back end this engine has: `LJOS_ENGINE_IO_URING` or `LJOS_ENGINE_EPOLL`.
//
// # Safety
// `engine` is live.
int ljos_engine_kind(struct ljos_engine *engine);

// Submits what is queued, waits until a completion is there or `timeout_ns` has passed (0: does not wait,
// negative: no limit), and copies up to `capacity` completions to `out`. Returns their number; a signal ends
// the wait with 0.
//
// # Safety
// `engine` is live; `out` has room for `capacity` completions.
int ljos_engine_turn(struct ljos_engine *engine,
                     struct ljos_completion *out,
                     uint32_t capacity,
                     int64_t timeout_ns);

// Ends the threads for blocking calls and answers how many they were; later work starts new ones. `-EBUSY`: one of
// them has work, and all stay.
//
// # Safety
// `engine` is live.
int ljos_engine_dismiss(struct ljos_engine *engine);

// Asks for the operation `target` on `fd` to end early. Its one completion still comes: with `-ECANCELED`, or
// with its result where it was faster.
//
// # Safety
// `engine` is live.
int ljos_engine_cancel(struct ljos_engine *engine,
                       uint32_t target,
                       int fd);

// Forgets what the engine knows of `fd`, before the descriptor is closed or handed away. Operations in flight must
// have been canceled; what was queued for `fd` is submitted first, so that it cannot meet the number's next owner.
//
// # Safety
// `engine` is live.
int ljos_engine_forget(struct ljos_engine *engine,
                       int fd,
                       int in_flight);

// read(2) for pipes, terminals and the like; for files too, whose page cache is asked at once: pread(2) when
// `offset >= 0`, and with the file's own position when it is -1. An offset of -2 says: no file.
//
// # Safety
// `engine` is live; `buffer` has room for `len` bytes until the completion.
int ljos_engine_read(struct ljos_engine *engine,
                     uint32_t user_data,
                     int fd,
                     void *buffer,
                     uint32_t len,
                     int64_t offset);

// write(2); `offset` as in `ljos_engine_read`.
//
// # Safety
// `engine` is live; `buffer` holds `len` bytes until the completion.
int ljos_engine_write(struct ljos_engine *engine,
                      uint32_t user_data,
                      int fd,
                      const void *buffer,
                      uint32_t len,
                      int64_t offset);

// recv(2).
//
// # Safety
// `engine` is live; `buffer` has room for `len` bytes until the completion.
int ljos_engine_recv(struct ljos_engine *engine,
                     uint32_t user_data,
                     int fd,
                     void *buffer,
                     uint32_t len,
                     int flags);

// send(2), always with `MSG_NOSIGNAL`.
//
// # Safety
// `engine` is live; `buffer` holds `len` bytes until the completion.
int ljos_engine_send(struct ljos_engine *engine,
                     uint32_t user_data,
                     int fd,
                     const void *buffer,
                     uint32_t len,
                     int flags);

// recvmsg(2); `message` is a `struct msghdr`.
//
// # Safety
// `engine` is live; the message and all it points to stay valid until the completion.
int ljos_engine_recvmsg(struct ljos_engine *engine,
                        uint32_t user_data,
                        int fd,
                        void *message,
                        int flags);

// sendmsg(2), always with `MSG_NOSIGNAL`; `message` is a `struct msghdr`.
//
// # Safety
// `engine` is live; the message and all it points to stay valid until the completion.
int ljos_engine_sendmsg(struct ljos_engine *engine,
                        uint32_t user_data,
                        int fd,
                        const void *message,
                        int flags);

// recvfrom(2): afterwards `datagram->message.name_len` bytes of `datagram->name` are the sender's address.
//
// # Safety
// `engine` is live; `datagram` stays valid, and `buffer` has room for `len` bytes, until the completion.
int ljos_engine_recvfrom(struct ljos_engine *engine,
                         uint32_t user_data,
                         int fd,
                         struct ljos_datagram *datagram,
                         void *buffer,
                         uint32_t len,
                         int flags);

// sendto(2) the address in the first `name_len` bytes of `datagram->name`; always with `MSG_NOSIGNAL`.
//
// # Safety
// `engine` is live; `datagram` stays valid, and `buffer` holds `len` bytes, until the completion.
int ljos_engine_sendto(struct ljos_engine *engine,
                       uint32_t user_data,
                       int fd,
                       struct ljos_datagram *datagram,
                       uint32_t name_len,
                       const void *buffer,
                       uint32_t len,
                       int flags);

// accept4(2) with `SOCK_CLOEXEC`; the result is the new descriptor.
//
// # Safety
// `engine` is live; `address` and `address_len` are null, or valid until the completion.
int ljos_engine_accept(struct ljos_engine *engine,
                       uint32_t user_data,
                       int fd,
                       void *address,
                       uint32_t *address_len);

// connect(2).
//
// # Safety
// `engine` is live; `address` holds `address_len` bytes until the completion.
int ljos_engine_connect(struct ljos_engine *engine,
                        uint32_t user_data,
                        int fd,
                        const void *address,
                        uint32_t address_len);

// Waits until `fd` has one of the poll(2) `events`; the result is the set of events that are there.
//
// # Safety
// `engine` is live.
int ljos_engine_poll(struct ljos_engine *engine, uint32_t user_data, int fd, uint32_t events);

// Runs a system call that may block in a pool thread. A canceled call that has not begun completes with
// `-ECANCELED`; one that has begun runs to its end and completes with its result.
//
// # Safety
// `engine` is live; what the arguments point to stays valid until the completion.
int ljos_engine_call(struct ljos_engine *engine,
                     uint32_t user_data,
                     int number,
                     size_t a,
                     size_t b,
                     size_t c,
                     size_t d,
                     size_t e);

// Asks a question of `resolve` in a pool thread; the result is its outcome. A canceled one completes at once with
// `-ECANCELED`, even if the C library goes on for minutes: the thread has its own share of the question.
//
// # Safety
// `engine` and `resolution` are live.
int ljos_engine_resolve(struct ljos_engine *engine,
                        uint32_t user_data,
                        const struct ljos_resolution *resolution);

// fcntl(2) with `F_SETLKW`, waiting in a helper process. Canceled, it leaves the range without a lock of this process.
//
// # Safety
// `engine` is live; `lock` points to a `struct flock`; `fd` stays open until the completion.
int ljos_engine_lock_record(struct ljos_engine *engine,
                            uint32_t user_data,
                            int fd,
                            const void *lock);

// Waits, in a helper process, until a semaphore of the C library is above zero; takes nothing. `-ETIMEDOUT` when
// `deadline`, in seconds of the monotonic clock, has passed first; a negative one never does.
//
// # Safety
// `engine` is live; `semaphore` is a `sem_t` that stays mapped until the completion.
int ljos_engine_wait_semaphore(struct ljos_engine *engine,
                               uint32_t user_data,
                               void *semaphore,
                               double deadline);

// flock(2), waiting in a helper process for a lock that is not free. Canceled, it leaves the file without a lock,
// unless the lock was there first.
//
// # Safety
// `engine` is live; `fd` stays open until the completion, or until the operation was canceled.
int ljos_engine_flock(struct ljos_engine *engine,
                      uint32_t user_data,
                      int fd,
                      int operation);

// openat2(2) of a file that is there, waiting in a helper process; the result is the descriptor, close-on-exec.
//
// # Safety
// `engine` is live; `path` is a NUL-terminated string.
int ljos_engine_open(struct ljos_engine *engine,
                     uint32_t user_data,
                     int dirfd,
                     const char *path,
                     int flags,
                     uint32_t resolve);

// statx(2) with the basic fields; `flags` are `AT_*`.
//
// # Safety
// `path` is a NUL-terminated string; `out` is valid for one write.
int ljos_file_status(int dirfd, const char *path, int flags, struct ljos_file_status_fields *out);

// openat2(2); `resolve` are `RESOLVE_*`.
//
// # Safety
// `path` is a NUL-terminated string.
int ljos_file_openat2(int dirfd,
                      const char *path,
                      unsigned int flags,
                      unsigned int mode,
                      unsigned int resolve);

// Whether opening `path` with these flags may wait for somebody: that is what `ljos_engine_open` is for.
//
// # Safety
// `path` is a NUL-terminated string.
int ljos_file_may_wait(int dirfd,
                       const char *path,
                       int flags,
                       uint32_t resolve);

// getdents64(2): fills `buffer` with records and returns the bytes, 0 at the end of the directory.
//
// # Safety
// `buffer` has room for `len` bytes.
int ljos_file_read_directory(int fd, void *buffer, uint32_t len);

// Sets the time of the last modification, and no other: utimensat(2) with `UTIME_OMIT`. Follows symlinks.
//
// # Safety
// `path` is a NUL-terminated string.
int ljos_file_set_mtime(const char *path,
                        double seconds,
                        uint32_t nanoseconds);

// statvfs(3).
//
// # Safety
// `path` is a NUL-terminated string; `out` is valid for one write.
int ljos_file_space(const char *path, struct ljos_file_space_fields *out);

// makedev(3), written as a double to `out`.
//
// # Safety
// `out` is valid for one write.
int ljos_file_makedev(uint32_t major, uint32_t minor, double *out);

// major(3) and minor(3) of a device number, written to `out`.
//
// # Safety
// `out` is valid for two writes.
int ljos_file_device_parts(double device, uint32_t *out);

// mknodat(2); `device` as `ljos_file_makedev` writes it.
//
// # Safety
// `path` is a NUL-terminated string.
int ljos_file_mknod(int dirfd, const char *path, uint32_t mode, double device);

// Whether the ends of a range of a file are in the page cache, so that reading the range does not wait for a disk:
// 1 or 0. 1 where the file cannot tell.
int ljos_file_is_cached(int fd,
                        int64_t offset,
                        uint32_t len);

// pread(2): waits for the disk where it must.
//
// # Safety
// `buffer` has room for `len` bytes.
int ljos_file_pread(int fd, void *buffer, uint32_t len, int64_t offset);

// sendfile(2) from `offset` of a file to a socket, without waiting for the socket (`-EAGAIN`) and without SIGPIPE.
// The socket is non-blocking during the call: nothing else can keep sendfile from waiting.
int ljos_file_send(int socket,
                   int file,
                   int64_t offset,
                   uint32_t len);

// Makes an inbox, to be ended with `ljos_inbox_free`.
//
// # Safety
// `out` is valid for one write. The inbox is used by one thread.
int ljos_inbox_new(struct ljos_inbox **out);

// Ends an inbox: senders get `-EPIPE` from now on, and what was not received is dropped.
//
// # Safety
// `inbox` came from here or `ljos_thread_inbox` and is not used again.
void ljos_inbox_free(struct ljos_inbox *inbox);

// What becomes readable when the inbox has something, after `ljos_inbox_take` has said `-EAGAIN` or `ljos_inbox_arm` was
// called. It stays the inbox's.
//
// # Safety
// `inbox` is live.
int ljos_inbox_fd(const struct ljos_inbox *inbox);

// Takes the next message. `-EAGAIN`: there is none yet; `-ENOLINK`: there is none, and no address to send one to.
//
// # Safety
// `inbox` is live; `out` is valid for one write.
int ljos_inbox_take(struct ljos_inbox *inbox,
                    struct ljos_delivery *out);

// Makes the inbox's descriptor readable when there is a message already, or no address any more.
//
// # Safety
// `inbox` is live.
int ljos_inbox_arm(const struct ljos_inbox *inbox);

// Makes the inbox's descriptor unreadable. Never blocks.
//
// # Safety
// `inbox` is live.
void ljos_inbox_clear(const struct ljos_inbox *inbox);

// Reads an address from text as inet_pton(3) does, with an optional `%scope` after an IPv6 address. 0, or
// `-EINVAL`, and then `out` is as it was.
//
// # Safety
// `text` is valid for `len` bytes; `out` for one write.
int ljos_ip_parse(const void *text,
                  uint32_t len,
                  struct ljos_ip_address *out);

// Writes an address as inet_ntop(3) does, without a NUL, and returns the length; `-ENOSPC` when `capacity` (80
// is always enough) is too small.
//
// # Safety
// `address` is valid; `out` has room for `capacity` bytes.
int ljos_ip_format(const struct ljos_ip_address *address,
                   char *out,
                   uint32_t capacity);

// Fills the `sockaddr_in` or `sockaddr_in6` of an address and a port, and returns its length.
//
// # Safety
// `address` is valid; `out` has room for a `sockaddr_storage`, aligned as one.
int ljos_ip_to_sockaddr(const struct ljos_ip_address *address, uint32_t port, void *out);

// Reads address and port from a socket address. Returns the port, or `-EAFNOSUPPORT` when it is no (complete)
// `sockaddr_in` or `sockaddr_in6`, and then `out` is as it was.
//
// # Safety
// `sockaddr` is valid for `len` bytes and aligned as a `sockaddr_storage`; `out` is valid for one write.
int ljos_ip_from_sockaddr(const void *sockaddr,
                          uint32_t len,
                          struct ljos_ip_address *out);

// Fills what joining or leaving a multicast group takes, and returns its length: an `ip_mreqn` for an IPv4 group, an
// `ipv6_mreq` for an IPv6 group. The interface is that of `interface`, an IPv4 address, or else number `index`.
//
// # Safety
// `group` is valid, `interface` is valid or null; `out` has room for 20 bytes, aligned as a `c_int`.
int ljos_ip_membership(const struct ljos_ip_address *group,
                       const struct ljos_ip_address *interface,
                       uint32_t index,
                       void *out);

// The C declaration of `struct ljos_<name>`, or null where there is none. The structs it contains are not in it.
// With the name "" the names of all structs, one per line. The text lives as long as the library.
//
// # Safety
// `name` is a NUL-terminated string.
const char *ljos_layout(const char *name);

// Writes the directories that the program's libraries are searched in, each ended by a NUL, and returns how many bytes
// that takes; nothing is written when `size` is less. `-ENOTSUP` where the linker does not tell. Source: dlinfo(3),
// `RTLD_DI_SERINFO`.
//
// # Safety
// `out` has room for `size` bytes.
int ljos_linker_search_path(char *out,
                            uint32_t size);

// Copies the program at `path` into a sealed, executable memfd: whoever runs it cannot reach the original through
// /proc/PID/exe. Returns the descriptor, with `O_CLOEXEC`.
//
// # Safety
// `path` is a NUL-terminated string.
int ljos_memfd_from_program(const char *path);

// Copies `len` bytes into a sealed memfd. Returns the descriptor, with `O_CLOEXEC`.
//
// # Safety
// `bytes` is valid for `len` bytes.
int ljos_memfd_from_bytes(const void *bytes, size_t len);

// sendmsg(2) that neither waits nor signals: `-EAGAIN` when there is no room now.
//
// # Safety
// `message` and what it points to are valid.
int ljos_message_send_now(int fd, const struct ljos_message *message);

// The bytes of control data that carry `count` descriptors.
int ljos_message_control_bytes(uint32_t count);

// Writes one SCM_RIGHTS block with `count` descriptors to the message's control buffer, and sets `control_len`.
// With none, the message gets no control data. `-ENOBUFS` when they don't fit.
//
// # Safety
// `message->control` has room for `capacity` bytes and the alignment of a `size_t`; `fds` holds `count` numbers.
int ljos_message_put_fds(struct ljos_message *message,
                         uint32_t capacity,
                         const int *fds,
                         uint32_t count);

// Takes the descriptors out of a received message: their number, at most `capacity` of them in `fds`. What came
// beyond that is closed, and the result is `-EMSGSIZE` with all of them closed.
//
// # Safety
// `message` was filled in by recvmsg(2); `fds` has room for `capacity` numbers.
int ljos_message_take_fds(const struct ljos_message *message,
                          int *fds,
                          uint32_t capacity);

// write(2) that answers `-EPIPE` without a signal where nobody reads any more, whatever the process does about
// SIGPIPE.
//
// # Safety
// `buffer` holds `len` bytes.
int ljos_pipe_write(int fd,
                    const void *buffer,
                    uint32_t len);

// A new, empty set: its descriptor, with `O_CLOEXEC`.
int ljos_poll_set_new(void);

// Adds `fd`: the set becomes readable when `fd` is, or when its other end is gone. It leaves the set by being closed.
int ljos_poll_set_add(int set,
                      int fd);

// Takes `fd` out of the set.
int ljos_poll_set_remove(int set, int fd);

// One descriptor of the set that is ready, in turn; `-EAGAIN` when none is. Never blocks.
int ljos_poll_set_next(int set);

// Fills in a spec that changes nothing and hands nothing over.
//
// # Safety
// `spec` is valid for one write.
void ljos_process_spec_init(struct ljos_process_spec *spec);

// Starts a process. Returns 0, or `-errno` with `failed_step` set; then nothing is left behind.
//
// # Safety
// `spec` came from `ljos_process_spec_init`, and all it points to is valid; `out` is valid for one write.
int ljos_process_spawn(const struct ljos_process_spec *spec,
                       struct ljos_process_child *out);

// Reaps the child behind `pidfd` if it has ended: 1 with `out` filled in, 0 when it still runs. Never blocks;
// poll(2) the pidfd to wait. `-ECHILD`: it is no child of ours, or is reaped already.
//
// # Safety
// `out` is valid for one write.
int ljos_process_reap(int pidfd,
                      struct ljos_process_exit *out);

// pidfd_send_signal(2).
int ljos_process_kill(int pidfd, int signal);

// Compiles a pattern. A pattern that cannot be compiled gives `-EINVAL` and says why in `fault`.
//
// # Safety
// `pattern` holds `len` bytes; `out` and `fault` are valid for one write. End the handle with `ljos_regex_free`.
int ljos_regex_new(int grammar,
                   uint32_t flags,
                   const void *pattern,
                   uint32_t len,
                   struct ljos_regex **out,
                   struct ljos_regex_fault *fault);

// Ends a handle.
//
// # Safety
// `regex` came from `ljos_regex_new` and is not used again.
void ljos_regex_free(struct ljos_regex *regex);

// The number of groups that capture; 0 for a pattern compiled with `LJOS_REGEX_NOSUBS`.
//
// # Safety
// `regex` is live.
int ljos_regex_group_count(struct ljos_regex *regex);

// Finds a match at or after byte `start`, writes its offsets and returns how many pairs it wrote, at most `capacity`;
// 0 without a match. What is before `start` counts as context (`^`, `\b`). Pair 0 is the match, pair n group n,
// {-1, -1} for a group that took no part. `LJOS_REGEX_WHOLE` needs a `start` of 0.
//
// # Safety
// `regex` is live; `subject` holds `len` bytes; `offsets` has room for `2 * capacity` elements, at least one pair.
int ljos_regex_search(struct ljos_regex *regex,
                      const void *subject,
                      uint32_t len,
                      uint32_t start,
                      int wanted,
                      int32_t *offsets,
                      uint32_t capacity);

// Writes the fields between the matches, at most `capacity` pairs, and moves `cursor` on. Returns their number.
//
// An empty match separates nothing; fields may be empty, but one empty field at the end is dropped; an empty
// subject is one empty field (gawk's FS).
//
// # Safety
// As for `ljos_regex_search`; `cursor` is valid for reads and writes.
int ljos_regex_split(struct ljos_regex *regex,
                     const void *subject,
                     uint32_t len,
                     struct ljos_regex_cursor *cursor,
                     int32_t *offsets,
                     uint32_t capacity);

// Writes the matches themselves, at most `capacity` pairs, and moves `cursor` on. Returns their number.
//
// A match may be empty, but not right behind a match that was not; an empty subject has none (gawk's FPAT).
//
// # Safety
// As for `ljos_regex_split`.
int ljos_regex_patsplit(struct ljos_regex *regex,
                        const void *subject,
                        uint32_t len,
                        struct ljos_regex_cursor *cursor,
                        int32_t *offsets,
                        uint32_t capacity);

// Makes a question for getaddrinfo(3). An empty host or service is none at all. `hints` are flags, family, socket
// type and protocol. `-EINVAL` when a text has a NUL inside.
//
// # Safety
// The texts are valid for their lengths, `hints` for four numbers, `out` for one write. End it with
// `ljos_resolve_free`.
int ljos_resolve_new(const void *host,
                     uint32_t host_len,
                     const void *service,
                     uint32_t service_len,
                     const int *hints,
                     const struct ljos_resolution **out);

// Makes a question for getnameinfo(3); `flags` are `NI_*`.
//
// # Safety
// `address` is valid, `out` for one write. End it with `ljos_resolve_free`.
int ljos_resolve_new_reverse(const struct ljos_ip_address *address,
                             uint32_t port,
                             int flags,
                             const struct ljos_resolution **out);

// Gives up the caller's share of a resolution, answered or not.
//
// # Safety
// `resolution` came from `ljos_resolve_new` or `ljos_resolve_new_reverse` and is not used again.
void ljos_resolve_free(const struct ljos_resolution *resolution);

// Asks at once, without any name service: host and service must be numbers, or the outcome is `EAI_NONAME`.
//
// # Safety
// `resolution` is live.
int ljos_resolve_numeric(const struct ljos_resolution *resolution);

// Reads endpoint `index`, from 0, of an answer: fills `out` and returns the port, or `-ENOENT` behind the last one.
//
// # Safety
// `resolution` is live and answered; `out` is valid for one write.
int ljos_resolve_endpoint(const struct ljos_resolution *resolution,
                          uint32_t index,
                          struct ljos_ip_address *out);

// Copies a text of an answer: the canonical name or the host's (`LJOS_RESOLVE_HOST`), or the service's. Returns its
// length; what does not fit into `capacity` (1025 is always enough) is left out.
//
// # Safety
// `resolution` is live and answered; `out` has room for `capacity` bytes.
int ljos_resolve_text(const struct ljos_resolution *resolution,
                      int which,
                      char *out,
                      uint32_t capacity);

// Finds the ends of the complete records from `batch.from` on: fills `ends` and `count`, returns the count. The bytes
// before `resume` are known to hold no separator. Stops before a record longer than `rules.longest`;
// -EMSGSIZE when that is the first, be it complete or not.
//
// # Safety
// `rules` and `batch` are valid, and what they point to is valid for the lengths they say; nobody else touches it
// during the call.
int ljos_scan_records(const struct ljos_scan_rules *rules,
                      struct ljos_scan_batch *batch,
                      int32_t resume);

// Splits the batch's records from number `first` (from 0) on, and returns how many whole records fitted into
// `capacity` pairs. `fields` gets pairs of offsets (begin, end): for each record the record itself, trimmed, then its
// fields; `heads[i]` is the number of the pair where the i-th of these records begins, and one more head ends
// the last.
//
// # Safety
// `batch` was filled by `ljos_scan_records` with the same record separator, and its bytes have not changed since.
// `heads` has `batch.count - first + 1` places, `fields` has `2 * capacity`.
int ljos_scan_fields(const struct ljos_scan_rules *rules,
                     const struct ljos_scan_batch *batch,
                     int32_t first,
                     int32_t *heads,
                     int32_t *fields,
                     int32_t capacity);

// Writes where field `k` of each record of the batch lies, as pairs of offsets (begin, end); `k` = 0 is the trimmed
// record. Where there is no such field, the pair is empty.
//
// # Safety
// As for `ljos_scan_fields`; `pairs` has `2 * batch.count` places.
void ljos_scan_column(const struct ljos_scan_rules *rules,
                      const struct ljos_scan_batch *batch,
                      int32_t k,
                      int32_t *pairs);

// Writes the number that field `k` of each record of the batch begins with, 0 where there is none.
//
// # Safety
// As for `ljos_scan_fields`; `numbers` has `batch.count` places.
void ljos_scan_numbers(const struct ljos_scan_rules *rules,
                       const struct ljos_scan_batch *batch,
                       int32_t k,
                       double *numbers);

// The sum of what `ljos_scan_numbers` would write, added from first to last.
//
// # Safety
// As for `ljos_scan_fields`.
double ljos_scan_sum(const struct ljos_scan_rules *rules,
                     const struct ljos_scan_batch *batch,
                     int32_t k);

// Makes an empty set; the result is its number, to be ended with `ljos_signal_set_free`. `-ENOBUFS` when there are
// too many. The set does not own `eventfd`.
int ljos_signal_set_new(int eventfd);

// Adds a signal to a set. A signal that is there already stays.
int ljos_signal_set_add(int number, int signal);

// Removes a signal from a set and drops what was queued for it.
int ljos_signal_set_remove(int number, int signal);

// Takes the lowest signal that is queued for a set: its number, or 0 when there is none.
int ljos_signal_set_take(int number);

// Ends a set: removes all its signals.
void ljos_signal_set_free(int number);

// Ignores a signal (`ignore` not 0) or resets it to the default. `-EBUSY` while a set has it.
int ljos_signal_dispose(int signal, int ignore);

// Makes the queue the handler of a signal: sigaction(2) with the mask and the flags given.
//
// # Safety
// `mask` points to a signal set of the kernel, eight bytes.
int ljos_signal_queue_handle(int signal, const uint64_t *mask, int flags);

// Takes the oldest signal that is queued and in `mask`: its number, with `info` filled, or 0 when there is none.
//
// # Safety
// `mask` points to a signal set of eight bytes, `info` to a siginfo.
int ljos_signal_queue_take(const uint64_t *mask,
                           void *info);

// Starts a thread that runs a chunk of Lua in a state of its own. `out` gets the address of that state's inbox, to be
// ended with `ljos_address_free`. With `is_master` that state becomes the one that may change what the whole process has,
// in place of the calling one: `-EPERM` if that is not it. `-EAGAIN` when there can be no further thread, `-ENOTSUP` in the
// child of a fork(2) whose parent had some.
//
// # Safety
// `api` has all functions of one Lua; `name` is a NUL-terminated string; `chunk` holds `len` bytes; `out` is valid for
// one write.
int ljos_thread_spawn(const struct ljos_lua_api *api,
                      const char *name,
                      const char *chunk,
                      uint32_t len,
                      int is_master,
                      const struct ljos_address **out);

// The number of the calling thread's Lua state: 0 for one of the host's.
int ljos_thread_number(void);

// Whether the calling thread's state may change what the whole process has: 1 or 0.
int ljos_thread_is_master(void);

// The inbox of a thread that was started here, once: it belongs to the caller then, who ends it with `ljos_inbox_free`.
// Null from then on, and in other threads.
struct ljos_inbox *ljos_thread_inbox(void);

// Ends the calling thread's Lua state and the thread, if it was started here; else returns. Called by Lua, whose frames
// are left as they are.
void ljos_thread_exit(void);

// How many threads that were started here have not ended.
int ljos_thread_count(void);

// Waits until all threads that were started here have ended. Blocks the thread.
void ljos_thread_wait_all(void);

// Says that this process is the child of a fork(2), of which the C library may know nothing. Where threads had been
// started before, there can be no more, and what is sent to them fails.
void ljos_thread_forked(void);

// The bytecode that was kept for `key`, valid until the process ends, and its size; null when there is none.
//
// # Safety
// `key` holds `len` bytes; `size` is valid for one write.
const char *ljos_thread_module(const char *key,
                               uint32_t len,
                               uint32_t *size);

// Keeps a copy of a module's bytecode, unless there is one for that key.
//
// # Safety
// `key` holds `len` bytes, `code` holds `size`.
int ljos_thread_keep_module(const char *key, uint32_t len, const char *code, uint32_t size);

// Chooses an application protocol: the first of the server's that the client offers. For
// SSL_CTX_set_alpn_select_cb(3).
//
// # Safety
// `offered` has `offered_len` bytes; `protocols` is a struct whose list has `len` bytes and outlives the connection;
// `chosen` and `chosen_len` can be written to.
int ljos_tls_select_protocol(void *_ssl,
                             const uint8_t **chosen,
                             uint8_t *chosen_len,
                             const uint8_t *offered,
                             unsigned int offered_len,
                             const struct ljos_tls_protocols *protocols);

// Chooses the context that has the certificate for the name that a client asks for; leaves the one that listens where
// no name fits, or none was asked for. For SSL_CTX_set_tlsext_servername_callback(3).
//
// # Safety
// `ssl` is a connection in its handshake; `hosts` is a struct whose arrays have the lengths it says, whose functions
// are OpenSSL's, and whose contexts, names and store outlive the handshake.
int ljos_tls_choose_context(void *ssl,
                            int *_alert,
                            const struct ljos_tls_hosts *hosts);

#endif  /* LJOS_H */
