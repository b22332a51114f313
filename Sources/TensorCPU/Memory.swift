import Glibc

/// Page-aligned floats that live as long as this object.
final class FloatBuffer {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    /// Bytes from which on a block is mapped on its own. The C library's heap leaves holes behind aligned blocks that it
    /// does not fill again: a service that makes and drops programs would grow.
    private static let mappedFrom = 1 << 17
    /// And from which on in huge pages.
    private static let hugeFrom = 1 << 22
    private static let hugePage = 1 << 21

    /// Bytes taken from the system.
    var byteCount: Int { count * MemoryLayout<Float>.stride }

    init(count: Int) {
        self.count = max(count, 1)
        let bytes = self.count * MemoryLayout<Float>.stride
        var raw: UnsafeMutableRawPointer?
        if bytes >= Self.mappedFrom {
            raw = Self.map(bytes)
        } else if posix_memalign(&raw, 64, bytes) != 0 {
            raw = nil
        }
        guard let raw else { preconditionFailure("out of memory for \(bytes) bytes") }
        pointer = raw.bindMemory(to: Float.self, capacity: self.count)
    }

    deinit {
        if byteCount >= Self.mappedFrom { munmap(pointer, byteCount) } else { free(pointer) }
    }

    /// A mapping of its own goes back to the system when it is freed, which the C library's heap does not promise, and
    /// comes as huge pages where the kernel has them: fewer faults at start-up.
    private static func map(_ bytes: Int) -> UnsafeMutableRawPointer? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS
        if bytes < hugeFrom {
            guard let base = mmap(nil, bytes, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
                return nil
            }
            return base
        }
        guard let base = mmap(nil, bytes + hugePage, PROT_READ | PROT_WRITE, flags, -1, 0), base != MAP_FAILED else {
            return nil
        }
        // Huge pages start at their multiples: what lies before and after goes back.
        let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
        let before = (hugePage - Int(bitPattern: base) % hugePage) % hugePage
        let end = before + (bytes + pageSize - 1) / pageSize * pageSize
        if before > 0 { munmap(base, before) }
        if end < bytes + hugePage { munmap(base + end, bytes + hugePage - end) }
        _ = madvise(base + before, bytes, MADV_HUGEPAGE)
        return base + before
    }
}

/// Memory for many blocks that are kept as long as it: taken from a few large mappings, which come as huge pages.
struct GrowingMemory {
    private var buffers: [FloatBuffer] = []
    private var used = 0
    private var total = 0
    /// Floats of the largest mapping for more than one block.
    private static let largest = 1 << 24

    /// The address of `count` floats, on a cache line of their own. What nobody writes to takes no memory.
    mutating func take(_ count: Int) -> UnsafeMutablePointer<Float> {
        let rounded = (max(count, 1) + 15) & ~15
        if let last = buffers.last, used + rounded <= last.count {
            defer { used += rounded }
            return last.pointer + used
        }
        let buffer = FloatBuffer(count: max(rounded, min(total, Self.largest)))
        buffers.append(buffer)
        total += buffer.count
        used = rounded
        return buffer.pointer
    }
}

/// Working memory that all programs of an engine share, as only one runs at a time.
final class Arena {
    private(set) var buffer = FloatBuffer(count: 1)

    func reserve(_ count: Int) {
        if count > buffer.count { buffer = FloatBuffer(count: count) }
    }
}

/// Gives blocks of a plan their offsets: the first gap that fits, in the order of the steps.
struct ArenaPlan {
    private var free: [Range<Int>] = []
    private(set) var size = 0

    /// Offsets are multiples of 16 floats, one cache line.
    mutating func allocate(_ count: Int) -> Range<Int> {
        let rounded = (count + 15) & ~15
        if let index = free.firstIndex(where: { $0.count >= rounded }) {
            let gap = free[index]
            let block = gap.lowerBound..<gap.lowerBound + rounded
            if gap.count == rounded { free.remove(at: index) } else { free[index] = block.upperBound..<gap.upperBound }
            return block
        }
        var start = size
        if let last = free.last, last.upperBound == size {
            start = last.lowerBound
            free.removeLast()
        }
        size = start + rounded
        return start..<size
    }

    mutating func release(_ block: Range<Int>) {
        let index = free.firstIndex { $0.lowerBound > block.lowerBound } ?? free.count
        free.insert(block, at: index)
        if index + 1 < free.count, free[index].upperBound == free[index + 1].lowerBound {
            free[index] = free[index].lowerBound..<free[index + 1].upperBound
            free.remove(at: index + 1)
        }
        if index > 0, free[index - 1].upperBound == free[index].lowerBound {
            free[index - 1] = free[index - 1].lowerBound..<free[index].upperBound
            free.remove(at: index)
        }
    }
}
