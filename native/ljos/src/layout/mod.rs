//! The kernel's structs as C declarations that LuaJIT reads.
//!
//! Offsets, sizes and signedness come from the crates through `offset_of!` and `size_of`. Every struct is declared
//! packed with explicit padding, so the offsets are the crates' whatever the reader's own rules are; fields
//! that share bytes become a union. `tests/c_headers.rs` compares all of it with the C compiler.

mod kernel_struct;
mod libc_struct;
mod uapi_struct;

use crate::memory;
use std::collections::BTreeMap;
use std::ffi::c_char;
use std::fmt::Write;
use std::sync::{Mutex, OnceLock};

/// A Rust type that LuaJIT can be told about.
pub trait CType {
    /// Its name in C.
    const NAME: &'static str;
    /// Its name as the element of an array: bytes that C calls `char` stay `char` there.
    const ELEMENT: &'static str = Self::NAME;
    /// The dimensions of an array type, "[4]".
    fn dimensions() -> String {
        String::new()
    }
}

macro_rules! scalars {
    ($($rust:ty: $c:literal $element:literal)*) => {
        $(impl CType for $rust {
            const NAME: &'static str = $c;
            const ELEMENT: &'static str = $element;
        })*
    };
}

scalars! {
    i8: "int8_t" "char"
    u8: "uint8_t" "uint8_t"
    i16: "int16_t" "int16_t"
    u16: "uint16_t" "uint16_t"
    i32: "int32_t" "int32_t"
    u32: "uint32_t" "uint32_t"
    i64: "int64_t" "int64_t"
    u64: "uint64_t" "uint64_t"
    isize: "intptr_t" "intptr_t"
    usize: "uintptr_t" "uintptr_t"
}

impl<T: CType, const N: usize> CType for [T; N] {
    const NAME: &'static str = T::ELEMENT;
    fn dimensions() -> String {
        format!("[{N}]{}", T::dimensions())
    }
}

impl<T> CType for *mut T {
    const NAME: &'static str = "void *";
}

impl<T> CType for *const T {
    const NAME: &'static str = "void *";
}

impl<A> CType for Option<unsafe extern "C" fn(A)> {
    const NAME: &'static str = "void *";
}

impl CType for Option<unsafe extern "C" fn()> {
    const NAME: &'static str = "void *";
}

impl CType for Option<extern "C" fn()> {
    const NAME: &'static str = "void *";
}

/// A field as C sees it: the start and the end of its bytes, and its declaration.
pub struct Field {
    pub name: &'static str,
    pub offset: usize,
    pub size: usize,
    declaration: String,
}

/// A struct: its name without the prefix `ljos_`, and its fields in any order.
pub struct Layout {
    pub name: &'static str,
    /// The Rust type, from which tests derive the C type.
    pub source: &'static str,
    pub size: usize,
    pub align: usize,
    pub fields: fn() -> Vec<Field>,
}

/// Describes a field; the pointer function is only there for its type.
pub fn field<S, F: CType>(name: &'static str, offset: usize, _place: fn(*const S) -> *const F) -> Field {
    let declaration = format!("{} {name}{}", F::NAME, F::dimensions());
    Field { name, offset, size: std::mem::size_of::<F>(), declaration }
}

macro_rules! describe {
    ($type:ty, $name:ident) => { $crate::layout::describe!($type, $name = $name) };
    ($type:ty, $name:ident = $($path:ident).+) => {
        $crate::layout::field::<$type, _>(stringify!($name), std::mem::offset_of!($type, $($path).+), |place| {
            // SAFETY: never called; the closure only gives the field's type.
            unsafe { &raw const (*place).$($path).+ }
        })
    };
}

macro_rules! layouts {
    ($($name:literal: [$type:ty] { $($field:ident $(= $($path:ident).+)?),* $(,)? })*) => {
        $(impl CType for $type {
            const NAME: &'static str = concat!("struct ljos_", $name);
        })*

        pub const LAYOUTS: &[Layout] = &[$(Layout {
            name: $name,
            source: stringify!($type),
            size: std::mem::size_of::<$type>(),
            align: std::mem::align_of::<$type>(),
            fields: || vec![$(crate::layout::describe!($type, $field $(= $($path).+)?)),*],
        }),*];
    };
}
use {describe, layouts};

/// Every struct.
pub fn all() -> impl Iterator<Item = &'static Layout> {
    [libc_struct::LAYOUTS, kernel_struct::LAYOUTS, uapi_struct::LAYOUTS].into_iter().flatten()
}

/// Writes fields that share bytes as a union of structs, each padded to where its field starts.
fn write_cluster(text: &mut String, cluster: &[Field], start: usize) {
    let _ = write!(text, " union {{");
    for field in cluster {
        let gap = field.offset - start;
        if gap == 0 {
            let _ = write!(text, " {};", field.declaration);
        } else {
            let _ = write!(
                text,
                " struct {{ uint8_t _[{gap}]; {}; }} __attribute__((packed));",
                field.declaration
            );
        }
    }
    let _ = write!(text, " }};");
}

fn declaration(layout: &Layout) -> String {
    let mut fields = (layout.fields)();
    fields.sort_by_key(|field| field.offset);
    let mut text = format!("struct ljos_{} {{", layout.name);
    if fields.is_empty() {
        let words = layout.size / layout.align;
        let _ = write!(text, " uint{}_t val[{words}];", layout.align * 8);
    }
    let mut at = if fields.is_empty() { layout.size } else { 0 };
    let mut gaps = 0;
    let mut rest = fields.into_iter().peekable();
    while let Some(first) = rest.next() {
        if first.offset > at {
            let _ = write!(text, " uint8_t _gap{gaps}[{}];", first.offset - at);
            gaps += 1;
        }
        let start = first.offset;
        let mut end = start + first.size;
        let mut cluster = vec![first];
        while let Some(next) = rest.next_if(|next| next.offset < end) {
            end = end.max(next.offset + next.size);
            cluster.push(next);
        }
        match cluster.as_slice() {
            [only] => {
                let _ = write!(text, " {};", only.declaration);
            }
            several => write_cluster(&mut text, several, start),
        }
        at = end;
    }
    if layout.size > at {
        let _ = write!(text, " uint8_t _gap{gaps}[{}];", layout.size - at);
    }
    let _ = write!(text, " }} __attribute__((packed, aligned({})));\0", layout.align);
    text
}

/// The C declaration of `struct ljos_<name>`, or null where there is none. The structs it contains are not in it.
/// With the name "" the names of all structs, one per line. The text lives as long as the library.
///
/// # Safety
/// `name` is a NUL-terminated string.
#[no_mangle]
pub unsafe extern "C" fn ljos_layout(name: *const c_char) -> *const c_char {
    static TEXTS: OnceLock<Mutex<BTreeMap<&'static str, &'static str>>> = OnceLock::new();
    // SAFETY: the caller's promise.
    let wanted = unsafe { memory::c_str(name) };
    let Ok(mut texts) = TEXTS.get_or_init(Mutex::default).lock() else { return std::ptr::null() };
    // Leaked once per struct: the caller keeps the pointer for as long as the library is loaded.
    let text = if wanted.is_empty() {
        texts.entry("").or_insert_with(|| {
            let names: String = all().map(|layout| format!("{}\n", layout.name)).collect();
            Box::leak((names + "\0").into_boxed_str())
        })
    } else {
        let Some(layout) = all().find(|layout| layout.name.as_bytes() == wanted) else {
            return std::ptr::null();
        };
        texts.entry(layout.name).or_insert_with(|| Box::leak(declaration(layout).into_boxed_str()))
    };
    text.as_ptr().cast()
}
