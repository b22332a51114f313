import Glibc

/// Page-aligned floats that live as long as this object.
final class FloatBuffer {
    let pointer: UnsafeMutablePointer<Float>
    let count: Int

    init(count: Int) {
        self.count = max(count, 1)
        let bytes = self.count * MemoryLayout<Float>.stride
        // Large blocks come as huge pages where the kernel has them: fewer faults at start-up.
        let alignment = bytes >= 1 << 22 ? 1 << 21 : 64
        var raw: UnsafeMutableRawPointer?
        guard posix_memalign(&raw, alignment, bytes) == 0, let raw else {
            preconditionFailure("out of memory for \(bytes) bytes")
        }
        if alignment > 64 { _ = madvise(raw, bytes, MADV_HUGEPAGE) }
        pointer = raw.bindMemory(to: Float.self, capacity: self.count)
    }

    deinit {
        free(pointer)
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
