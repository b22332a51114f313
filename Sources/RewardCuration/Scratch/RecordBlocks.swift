import Glibc
import RewardModel
import Synchronization

/// Memory for blocks of one size, cut from one large piece of address space.
///
/// The system backs it a megabyte at a time, before it is used: a fault for every page costs more than filling it. (Huge
/// pages cost more still where memory is in pieces and has to be moved about first.)
final class RecordBlocks: Sendable {
    private let size: Int
    private let count: Int
    // Unchecked: every block is handed out once, to who writes it.
    nonisolated(unsafe) private let base: UnsafeMutableRawPointer?
    private let used = Atomic(0)
    /// Bytes that have been asked for.
    private let backed = Atomic(0)
    private let mapped: Int
    private static let step = 1 << 20

    /// - Parameters:
    ///   - size: bytes of a block.
    ///   - room: bytes of all blocks, at most.
    init(size: Int, room: Int) {
        self.size = size
        let count = room / size
        mapped = (count * size + Self.step - 1) / Self.step * Self.step
        guard count > 0,
            let memory = mmap(nil, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            memory != MAP_FAILED
        else {
            (self.count, base) = (0, nil)
            return
        }
        (self.count, base) = (count, memory)
    }

    deinit {
        if let base { munmap(base, mapped) }
    }

    /// A block nobody has had, or nil when all are out; it is there as long as `self`.
    func next() -> UnsafeMutableRawPointer? {
        let index = used.add(1, ordering: .relaxed).oldValue
        guard index < count, let base else { return nil }
        let end = (index + 1) * size
        while case let start = backed.load(ordering: .relaxed), start < end {
            let (won, _) = backed.compareExchange(expected: start, desired: start + Self.step, ordering: .relaxed)
            // Where the system does not know this, pages come one by one.
            if won { madvise(base + start, Self.step, MADV_POPULATE_WRITE) }
        }
        return base + index * size
    }
}
