//! The few calls into the kernel that need `unsafe`, and descriptors sent over sockets.
#![allow(unsafe_code, reason = "fork and unshare have no safe form; each block says why it is sound")]

use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::thread::UnshareFlags;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Descriptors in one message, at most.
const MOST_DESCRIPTORS: usize = 4;

/// Milliseconds between attempts to seal a file that is said to be busy.
const SEAL_PAUSES: [u64; 8] = [1, 1, 2, 5, 10, 20, 50, 100];

/// Which side of a fork we are on.
pub(crate) enum Forked {
    /// The new process.
    Child,
    /// The old one, with the child's process id.
    Parent(rustix::process::Pid),
}

/// Forks. The caller must have one thread only.
pub(crate) fn fork() -> io::Result<Forked> {
    // SAFETY: the zygote never starts a thread, so no lock can be held by a thread that the child lacks.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Forked::Child),
        pid => rustix::process::Pid::from_raw(pid)
            .map(Forked::Parent)
            .ok_or_else(|| io::Error::other("fork answered with no process id")),
    }
}

/// Moves into new namespaces; for [`UnshareFlags::NEWPID`], what is forked from now on.
pub(crate) fn leave(namespaces: UnshareFlags) -> io::Result<()> {
    // SAFETY: the process has one thread and shares no file table or memory that `unshare` could split.
    unsafe { rustix::thread::unshare_unsafe(namespaces) }.map_err(io::Error::from)
}

/// Closes every descriptor but standard input, output and error and those given.
pub(crate) fn close_others(kept: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut kept: Vec<_> = kept.iter().map(|kept| kept.as_raw_fd().unsigned_abs()).filter(|kept| *kept > 2).collect();
    kept.sort_unstable();
    let close = |first: u32, last: u32| {
        // SAFETY: close_range takes numbers only. Callers hold no descriptor beyond those that they give.
        let result = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
        if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    let mut first = 3;
    for kept in kept {
        if first < kept {
            close(first, kept - 1)?;
        }
        first = kept + 1;
    }
    close(first, u32::MAX)
}

/// How many descriptors the process has.
pub(crate) fn descriptors() -> usize {
    let is_open = |descriptor: &i32| {
        // SAFETY: this asks for a position and moves nothing; it fails on what has none or is not there.
        let position = unsafe { libc::lseek(*descriptor, 0, libc::SEEK_CUR) };
        position != -1 || io::Error::last_os_error().raw_os_error() != Some(libc::EBADF)
    };
    (0..1_024).filter(is_open).count()
}

/// Maps new memory, at an address or (0) anywhere, and leaves it there.
pub(crate) fn map(address: usize, bytes: usize, flags: MapFlags) -> io::Result<()> {
    let address = std::ptr::without_provenance_mut(address);
    // SAFETY: nothing was there before, neither at an address that the kernel chooses nor in the first page.
    let mapped = unsafe { mmap_anonymous(address, bytes, ProtFlags::READ | ProtFlags::WRITE, flags) };
    mapped.map(drop).map_err(io::Error::from)
}

/// Maps a file to be read, for as long as the process lives.
pub(crate) fn map_file(file: &OwnedFd, bytes: u64) -> io::Result<&'static [u8]> {
    let bytes = usize::try_from(bytes).map_err(io::Error::other)?;
    if bytes == 0 {
        return Ok(&[]);
    }
    // SAFETY: the kernel chooses where, and it is never unmapped. The file is an entry of the engine's own cache, which is replaced
    // and never written to, or sealed.
    let place = unsafe { rustix::mm::mmap(std::ptr::null_mut(), bytes, ProtFlags::READ, MapFlags::SHARED, file, 0) };
    let place = place?.cast::<u8>().cast_const();
    // SAFETY: so many bytes were just mapped there.
    Ok(unsafe { std::slice::from_raw_parts(place, bytes) })
}

/// Ends the process at once, without running destructors that belong to the parent.
pub(crate) fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` may be called at any time.
    unsafe { libc::_exit(status) }
}

/// Sends one packet with descriptors.
pub(crate) fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::other("too many descriptors for one message"));
    }
    loop {
        match sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Ok(_) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Sends one packet, or fails with [`io::ErrorKind::WouldBlock`] where the other side has too many that it did not take.
pub(crate) fn send_now(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    sendmsg(socket, &[IoSlice::new(bytes)], &mut SendAncillaryBuffer::default(), flags)?;
    Ok(())
}

/// Bytes of the packet that comes next, waiting for it; 0 means that the other side is gone.
pub(crate) fn next_length(socket: BorrowedFd<'_>) -> io::Result<usize> {
    let mut byte = [0_u8; 1];
    loop {
        let mut control = RecvAncillaryBuffer::default();
        match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut control, RecvFlags::PEEK | RecvFlags::TRUNC) {
            Err(Errno::INTR) => {}
            other => return Ok(other?.bytes),
        }
    }
}

/// Receives one packet into `buffer`; 0 bytes means that the other side is gone.
pub(crate) fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let message = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, RecvFlags::CMSG_CLOEXEC) {
            Err(Errno::INTR) => {}
            // It went without having taken all that was sent to it.
            Err(Errno::CONNRESET) => return Ok((0, Vec::new())),
            other => break other?,
        }
    };
    let mut descriptors = Vec::new();
    for ancillary in control.drain() {
        if let RecvAncillaryMessage::ScmRights(list) = ancillary {
            descriptors.extend(list);
        }
    }
    if message.flags.contains(ReturnFlags::TRUNC) {
        return Err(io::Error::other("a message is longer than agreed"));
    }
    Ok((message.bytes, descriptors))
}

/// A pair of sockets that keep messages whole.
pub(crate) fn packet_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
    Ok(socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?)
}

/// An anonymous file in memory with these bytes, sealed so that nobody can change it any more.
pub(crate) fn sealed(bytes: &[u8]) -> io::Result<OwnedFd> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let file = memfd_create("lazaret-sample", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(file.as_fd(), rest) {
            Ok(n) => rest = rest.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    seal(&file, std::thread::sleep)?;
    Ok(file)
}

/// Seals a file in memory, with pauses between attempts.
fn seal(file: &OwnedFd, mut pause: impl FnMut(Duration)) -> io::Result<()> {
    use rustix::fs::{SealFlags, fcntl_add_seals};
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    // The kernel itself may still hold pages that were just written, and then says that the file is busy.
    for milliseconds in SEAL_PAUSES {
        match fcntl_add_seals(file, seals) {
            Err(Errno::BUSY) => pause(Duration::from_millis(milliseconds)),
            other => return Ok(other?),
        }
    }
    Ok(fcntl_add_seals(file, seals)?)
}

/// Gives memory that was freed back to the system. The allocator keeps it otherwise, for as long as something small that was
/// allocated later lies behind it.
pub fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it takes a number and may be called at any time by any thread.
        let _ = unsafe { libc::malloc_trim(0) };
    }
}

/// Takes every gap between what is allocated, for good: what is allocated from now on lies side by side. A process that is forked later
/// copies each page that it writes to, and would otherwise write a little to each of very many.
#[cfg(target_env = "gnu")]
pub(crate) fn leave_no_gaps() {
    /// Bytes of the largest gap that is looked for.
    const LARGEST: usize = 64 << 10;
    /// Bytes of gaps that are filled at the most.
    const MOST: usize = 32 << 20;
    // SAFETY: it takes nothing and says where the heap ends.
    let end = unsafe { libc::sbrk(0) }.addr();
    // SAFETY: it takes nothing and counts what the allocator has.
    let counted = unsafe { libc::mallinfo2() };
    // Behind the last gap there is what was never allocated.
    let fresh = end.saturating_sub(counted.keepcost);
    let (mut size, mut taken) = (LARGEST, 0);
    while size >= 16 && taken < MOST {
        let Ok(layout) = Layout::from_size_align(size, 16) else { return };
        // SAFETY: the layout has a size.
        let gap = unsafe { System.alloc(layout) };
        if !gap.is_null() && gap.addr() < fresh {
            taken += size;
            continue;
        }
        if !gap.is_null() {
            // SAFETY: it was allocated with this layout just now, and nobody has it.
            unsafe { System.dealloc(gap, layout) };
        }
        size = if size > 1024 { size / 2 } else { size - 16 };
    }
}

/// Other allocators have no such gaps that one could know of.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn leave_no_gaps() {}

/// From now on this process and those forked from it get their memory in small pages: what a child allocates is little, and a huge page
/// would be cleared for it. Pages that are there stay huge.
pub(crate) fn small_pages() {
    // SAFETY: it takes numbers only. A kernel without huge pages refuses, and has none.
    let _ = unsafe { libc::prctl(libc::PR_SET_THP_DISABLE, 1_u64, 0_u64, 0_u64, 0_u64) };
}

/// Whether what is freed is overwritten first.
static WIPES: AtomicBool = AtomicBool::new(false);

/// The allocator of the executable: the system's, which overwrites what is freed in a process that is to forget it.
pub struct Wiping;

// SAFETY: every call is passed on to the system's allocator with the layout that the caller promises to have used. What is
// overwritten before that belongs to the caller, who gives it up by that very call.
unsafe impl GlobalAlloc for Wiping {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if WIPES.load(Ordering::Relaxed) {
            // SAFETY: these bytes are the caller's until the next line.
            unsafe { overwrite(pointer, layout.size()) };
        }
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if !WIPES.load(Ordering::Relaxed) {
            // SAFETY: the caller's promises are the system allocator's.
            return unsafe { System.realloc(pointer, layout, size) };
        }
        // The system would leave a copy behind where it moves.
        // SAFETY: the caller promises that the size fits the alignment.
        let new = unsafe { System.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both are as long as what is copied, and the new one overlaps nothing. The old one is given up here.
            unsafe {
                std::ptr::copy_nonoverlapping(pointer, new, layout.size().min(size));
                overwrite(pointer, layout.size());
                System.dealloc(pointer, layout);
            }
        }
        new
    }
}

/// Fills with zeros, even though nobody reads them.
unsafe fn overwrite(pointer: *mut u8, bytes: usize) {
    // SAFETY: the caller owns so many bytes there.
    unsafe { std::ptr::write_bytes(pointer, 0, bytes) };
    std::hint::black_box(pointer);
}

/// From now on, what this process frees is overwritten.
pub(crate) fn wipe_what_is_freed() {
    WIPES.store(true, Ordering::Relaxed);
}

/// Forgets what calls that have returned left on the stack of a process that has one thread, down to so many bytes.
#[inline(never)]
pub(crate) fn forget_stack(bytes: usize) {
    // What is nearest is in pages that are in use.
    let near = [0_u8; NEAR];
    let here = std::hint::black_box(&near).as_ptr().addr();
    let page = rustix::param::page_size();
    let (high, low) = (here / page * page, here.saturating_sub(bytes) / page * page);
    let from = std::ptr::without_provenance_mut(low);
    // SAFETY: these pages are below everything that is in use on the stack. Nothing else is mapped so near to it: the kernel
    // keeps more than that free. What is not mapped is skipped.
    let _ = unsafe { rustix::mm::madvise(from, high - low, rustix::mm::Advice::LinuxDontNeed) };
}

/// Bytes of the stack that are overwritten, the rest is taken away.
const NEAR: usize = 32 << 10;

/// Tries to attach to the parent process as a debugger would.
pub(crate) fn trace_parent() -> io::Result<()> {
    let parent = rustix::process::getppid().map_or(1, |parent| parent.as_raw_nonzero().get());
    // SAFETY: PTRACE_ATTACH takes a process id and no pointers.
    let result = unsafe { libc::ptrace(libc::PTRACE_ATTACH, parent, 0, 0) };
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::{MemfdFlags, ftruncate, memfd_create};

    /// A file in memory of one page, and where it is mapped so that it can be written to: it is busy as long as it is.
    fn busy() -> (OwnedFd, *mut std::ffi::c_void) {
        let file = memfd_create("test", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING).unwrap();
        ftruncate(&file, 4_096).unwrap();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses where, and nobody looks there.
        let place = unsafe { rustix::mm::mmap(std::ptr::null_mut(), 4_096, access, MapFlags::SHARED, &file, 0) };
        (file, place.unwrap())
    }

    #[test]
    fn a_file_that_is_busy_for_a_moment_is_sealed_and_one_that_stays_so_is_refused() {
        let (file, place) = busy();
        let mut pauses = 0;
        let sealed = seal(&file, |_| {
            pauses += 1;
            if pauses == 3 {
                // SAFETY: nobody looks there.
                unsafe { rustix::mm::munmap(place, 4_096) }.unwrap();
            }
        });
        assert!(sealed.is_ok() && pauses == 3, "{sealed:?} after {pauses} pauses");
        assert!(rustix::io::pwrite(&file, b"x", 0).is_err(), "it can be written to");
        let (file, _place) = busy();
        let mut waited = Duration::ZERO;
        let error = seal(&file, |pause| waited += pause).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EBUSY));
        assert!(waited < Duration::from_secs(1), "nobody waits for long");
    }
}
