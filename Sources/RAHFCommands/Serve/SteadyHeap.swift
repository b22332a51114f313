import CMalloc

/// The C library's heap, set so that a server's memory stays where it is.
///
/// Left alone, the library learns from each large block that is freed to keep such blocks, in a heap for each thread:
/// what a server holds then rises and falls by several percent with the pictures that happen to come. With fixed limits
/// large blocks go back to the system at once.
enum SteadyHeap {
    /// Bytes from which on a block is mapped on its own, and of free heap from which on it is given back: what the
    /// library starts with, but for good.
    private static let limit: Int32 = 1 << 17
    /// Heaps for all threads together.
    private static let heaps: Int32 = 2

    static func use() {
        // Each returns 0 where the library does not know the setting, and the heap is then as it was.
        _ = mallopt(M_MMAP_THRESHOLD, limit)
        _ = mallopt(M_TRIM_THRESHOLD, limit)
        _ = mallopt(M_ARENA_MAX, heaps)
    }
}
