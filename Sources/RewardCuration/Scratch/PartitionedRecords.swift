import Glibc
package import RewardModel
import Synchronization

private let scratchNumber = Atomic(0)

/// Records of one fixed size in memory and a scratch file, dealt into parts by a key: each part fits in memory when all do
/// not.
///
/// What stays in memory is one buffer per part and writer, the first `held` bytes of records, and a few bytes per 128
/// records beyond.
package final class PartitionedRecords<Record: BitwiseCopyable & Sendable>: Sendable {
    package static var parts: Int { 256 }
    private static var block: Int { 128 }

    private let file: SystemFile
    private let memory: RecordBlocks
    private let index = Mutex(Index())

    private struct Index {
        /// The scratch file's next block.
        var nextBlock = 0
        /// For each part, where its records are.
        var blocks = [[Block]](repeating: [], count: PartitionedRecords.parts)
    }
    private struct Block: @unchecked Sendable {
        // Unchecked: a block is only read after its writer has stored it here.
        /// Nil for a block of the file.
        var base: UnsafePointer<Record>?
        /// The file's block.
        var number = 0
        var count: Int
    }

    /// Makes a scratch file in `folder` that loses its name at once: it vanishes with the process.
    ///
    /// - Parameter held: bytes of records kept in memory before any goes to the file. The default is 96 MiB.
    package init(folder: String, held: Int = 96 << 20) throws(Failure) {
        memory = RecordBlocks(size: Self.block * MemoryLayout<Record>.stride, room: held)
        let path = "\(folder)/records.\(scratchNumber.add(1, ordering: .relaxed).newValue)"
        file = try SystemFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL)
        guard unlink(path) == 0 else { throw systemFailure(path) }
    }

    /// Appends for one thread. `flush` it at the end.
    package final class Writer {
        private let records: PartitionedRecords
        /// For each part, the block being filled.
        private let open: UnsafeMutableBufferPointer<Open>

        private struct Open {
            var base: UnsafeMutablePointer<Record>?
            var count = 0
            /// The block is the writer's own, and goes to the file.
            var isOwned = false
        }

        init(_ records: PartitionedRecords) {
            self.records = records
            open = .allocate(capacity: PartitionedRecords.parts)
            open.initialize(repeating: Open())
        }

        deinit {
            for block in open where block.isOwned { block.base?.deallocate() }
            open.deallocate()
        }

        package func append(_ record: Record, part: Int) throws(Failure) {
            if open[part].base == nil { open[part] = newBlock() }
            open[part].base?[open[part].count] = record
            open[part].count += 1
            if open[part].count == PartitionedRecords.block { try store(part) }
        }

        package func flush() throws(Failure) {
            for part in open.indices where open[part].count > 0 { try store(part) }
        }

        private func newBlock() -> Open {
            if let raw = records.memory.next() {
                return Open(base: raw.bindMemory(to: Record.self, capacity: PartitionedRecords.block))
            }
            return Open(base: .allocate(capacity: PartitionedRecords.block), isOwned: true)
        }

        private func store(_ part: Int) throws(Failure) {
            let block = open[part]
            guard let base = block.base else { return }
            guard block.isOwned else {
                records.index.withLock { $0.blocks[part].append(Block(base: base, count: block.count)) }
                open[part] = Open()
                return
            }
            let number = records.index.withLock { index in
                defer { index.nextBlock += 1 }
                index.blocks[part].append(Block(base: nil, number: index.nextBlock, count: block.count))
                return index.nextBlock
            }
            open[part].count = 0
            let stride = MemoryLayout<Record>.stride
            try records.file.write(
                UnsafeRawBufferPointer(start: base, count: block.count * stride),
                at: number * PartitionedRecords.block * stride)
        }
    }

    package func writer() -> Writer { Writer(self) }

    /// A part's records, in no order. To be called when all writers are done.
    package func load(_ part: Int) throws(Failure) -> [Record] {
        let blocks = index.withLock { $0.blocks[part] }
        let stride = MemoryLayout<Record>.stride
        let total = blocks.reduce(0) { $0 + $1.count }
        var failure: Failure?
        let records = [Record](unsafeUninitializedCapacity: total) { buffer, filled in
            for block in blocks {
                let bytes = filled * stride..<(filled + block.count) * stride
                let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[bytes])
                if let base = block.base {
                    target.copyMemory(from: UnsafeRawBufferPointer(start: base, count: target.count))
                } else {
                    do throws(Failure) {
                        let offset = block.number * Self.block * stride
                        guard try file.read(into: target, at: offset) == target.count else {
                            throw Failure(.fileError, "\(file.path): the scratch file is cut short")
                        }
                    } catch {
                        failure = error
                        return
                    }
                }
                filled += block.count
            }
        }
        if let failure { throw failure }
        return records
    }
}
