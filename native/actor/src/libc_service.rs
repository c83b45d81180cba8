//! libc_service in an actor: the Lua filters of its functions, in a state of their own, and the beginning.

use crate::boot::Boot;
use crate::modules;
use crate::state::State;
use crate::Failure;
use ljos_libc_service::{Filter, Reply, Request};
use mlua::{Function, LightUserData, Lua};
use std::ffi::c_void;
use std::os::fd::RawFd;
use std::sync::OnceLock;

/// What is ready, and begins with `start`.
pub struct Service {
    socket: RawFd,
    filtered: u32,
}

const KEY: &[u8] = b"filter/";

/// Proves that whatever is loaded into this process will find the functions, and loads the filters; `None` where the
/// parent gives no service.
pub fn prepare(boot: &Boot) -> Result<Option<Service>, Failure> {
    let Some(number) = boot.get("libc_service") else { return Ok(None) };
    let number = std::str::from_utf8(number).ok().and_then(|number| number.parse().ok());
    let socket = number.ok_or(Failure { step: "libc_service: no descriptor".into(), errno: libc::EBADF })?;
    if let Some(name) = ljos_libc_service::missing() {
        let step = format!("libc_service: {name} is not the runner's");
        return Err(Failure { step, errno: 0 });
    }
    let filtered = load_filters(boot).map_err(|error| Failure::lua("libc_service", &error))?;
    Ok(Some(Service { socket, filtered }))
}

impl Service {
    /// From here on the functions ask the master.
    pub fn start(&self) {
        ljos::file::forward_openat2(ljos_libc_service::openat2);
        ljos_libc_service::start(self.socket, true, self.filtered, call as Filter);
    }
}

/// Makes the state of the filters, where there are any; the result has one bit for each function.
fn load_filters(boot: &Boot) -> mlua::Result<u32> {
    let mut chunks = boot.entries().filter(|(key, _)| key.starts_with(KEY)).peekable();
    if chunks.peek().is_none() {
        return Ok(0);
    }
    let memory = || mlua::Error::MemoryError("luaL_newstate".into());
    let lua: &Lua = State::lasting().ok_or_else(memory)?;
    modules::register(lua)?;
    let require: Function = lua.globals().get("require")?;
    let make: Function = require.call("ljos.libc_service.filters")?;
    let forward = LightUserData(ljos_libc_service::forward as *mut c_void);
    let (load, call): (Function, Function) = make.call(forward)?;
    let mut filtered = 0;
    for (key, chunk) in chunks {
        let name = key.get(KEY.len()..).unwrap_or_default();
        filtered |= load.call::<u32>((lua.create_string(name)?, lua.create_string(chunk)?))?;
    }
    FILTERS.get_or_init(|| Filters { call });
    lock::prepare();
    Ok(filtered)
}

/// The function of the filters' state; used under the lock only.
struct Filters {
    call: Function,
}
// SAFETY: the state belongs to nobody else, and is used by one thread at a time.
unsafe impl Send for Filters {}
// SAFETY: as above.
unsafe impl Sync for Filters {}

static FILTERS: OnceLock<Filters> = OnceLock::new();

/// Fills the reply, which is a denial already, and stays one where a filter raises.
fn call(request: &Request, reply: &mut Reply) {
    let Some(Filters { call: filter }) = FILTERS.get() else { return };
    let _held = lock::Held::new();
    let pointers =
        (LightUserData((&raw const *request).cast_mut().cast()), LightUserData((&raw mut *reply).cast()));
    if let Err(error) = filter.call::<()>(pointers) {
        eprintln!("libc_service: {error}");
    }
}

/// The lock of the filters' state. A fork waits for it, so that the child does not find it held for ever.
mod lock {
    use std::cell::UnsafeCell;
    use std::marker::PhantomData;

    struct Lock(UnsafeCell<libc::pthread_mutex_t>);
    // SAFETY: a mutex is there to be shared.
    unsafe impl Sync for Lock {}
    static LOCK: Lock = Lock(UnsafeCell::new(libc::PTHREAD_MUTEX_INITIALIZER));

    /// The lock, held by this thread.
    pub struct Held(PhantomData<*const ()>);

    impl Held {
        pub fn new() -> Held {
            acquire();
            Held(PhantomData)
        }
    }

    impl Drop for Held {
        fn drop(&mut self) {
            release();
        }
    }

    extern "C" fn acquire() {
        // SAFETY: a mutex that lives as long as the process.
        unsafe { libc::pthread_mutex_lock(LOCK.0.get()) };
    }

    extern "C" fn release() {
        // SAFETY: as above, and held by this thread.
        unsafe { libc::pthread_mutex_unlock(LOCK.0.get()) };
    }

    // A filter that forks holds the lock already.
    extern "C" fn before_fork() {
        if !ljos_libc_service::in_filter() {
            acquire();
        }
    }

    extern "C" fn after_fork() {
        if !ljos_libc_service::in_filter() {
            release();
        }
    }

    pub fn prepare() {
        // SAFETY: the functions only lock and unlock.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(after_fork), Some(after_fork)) };
    }
}
