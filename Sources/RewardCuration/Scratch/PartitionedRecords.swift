import Glibc
package import RewardModel
import Synchronization

private let scratchNumber = Atomic(0)

/// Records of one fixed size in a scratch file, dealt into parts by a key: each part fits in memory when all do not.
///
/// What stays in memory is one buffer per part and writer, the first `held` bytes of records, and a few bytes per 128
/// records beyond.
package final class PartitionedRecords<Record: BitwiseCopyable & Sendable>: Sendable {
    package static var parts: Int { 256 }
    private static var block: Int { 128 }

    private let file: SystemFile
    private let index: Mutex<Index>

    private struct Index {
        var nextBlock = 0
        /// Bytes of records that may still stay in memory.
        var room: Int
        /// For each part, its blocks and how many records each holds.
        var blocks = [[Block]](repeating: [], count: PartitionedRecords.parts)
    }
    private enum Block {
        case memory([Record])
        case file(number: UInt32, count: UInt32)

        var count: Int {
            switch self {
            case .memory(let records): records.count
            case .file(_, let count): Int(count)
            }
        }
    }

    /// Makes a scratch file in `folder` that loses its name at once: it vanishes with the process.
    ///
    /// - Parameter held: bytes of records kept in memory before any goes to the file. The default is 64 MiB.
    package init(folder: String, held: Int = 64 << 20) throws(Failure) {
        index = Mutex(Index(room: held))
        let path = "\(folder)/records.\(scratchNumber.add(1, ordering: .relaxed).newValue)"
        file = try SystemFile(path: path, flags: O_RDWR | O_CREAT | O_EXCL)
        guard unlink(path) == 0 else { throw systemFailure(path) }
    }

    /// Appends for one thread. `flush` it at the end.
    package final class Writer {
        private let records: PartitionedRecords
        private var pending = [[Record]](repeating: [], count: PartitionedRecords.parts)

        init(_ records: PartitionedRecords) {
            self.records = records
        }

        package func append(_ record: Record, part: Int) throws(Failure) {
            pending[part].append(record)
            if pending[part].count == PartitionedRecords.block {
                try records.store(pending[part], part)
                pending[part] = []
                pending[part].reserveCapacity(PartitionedRecords.block)
            }
        }

        package func flush() throws(Failure) {
            for part in pending.indices where !pending[part].isEmpty {
                try records.store(pending[part], part)
                pending[part] = []
            }
        }
    }

    package func writer() -> Writer { Writer(self) }

    private func store(_ records: [Record], _ part: Int) throws(Failure) {
        let size = Self.block * MemoryLayout<Record>.stride
        let number: Int? = index.withLock { index in
            if index.room >= size {
                index.room -= size
                index.blocks[part].append(.memory(records))
                return nil
            }
            let number = index.nextBlock
            index.nextBlock += 1
            index.blocks[part].append(.file(number: UInt32(number), count: UInt32(records.count)))
            return number
        }
        guard let number else { return }
        try records.withRawBytes { (raw) throws(Failure) in try file.write(raw, at: number * size) }
    }

    /// A part's records, in no order.
    package func load(_ part: Int) throws(Failure) -> [Record] {
        let blocks = index.withLock { $0.blocks[part] }
        let stride = MemoryLayout<Record>.stride
        let total = blocks.reduce(0) { $0 + $1.count }
        var failure: Failure?
        let records = [Record](unsafeUninitializedCapacity: total) { buffer, filled in
            for block in blocks {
                let bytes = filled * stride..<(filled + block.count) * stride
                let target = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[bytes])
                switch block {
                case .memory(let records): records.withUnsafeBytes { target.copyMemory(from: $0) }
                case .file(let number, _):
                    do throws(Failure) {
                        let offset = Int(number) * Self.block * stride
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
