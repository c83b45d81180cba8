//! The one place where raw pointers of the ABI become Rust references.

/// Views `len` bytes at `ptr` as a slice; a null pointer gives the empty slice.
///
/// # Safety
/// `ptr` is null or points to `len` readable bytes that nobody writes to while the slice lives.
pub unsafe fn slice<'a, T>(ptr: *const T, len: usize) -> &'a [T] {
    if ptr.is_null() {
        return &[];
    }
    // SAFETY: not null; the rest is the caller's promise.
    unsafe { std::slice::from_raw_parts(ptr, len) }
}

/// Views `len` elements at `ptr` as a mutable slice; a null pointer gives the empty slice.
///
/// # Safety
/// `ptr` is null or points to `len` writable elements that nobody else touches while the slice lives.
pub unsafe fn slice_mut<'a, T>(ptr: *mut T, len: usize) -> &'a mut [T] {
    if ptr.is_null() {
        return &mut [];
    }
    // SAFETY: not null; the rest is the caller's promise.
    unsafe { std::slice::from_raw_parts_mut(ptr, len) }
}

/// Views a NUL-terminated string as bytes without the NUL; a null pointer gives the empty slice.
///
/// # Safety
/// `ptr` is null or points to a NUL-terminated string that outlives the slice.
pub unsafe fn c_str<'a>(ptr: *const std::ffi::c_char) -> &'a [u8] {
    if ptr.is_null() {
        return &[];
    }
    // SAFETY: not null; the rest is the caller's promise.
    unsafe { std::ffi::CStr::from_ptr(ptr) }.to_bytes()
}

/// Views a NUL-terminated string as one that the C library takes.
///
/// # Safety
/// `ptr` points to a NUL-terminated string that outlives the reference.
pub unsafe fn c_string<'a>(ptr: *const std::ffi::c_char) -> &'a std::ffi::CStr {
    // SAFETY: the caller's promise.
    unsafe { std::ffi::CStr::from_ptr(ptr) }
}

/// Turns a handle back into a reference.
///
/// # Safety
/// `handle` came from `Box::into_raw` of the same type, is not freed, and is used by one thread at a time.
pub unsafe fn handle<'a, T>(handle: *mut T) -> &'a mut T {
    // SAFETY: the caller's promise.
    unsafe { &mut *handle }
}

/// Views a struct of the ABI.
///
/// # Safety
/// `ptr` points to a `T` that nobody writes to while the reference lives.
pub unsafe fn reference<'a, T>(ptr: *const T) -> &'a T {
    // SAFETY: the caller's promise.
    unsafe { &*ptr }
}
