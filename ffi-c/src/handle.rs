//! Handles: values that C holds as opaque pointers.
//!
//! There is one kind only: a box that C owns from `_new` to `_free`. A type becomes a handle by implementing [`Handle`];
//! pointers to anything else do not compile here.

use std::mem::MaybeUninit;

use onem2m::{Error, ErrorKind, Result};

/// A type whose values C owns.
pub(crate) trait Handle: Sized {}

pub(crate) fn null(name: &str) -> Error {
    Error::new(ErrorKind::InvalidArgument, format!("argument `{name}` is NULL"))
}

/// The handle behind a pointer that C has.
pub(crate) fn borrow<'a, T: Handle>(pointer: *const T, name: &str) -> Result<&'a T> {
    // SAFETY: header, "Handles": a handle is NULL or came from the library, was not freed, and is not freed during the call;
    // where it is `const`, no call that changes it runs meanwhile.
    unsafe { pointer.as_ref() }.ok_or_else(|| null(name))
}

/// The handle behind a pointer that C has, to be changed.
pub(crate) fn borrow_mut<'a, T: Handle>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    // SAFETY: header, "Handles": as in `borrow`, and where it is not `const`, no other thread uses it during the call.
    unsafe { pointer.as_mut() }.ok_or_else(|| null(name))
}

/// Takes a handle back from C, to free it.
pub(crate) fn take<T: Handle>(pointer: *mut T) -> Option<Box<T>> {
    // SAFETY: header, "Handles": what is freed is NULL or came from the library and was not freed before. All handles
    // are made by `give`.
    (!pointer.is_null()).then(|| unsafe { Box::from_raw(pointer) })
}

/// Hands a value over to C.
pub(crate) fn give<T: Handle>(value: T) -> *mut T {
    Box::into_raw(Box::new(value))
}

/// Makes a handle and stores it in `*out`, or NULL if it could not be made.
pub(crate) fn make<T: Handle>(out: *mut *mut T, name: &str, make: impl FnOnce() -> Result<T>) -> Result<()> {
    store(out, name, std::ptr::null_mut())?;
    store(out, name, give(make()?))
}

/// Stores a value where C asked for it.
pub(crate) fn store<T>(out: *mut T, name: &str, value: T) -> Result<()> {
    if out.is_null() {
        return Err(null(name));
    }
    // SAFETY: header, "Arguments": an output argument points to a variable of its type.
    unsafe { out.write(value) };
    Ok(())
}

/// As [`store`], where NULL says that C does not want the value.
pub(crate) fn store_if_wanted<T>(out: *mut T, value: impl FnOnce() -> T) {
    if !out.is_null() {
        // SAFETY: header, "Arguments": an output argument points to a variable of its type.
        unsafe { out.write(value()) };
    }
}

/// An array argument, for the time of the call; NULL is fine where it has no elements.
pub(crate) fn array<'a, T>(pointer: *const T, count: usize, name: &str) -> Result<&'a [T]> {
    if count == 0 {
        return Ok(&[]);
    }
    if pointer.is_null() {
        return Err(null(name));
    }
    if count > isize::MAX as usize / size_of::<T>().max(1) {
        let text = format!("argument `{name}` cannot have {count} elements");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    // SAFETY: header, "Arguments": an array has as many elements as the number that is given with it, and does not change
    // during the call; the number was compared with the most that there can be.
    Ok(unsafe { std::slice::from_raw_parts(pointer, count) })
}

/// Structs of a program that begin with their size have no more bytes than this, in any version.
pub(crate) const LARGEST_STRUCT: usize = 4096;

/// The size that a struct of C's begins with: whole members, which are all as wide as the size.
pub(crate) fn read_size<T>(pointer: *const T, name: &str) -> Result<usize> {
    if pointer.is_null() {
        return Err(null(name));
    }
    // SAFETY: header, "Arguments": it points to a struct that begins with its size.
    let size = unsafe { pointer.cast::<usize>().read() };
    if (size_of::<usize>()..=LARGEST_STRUCT).contains(&size) && size.is_multiple_of(size_of::<usize>()) {
        return Ok(size);
    }
    let text = format!("{name}.struct_size is {size}; set it to the sizeof of the struct, which is {}", size_of::<T>());
    Err(Error::new(ErrorKind::InvalidArgument, text))
}

/// Reads a struct of callbacks that begins with its size: what the program has of it, the rest from `none`. NULL is none of it.
pub(crate) fn read_callbacks<T: Callbacks>(pointer: *const T, name: &str) -> Result<T> {
    if pointer.is_null() {
        return Ok(T::NONE);
    }
    let size = read_size(pointer, name)?;
    let known = size.min(size_of::<T>());
    // SAFETY: header, "Arguments": the struct has as many bytes as it says; what lies past those that we know is zero
    // in a program that does not use what only a later library has.
    let rest = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>().add(known), size - known) };
    if rest.iter().any(|byte| *byte != 0) {
        let text = format!("{name} has members that this version of the library does not know");
        return Err(Error::new(ErrorKind::InvalidArgument, text));
    }
    let mut callbacks = MaybeUninit::new(T::NONE);
    // SAFETY: header, "Arguments": as above; every member is a pointer or a function pointer that may be NULL, and those
    // that the program does not have stay as they are in NONE.
    unsafe {
        std::ptr::copy_nonoverlapping(pointer.cast::<u8>(), callbacks.as_mut_ptr().cast::<u8>(), known);
        Ok(callbacks.assume_init())
    }
}

/// A struct that begins with its size, and has nothing else but pointers and function pointers that may be NULL.
pub(crate) trait Callbacks: Copy {
    /// None of them.
    const NONE: Self;
}

/// Stores a struct that begins with its size: as much of it as the program has; what only a later library has is zero.
pub(crate) fn store_sized<T: Copy>(out: *mut T, name: &str, value: &T) -> Result<()> {
    let size = read_size(out, name)?;
    let known = size.min(size_of::<T>());
    let skip = size_of::<usize>();
    // SAFETY: header, "Arguments": the struct has as many bytes as it says.
    unsafe {
        let (from, to) = (std::ptr::from_ref(value).cast::<u8>(), out.cast::<u8>());
        std::ptr::copy_nonoverlapping(from.add(skip), to.add(skip), known - skip);
        to.add(known).write_bytes(0, size - known);
    }
    Ok(())
}
